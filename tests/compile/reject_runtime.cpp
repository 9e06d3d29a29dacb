// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the first parameter of distributed_supervisor must have a runtime_type: clock, timers, randomness and strand of
// a node
#include "archetypes.hpp"

// Time of its own, which is not the supervisor's.
struct wall_clock_time : archetype::runtime {
    using archetype::runtime::runtime;
    [[nodiscard]] std::chrono::system_clock::time_point now() const;
};
struct wall_clock_transport : archetype::transport {
    using runtime_type = wall_clock_time;
    using archetype::transport::transport;
};
template class drover::distributed_supervisor<wall_clock_transport, archetype::membership, archetype::placement,
    archetype::store>;
