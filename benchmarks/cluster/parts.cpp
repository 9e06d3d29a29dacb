// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include "parts.hpp"

#include <cstdint>
#include <string>

namespace cluster_benchmark {

std::uint64_t start_children(cluster& on, std::uint64_t children, std::uint32_t in_flight, child_behaviour behaviour)
{
    request const wanted{order::start_children, in_flight, 0, children, behaviour};
    return on.ask(0, wanted, "start its children").values[0];
}

void start_settled(cluster& on, std::uint64_t children)
{
    on.expect(on.shared().saves, children);
    static_cast<void>(start_children(on, children, 256, child_behaviour::stateful));
    on.await(on.shared().saves, "the children did not save their states");
    on.await_settled(children);
}

void check_exactly_once(cluster const& on, std::uint64_t children, board const& shared)
{
    std::uint64_t lost = 0;
    std::uint64_t doubled = shared.overlaps.load();
    for (std::uint64_t child = 0; child < children; ++child) {
        auto const instances = on.instances_of(child);
        lost += instances == 0 ? 1U : 0U;
        doubled += instances > 1 ? 1U : 0U;
    }
    if (lost != 0 || doubled != 0 || shared.states_lost.load() != 0)
        throw failure{std::to_string(lost) + " children lost, " + std::to_string(doubled) + " doubled, "
            + std::to_string(shared.states_lost.load()) + " states lost, of " + std::to_string(children)};
}

} // namespace cluster_benchmark
