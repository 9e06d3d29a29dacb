// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/simulation.hpp>
#include <iostream>
struct counter { // counts its messages; what it has saved outlives its node
    void restore(drover::bytes_view saved) { count = std::stoi(drover::bytes{saved}); }
    std::string on_message(drover::child_context self, drover::bytes_view)
    {
        self.checkpoint(std::to_string(++count));
        return std::to_string(count) + " on " + self.node();
    }
    int count = 0;
};
int main()
{
    drover::simulation::world world{1}; // its seed: every run is the same
    std::map<std::string, drover::distributed_supervisor<drover::in_memory_transport>> nodes;
    for (std::string const name : {"n1", "n2", "n3"}) {
        auto& node = nodes.try_emplace(name, world, drover::node_options{.name = name, .seeds = {"n1"}}).first->second;
        node.add_child_type<counter>();
        node.async_start([](auto) {});
    }
    auto const print = [](auto, auto answer) { std::cout << answer << '\n'; };
    world.run_for(std::chrono::seconds{2});
    nodes.at("n1").async_start_child({"job", "counter"}, [&](auto, auto) { nodes.at("n1").async_call("job", "count", print); });
    world.run_for(std::chrono::seconds{1});
    auto const home = nodes.at("n1").find("job")->node;
    world.crash(home); // the node that it runs on is gone, without a goodbye
    world.run_for(std::chrono::seconds{1});
    nodes.at(home == "n1" ? "n2" : "n1").async_call("job", "count", print);
    world.run_for(std::chrono::seconds{1});
}
