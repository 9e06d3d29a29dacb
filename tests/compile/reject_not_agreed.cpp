// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: this Placement is neither a function of the view alone (agreed) nor recorded (by_load), so two nodes could both
// claim a child
#include "archetypes.hpp"

struct by_whim : archetype::placement {
    static constexpr drover::placement_capabilities capabilities{};
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, by_whim, archetype::state_store>;
