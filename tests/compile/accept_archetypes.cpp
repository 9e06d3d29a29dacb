// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// The whole library on the least of each policy, and on the least that is a child.
#include "archetypes.hpp"

#include <drover/completion.hpp>

template class drover::node<archetype::transport, archetype::membership>;
template class drover::distributed_supervisor<archetype::transport, archetype::membership, archetype::placement,
    archetype::store>;
template class drover::core::supervisor_core<archetype::placement, archetype::store>;

static_assert(archetype::supervisor::authority == drover::authority::none);
static_assert(archetype::supervisor::promised == drover::promise_level::at_least_once);

struct least_child {
    least_child() = default;
    least_child(least_child const&) = delete;
    least_child& operator=(least_child const&) = delete;
};

void use(archetype::executor where);
void use(archetype::executor where)
{
    archetype::supervisor::node_type node{where, drover::node_options{}};
    node.async_start([](drover::error_code) {});
    node.async_stop([](drover::error_code) {});

    archetype::supervisor shared{node, drover::supervisor_options{}};
    archetype::supervisor own{where, drover::node_options{}, drover::supervisor_options{}};
    own.add_child_type<least_child>();
    own.add_child_type<least_child>("least");
    own.add_child_type("made", [](drover::child_context) { return least_child{}; });
    own.add_child_type("instance", [](drover::child_context) { return std::unique_ptr<drover::child_instance>{}; });

    auto const done = [](drover::error_code, drover::child_ref) {};
    own.async_start([](drover::error_code) {});
    own.async_stop([](drover::error_code) {});
    own.async_start_child(drover::child_spec{}, done);
    own.async_terminate_child("id", done);
    own.async_restart_child("id", done);
    own.async_delete_child("id", done);
    own.async_update_child(drover::child_spec{}, done);
    own.async_call("id", "request", [](drover::error_code, drover::bytes) {});
    own.cast("id", "message");
}
