// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <string_view>

/// The names of the laws of a Placement, as docs/concepts/placement.md has them.
namespace drover::conformance::placement_law {

inline constexpr std::string_view in_range = "every answer is the index of a candidate";
inline constexpr std::string_view agreed = "equal candidates give equal answers";
inline constexpr std::string_view kept = "a table keeps nothing of what it was built from";
inline constexpr std::string_view moved = "a table that was moved answers as before";
inline constexpr std::string_view balance = "among equals, no share is less than half or more than twice the mean";
inline constexpr std::string_view weights = "shares follow the weights";
inline constexpr std::string_view clamped = "a weight out of range counts as the nearest one within";
inline constexpr std::string_view minimal_moves = "only what a change is about moves";
inline constexpr std::string_view updated = "an updated table answers as one that was built";
inline constexpr std::string_view ranked = "the order of preference is an order, and begins with the home";
inline constexpr std::string_view load_in_range = "every decision is the index of a candidate, and the same when asked again";
inline constexpr std::string_view home = "where there is room, a child is placed at home";
inline constexpr std::string_view capacity = "nobody is given more than it has room for";

inline constexpr std::string_view all[] = {
    in_range, agreed, kept, moved, balance, weights, clamped, minimal_moves, updated, ranked, load_in_range, home, capacity};

} // namespace drover::conformance::placement_law
