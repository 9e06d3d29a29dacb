// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: it talks to its peers by set_members, on_peer_up, on_peer_connected, on_peer_down, on_message, on_time,
#include "archetypes.hpp"

// One that is polled has no deadline.
struct polled : archetype::state_store {
    drover::time_point deadline() const = delete;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, archetype::placement, polled>;
