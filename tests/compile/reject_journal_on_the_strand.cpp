// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: this StateStore keeps a journal, whose commits block, and the Transport's runtime has no offload(work, done)
#include "../archetype/journal.hpp"
#include "archetypes.hpp"

#include <drover/store/crdt_store.hpp>

template class drover::distributed_supervisor<archetype::transport, archetype::membership, archetype::placement,
    drover::crdt_store<archetype::journal>>;
