// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/supervision/child_spec.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace {

using drover::child_spec;
using drover::restart_intensity;
using std::chrono::seconds;

child_spec valid() { return {.id = "sensor", .type = "reader"}; }

/// The sentence about a valid spec of which one thing was changed.
template <class Change>
std::string sentence_after(Change change)
{
    auto spec = valid();
    change(spec);
    return validate(spec);
}

} // namespace

TEST_CASE("a spec of an id and a type is valid, and has the defaults of OTP", "[supervision]")
{
    CHECK(validate(valid()).empty());
    CHECK(valid().restart == drover::restart_rule::permanent);
    CHECK(valid().shutdown == seconds{5});
    CHECK_FALSE(valid().intensity);
}

TEST_CASE("an id has 1 to 255 octets", "[supervision]")
{
    CHECK(sentence_after([](auto& spec) { spec.id.clear(); }) == "id is empty");
    CHECK(sentence_after([](auto& spec) { spec.id.assign(255, 'x'); }).empty());
    CHECK(sentence_after([](auto& spec) { spec.id.assign(256, 'x'); }) == "id has 256 octets, more than 255");
}

TEST_CASE("a type has 1 to 255 octets", "[supervision]")
{
    CHECK(sentence_after([](auto& spec) { spec.type.clear(); }) == "type is empty");
    CHECK(sentence_after([](auto& spec) { spec.type.assign(255, 'x'); }).empty());
    CHECK(sentence_after([](auto& spec) { spec.type.assign(256, 'x'); }) == "type has 256 octets, more than 255");
}

TEST_CASE("arguments are bounded", "[supervision]")
{
    CHECK(sentence_after([](auto& spec) { spec.arguments.assign(65'536, 'x'); }).empty());
    CHECK(
        sentence_after([](auto& spec) { spec.arguments.assign(65'537, 'x'); }) == "arguments have 65537 octets, more than 65536");
}

TEST_CASE("a restart rule is one of the three", "[supervision]")
{
    for (int rule = 0; rule < 3; ++rule)
        CHECK(sentence_after([&](auto& spec) { spec.restart = static_cast<drover::restart_rule>(rule); }).empty());
    CHECK(sentence_after([](auto& spec) { spec.restart = static_cast<drover::restart_rule>(3); })
        == "restart is not one of permanent, transient, temporary");
}

TEST_CASE("a shutdown is not negative, and may be at once or never", "[supervision]")
{
    CHECK(sentence_after([](auto& spec) { spec.shutdown = drover::duration{-1}; }) == "shutdown is negative");
    CHECK(sentence_after([](auto& spec) { spec.shutdown = drover::brutal_kill; }).empty());
    CHECK(sentence_after([](auto& spec) { spec.shutdown = drover::infinity; }).empty());
}

TEST_CASE("an intensity of its own is checked as that of the supervisor", "[supervision]")
{
    auto const sentence = [](std::uint32_t restarts, seconds period) {
        auto const said = validate(restart_intensity{restarts, period});
        CHECK(sentence_after([&](auto& spec) { spec.intensity = restart_intensity{restarts, period}; }) == said);
        return said;
    };
    CHECK(sentence(0, seconds{1}).empty());
    CHECK(sentence(1'000, seconds{86'400}).empty());
    CHECK(sentence(1'001, seconds{1}) == "max_restarts is 1001, more than 1000");
    CHECK(sentence(1, seconds{0}) == "max_seconds must be positive");
    CHECK(sentence(1, seconds{-1}) == "max_seconds must be positive");
    CHECK(sentence(1, seconds{86'401}) == "max_seconds is over a day");
}

TEST_CASE("specs are compared by every field", "[supervision]")
{
    auto const differs = [](auto change) {
        auto spec = valid();
        change(spec);
        return spec != valid();
    };
    CHECK(valid() == valid());
    CHECK(differs([](auto& spec) { spec.id = "other"; }));
    CHECK(differs([](auto& spec) { spec.type = "other"; }));
    CHECK(differs([](auto& spec) { spec.arguments = "other"; }));
    CHECK(differs([](auto& spec) { spec.restart = drover::restart_rule::transient; }));
    CHECK(differs([](auto& spec) { spec.shutdown = drover::brutal_kill; }));
    CHECK(differs([](auto& spec) { spec.intensity = restart_intensity{}; }));
}
