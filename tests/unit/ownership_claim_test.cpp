// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/ownership/claim.hpp>

#include <catch2/catch_test_macros.hpp>

#include <vector>

namespace {

using drover::conflict_policy;
using drover::node_id;
using drover::ownership::claim;
using drover::ownership::resolve;
using drover::ownership::standing;
using drover::ownership::verdict;

node_id const n1{"n1", 1};
node_id const n2{"n2", 1};

std::vector<standing> const standings{{3, false}, {3, true}, {4, false}, {4, true}};
constexpr conflict_policy policies[]{conflict_policy::keep_placed, conflict_policy::keep_oldest, conflict_policy::keep_newest};

/// The table, written out: who goes on between two instances of equal right.
bool goes_on(conflict_policy policy, bool older, bool placed_here)
{
    return (policy == conflict_policy::keep_placed && placed_here) || (policy == conflict_policy::keep_oldest && older);
}

} // namespace

TEST_CASE("a quorate claim opens a term at its own generation", "[ownership]")
{
    CHECK(drover::ownership::take(n1, 0, {}, true) == claim{n1, 1, {1, true}});
    CHECK(drover::ownership::take(n1, 41, {7, true}, true) == claim{n1, 42, {42, true}});
    CHECK(drover::ownership::take(n1, 41, {7, false}, true) == claim{n1, 42, {42, true}});
}

TEST_CASE("a claim that only a minority could know of stays in the term that it forked from", "[ownership]")
{
    CHECK(drover::ownership::take(n1, 0, {}, false) == claim{n1, 1, {0, false}});
    CHECK(drover::ownership::take(n1, 41, {7, true}, false) == claim{n1, 42, {7, false}});
    CHECK(drover::ownership::take(n1, 41, {7, false}, false) == claim{n1, 42, {7, false}});
}

TEST_CASE("a successor raises the generation and keeps the right", "[ownership]")
{
    for (auto const right : standings) {
        CHECK(drover::ownership::succeed(n1, {n1, 9, right}) == claim{n1, 10, right});
        CHECK(drover::ownership::succeed(n2, {n1, 9, right}) == claim{n2, 10, right});
    }
}

TEST_CASE("a standing is ordered by its term, then by whether a majority could know of it", "[ownership]")
{
    for (std::size_t left = 0; left < standings.size(); ++left)
        for (std::size_t right = 0; right < standings.size(); ++right)
            CHECK((standings[left] <=> standings[right]) == (left <=> right));
}

TEST_CASE("the larger right goes on, whatever else holds", "[ownership]")
{
    for (std::size_t mine = 0; mine < standings.size(); ++mine)
        for (std::size_t recorded = 0; recorded < standings.size(); ++recorded)
            for (auto const policy : policies)
                for (auto const generation : {9U, 10U, 11U})
                    for (auto const placed : {false, true})
                        for (auto const asserted : {false, true}) {
                            if (mine == recorded)
                                continue;
                            auto const said = resolve(
                                {n1, generation, standings[mine]}, {n2, 10, standings[recorded]}, policy, placed, asserted);
                            CHECK(said == (mine > recorded ? verdict::assert_claim : verdict::yield));
                        }
}

TEST_CASE("between equal rights the policy decides", "[ownership]")
{
    for (auto const right : standings)
        for (auto const policy : policies)
            for (auto const generation : {9U, 10U, 11U})
                for (auto const placed : {false, true}) {
                    auto const said = resolve({n1, generation, right}, {n2, 10, right}, policy, placed, false);
                    auto const expected = goes_on(policy, generation < 10, placed);
                    CHECK(said == (expected ? verdict::assert_claim : verdict::yield));
                }
}

TEST_CASE("who has asserted itself once yields to an equal right the second time", "[ownership]")
{
    for (auto const right : standings)
        for (auto const policy : policies)
            for (auto const generation : {9U, 10U, 11U})
                for (auto const placed : {false, true})
                    CHECK(resolve({n1, generation, right}, {n2, 10, right}, policy, placed, true) == verdict::yield);
}

TEST_CASE("of two instances that see the same, at most one asserts itself", "[ownership]")
{
    // keep_placed: placement names one of the two at most.
    for (auto const mine : standings)
        for (auto const theirs : standings)
            for (auto const policy : policies)
                for (auto const generation : {9U, 11U})
                    for (auto const placed : {0, 1, 2}) {
                        claim const one{n1, generation, mine};
                        claim const other{n2, 10, theirs};
                        auto const first = resolve(one, other, policy, placed == 1, false);
                        auto const second = resolve(other, one, policy, placed == 2, false);
                        CHECK_FALSE((first == verdict::assert_claim && second == verdict::assert_claim));
                    }
}
