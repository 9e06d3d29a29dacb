// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include "parts.hpp"
#include "statistics.hpp"
#include "table.hpp"

#include <algorithm>

namespace cluster_benchmark {

void measure_restart(run const& of)
{
    table const rows{"Restart in place, from a failure to the next on_start (us)", {"nodes", "restarts", "median", "p95", "max"}};
    for (auto const& each : of.shapes({{1, 1}}, {{1, 1}, {3, 1}}, {{1, 1}, {3, 1}, {5, 1}})) {
        cluster nodes{each.nodes};
        auto& shared = nodes.shared();
        nodes.expect(shared.starts, failures_count + 1);
        static_cast<void>(start_children(nodes, 1, 1, child_behaviour::failing));
        nodes.await(shared.starts, "a child that failed did not start again");
        std::vector<std::uint64_t> times;
        for (auto const& each_time : shared.restart_times)
            times.push_back(each_time.load());
        rows.row({std::to_string(each.nodes), std::to_string(times.size()), microseconds(median(times)),
            microseconds(percentile(times, 95)), microseconds(percentile(times, 100))});
    }
}

void measure_listing(run const& of)
{
    table const rows{"Listing all children of the cluster on one node (ms)", {"nodes", "children", "median"}};
    for (auto const& each : of.shapes({{3, 200}}, {{3, 5'000}}, {{3, 5'000}, {3, 100'000}})) {
        cluster nodes{each.nodes};
        static_cast<void>(start_children(nodes, each.children, 256, child_behaviour::plain));
        nodes.await_settled(each.children);
        auto const listed = nodes.ask(0, {.what = order::list, .count = of.pick(5U, 51U, 101U)}, "list its children").values;
        if (listed[1] != each.children)
            throw failure{"a listing of " + std::to_string(each.children) + " children has " + std::to_string(listed[1])};
        rows.row({std::to_string(each.nodes), std::to_string(each.children), milliseconds(listed[0])});
    }
}

// One node alone has the type, and runs all children: the others only know of them.
void measure_memory(run const& of)
{
    table const rows{"Growth of the proportional set a child (octets)", {"nodes", "children", "where it runs", "elsewhere"}};
    for (auto const& each : of.shapes({{3, 2'000}}, {{3, 100'000}}, {{3, 100'000}})) {
        cluster nodes{1};
        for (std::size_t slot = 1; slot < each.nodes; ++slot)
            nodes.start_node(slot, false);
        auto const size_of = [&](std::size_t slot) {
            return nodes.ask(slot, {.what = order::usage}, "tell its usage").values[1];
        };
        std::vector<std::uint64_t> before;
        for (std::size_t slot = 0; slot < each.nodes; ++slot)
            before.push_back(size_of(slot));
        static_cast<void>(start_children(nodes, each.children, 256, child_behaviour::plain));
        nodes.await_settled(each.children);
        std::uint64_t elsewhere = 0;
        for (std::size_t slot = 1; slot < each.nodes; ++slot)
            elsewhere = std::max(elsewhere, size_of(slot) - before[slot]);
        rows.row({std::to_string(each.nodes), std::to_string(each.children),
            std::to_string((size_of(0) - before[0]) / each.children), std::to_string(elsewhere / each.children)});
    }
}

} // namespace cluster_benchmark
