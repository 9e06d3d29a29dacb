// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Compiled with one DROVER_PLANTED_FAULT at a time. Succeeds when the story notices within so many seeds: a simulator that
// cannot fail is worthless.

#include "story.hpp"

#include <iostream>

static_assert(!drover::planted(drover::planted_fault::none), "compile this with -DDROVER_PLANTED_FAULT=1, 2, ...");

int main()
{
    constexpr std::uint64_t seeds_count_max = 5'000;
    for (std::uint64_t seed = 1; seed <= seeds_count_max; ++seed) {
        story::run run{story::parameters::draw(seed, seed % 2 == 0 ? 3 : 5)};
        if (run.play())
            continue;
        std::cout << "planted fault " << DROVER_PLANTED_FAULT << " was found by seed " << seed << ": "
                  << run.book().violations.front() << "\n";
        return 0;
    }
    std::cout << "planted fault " << DROVER_PLANTED_FAULT << " was not found by " << seeds_count_max << " seeds\n";
    return 1;
}
