// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the first parameter of node must have a runtime_type: clock, timers, randomness and strand of a node
#include "archetypes.hpp"

// What was set cannot be taken back.
struct stubborn_timer : archetype::timer {
    using archetype::timer::timer;
    void cancel() = delete;
};
struct stubborn_time : archetype::runtime {
    using timer_type = stubborn_timer;
    using archetype::runtime::runtime;
};
struct stubborn_transport : archetype::transport {
    using runtime_type = stubborn_time;
    using archetype::transport::transport;
};
template class drover::node<stubborn_transport, archetype::membership>;
