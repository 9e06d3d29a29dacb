// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/conformance/report.hpp>

#include <catch2/catch_test_macros.hpp>

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using drover::conformance::report;

std::string text_of(report const& what)
{
    std::ostringstream out;
    out << what;
    return out.str();
}

} // namespace

TEST_CASE("a report in which every law was looked at and held has passed", "[conformance]")
{
    report found{"Bridge"};
    found.law("it stands");
    CHECK(found.check(true, "never printed"));
    found.law("it spans the river");
    CHECK(found.check(true));
    found.skip("it opens", "not movable");
    CHECK(found.passed());
    CHECK(found.holds("it stands"));
    CHECK_FALSE(found.holds("it opens"));
    CHECK(text_of(found) == "Bridge: 2 laws hold\n  skipped: it opens (not movable)");
}

TEST_CASE("a report of nothing has not passed, nor has one with a law that was never looked at", "[conformance]")
{
    report found{"Bridge"};
    CHECK_FALSE(found.passed());
    found.law("it stands");
    CHECK_FALSE(found.passed());
    CHECK(text_of(found) == "Bridge: 0 laws hold\n  NOT SHOWN: it stands");
}

TEST_CASE("a breach names its law and what was seen; the first of each law are kept, and all are counted", "[conformance]")
{
    report found{"Bridge"};
    for (int load = 1; load <= 5; ++load) {
        found.law("it bears");
        CHECK_FALSE(found.check(false, "load ", load));
        found.law("it stands");
        CHECK(found.check(true));
    }
    CHECK_FALSE(found.passed());
    CHECK(found.broken_laws() == std::vector<std::string>{"it bears"});
    CHECK(found.breaches().size() == report::breaches_per_law_max);
    CHECK(found.breaches().front().sentence == "load 1");
    CHECK(text_of(found)
        == "Bridge: 1 law holds\n  BROKEN: it bears: load 1\n  BROKEN: it bears: load 2\n  BROKEN: it bears: load 3\n"
           "  BROKEN: it bears: 5 times in all");
}

TEST_CASE("what a model throws is a breach of the law that was looked at", "[conformance]")
{
    report found{"Bridge"};
    found.law("it bears", [&] {
        found.law("it stands");
        found.check(true);
        throw std::runtime_error{"it fell"};
    });
    found.law("it spans the river", [] { throw 7; });
    CHECK(found.broken_laws() == std::vector<std::string>{"it bears", "it spans the river"});
    CHECK(found.breaches().front().sentence == "the model threw: it fell");
    CHECK(found.holds("it stands"));
}
