// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// All of the archetypes, and the whole library on them.

#include "../archetype/membership.hpp"
#include "../archetype/placement.hpp"
#include "../archetype/state_store.hpp"
#include "../archetype/transport.hpp"

#include <drover/distributed_supervisor.hpp>

namespace archetype {

using store = state_store;
using supervisor = drover::distributed_supervisor<transport, membership, placement, store>;

} // namespace archetype
