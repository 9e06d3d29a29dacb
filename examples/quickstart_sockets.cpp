// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/net.hpp>

#include <boost/asio/io_context.hpp>

#include <iostream>
struct counter { // the same child
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
    boost::asio::io_context world; // in earnest, one in each process
    std::map<std::string, drover::distributed_supervisor<drover::tcp_transport>> nodes;
    for (std::string const name : {"n1", "n2", "n3"}) {
        drover::node_options options{.name = name, .listen = "127.0.0.1:0"};
        if (!nodes.empty())
            options.seeds = {nodes.at("n1").address()};
        auto& node = nodes.try_emplace(name, world, options).first->second;
        node.add_child_type<counter>();
        node.async_start([](auto) {});
        world.run_for(std::chrono::seconds{1});
    }
    auto const print = [](auto, auto answer) { std::cout << answer << '\n'; };
    nodes.at("n1").async_start_child({"job", "counter"}, [&](auto, auto) { nodes.at("n1").async_call("job", "count", print); });
    world.run_for(std::chrono::seconds{1});
    auto const home = nodes.at("n1").find("job")->node;
    nodes.erase(home); // its connections end, without a goodbye
    world.run_for(std::chrono::seconds{1});
    nodes.begin()->second.async_call("job", "count", print);
    world.run_for(std::chrono::seconds{1});
}
