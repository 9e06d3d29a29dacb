// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: let it say what it promises, static constexpr placement_capabilities capabilities
#include "archetypes.hpp"

// Without a promise nobody knows whether two nodes would agree.
struct promises_nothing {
    using table_type = archetype::placement::table_type;
    [[nodiscard]] table_type build(std::span<drover::candidate const>) const;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, promises_nothing,
    archetype::state_store>;
