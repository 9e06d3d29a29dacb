// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "text_of.hpp"

#include <drover/conformance/placement.hpp>
#include <drover/placement/bounded.hpp>
#include <drover/placement/ring.hpp>
#include <drover/placement/uniform.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <string>
#include <vector>

namespace {

using drover::bounded;
using drover::ring;
using drover::uniform;
namespace conformance = drover::conformance;

} // namespace

TEMPLATE_TEST_CASE("the placements are Placements", "[conformance]", ring, uniform, bounded<ring>, bounded<uniform>)
{
    auto const found = conformance::check_placement<TestType>();
    INFO(text_of(found));
    CHECK(found.passed());
}
