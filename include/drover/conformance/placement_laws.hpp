// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <string_view>

/// The names of the laws of a Placement, as docs/concepts/placement.md has them.
namespace drover::conformance::placement_law {

// Every placement.
inline constexpr std::string_view capabilities = "what is promised fits together";
inline constexpr std::string_view in_range = "every answer is the index of a candidate";
inline constexpr std::string_view alone = "one candidate has everything";
inline constexpr std::string_view agreed = "equal candidates give equal answers";
inline constexpr std::string_view repeatable = "to build and to ask changes nothing";
inline constexpr std::string_view moved = "what is moved or copied answers the same";
inline constexpr std::string_view keeps_nothing = "a table keeps nothing of its lists";
inline constexpr std::string_view weight_range = "weights count from 1 to the largest";

// Shares.
inline constexpr std::string_view weights = "shares are in proportion to weights";
inline constexpr std::string_view balance = "no share strays further than expected";

// Minimal moves.
inline constexpr std::string_view moves = "who comes only takes, and who goes only gives";
inline constexpr std::string_view weight_moves = "a weight that changes moves keys to or from its node only";

// Updates.
inline constexpr std::string_view updates = "an updated table equals a built one";
inline constexpr std::string_view updated_copy = "an update of a copy leaves the original alone";

// An order of all candidates.
inline constexpr std::string_view first_of_all = "the first of all is the place";
inline constexpr std::string_view accepted = "who is found is accepted";
inline constexpr std::string_view nobody_accepted = "when nobody is accepted it is the place";
inline constexpr std::string_view order = "each key has one order of all candidates";

// Loads.
inline constexpr std::string_view equal_loads = "equal loads give equal decisions";
inline constexpr std::string_view room = "a child goes to one that has room";
inline constexpr std::string_view home_first = "a child goes home if there is room";
inline constexpr std::string_view load_order = "a child goes to the first with room in its own order";
inline constexpr std::string_view full = "when nobody has room it is the home";
inline constexpr std::string_view stays = "while children only come, none has to go";

} // namespace drover::conformance::placement_law
