// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: (see docs/concepts/placement.md): give it a move constructor and a default constructor
#include "archetypes.hpp"

struct needs_a_number : archetype::placement {
    explicit needs_a_number(int points_count);
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, needs_a_number,
    archetype::state_store>;
