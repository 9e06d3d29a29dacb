// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// The census: on every node every spec is in one state, whatever happens; what no node accounts for is known by its age; and
// without faults there is nothing for the audit to repair.

#include "quiet.hpp"

#include <catch2/catch_test_macros.hpp>

namespace {

using namespace std::chrono_literals;

#if defined(DROVER_TEST_SEEDS)
constexpr std::uint64_t seeds_count = DROVER_TEST_SEEDS < 150 ? DROVER_TEST_SEEDS : 150;
#else
constexpr std::uint64_t seeds_count = 150;
#endif

template <class Placement>
void play_quietly()
{
    for (std::uint64_t seed = 1; seed <= seeds_count; ++seed) {
        quiet::run<Placement> run{seed};
        INFO("seed " << seed);
        CHECK(run.play() == std::vector<std::string>{});
        CHECK(run.repairs() == 0);
        CHECK(run.unaccounted_age_max() < 100ms); // until a node that has left is replaced
        CHECK(run.starting_time_max() < 100ms);
    }
}

} // namespace

TEST_CASE("without faults the audit has nothing to repair") { play_quietly<drover::ring>(); }

TEST_CASE("nor when placement looks at loads") { play_quietly<drover::bounded<drover::ring>>(); }
