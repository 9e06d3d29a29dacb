// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: let it say what it promises, static constexpr store_capabilities capabilities
#include "archetypes.hpp"

struct promises_nothing : archetype::state_store {
    static constexpr bool capabilities = true;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, archetype::placement,
    promises_nothing>;
