// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "simulated_environment.hpp"
#include "transport_mutants.hpp"

#include <drover/conformance/transport.hpp>

#include <catch2/catch_test_macros.hpp>

#include <iostream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace conformance = drover::conformance;
using law = conformance::transport_laws;
using conformance::runtime_laws;
using laws = std::vector<std::string>;
using mutants::fault;

std::set<std::string> all_broken;

/// The laws that transports with this fault break, in the order of the suite.
laws broken_by(fault what)
{
    mutants::faulty_environment environment{what};
    auto const found = conformance::check_transport(environment, {.rounds = 2});
    auto const broken = found.broken_laws();
    std::cout << "#" << static_cast<int>(what) << "\n";
    for (auto const& each : broken)
        std::cout << "    " << each << "\n";
    if (getenv("V"))
        std::cout << found << "\n";
    all_broken.insert(broken.begin(), broken.end());
    return broken;
}

} // namespace

TEST_CASE("in_memory_transport keeps the laws of a Transport")
{
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        simulated_environment environment{seed};
        auto const found = conformance::check_transport(environment, {.seed = seed});
        INFO((std::ostringstream{} << found).str());
        CHECK(found.passed());
    }
}
TEST_CASE("m")
{
    for (int i = 0; i <= static_cast<int>(fault::down_twice); ++i)
        broken_by(static_cast<fault>(i));
}
