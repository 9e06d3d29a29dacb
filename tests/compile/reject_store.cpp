// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: it says who holds what by held_by, has_seen, context, covers, acknowledges, level_with and synchronised
#include "archetypes.hpp"

// Cannot say who holds what, so nothing is ever acknowledged.
struct acknowledges_nothing : archetype::state_store {
    drover::store_version held_by(std::size_t) const = delete;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, archetype::placement,
    acknowledges_nothing>;
