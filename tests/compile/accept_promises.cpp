// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// What opts out by name compiles, and so does what promises what is asked.
#include "archetypes.hpp"

struct local_only : archetype::state_store {
    static constexpr drover::store_capabilities capabilities{.durable = true, .ordered = true};
};
using alone = drover::standalone<local_only>;
static_assert(alone::capabilities.standalone && alone::capabilities.durable && !alone::capabilities.replicated);
template class drover::distributed_supervisor<archetype::transport, archetype::membership, archetype::placement, alone>;

static_assert(
    std::is_same_v<drover::promising<drover::promise_level::at_least_once, archetype::supervisor>, archetype::supervisor>);

// Placement by load, the least of it.
struct by_load : archetype::placement {
    struct table_type : archetype::placement::table_type {
        using archetype::placement::table_type::place;
        [[nodiscard]] std::size_t place(std::uint64_t key, drover::candidate_loads const&) const;
        [[nodiscard]] bool has_room(std::size_t index, drover::candidate_loads const&) const;
    };
    static constexpr drover::placement_capabilities capabilities{.by_load = true};
    [[nodiscard]] table_type build(std::span<drover::candidate const>) const;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, by_load, archetype::state_store>;
template class drover::core::supervisor_core<by_load, archetype::state_store>;
