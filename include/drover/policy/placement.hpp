// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/limits.hpp>
#include <drover/policy/capabilities.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drover {

/// A node that may run children.
struct candidate {
    /// A heavier candidate counts as one of this weight.
    static constexpr std::uint32_t weight_max = limits::node_weight_max;

    std::string_view name;
    std::uint32_t weight = 1; ///< its share, in proportion to the others'; at least 1
};

/// What a candidate counts for in every model: its weight, or the nearest one between 1 and `candidate::weight_max`.
[[nodiscard]] constexpr std::uint32_t weight_of(candidate const& who)
{
    return std::clamp<std::uint32_t>(who.weight, 1, candidate::weight_max);
}

/// What the candidates carry now. A child that is being placed is not counted, also where it runs already.
struct candidate_loads {
    std::span<std::uint32_t const> each; ///< children, indexed as the candidates
    std::uint64_t total = 0;             ///< their sum: kept by the caller, so that a lookup need not add up
};

// clang-format off
// The parts of a Placement, each with a sentence of its own for whoever misses it.

/// Says what it promises.
template <class P>
concept has_placement_capabilities = requires { { P::capabilities } -> std::convertible_to<placement_capabilities>; };

/// Has tables that are asked.
template <class P>
concept has_placement_table = requires(typename P::table_type const& table, std::uint64_t key) {
        requires std::movable<typename P::table_type> && std::default_initializable<typename P::table_type>;
        { table.place(key) } -> std::same_as<std::size_t>;
    };
// clang-format on

/// Who should run a child: a pure function of the candidates and the child's key. See docs/concepts/placement.md.
///
/// `build` gets the candidates sorted by name, each name once, and gives a table; `place(key)` of that table gives the index
/// of a candidate. Pre of `place`: there is a candidate. Keys are hashes that are uniform over 64 bits.
// clang-format off
template <class P>
concept placement = std::move_constructible<P> && std::default_initializable<P>
    && has_placement_capabilities<P> && has_placement_table<P>
    && requires(P const& p, std::span<candidate const> candidates) {
           { p.build(candidates) } -> std::same_as<typename P::table_type>;
       };

/// A placement whose tables follow a change of the candidates for less than a new table costs.
///
/// Pre of `update`: `table` is what this placement built from `before`, or updated to it; both lists are sorted by name, each
/// name once. Post: `table` equals `build(after)`. The table keeps nothing of either list.
template <class P>
concept updatable_placement = placement<P>
    && requires(P const& p, typename P::table_type& table, std::span<candidate const> before, std::span<candidate const> after) {
           { p.update(table, before, after) } -> std::same_as<void>;
       };

/// A placement that knows for each key an order of all candidates, not the first only.
///
/// `place_where(key, accepts)` gives the first candidate in that order for whose index the predicate is true, and `place(key)`
/// where it is true for nobody. With a predicate that is always true it gives `place(key)`. The predicate is a function of the
/// index alone; it may be asked about one index several times, and about indices that come later in the order.
template <class P>
concept ranked_placement = placement<P>
    && requires(typename P::table_type const& table, std::uint64_t key, bool (&accepts)(std::size_t)) {
           { table.place_where(key, accepts) } -> std::same_as<std::size_t>;
       };

/// A placement that looks at loads. `place(key)` is then the child's home: the node that decides where the child goes, the same
/// in every equal view; `place(key, loads)` is its decision. `has_room(index, loads)`: that candidate may be given one child
/// more. Pre: `loads` has a figure for each candidate.
template <class P>
concept load_placement = placement<P> && P::capabilities.by_load && !P::capabilities.agreed
    && requires(typename P::table_type const& table, std::uint64_t key, candidate_loads const& loads) {
           { table.place(key, loads) } -> std::same_as<std::size_t>;
           { table.has_room(std::size_t{}, loads) } -> std::same_as<bool>;
       };
// clang-format on

} // namespace drover
