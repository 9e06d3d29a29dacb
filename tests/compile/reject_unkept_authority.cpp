// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: ownership granted by voters or by a linearizable StateStore is not part of this version: choose ring or
// uniform, and crdt_store
#include "archetypes.hpp"

struct by_majority : archetype::placement {
    static constexpr drover::placement_capabilities capabilities{.agreed = true, .voters = true};
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, by_majority, archetype::state_store>;
