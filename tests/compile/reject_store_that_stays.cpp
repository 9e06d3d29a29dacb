// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: (see docs/concepts/state_store.md): give it a move constructor and a default constructor
#include "archetypes.hpp"

// What is connected to an engine cannot be moved.
struct connected : archetype::state_store {
    connected();
    connected(connected&&) = delete;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, archetype::placement, connected>;
