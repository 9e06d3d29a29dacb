// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: give it table_type build(std::span<candidate const>) const
#include "archetypes.hpp"

// Takes names alone, and so no weights.
struct of_names : archetype::placement {
    [[nodiscard]] table_type build(std::span<std::string_view const> names) const;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, of_names, archetype::state_store>;
