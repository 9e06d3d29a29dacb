// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/policy/capabilities.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace drover {

/// A node that may run children.
struct candidate {
    std::string_view name;
    std::uint32_t weight = 1; ///< its share, in proportion to the others'; at least 1
};

/// Who should run a child: a pure function of the candidates and the child's key. See docs/concepts/placement.md.
///
/// `build` gets the candidates sorted by name, each name once, and gives a table; `place(key)` of that table gives the index
/// of a candidate. Pre of `place`: there is a candidate. Keys are hashes that are uniform over 64 bits.
// clang-format off
template <class P>
concept placement = std::move_constructible<P> && std::default_initializable<P>
    && requires(P const& p, std::span<candidate const> candidates, std::uint64_t key) {
           typename P::table_type;
           requires std::movable<typename P::table_type> && std::default_initializable<typename P::table_type>;
           { P::capabilities } -> std::convertible_to<placement_capabilities>;
           { p.build(candidates) } -> std::same_as<typename P::table_type>;
           { p.build(candidates).place(key) } -> std::same_as<std::size_t>;
       };
// clang-format on

} // namespace drover
