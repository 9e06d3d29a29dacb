// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A Placement of one's own: held to the laws of its page, and then used by a cluster whose main machines are killed.
#include "heaviest_placement.hpp"

#include <drover/conformance/placement.hpp>
#include <drover/simulation.hpp>

#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <string>

using supervisor = drover::distributed_supervisor<drover::in_memory_transport, drover::static_members, own::heaviest_placement>;

struct job {
    std::string on_message(drover::child_context self, drover::bytes_view) { return self.node(); }
};

/// How many of the jobs run on each node; a node without any is not named.
std::map<std::string, int> jobs_of_nodes(supervisor const& asked)
{
    std::map<std::string, int> jobs;
    for (auto const& child : asked.which_children())
        ++jobs[child.node];
    return jobs;
}

/// Two main machines and three spare ones do twenty jobs. The spare ones come in when both main ones are gone.
bool run_cluster()
{
    drover::simulation::world world{1};
    std::map<std::string, std::uint32_t> const weights{
        {"main 1", 2}, {"main 2", 2}, {"spare 1", 1}, {"spare 2", 1}, {"spare 3", 1}};
    std::map<std::string, supervisor> nodes;
    for (auto const& [name, weight] : weights) {
        drover::node_options const node{.name = name, .seeds = {"spare 1"}};
        auto& added = nodes.try_emplace(name, world, node, drover::supervisor_options{.weight = weight}).first->second;
        added.add_child_type<job>();
        added.async_start([](auto) {});
    }
    world.run_for(std::chrono::seconds{2});
    auto& asked = nodes.at("spare 1");
    for (int i = 1; i <= 20; ++i)
        asked.async_start_child({"job " + std::to_string(i), "job"}, [](auto, auto) {});

    auto const look = [&](char const* title) {
        world.run_for(std::chrono::seconds{2});
        auto const jobs = jobs_of_nodes(asked);
        std::cout << title << '\n';
        for (auto const& [name, count] : jobs)
            std::cout << "  " << name << ": " << count << " jobs\n";
        return jobs;
    };
    auto const both = look("all are there");
    world.crash("main 1");
    auto const one = look("main 1 is gone");
    world.crash("main 2");
    auto const none = look("main 2 is gone, too");
    return both.contains("main 1") && both.contains("main 2") && both.size() == 2
        && one == std::map<std::string, int>{{"main 2", 20}} && none.size() == 3 && none.contains("spare 1")
        && none.contains("spare 2") && none.contains("spare 3");
}

int main()
{
    // Shares are not looked at: who is spare has none.
    auto const report = drover::conformance::check_placement<own::heaviest_placement>({.share_deviation = std::nullopt});
    std::cout << report << std::endl;
    return report.passed() && run_cluster() ? 0 : 1;
}
