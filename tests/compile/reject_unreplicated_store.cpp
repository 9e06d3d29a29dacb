// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: this StateStore is not replicated, so its children are lost with their node: wrap it in drover::standalone<> if
// that is wanted
#include "archetypes.hpp"

struct local_only : archetype::state_store {
    static constexpr drover::store_capabilities capabilities{.ordered = true};
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, archetype::placement, local_only>;
