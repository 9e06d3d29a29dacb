// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include "parts.hpp"
#include "ping_pong.hpp"
#include "statistics.hpp"
#include "table.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace cluster_benchmark {
namespace {

struct start_figures {
    std::vector<std::uint64_t> times;
    std::vector<std::uint64_t> processor_times; ///< of all nodes together
};

[[nodiscard]] std::uint64_t processor_time_of(cluster& on)
{
    std::uint64_t sum = 0;
    for (std::size_t slot = 0; slot < on.size(); ++slot)
        sum += on.ask(slot, {.what = order::usage}, "tell its usage").values[0];
    return sum;
}

// On a cluster of its own: every round meets the same, an empty store.
void measure_round(shape const& of, std::uint32_t in_flight, start_figures& into)
{
    cluster nodes{of.nodes};
    auto const before = processor_time_of(nodes);
    into.times.push_back(start_children(nodes, of.children, in_flight, child_behaviour::plain));
    nodes.await_settled(of.children);
    into.processor_times.push_back(processor_time_of(nodes) - before);
    check_exactly_once(nodes, of.children, nodes.shared());
}

[[nodiscard]] start_figures measure_rounds(shape const& of, std::uint32_t in_flight, unsigned rounds)
{
    start_figures figures;
    for (unsigned round = 0; round < rounds; ++round)
        measure_round(of, in_flight, figures);
    return figures;
}

[[nodiscard]] std::string processor_time_a_start(start_figures const& figures, shape const& of)
{
    return microseconds(median(figures.processor_times) / of.children / of.nodes);
}

} // namespace

void measure_one_node(run const& of)
{
    table const rows{"Starts on one node, without a cluster", {"children", "in flight", "starts/s", "CPU us/start"}};
    for (auto const& each : of.shapes({{1, 2'000}}, {{1, 100'000}}, {{1, 1'000}, {1, 100'000}, {1, 500'000}})) {
        shape const alone{1, each.children};
        for (std::uint32_t const in_flight : {1U, 256U}) {
            auto const figures = measure_rounds(alone, in_flight, of.pick(1U, 3U, 5U));
            rows.row({std::to_string(alone.children), std::to_string(in_flight),
                whole(rate(alone.children, median(figures.times))), processor_time_a_start(figures, alone)});
        }
    }
}

void measure_starts(run const& of)
{
    table const rows{"Starts from one node, acknowledged by a majority",
        {"nodes", "children", "in flight", "starts/s", "ping-pongs/s", "ratio", "CPU us/start/node"}};
    auto const shapes = of.shapes({{3, 200}}, {{3, 1'000}, {3, 10'000}, {5, 1'000}},
        {{3, 1'000}, {3, 10'000}, {3, 100'000}, {5, 1'000}, {5, 10'000}, {5, 100'000}, {10, 10'000}});
    for (auto const& each : shapes) {
        for (std::uint32_t const in_flight : {1U, 256U}) {
            auto const rounds = of.pick(1U, 5U, each.children > 10'000 ? 3U : 7U);
            // Beside each row: what the machine gives changes with what else it does.
            auto const yardstick = measure_ping_pong(of.pick(500U, 5'000U, 10'000U), of.pick(3U, 9U, 15U));
            auto const figures = measure_rounds(each, in_flight, rounds);
            auto const starts = rate(each.children, median(figures.times));
            rows.row({std::to_string(each.nodes), std::to_string(each.children), std::to_string(in_flight), whole(starts),
                whole(yardstick), fixed(starts / yardstick, 2), processor_time_a_start(figures, each)});
        }
    }
}

} // namespace cluster_benchmark
