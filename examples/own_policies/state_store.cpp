// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A StateStore of one's own: held to the laws of its page, and then used by a cluster in which a child outlives its node.
#include "copying_store.hpp"

#include <drover/conformance/state_store.hpp>
#include <drover/simulation.hpp>

#include <chrono>
#include <iostream>
#include <map>
#include <string>

using supervisor =
    drover::distributed_supervisor<drover::in_memory_transport, drover::static_members, drover::ring, own::copying_store>;

/// Counts its messages, and saves its count before it answers.
struct counter {
    void restore(drover::bytes_view saved) { count = std::stoi(drover::bytes{saved}); }
    std::string on_message(drover::child_context self, drover::bytes_view)
    {
        self.checkpoint(std::to_string(++count));
        return std::to_string(count);
    }
    int count = 0;
};

/// Three nodes; the one that counts is killed, twice, and comes back between. No count is lost.
bool run_cluster()
{
    drover::simulation::world world{1};
    std::map<std::string, supervisor> nodes;
    auto const start = [&](std::string const& name) {
        drover::node_options const options{.name = name, .seeds = {"n1", "n2", "n3"}};
        auto& node = nodes.try_emplace(name, world, options).first->second;
        node.add_child_type<counter>();
        node.async_start([](auto) {});
    };
    for (auto const* name : {"n1", "n2", "n3"})
        start(name);
    world.run_for(std::chrono::seconds{2});
    nodes.at("n1").async_start_child({"visits", "counter"}, [](auto, auto) {});

    std::string answers;
    for (int round = 1; round <= 3; ++round) {
        world.run_for(std::chrono::seconds{3});
        auto const home = nodes.begin()->second.find("visits")->node;
        nodes.begin()->second.async_call("visits", "one more", [&](auto, auto answer) {
            std::cout << "visit " << answer << " is counted by " << home << '\n';
            answers += answer;
        });
        world.run_for(std::chrono::seconds{1});
        world.crash(home);
        nodes.erase(home);
        world.run_for(std::chrono::seconds{3});
        start(home); // with nothing: the others give it all that it lacks
    }
    return answers == "123";
}

int main()
{
    auto const report = drover::conformance::check_state_store<own::copying_store>();
    std::cout << report << std::endl;
    return report.passed() && run_cluster() ? 0 : 1;
}
