// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Compiled with one DROVER_PLANTED_FAULT at a time. Succeeds when the simulation notices within so many seeds: a simulator that
// cannot fail is worthless.

#include "quiet.hpp"
#include "story.hpp"

#include <iostream>
#include <optional>
#include <string>
#include <type_traits>

static_assert(!drover::planted(drover::planted_fault::none), "compile this with -DDROVER_PLANTED_FAULT=1, 2, ...");

namespace {

/// What the story says of this seed, if something did not hold.
std::optional<std::string> violation_of(std::uint64_t seed)
{
    using store = std::conditional_t<drover::planted(drover::planted_fault::acknowledged_uncommitted), story::durable_store,
        drover::crdt_store<>>;
    story::run<drover::ring, store> run{story::parameters::draw(seed, seed % 2 == 0 ? 3 : 5)};
    return run.play() ? std::nullopt : std::optional{run.book().violations.front()};
}

/// What an event misses is repaired by the audit, in time, and is counted: all holds, but for the count.
int check_repairs()
{
    std::uint64_t repairs = 0;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        quiet::run run{seed};
        for (auto const& violation : run.play()) {
            std::cout << "seed " << seed << ": " << violation << "\n";
            return 1;
        }
        if (run.starting_time_max() > run.audit_interval + std::chrono::milliseconds{100}) {
            std::cout << "seed " << seed << ": what was missed was not repaired within an audit_interval\n";
            return 1;
        }
        repairs += run.repairs();
    }
    std::cout << "the audit counts " << repairs << " repairs\n";
    return repairs > 50 ? 0 : 1;
}

int check_story()
{
    constexpr std::uint64_t seeds_count_max = 5'000;
    for (std::uint64_t seed = 1; seed <= seeds_count_max; ++seed) {
        if (auto const violation = violation_of(seed)) {
            std::cout << "planted fault " << DROVER_PLANTED_FAULT << " was found by seed " << seed << ": " << *violation << "\n";
            return 0;
        }
    }
    std::cout << "planted fault " << DROVER_PLANTED_FAULT << " was not found by " << seeds_count_max << " seeds\n";
    return 1;
}

} // namespace

int main() { return drover::planted(drover::planted_fault::change_missed) ? check_repairs() : check_story(); }
