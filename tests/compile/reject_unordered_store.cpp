// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: this StateStore has no one winner of concurrent writes (ordered), so two nodes could see different owners for
// ever
#include "archetypes.hpp"

struct unordered : archetype::state_store {
    static constexpr drover::store_capabilities capabilities{.replicated = true};
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, archetype::placement, unordered>;
