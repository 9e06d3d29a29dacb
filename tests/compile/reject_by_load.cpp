// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: a Placement that is by_load must be a load_placement (see docs/concepts/placement.md)
#include "archetypes.hpp"

struct without_loads : archetype::placement {
    static constexpr drover::placement_capabilities capabilities{.by_load = true};
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, without_loads, archetype::state_store>;
