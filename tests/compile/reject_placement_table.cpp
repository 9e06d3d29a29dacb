// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: give it a table_type that is movable, default constructible, and has std::size_t place(std::uint64_t key) const
#include "archetypes.hpp"

// A lookup that counts is no function of the key.
struct round_robin : archetype::placement {
    struct table_type {
        [[nodiscard]] std::size_t place(std::uint64_t key);
    };
    [[nodiscard]] table_type build(std::span<drover::candidate const>) const;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, round_robin, archetype::state_store>;
