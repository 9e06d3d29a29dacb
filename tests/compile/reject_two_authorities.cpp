// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: two authorities at once: a Placement with voters needs a StateStore that is not linearizable; drop quorum<> or
// choose crdt_store
#include "archetypes.hpp"

struct by_majority : archetype::placement {
    static constexpr drover::placement_capabilities capabilities{.agreed = true, .voters = true};
};
struct by_store : archetype::store {
    static constexpr drover::store_capabilities capabilities{.linearizable = true};
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, by_majority, by_store>;
