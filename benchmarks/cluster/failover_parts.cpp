// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include "parts.hpp"
#include "statistics.hpp"
#include "table.hpp"

#include <algorithm>

namespace cluster_benchmark {
namespace {

[[nodiscard]] std::uint64_t last_start(board const& shared, std::uint64_t children)
{
    std::uint64_t last = 0;
    for (std::uint64_t child = 0; child < children; ++child)
        last = std::max(last, shared.children[child].started_at.load());
    return last;
}

// Somebody has to take over.
void need_two(shape const& of)
{
    if (of.nodes < 2)
        throw failure{"this part needs at least 2 nodes"};
}

// Kills a node; how long until the last of its children ran again.
[[nodiscard]] std::uint64_t kill_once(cluster& nodes, std::size_t victim, std::uint64_t children)
{
    auto& shared = nodes.shared();
    auto const owned = nodes.instances_on(victim, children);
    nodes.expect(shared.starts, owned);
    auto const killed_at = nodes.kill_node(victim);
    nodes.await(shared.starts, "the children of a killed node did not start elsewhere");
    nodes.bury(victim);
    auto const time = owned == 0 ? 0 : last_start(shared, children) - killed_at;
    nodes.await_settled(children);
    check_exactly_once(nodes, children, shared);
    return time;
}

// Starts a node anew under its name, and waits until it has its children back.
void revive(cluster& nodes, std::size_t victim, std::uint64_t children, std::uint64_t owned)
{
    auto& shared = nodes.shared();
    nodes.expect(shared.starts, owned);
    nodes.start_node(victim);
    nodes.await(shared.starts, "a node that returned did not get its children back");
    nodes.await_settled(children);
    check_exactly_once(nodes, children, shared);
}

[[nodiscard]] std::vector<std::uint64_t> kill_often(shape const& of, unsigned kills)
{
    need_two(of);
    cluster nodes{of.nodes};
    start_settled(nodes, of.children);
    std::vector<std::uint64_t> times;
    for (unsigned kill = 0; kill < kills; ++kill) {
        auto const victim = kill % of.nodes;
        auto const owned = nodes.instances_on(victim, of.children);
        times.push_back(kill_once(nodes, victim, of.children));
        revive(nodes, victim, of.children, owned);
    }
    return times;
}

} // namespace

void measure_failover(run const& of)
{
    table const rows{"kill -9 of one node: until the last of its children runs again, with its state (ms)",
        {"nodes", "children", "kills", "median", "p95", "max", "lost", "doubled"}};
    auto const shapes = of.shapes({{3, 200}}, {{3, 1'000}, {3, 10'000}, {5, 1'000}},
        {{3, 1'000}, {5, 1'000}, {5, 5'000}, {3, 10'000}, {5, 10'000}, {3, 100'000}});
    for (auto const& each : shapes) {
        auto const times = kill_often(each, of.pick(2U, 12U, each.children > 10'000 ? 9U : 30U));
        rows.row({std::to_string(each.nodes), std::to_string(each.children), std::to_string(times.size()),
            milliseconds(median(times)), milliseconds(percentile(times, 95)), milliseconds(percentile(times, 100)), "0", "0"});
    }
}

void measure_acknowledged(run const& of)
{
    table const rows{"kill -9 at once after the last start was acknowledged", {"nodes", "children", "kills", "lost", "doubled"}};
    for (auto const& each : of.shapes({{3, 200}}, {{3, 1'000}}, {{3, 1'000}, {3, 10'000}})) {
        need_two(each);
        auto const kills = of.pick(1U, 6U, 12U);
        for (unsigned kill = 0; kill < kills; ++kill) {
            cluster nodes{each.nodes};
            static_cast<void>(start_children(nodes, each.children, 256, child_behaviour::plain));
            static_cast<void>(kill_once(nodes, kill % each.nodes, each.children));
        }
        rows.row({std::to_string(each.nodes), std::to_string(each.children), std::to_string(kills), "0", "0"});
    }
}

void measure_join(run const& of)
{
    table const rows{"A node joins: until all that is its runs there, with its state (ms)",
        {"nodes", "children", "moved", "joins", "median", "max", "lost", "doubled"}};
    for (auto const& each : of.shapes({{3, 200}}, {{3, 1'000}}, {{3, 1'000}, {3, 10'000}})) {
        std::vector<std::uint64_t> times;
        std::uint64_t moving = 0;
        for (unsigned join = 0; join < of.pick(1U, 5U, 15U); ++join) {
            cluster nodes{each.nodes};
            auto& shared = nodes.shared();
            start_settled(nodes, each.children);
            auto const placed = nodes.placements(each.children, each.nodes);
            moving = static_cast<std::uint64_t>(std::count(placed.begin(), placed.end(), each.nodes));
            nodes.expect(shared.starts, moving);
            nodes.start_node(each.nodes);
            nodes.await(shared.starts, "the children of a new node did not move there");
            times.push_back(last_start(shared, each.children) - shared.joining_at[each.nodes].load());
            nodes.await_settled(each.children);
            check_exactly_once(nodes, each.children, shared);
            if (shared.starts.count.load() != moving)
                throw failure{"more children moved than the ring says"};
        }
        rows.row({std::to_string(each.nodes) + " + 1", std::to_string(each.children), std::to_string(moving),
            std::to_string(times.size()), milliseconds(median(times)), milliseconds(percentile(times, 100)), "0", "0"});
    }
}

void measure_leave(run const& of)
{
    table const rows{"A node leaves: until all its children run elsewhere, with their states (ms)",
        {"nodes", "children", "moved", "leaves", "median", "max", "gap median", "gap max", "lost", "doubled"}};
    for (auto const& each : of.shapes({{3, 200}}, {{3, 1'000}}, {{3, 1'000}, {3, 10'000}})) {
        std::vector<std::uint64_t> times;
        std::vector<std::uint64_t> gaps;
        std::uint64_t moving = 0;
        need_two(each);
        auto const leaves = of.pick(1U, 5U, 15U);
        for (unsigned leave = 0; leave < leaves; ++leave) {
            cluster nodes{each.nodes};
            auto& shared = nodes.shared();
            start_settled(nodes, each.children);
            auto const leaver = each.nodes - 1;
            auto const placed = nodes.placements(each.children);
            moving = nodes.instances_on(leaver, each.children);
            nodes.expect(shared.starts, moving);
            static_cast<void>(nodes.ask(leaver, {.what = order::leave}, "leave"));
            nodes.await(shared.starts, "the children of a node that leaves did not start elsewhere");
            times.push_back(last_start(shared, each.children) - shared.leaving_at[leaver].load());
            for (std::uint64_t child = 0; child < each.children; ++child)
                if (placed[child] == leaver)
                    gaps.push_back(shared.children[child].started_at.load() - shared.children[child].stopped_at.load());
            nodes.bury(leaver);
            nodes.await_settled(each.children);
            check_exactly_once(nodes, each.children, shared);
        }
        rows.row({std::to_string(each.nodes), std::to_string(each.children), std::to_string(moving), std::to_string(leaves),
            milliseconds(median(times)), milliseconds(percentile(times, 100)), milliseconds(median(gaps)),
            milliseconds(percentile(gaps, 100)), "0", "0"});
    }
}

} // namespace cluster_benchmark
