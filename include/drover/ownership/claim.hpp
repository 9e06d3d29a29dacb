// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>
#include <drover/base/planted_fault.hpp>

#include <algorithm>
#include <compare>
#include <cstdint>

namespace drover {

/// Which of two instances of one child goes on after a heal, when neither part of the split had more right to it.
enum class conflict_policy : std::uint8_t {
    keep_placed, ///< the one on the node that placement names; otherwise the newest
    keep_oldest, ///< the one with the smaller generation
    keep_newest, ///< the one with the larger generation
};

namespace ownership {

/// By what right an instance runs.
///
/// A `term` is the generation at which ownership was last taken with everybody's knowledge: at the first start, or after a
/// regroup (core/regroup.hpp). Restarts in place and handoffs raise the generation and keep the term. A claim that a majority
/// of the members could know of is `quorate`, and opens a new term; one that only a minority could know of stays in the term
/// that it forked from. So (term, quorate) orders the branches of a child's history by who could have acknowledged state to
/// its users: only the largest could.
struct standing {
    generation_number term = 0;
    bool quorate = false;

    friend auto operator<=>(standing const&, standing const&) = default;
};

struct claim {
    node_id node;
    generation_number generation = 0;
    standing right;

    friend bool operator==(claim const&, claim const&) = default;
};

/// The claim on a child that nobody owns any more, or that the claimant already runs: `last` is the largest generation known.
[[nodiscard]] inline claim take(node_id const& claimant, generation_number last, standing from, bool quorate)
{
    auto const generation = last + 1;
    return {claimant, generation, quorate ? standing{generation, true} : standing{from.term, false}};
}

/// The next instance on the same branch: a restart in place, or a handoff to another node.
[[nodiscard]] inline claim succeed(node_id const& next, claim const& present)
{
    return {next, present.generation + (planted(planted_fault::generation_kept) ? 0 : 1), present.right};
}

/// What an instance does that finds another node's claim recorded.
enum class verdict : std::uint8_t { yield, assert_claim };

/// Compares the claim of a running instance with the recorded one of another node. `placed_here`: placement names our node.
/// `asserted`: we have asserted ourselves against this very conflict before, so a second time we yield: two nodes whose views
/// differ must not outbid each other for ever.
[[nodiscard]] inline verdict resolve(
    claim const& mine, claim const& recorded, conflict_policy policy, bool placed_here, bool asserted)
{
    if (mine.right != recorded.right)
        return mine.right > recorded.right ? verdict::assert_claim : verdict::yield;
    if (asserted)
        return verdict::yield;
    switch (policy) {
    case conflict_policy::keep_placed: return placed_here ? verdict::assert_claim : verdict::yield;
    case conflict_policy::keep_oldest: return mine.generation < recorded.generation ? verdict::assert_claim : verdict::yield;
    case conflict_policy::keep_newest: return verdict::yield;
    }
    return verdict::yield;
}

} // namespace ownership
} // namespace drover
