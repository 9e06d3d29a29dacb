// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/conformance/membership.hpp>
#include <drover/membership/static_members.hpp>

#include <catch2/catch_test_macros.hpp>
#include <iostream>

namespace conformance = drover::conformance;

TEST_CASE("static_members keeps the laws of a Membership")
{
    auto const found = conformance::check_membership([] { return drover::static_members{}; });
    std::cout << found << '\n';
    CHECK(found.passed());
}
