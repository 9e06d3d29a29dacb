// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "cluster.hpp"
#include "options.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cluster_benchmark {

/// One cluster to measure on.
struct shape {
    std::size_t nodes;
    std::uint64_t children;
};

/// What a run is to measure.
struct run {
    options chosen;

    /// The shapes that the extent asks for, with what the command line says instead.
    [[nodiscard]] std::vector<shape> shapes(std::vector<shape> quick, std::vector<shape> ordinary, std::vector<shape> full) const
    {
        auto result = pick(std::move(quick), std::move(ordinary), std::move(full));
        for (auto& each : result) {
            each.nodes = chosen.nodes != 0 ? chosen.nodes : each.nodes;
            each.children = chosen.children != 0 ? chosen.children : each.children;
        }
        if (chosen.nodes != 0 && chosen.children != 0)
            result.resize(1);
        return result;
    }

    template <class Value>
    [[nodiscard]] Value pick(Value quick, Value ordinary, Value full) const
    {
        switch (chosen.size) {
        case extent::quick: return quick;
        case extent::ordinary: return ordinary;
        case extent::full: break;
        }
        return full;
    }
};

// Each prints a table, and throws a `failure` when something was lost, doubled, or did not come in time.

void measure_one_node(run const& of);
void measure_starts(run const& of);
void measure_failover(run const& of);
void measure_acknowledged(run const& of);
void measure_join(run const& of);
void measure_leave(run const& of);
void measure_restart(run const& of);
void measure_listing(run const& of);
void measure_memory(run const& of);

/// Starts children 0 to `children` - 1 from the first node. Returns how long that took, in nanoseconds.
std::uint64_t start_children(cluster& on, std::uint64_t children, std::uint32_t in_flight, child_behaviour behaviour);

/// Starts stateful children, and waits until each has its state acknowledged and all nodes know all of them.
void start_settled(cluster& on, std::uint64_t children);

/// Throws unless each child has exactly one instance, never had two, and no state was lost.
void check_exactly_once(cluster const& on, std::uint64_t children, board const& shared);

} // namespace cluster_benchmark
