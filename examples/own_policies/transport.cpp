// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A Transport of one's own: held to the laws of its page, and then used by a cluster of which one node is killed.
#include "hub_transport.hpp"

#include <drover/conformance/transport.hpp>
#include <drover/drover.hpp>

#include <functional>
#include <iostream>

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
    std::string on_message(drover::child_context self, drover::bytes_view) { return "on " + self.node(); }
};

/// Three nodes share six jobs; one node goes, and its jobs are done by the others. False: not within ten seconds.
bool run_cluster()
{
    hub_environment world; // serves as well here: a context, a hub, and a way to wait
    std::map<std::string, drover::distributed_supervisor<own::hub_transport>> nodes;
    for (std::string const name : {"n1", "n2", "n3"}) {
        auto const options = drover::node_options{.name = name, .listen = "hub:" + name, .seeds = {"hub:n1"}};
        auto& node = nodes.try_emplace(name, world.hub, options).first->second;
        node.add_child_type<job>();
        node.async_start([](auto) {});
    }
    auto const wait_for = [&](auto const& done) { return world.run_until(done, std::chrono::seconds{10}); };
    auto& asked = nodes.at("n1");
    if (!wait_for([&] { return asked.members().size() == 3; }))
        return false;

    std::map<std::string, std::string> answers;
    auto const ask_all = [&] {
        answers.clear();
        for (int i = 1; i <= 6; ++i) {
            auto const id = "job " + std::to_string(i);
            asked.async_call(id, "where are you?", [&, id](auto, auto answer) { answers[id] = answer; });
        }
        return wait_for([&] { return answers.size() == 6; });
    };
    auto const print = [&](char const* title) {
        std::cout << title << '\n';
        for (auto const& [id, answer] : answers)
            std::cout << "  " << id << ": " << answer << '\n';
    };

    int started = 0;
    for (int i = 1; i <= 6; ++i)
        asked.async_start_child({"job " + std::to_string(i), "job"}, [&](auto, auto) { ++started; });
    if (!wait_for([&] { return started == 6; }) || !ask_all())
        return false;
    print("three nodes");

    nodes.erase("n2"); // without a goodbye
    auto const nothing_is_on_n2 = [&] {
        for (auto const& [id, answer] : answers)
            if (auto const found = asked.find(id); !found || found->node == "n2")
                return false;
        return true;
    };
    if (!wait_for(nothing_is_on_n2) || !ask_all())
        return false;
    print("n2 is gone");
    return nothing_is_on_n2();
}

int main()
{
    hub_environment environment;
    auto const report = drover::conformance::check_transport(environment);
    std::cout << report << std::endl;
    return report.passed() && run_cluster() ? 0 : 1;
}
