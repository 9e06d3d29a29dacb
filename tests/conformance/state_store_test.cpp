// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/conformance/state_store.hpp>

#include <drover/store/crdt_store.hpp>

#include <catch2/catch_test_macros.hpp>

#include <sstream>
#include <string>

namespace {

using drover::crdt_store;
using drover::conformance::check_state_store;

std::string text_of(drover::conformance::report const& found)
{
    std::ostringstream out;
    out << found;
    return out.str();
}

} // namespace

TEST_CASE("crdt_store is a StateStore", "[conformance]")
{
    auto const found = check_state_store<crdt_store<>>();
    INFO(text_of(found));
    CHECK(found.passed());
    WARN(text_of(found));
    for (auto const& each : found.laws())
        WARN(each.name << " " << each.checks_count);
}
