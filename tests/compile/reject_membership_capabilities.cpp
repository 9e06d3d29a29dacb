// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the second parameter of distributed_supervisor must say what it promises: static constexpr
// membership_capabilities capabilities
#include "archetypes.hpp"

struct promises_nothing : archetype::membership {
    static constexpr bool capabilities = false;
};
template class drover::distributed_supervisor<archetype::transport, promises_nothing, archetype::placement, archetype::store>;
