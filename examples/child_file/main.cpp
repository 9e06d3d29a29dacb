// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Children that are listed in a file, on three simulated nodes: child_file LIST, a file like children.json beside this one. A
// copy of it is changed while the cluster runs: with sense, with a mistake in one entry, and into something that is no list.
#include <drover/json.hpp>
#include <drover/simulation.hpp>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using supervisor = drover::distributed_supervisor<drover::in_memory_transport>;

struct service {
    explicit service(drover::child_context own) : self{std::move(own)} {}
    void on_start() { self.log("runs: " + drover::bytes{self.arguments()}); }
    drover::child_context self;
};

// As a whole: nobody reads a file that is half written.
void replace(std::filesystem::path const& path, std::string const& text)
{
    auto const beside = path.string() + ".new";
    std::ofstream{beside} << text;
    std::filesystem::rename(beside, path);
}

int main(int count, char** words)
{
    if (count != 2)
        return std::puts("child_file LIST"), 2;
    std::ifstream original{words[1]};
    std::string const text{std::istreambuf_iterator<char>{original}, {}};
    auto const list = std::filesystem::temp_directory_path() / "drover_example_children.json";
    replace(list, text);

    drover::simulation::world world{1};
    std::vector<std::unique_ptr<supervisor>> nodes;
    for (std::string const name : {"n1", "n2", "n3"}) {
        drover::node_options options{.name = name, .listen = name};
        if (name != "n1")
            options.seeds = {"n1"};
        auto& node = *nodes.emplace_back(std::make_unique<supervisor>(world, options, drover::supervisor_options{}));
        node.add_child_type<service>("service");
        // On each node; one of them reads it.
        node.add_child_source(
            std::make_shared<drover::child_file>("web", list.string(), drover::child_file_options{.prefix = "web/"}));
        node.log_to([](std::string const& id, std::string_view line) { std::cout << id << ' ' << line << '\n'; });
        node.events([](drover::event const& what) {
            using drover::event_kind;
            if (what.kind == event_kind::source_applied || what.kind == event_kind::source_failed
                || what.kind == event_kind::source_entry_refused)
                std::cout << to_string(what) << '\n';
        });
        node.async_start([](drover::error_code) {});
    }
    world.run_for(5s);

    std::cout << "-- one is added, one is gone\n";
    replace(list, R"({"version": 1, "children": [
        {"id": "web/front", "type": "service", "arguments": "port 8080"},
        {"id": "web/search", "type": "service", "arguments": "port 8082"},
        {"id": "web/cleaner", "type": "service", "restart": "sometimes"}
    ]})");
    world.run_for(5s);

    std::cout << "-- half a file\n";
    replace(list, R"({"version": 1, "children": [)");
    world.run_for(5s);

    for (auto const& child : nodes.front()->which_children())
        std::cout << child.id << " on " << child.node << '\n';
    std::filesystem::remove(list);
    return 0;
}
