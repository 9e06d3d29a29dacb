// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the second parameter of distributed_supervisor must be movable and default constructible
#include "archetypes.hpp"

struct stays : archetype::membership {
    stays();
    stays(stays&&) = delete;
};
template class drover::distributed_supervisor<archetype::transport, stays, archetype::placement, archetype::store>;
