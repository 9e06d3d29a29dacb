// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: it keeps records by open, put, remove, find, rank_of and version
#include "archetypes.hpp"

// Answers with the value alone: nobody could tell who may write over it.
struct without_ranks : archetype::state_store {
    [[nodiscard]] std::optional<drover::bytes> find(drover::record_table, drover::bytes_view key) const;
};
template class drover::distributed_supervisor<archetype::transport, archetype::membership, archetype::placement, without_ranks>;
