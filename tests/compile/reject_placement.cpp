// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: give it a table_type that is movable, default constructible, and has std::size_t place(std::uint64_t key) const
#include "archetypes.hpp"

struct by_name : archetype::placement {
    struct table_type {
        [[nodiscard]] std::string place(std::uint64_t key) const;
    };
    [[nodiscard]] table_type build(std::span<drover::candidate const>) const;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, by_name, archetype::state_store>;
