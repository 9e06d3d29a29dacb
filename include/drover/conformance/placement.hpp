// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/conformance/placement_choices.hpp>
#include <drover/conformance/placement_laws.hpp>
#include <drover/conformance/placement_shares.hpp>
#include <drover/conformance/placement_stage.hpp>
#include <drover/conformance/placement_tables.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/policy/placement.hpp>

#include <concepts>
#include <type_traits>

namespace drover::conformance {

/// Holds a model of Placement to the laws of docs/concepts/placement.md.
///
/// `model`: a placement, of which copies are made, or a callable `model()` that gives a fresh one, equal to all others that it
/// gave. Laws of `updatable_placement`, `ranked_placement`, `load_placement` and `minimal_moves` are looked at when the type
/// promises them. That an answer is the same on every machine, for ever, is for golden values to show.
///
/// A model that does not return from a call stops the suite. Complexity: some hundred tables of up to 60 candidates a round, and
/// half a million lookups.
template <class Model>
report check_placement(Model const& model, placement_bounds const& bounds = {}, suite_options options = {})
{
    auto const make = [&model] {
        if constexpr (std::invocable<Model const&>)
            return model();
        else
            return Model{model};
    };
    using model_type = std::invoke_result_t<decltype(make) const&>;
    static_assert(placement<model_type>,
        "drover: check_placement is given a Placement that is copied, or a way to make one (see docs/concepts/placement.md)");
    report found{"Placement"};
    placement_tables<decltype(make) const>{found, make, options}.check_all();
    placement_shares<decltype(make) const>{found, make, options}.check_all(bounds);
    placement_choices<decltype(make) const>{found, make, options}.check_all();
    return found;
}

/// The same, for a placement that is made without arguments.
template <class Placement>
report check_placement(placement_bounds const& bounds = {}, suite_options options = {})
{
    return check_placement([] { return Placement{}; }, bounds, options);
}

} // namespace drover::conformance
