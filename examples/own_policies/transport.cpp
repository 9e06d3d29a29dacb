// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A Transport of one's own: held to the laws of its page, and then used by a cluster of which one node is killed.
#include "hub_transport.hpp"

#include <drover/conformance/transport.hpp>
#include <drover/drover.hpp>

#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <string>

/// What the suite has to know about the world of a `hub_transport`.
struct hub_environment {
    using transport_type = own::hub_transport;

    own::hub_runtime make_runtime(std::string const& host) { return {hub, host}; }
    std::string listen_address(std::string const&) { return "hub:"; }
    std::string address_of_nobody() { return "hub:nobody"; }
    std::string malformed_address() { return "127.0.0.1:80"; }

    bool run_until(std::function<bool()> const& done, drover::duration bound)
    {
        auto const end = std::chrono::steady_clock::now() + bound;
        while (!done()) {
            if (std::chrono::steady_clock::now() > end)
                return false;
            hub.context().restart();
            hub.context().run_one_for(std::chrono::milliseconds{10}); // also when there is nothing to run
        }
        return true;
    }

    void break_connection(std::string const& one, std::string const& other) { hub.cut(one, other); }
    void kill(std::string const& host) { hub.kill(host); }
    std::string silent_address(std::string const&)
    {
        hub.silence("hub:silent");
        return "hub:silent";
    }

    own::hub hub;
};

struct job {
    std::string on_message(drover::child_context, drover::bytes_view) { return "done"; }
};

/// Three nodes share nine jobs; one node goes, and its jobs are done by the others. False: not within ten seconds.
bool run_cluster()
{
    hub_environment world; // serves as well here: a hub, and a way to wait
    std::map<std::string, drover::distributed_supervisor<own::hub_transport>> nodes;
    auto const wait_for = [&](auto const& done) { return world.run_until(done, std::chrono::seconds{10}); };

    std::size_t ready = 0;
    for (std::string const name : {"n1", "n2", "n3"}) {
        auto const options = drover::node_options{.name = name, .listen = "hub:" + name, .seeds = {"hub:n1"}};
        auto& node = nodes.try_emplace(name, world.hub, options).first->second;
        node.add_child_type<job>();
        node.async_start([&](auto failed) { ready += failed ? 0U : 1U; });
    }
    if (!wait_for([&] { return ready == 3; }))
        return false;
    for (int number = 1; number <= 9; ++number)
        nodes.at("n1").async_start_child({"job" + std::to_string(number), "job"}, [](auto, auto) {});

    auto const all_run_and_each_node_has_some = [&] {
        std::size_t jobs_count = 0;
        for (auto const& [name, node] : nodes) {
            auto const here = node.count_children().local;
            if (here == 0)
                return false;
            jobs_count += here;
        }
        return jobs_count == 9;
    };
    auto const print = [&](char const* title) {
        std::cout << title << '\n';
        for (auto const& [name, node] : nodes) {
            std::cout << "  " << name << ':';
            for (auto const& child : node.which_children(drover::scope::local))
                std::cout << ' ' << child.id;
            std::cout << '\n';
        }
    };
    if (!wait_for(all_run_and_each_node_has_some))
        return false;
    print("three nodes");
    nodes.erase("n2"); // its connections end, without a goodbye
    if (!wait_for(all_run_and_each_node_has_some))
        return false;
    print("n2 is gone");
    return true;
}

int main()
{
    hub_environment environment;
    auto const report = drover::conformance::check_transport(environment);
    std::cout << report << std::endl;
    return report.passed() && run_cluster() ? 0 : 1;
}
