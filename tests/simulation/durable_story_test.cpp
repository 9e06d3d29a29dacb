// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include "story.hpp"

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

namespace {

using namespace std::chrono_literals;

#if defined(DROVER_TEST_SEEDS)
constexpr std::uint64_t seeds_count = DROVER_TEST_SEEDS;
#else
constexpr std::uint64_t seeds_count = 150;
#endif

using durable_run = story::run<drover::ring, story::durable_store>;

} // namespace

TEST_CASE("on disks, what was acknowledged survives the loss of all power, and an old disk is corrected", "[story][durable]")
{
    std::uint64_t power_cuts = 0;
    auto const* const first = std::getenv("DROVER_FIRST_SEED");
    auto const from = first != nullptr ? std::stoull(first) : 1;
    for (auto seed = from; seed < from + seeds_count; ++seed) {
        auto const drawn = story::parameters::draw(seed, 3 + seed % 3);
        INFO(drawn.text());
        durable_run run{drawn};
        if (std::getenv("DROVER_NARRATE") != nullptr)
            run.narrate(std::cout);
        if (!run.play())
            for (auto const& violation : run.book().violations)
                UNSCOPED_INFO(violation);
        CHECK(run.book().violations.empty());
        power_cuts += run.power_cuts;
    }
    CHECK(power_cuts > seeds_count / 10);
}
