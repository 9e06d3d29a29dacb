// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/store/causal_context.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace {

using drover::bytes;
using drover::bytes_view;
using drover::store::causal_context;

/// Few origins and small numbers, so that two contexts often agree in parts.
causal_context random_context(drover::random_stream& random)
{
    causal_context result;
    for (auto left = random.below(6); left > 0; --left) {
        auto const origin = random.below(5) * 0x3333333333333333;
        result.raise(origin, random.below(4));
    }
    return result;
}

causal_context joined(causal_context left, causal_context const& right)
{
    left.merge(right);
    return left;
}

/// Equal in what they have seen: an origin of which nothing was seen is as none.
bool same_sight(causal_context const& left, causal_context const& right) { return left.includes(right) && right.includes(left); }

bytes encoded(causal_context const& context)
{
    drover::wire::writer out;
    context.encode(out);
    return out.take();
}

std::optional<causal_context> decoded(bytes_view data)
{
    drover::wire::reader in{data};
    auto result = causal_context::decode(in);
    return in.complete() ? result : std::nullopt;
}

bytes items(std::initializer_list<causal_context::item> list)
{
    drover::wire::writer out;
    out.number(list.size());
    for (auto const& item : list)
        out.fixed64(item.origin).number(item.sequence);
    return out.take();
}

} // namespace

TEST_CASE("a context is as a map of numbers that only grow", "[store][context]")
{
    drover::random_stream random{1};
    causal_context context;
    std::map<std::uint64_t, std::uint64_t> expected;
    for (int step = 0; step < 5'000; ++step) {
        auto const origin = drover::mix64(random.below(40));
        auto const sequence = random.below(1'000);
        context.raise(origin, sequence);
        auto& known = expected[origin];
        known = std::max(known, sequence);
        REQUIRE(context.at(origin) == known);
    }
    REQUIRE(context.items().size() == expected.size());
    std::size_t position = 0;
    for (auto const& [origin, sequence] : expected)
        CHECK(context.items()[position++] == causal_context::item{origin, sequence});
    CHECK(context.at(7) == 0);
}

TEST_CASE("merging contexts is a join", "[store][context]")
{
    drover::random_stream random{2};
    for (int round = 0; round < 3'000; ++round) {
        auto const a = random_context(random);
        auto const b = random_context(random);
        auto const c = random_context(random);
        REQUIRE(joined(a, b) == joined(b, a));
        REQUIRE(joined(joined(a, b), c) == joined(a, joined(b, c)));
        REQUIRE(joined(a, a) == a);
        REQUIRE(joined(a, b).includes(a));
        REQUIRE(joined(a, b).includes(b));
        REQUIRE(a.includes(b) == same_sight(joined(a, b), a)); // the order is that of the join
    }
}

TEST_CASE("a context includes another when no number of it is smaller", "[store][context]")
{
    drover::random_stream random{3};
    for (int round = 0; round < 3'000; ++round) {
        auto const a = random_context(random);
        auto const b = random_context(random);
        auto expected = true;
        for (std::uint64_t i = 0; i < 5; ++i)
            expected = expected && a.at(i * 0x3333333333333333) >= b.at(i * 0x3333333333333333);
        REQUIRE(a.includes(b) == expected);
    }
}

TEST_CASE("a context goes over the wire, and no truncation of it does", "[store][context]")
{
    drover::random_stream random{4};
    for (int round = 0; round < 200; ++round) {
        auto const context = random_context(random);
        auto const data = encoded(context);
        REQUIRE(decoded(data) == context);
        for (std::size_t size = 0; size < data.size(); ++size)
            REQUIRE_FALSE(decoded(bytes_view{data}.substr(0, size)));
    }
}

TEST_CASE("a context on the wire is sorted, each origin once", "[store][context]")
{
    CHECK(decoded(items({{1, 5}, {2, 5}})));
    CHECK_FALSE(decoded(items({{2, 5}, {1, 5}})));
    CHECK_FALSE(decoded(items({{1, 5}, {1, 6}})));
}

TEST_CASE("a context of impossibly many origins is refused before it is read", "[store][context]")
{
    CHECK_FALSE(decoded(drover::wire::writer{}.number(~std::uint64_t{0}).take()));
    CHECK_FALSE(decoded(drover::wire::writer{}.number(causal_context::origins_count_max).take()));
    drover::wire::writer too_many;
    too_many.number(causal_context::origins_count_max + 1);
    for (std::uint64_t origin = 0; origin <= causal_context::origins_count_max; ++origin)
        too_many.fixed64(origin).number(1);
    CHECK_FALSE(decoded(too_many.view()));
}

TEST_CASE("the lives of one node name are several origins", "[store][context]")
{
    CHECK(drover::store::origin_of({"n1", 1}) == drover::store::origin_of({"n1", 1}));
    CHECK(drover::store::origin_of({"n1", 1}) != drover::store::origin_of({"n1", 2}));
    CHECK(drover::store::origin_of({"n1", 1}) != drover::store::origin_of({"n2", 1}));
}

TEST_CASE("lives of nodes with like names have numbers of their own", "[store][context]")
{
    std::set<drover::store::origin_id> seen;
    std::size_t lives = 0;
    for (std::string const prefix : {"", "n", "n0", "node-", "store-node-"})
        for (int name = 0; name < 10; ++name)
            for (drover::incarnation_number incarnation = 0; incarnation < 100; ++incarnation, ++lives)
                seen.insert(drover::store::origin_of({prefix + std::to_string(name), incarnation}));
    CHECK(seen.size() == lives);
}
