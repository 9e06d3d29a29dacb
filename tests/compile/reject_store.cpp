// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the fourth parameter of distributed_supervisor must be a StateStore (see docs/concepts/state_store.md)
#include "archetypes.hpp"

// Cannot say who holds what, so nothing is ever acknowledged.
struct acknowledges_nothing : archetype::store {
    drover::store_version held_by(std::size_t) const = delete;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, archetype::placement,
    acknowledges_nothing>;
