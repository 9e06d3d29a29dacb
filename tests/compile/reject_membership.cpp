// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the second parameter of distributed_supervisor must be a Membership (see docs/concepts/membership.md)
#include "archetypes.hpp"

// One that polls has no deadline.
struct polled : archetype::membership {
    drover::time_point deadline() const = delete;
};
template class drover::distributed_supervisor<archetype::transport, polled, archetype::placement, archetype::store>;
