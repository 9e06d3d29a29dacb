// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "membership_messages_fixture.hpp"

#include <drover/membership/heartbeat_messages.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace drover::heartbeat_messages;
using drover::member_state;
using membership_test::decode;
using membership_test::message;

constexpr std::size_t room = 100;

members some_members()
{
    return {.complete = true,
        .formed = false,
        .you_are_a_seed = true,
        .reports = {{{"a", 1}, "host-a:1", member_state::alive, 7}, {{"b", 900}, "host-b:2", member_state::dead, counter_max},
            {{std::string(255, 'n'), ~std::uint64_t{0}}, std::string(511, 'h'), member_state::left, 0}}};
}

std::vector<message> one_of_each()
{
    return {
        some_members(), heartbeat{0x1122334455667788, {{1, 2}, {~std::uint64_t{0}, counter_max}}}, obituary{{"gone", 3}, 300}};
}

drover::bytes encoded(message const& told)
{
    return std::visit([](auto const& each) { return encode(each); }, told);
}

} // namespace

TEST_CASE("what is encoded is decoded", "[membership][messages]")
{
    for (auto const& told : one_of_each())
        CHECK(decode(encoded(told), room) == told);
    for (int flags = 0; flags < 8; ++flags) {
        message const told = members{(flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0, {}};
        CHECK(decode(encoded(told), room) == told);
    }
}

TEST_CASE("the octets on the wire never change", "[membership][messages]")
{
    CHECK(encode(obituary{{"ab", 3}, 300})
        == std::string("\x01\x03\x02"
                       "ab"
                       "\x03\xac\x02",
            8));
    CHECK(encode(heartbeat{1, {{2, 3}}}) == std::string("\x01\x02\x01\0\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x03", 20));
    CHECK(encode(members{.formed = true, .reports = {{{"a", 1}, "h:1", member_state::dead, 9}}})
        == std::string("\x01\x01\x02\x01\x01"
                       "a"
                       "\x01\x03"
                       "h:1"
                       "\x01\x09",
            13));
    CHECK(fingerprint({"node", 1}) == drover::mix64(drover::hash64("node") ^ drover::mix64(0x9e3779b97f4a7c16)));
}

TEST_CASE("similar names and incarnations have different fingerprints", "[membership][messages]")
{
    // With the incarnation as the seed of the hash, "n01" in its first life and "n00" in its second had the same.
    std::set<std::uint64_t> seen;
    for (int name = 100; name < 200; ++name)
        for (std::uint64_t incarnation = 0; incarnation < 100; ++incarnation)
            for (std::size_t const digits : {2u, 3u})
                seen.insert(fingerprint({"n" + std::to_string(name).substr(3 - digits), incarnation}));
    CHECK(seen.size() == 2 * 100 * 100);
}

TEST_CASE("a truncated message and one with octets left over are malformed", "[membership][messages]")
{
    for (auto const& told : one_of_each()) {
        auto const whole = encoded(told);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            CAPTURE(told.index(), size);
            REQUIRE_FALSE(decode(whole.substr(0, size), room).has_value());
        }
        CHECK_FALSE(decode(whole + '\0', room).has_value());
    }
}

TEST_CASE("fields over their limits are malformed", "[membership][messages]")
{
    auto const with = [](report const& only) { return decode(encode(members{.reports = {only}}), room).has_value(); };
    CHECK(with({{"a", 1}, "h", member_state::alive, counter_max}));
    CHECK_FALSE(with({{"a", 1}, "h", member_state::alive, counter_max + 1}));
    CHECK_FALSE(with({{"", 1}, "h", member_state::alive, 1}));
    CHECK_FALSE(with({{"a", 1}, "", member_state::alive, 1}));
    CHECK_FALSE(with({{std::string(256, 'n'), 1}, "h", member_state::alive, 1}));
    CHECK_FALSE(with({{"a", 1}, std::string(512, 'h'), member_state::alive, 1}));
    CHECK_FALSE(with({{"a", 1}, "h", static_cast<member_state>(3), 1}));
    CHECK_FALSE(decode(encode(obituary{{"", 1}, 1}), room).has_value());
    CHECK_FALSE(decode(encode(obituary{{"a", 1}, counter_max + 1}), room).has_value());
    CHECK_FALSE(decode(encode(heartbeat{1, {{1, counter_max + 1}}}), room).has_value());
}

TEST_CASE("more members than there is room for are malformed", "[membership][messages]")
{
    heartbeat pulses{1, std::vector<pulse>(room, pulse{5, 5})};
    members reports{.reports = std::vector<report>(room, report{{"a", 1}, "h", member_state::alive, 1})};
    CHECK(decode(encode(pulses), room).has_value());
    CHECK(decode(encode(reports), room).has_value());
    pulses.pulses.push_back({6, 6});
    reports.reports.push_back({{"b", 1}, "h", member_state::alive, 1});
    CHECK_FALSE(decode(encode(pulses), room).has_value());
    CHECK_FALSE(decode(encode(reports), room).has_value());
}

TEST_CASE("an unknown version, kind or flag is malformed", "[membership][messages]")
{
    auto const whole = encode(some_members());
    for (std::size_t const at : {0u, 1u, 2u})
        for (int value = 0; value < 256; ++value) {
            auto other = whole;
            other[at] = static_cast<char>(value);
            bool const known = (at == 0 && value == 1) || (at == 1 && value == 1) || (at == 2 && value < 8);
            CAPTURE(at, value);
            REQUIRE(decode(other, room).has_value() == known);
        }
}

TEST_CASE("counters stop growing at their limit", "[membership][messages]")
{
    CHECK(grown(1, 3) == 4);
    CHECK(grown(counter_max - 1, 3) == counter_max);
    CHECK(grown(counter_max, 1) == counter_max);
}
