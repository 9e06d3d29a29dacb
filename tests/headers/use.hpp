// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <string>

/// The whole library in use, for two translation units of one program that include its headers in opposite orders: everything
/// that they both make must be one and the same, by the one-definition rule.
namespace odr {

struct counter {
    explicit counter(drover::child_context own) : context{std::move(own)} {}
    void restore(drover::bytes_view saved) { count = std::stoi(drover::bytes{saved}); }
    drover::bytes save() const { return std::to_string(count); }
    void on_message(drover::child_message& message) { message.reply(std::to_string(++count)); }

    drover::child_context context;
    int count = 0;
};

inline boost::asio::awaitable<void> idle(drover::child_context) { co_return; }

inline drover::process_child nothing_to_do(drover::child_context) { return {.command = "true"}; }

/// One node of each kind of network; a child on it answers. True if all did.
template <class Supervisor, class World, class Run>
bool works(World& world, std::string const& address, Run run_until)
{
    Supervisor supervisor{world, drover::node_options{.name = "n1", .listen = address}, drover::supervisor_options{}};
    supervisor.template add_child_type<counter>("counter");
    supervisor.add_child_type("idle", idle);
    supervisor.add_child_type("process", nothing_to_do);
    std::string answer;
    drover::error_code refused;
    supervisor.async_start([&](drover::error_code) {
        supervisor.async_start_child({.id = "idler", .type = "idle", .restart = drover::restart_rule::temporary},
            [&](drover::error_code, drover::child_ref) {});
        supervisor.async_start_child({.id = "one", .type = "counter"}, [&](drover::error_code code, drover::child_ref) {
            refused = code;
            supervisor.async_call("one", "count", [&](drover::error_code, drover::bytes reply) { answer = reply; });
        });
    });
    run_until([&] { return !answer.empty() || refused; });
    bool stopped = false;
    supervisor.async_stop([&](drover::error_code) { stopped = true; });
    run_until([&] { return stopped; });
    return answer == "1" && stopped;
}

inline bool works_in_simulation()
{
    drover::simulation::world world{1};
    return works<drover::distributed_supervisor<drover::in_memory_transport>>(world, "n1", [&](auto done) {
        for (int second = 0; second < 100 && !done(); ++second)
            world.run_for(std::chrono::seconds{1});
    });
}

inline bool works_on_sockets()
{
    boost::asio::io_context world;
    return works<drover::distributed_supervisor<drover::tcp_transport>>(world, "127.0.0.1:0", [&](auto done) {
        auto const end = std::chrono::steady_clock::now() + std::chrono::seconds{20};
        while (!done() && std::chrono::steady_clock::now() < end)
            world.run_one_for(std::chrono::seconds{1});
    });
}

/// What is one entity in the whole program, by its address.
struct identity {
    void const* category = &drover::category();
    std::uint64_t (*hash)(drover::bytes_view, std::uint64_t) = &drover::hash64;
    bool (*in_simulation)() = &works_in_simulation;
    bool (*on_sockets)() = &works_on_sockets;

    bool operator==(identity const&) const = default;
};

} // namespace odr
