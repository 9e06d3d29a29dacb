// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// All of the library with a store that keeps a journal, and a runtime that does its blocking work.
#include "../archetype/journal.hpp"
#include "archetypes.hpp"

#include <drover/store/crdt_store.hpp>

struct offloading : archetype::runtime {
    using archetype::runtime::runtime;
    void offload(drover::unique_function<void()> work, drover::unique_function<void()> done);
};
struct offloading_transport : archetype::transport {
    using runtime_type = offloading;
    offloading_transport(offloading const&, drover::transport_options);
};

using durable_store = drover::crdt_store<archetype::journal>;
static_assert(drover::journal<archetype::journal>);
static_assert(drover::keeps_a_journal<durable_store>);
static_assert(!drover::keeps_a_journal<drover::crdt_store<>>);
static_assert(drover::offloading_runtime<offloading>);
static_assert(!drover::offloading_runtime<archetype::runtime>);

template class drover::crdt_store<archetype::journal>;
template class drover::distributed_supervisor<offloading_transport, archetype::membership, archetype::placement, durable_store>;
template class drover::detail::supervisor_shell<offloading_transport, archetype::membership, archetype::placement, durable_store>;
