// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A child that is a program of its own: it crashes, and its node does not.
#include <drover/net.hpp>
#include <drover/process.hpp>

#include <boost/asio/io_context.hpp>

#include <iostream>

// Counts to its generation, and crashes; the third one is better written.
constexpr auto script = R"(
ulimit -c 0
i=0
while [ $i -lt $DROVER_GENERATION ]; do i=$((i + 1)); echo "count $i of generation $DROVER_GENERATION"; done
[ $DROVER_GENERATION -lt 3 ] && kill -FPE $$
trap 'echo "told to stop"; exit' TERM
while :; do sleep 1; done
)";

int main()
{
    boost::asio::io_context world;
    drover::distributed_supervisor<drover::tcp_transport> supervisor{world, {.name = "n1"}, {}};
    auto const on_line = [&](drover::child_context& self, drover::bytes_view line) {
        std::cout << self.id() << " says: " << line << '\n';
        if (line == "count 3 of generation 3")
            supervisor.async_terminate_child(self.id(), [&](auto, auto) { world.stop(); });
    };
    supervisor.add_child_type("counter", [&](drover::child_context) {
        drover::process_child child{.command = "sh", .arguments = {"-c", script}}; // or "ffmpeg", or a program of your own
        child.on_output = on_line;                                                 // its errors are logged
        return child;
    });
    supervisor.events([&](drover::event const& what) {
        if (what.kind == drover::event_kind::child_exited)
            std::cout << to_string(what) << '\n';
    });
    supervisor.async_start([&](drover::error_code) {
        supervisor.async_start_child({.id = "job", .type = "counter", .shutdown = std::chrono::seconds{5}}, [](auto, auto) {});
    });
    world.run_for(std::chrono::seconds{30});
}
