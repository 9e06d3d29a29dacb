// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// The program that every project in this folder builds and runs: three nodes in a simulation; the one that runs the child
// dies, and the child goes on elsewhere from what it saved.
#include <drover/coroutine.hpp>
#include <drover/net.hpp>
#include <drover/simulation.hpp>

#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using supervisor = drover::distributed_supervisor<drover::in_memory_transport>;

struct counter {
    explicit counter(drover::child_context own) : context{std::move(own)} {}
    void restore(drover::bytes_view saved) { count = std::stoi(std::string{saved}); }
    void on_start() { context.checkpoint(std::to_string(++count)); }
    void on_message(drover::child_message& message) { message.reply(std::to_string(count)); }

    drover::child_context context;
    int count = 0;
};

int main()
{
    drover::simulation::world world{1};
    std::map<std::string, std::unique_ptr<supervisor>> nodes;
    for (std::string const name : {"n1", "n2", "n3"}) {
        drover::node_options options{.name = name, .listen = name};
        if (name != "n1")
            options.seeds = {"n1"};
        auto const& node = nodes[name] = std::make_unique<supervisor>(world, options, drover::supervisor_options{});
        node->add_child_type<counter>();
        node->async_start([](drover::error_code) {});
        world.run_for(1s);
    }

    std::string first;
    nodes["n1"]->async_start_child(
        {.id = "only", .type = "counter"}, [&](drover::error_code, drover::child_ref child) { first = child.node; });
    world.run_for(1s);
    if (first.empty())
        return std::puts("the child did not start"), 1;

    world.crash(first);
    nodes.erase(first);
    world.run_for(10s);

    std::string answer;
    nodes.begin()->second->async_call("only", "count", [&](drover::error_code, drover::bytes reply) { answer = reply; });
    world.run_for(1s);
    auto const now = nodes.begin()->second->find("only");
    std::printf("%s -> %s, started %s times\n", first.c_str(), now ? now->node.c_str() : "nowhere", answer.c_str());
    return now && now->node != first && answer == "2" ? 0 : 1;
}
