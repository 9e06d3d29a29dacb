// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the third parameter of distributed_supervisor must be a Placement (see docs/concepts/placement.md)
#include "archetypes.hpp"

struct by_name : archetype::placement {
    struct table_type {
        [[nodiscard]] std::string place(std::uint64_t key) const;
    };
    [[nodiscard]] table_type build(std::span<drover::candidate const>) const;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, by_name, archetype::store>;
