// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/policy/capabilities.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/policy/view.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>

namespace {

using drover::authority;
using drover::member_state;
using drover::promise_level;

template <bool Voters>
struct a_placement {
    static constexpr drover::placement_capabilities capabilities{.agreed = true, .minimal_moves = true, .voters = Voters};
};

template <bool Linearizable>
struct a_store {
    static constexpr drover::store_capabilities capabilities{
        .replicated = true, .durable = false, .linearizable = Linearizable, .ordered = true};
};

drover::view three_members()
{
    return {4,
        {{{"a", 1}, "a:1", member_state::alive}, {{"b", 7}, "b:1", member_state::dead}, {{"d", 2}, "d:1", member_state::left}}};
}

} // namespace

TEST_CASE("a member is found by its name", "[policy]")
{
    auto const view = three_members();
    for (auto const& member : view.members)
        CHECK(view.find(member.id.name) == &member);
    for (auto const* const name : {"", "0", "aa", "c", "e"})
        CHECK(view.find(name) == nullptr);
    CHECK(drover::view{}.find("a") == nullptr);
}

TEST_CASE("alive is this very life of a node", "[policy]")
{
    auto const view = three_members();
    CHECK(view.alive({"a", 1}));
    CHECK_FALSE(view.alive({"a", 2}));
    CHECK_FALSE(view.alive({"b", 7}));
    CHECK_FALSE(view.alive({"d", 2}));
    CHECK_FALSE(view.alive({"c", 1}));
}

TEST_CASE("states of members have names", "[policy]")
{
    CHECK(std::string{to_string(member_state::alive)} == "alive");
    CHECK(std::string{to_string(member_state::dead)} == "dead");
    CHECK(std::string{to_string(member_state::left)} == "left");
}

TEST_CASE("who grants ownership follows from the capabilities, and so does what is promised", "[policy]")
{
    STATIC_REQUIRE(drover::authority_of<a_placement<false>, a_store<false>> == authority::none);
    STATIC_REQUIRE(drover::authority_of<a_placement<true>, a_store<false>> == authority::voters);
    STATIC_REQUIRE(drover::authority_of<a_placement<false>, a_store<true>> == authority::store);
    STATIC_REQUIRE(drover::promise_of<a_placement<false>, a_store<false>> == promise_level::at_least_once);
    STATIC_REQUIRE(drover::promise_of<a_placement<true>, a_store<false>> == promise_level::at_most_one_running);
    STATIC_REQUIRE(drover::promise_of<a_placement<false>, a_store<true>> == promise_level::at_most_one_effective);
}

TEST_CASE("ranks are ordered by their major number first", "[policy]")
{
    CHECK(drover::record_rank{1, 9} < drover::record_rank{2, 0});
    CHECK(drover::record_rank{2, 0} < drover::record_rank{2, 1});
    CHECK(drover::record_rank{2, 1} == drover::record_rank{2, 1});
}
