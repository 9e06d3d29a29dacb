// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include <drover/placement/bounded.hpp>
#include <drover/placement/uniform.hpp>

#include "story.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <string>

// The story under the other placements. Those by load are decided by one node, recorded, and stick.

namespace {

#if defined(DROVER_TEST_SEEDS)
constexpr std::uint64_t seeds_count = DROVER_TEST_SEEDS;
#else
constexpr std::uint64_t seeds_count = 150;
#endif

} // namespace

TEMPLATE_TEST_CASE("clusters live through their faults under every placement", "", drover::uniform, drover::bounded<drover::ring>,
    drover::bounded<drover::uniform>)
{
    auto const first = GENERATE(std::uint64_t{1}, std::uint64_t{20'001});
    for (auto seed = first; seed < first + seeds_count; ++seed) {
        auto const drawn = story::parameters::draw(seed, first == 1 ? 3 : 5);
        story::run<TestType> run{drawn};
        auto const held = run.play();
        for (auto const& violation : run.book().violations)
            UNSCOPED_INFO(violation);
        UNSCOPED_INFO(drawn.text());
        CHECK(held);
    }
}
