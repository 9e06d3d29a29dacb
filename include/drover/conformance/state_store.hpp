// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/store_alone.hpp>
#include <drover/conformance/store_laws.hpp>
#include <drover/conformance/store_network.hpp>
#include <drover/conformance/store_stories.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/policy/state_store.hpp>

#include <string>
#include <utility>

namespace drover::conformance {

/// Holds a model of StateStore to the laws of docs/concepts/state_store.md.
///
/// `make`: a callable that gives a fresh store, `make()` or `make(node_id const&)`. One that is `durable` is made by the
/// second form, and finds again what a store of the same node name wrote, also in an earlier life. Every replica has a name of
/// its own, unless it is a later life.
///
/// First one replica alone is looked at, and when that breaks no law, several. Of each story of several the first breach is
/// reported, because what follows from it would say little.
///
/// Replicas run on virtual time, in a network that loses, doubles, delays, reorders and splits; equal seeds give equal runs. A
/// store that never rests is stopped; one that does not return from a call is not. Complexity: some thousand steps a round.
template <class Make>
report check_state_store(Make make, suite_options options = {})
{
    using store_type = store_made_by<Make>;
    static_assert(state_store<store_type>,
        "drover: check_state_store is given a way to make a StateStore (see "
        "docs/concepts/state_store.md)");
    report found{"StateStore"};
    store_alone<Make>{found, make}.check_all();
    store_stories<Make> stories{found, make, options};
    if (!found.broken_laws().empty())
        stories.skip_all("one replica alone breaks a law");
    else if constexpr (store_type::capabilities.replicated)
        stories.play_all();
    else
        stories.skip_all("not replicated");
    return found;
}

/// The same, for a store that is made without arguments.
template <class StateStore>
report check_state_store(suite_options options = {})
{
    return check_state_store([] { return StateStore{}; }, options);
}

} // namespace drover::conformance
