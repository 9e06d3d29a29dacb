// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// What every Placement keeps, over every model; and over broken ones, so that it is known that the checks notice.
#include "placement_properties.hpp"

#include <drover/placement/bounded.hpp>
#include <drover/placement/ring.hpp>
#include <drover/placement/uniform.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace placement_properties;
using drover::bounded;
using drover::ring;
using drover::uniform;

/// Of the share of a candidate of weight 1: see `shares_out_of_bounds`.
template <class P>
constexpr double relative_variance = std::is_same_v<P, ring> || std::is_same_v<P, bounded<ring>> ? 1.0 / 128 : 0;

// Broken placements: each one mistake in an otherwise sound model.

struct broken {
    static constexpr drover::placement_capabilities capabilities{.agreed = true, .minimal_moves = true};
};

/// Counts the candidates instead of looking at their names.
struct modulo : broken {
    struct table_type {
        [[nodiscard]] std::size_t place(std::uint64_t key) const { return static_cast<std::size_t>(key % count); }
        std::size_t count = 0;
    };
    [[nodiscard]] static table_type build(std::span<candidate const> candidates) { return {candidates.size()}; }
};

/// Draws by where the name lies in memory.
struct by_address : broken {
    struct table_type {
        [[nodiscard]] std::size_t place(std::uint64_t key) const
        {
            std::size_t best = 0;
            for (std::size_t i = 1; i < addresses.size(); ++i)
                if (uniform::draw(addresses[i], key) > uniform::draw(addresses[best], key))
                    best = i;
            return best;
        }
        std::vector<std::uint64_t> addresses;
    };
    [[nodiscard]] static table_type build(std::span<candidate const> candidates)
    {
        table_type table;
        for (auto const& who : candidates)
            table.addresses.push_back(drover::mix64(reinterpret_cast<std::uintptr_t>(who.name.data())));
        return table;
    }
};

/// Compares draws times weight: the mean of the draw grows with the weight, but shares do not grow in proportion.
struct draws_times_weight : broken {
    struct table_type {
        [[nodiscard]] std::size_t place(std::uint64_t key) const
        {
            std::size_t best = 0;
            for (std::size_t i = 1; i < hashes.size(); ++i)
                if (score(i, key) > score(best, key))
                    best = i;
            return best;
        }
        [[nodiscard]] std::uint64_t score(std::size_t i, std::uint64_t key) const
        {
            return (uniform::draw(hashes[i], key) >> 10) * weights[i];
        }
        std::vector<std::uint64_t> hashes;
        std::vector<std::uint32_t> weights;
    };
    [[nodiscard]] static table_type build(std::span<candidate const> candidates)
    {
        table_type table;
        for (auto const& who : candidates) {
            table.hashes.push_back(drover::hash64(who.name));
            table.weights.push_back(drover::weight_of(who));
        }
        return table;
    }
};

/// Draws with one multiplication, which mixes too little: neighbouring hashes draw alike.
struct poor_mixing : broken {
    struct table_type {
        [[nodiscard]] std::size_t place(std::uint64_t key) const
        {
            std::size_t best = 0;
            for (std::size_t i = 1; i < hashes.size(); ++i)
                if ((hashes[i] ^ key) * 0x9e37ULL > (hashes[best] ^ key) * 0x9e37ULL)
                    best = i;
            return best;
        }
        std::vector<std::uint64_t> hashes;
    };
    [[nodiscard]] static table_type build(std::span<candidate const> candidates)
    {
        table_type table;
        for (auto const& who : candidates)
            table.hashes.push_back(drover::hash64(who.name) >> 40);
        return table;
    }
};

/// Takes as many candidates for the same candidates.
struct counts_candidates : uniform {
    void update(table_type& table, std::span<candidate const> before, std::span<candidate const> after) const
    {
        if (before.size() != after.size())
            uniform::update(table, before, after);
    }
};

/// Says the second best where the best is not accepted, without asking.
struct asks_once : broken {
    struct table_type {
        [[nodiscard]] std::size_t place(std::uint64_t key) const { return inner.place(key); }
        template <class Accepts>
        [[nodiscard]] std::size_t place_where(std::uint64_t key, Accepts accepts) const
        {
            auto const best = place(key);
            return accepts(best) ? best : inner.place_where(key, [best](std::size_t index) { return index != best; });
        }
        uniform::table_type inner;
    };
    [[nodiscard]] static table_type build(std::span<candidate const> candidates) { return {uniform{}.build(candidates)}; }
};

/// Bounded loads with a mistake in the table.
template <template <class> class Mistake>
struct broken_bounded : broken {
    struct table_type : Mistake<bounded<ring>::table_type> {};
    [[nodiscard]] table_type build(std::span<candidate const> candidates) const
    {
        return {{bounded<ring>{load_percent_max, inner}.build(candidates)}};
    }
    std::uint32_t load_percent_max = 125;
    ring inner;
};

template <class Table>
struct goes_home : Table {
    using Table::place;
    [[nodiscard]] std::size_t place(std::uint64_t key, drover::candidate_loads const&) const { return Table::place(key); }
};

template <class Table>
struct goes_to_the_emptiest : Table {
    [[nodiscard]] std::size_t place(std::uint64_t, drover::candidate_loads const& loads) const
    {
        return static_cast<std::size_t>(std::min_element(loads.each.begin(), loads.each.end()) - loads.each.begin());
    }
};

/// Takes one that is full already for one with room.
template <class Table>
struct goes_one_too_far : Table {
    [[nodiscard]] std::size_t place(std::uint64_t key, drover::candidate_loads const& loads) const
    {
        std::vector<std::uint32_t> fewer{loads.each.begin(), loads.each.end()};
        for (auto& load : fewer)
            load -= load > 0;
        return Table::place(key, {fewer, loads.total});
    }
};

} // namespace

TEMPLATE_TEST_CASE("a model says what it promises", "[placement][models]", ring, uniform)
{
    STATIC_REQUIRE(drover::updatable_placement<TestType>);
    STATIC_REQUIRE(drover::ranked_placement<TestType>);
    STATIC_REQUIRE_FALSE(drover::load_placement<TestType>);
    STATIC_REQUIRE(TestType::capabilities.agreed);
    STATIC_REQUIRE(TestType::capabilities.minimal_moves);
    STATIC_REQUIRE_FALSE(TestType::capabilities.voters);
    STATIC_REQUIRE_FALSE(TestType::capabilities.by_load);

    using wrapped = bounded<TestType>;
    STATIC_REQUIRE(drover::load_placement<wrapped>);
    STATIC_REQUIRE(drover::updatable_placement<wrapped>);
    STATIC_REQUIRE_FALSE(wrapped::capabilities.agreed);
    STATIC_REQUIRE_FALSE(wrapped::capabilities.voters);
    STATIC_REQUIRE(wrapped::capabilities.by_load);
}

TEMPLATE_TEST_CASE("one that restarts answers the same", "[placement][models]", ring, uniform, bounded<ring>, bounded<uniform>)
{
    CHECK(changed_by_restart(TestType{}) == 0);
}

TEMPLATE_TEST_CASE(
    "the order of the candidates does not matter", "[placement][models]", ring, uniform, bounded<ring>, bounded<uniform>)
{
    CHECK(changed_by_order(TestType{}) == 0);
}

TEMPLATE_TEST_CASE("a single candidate has everything", "[placement][models]", ring, uniform, bounded<ring>, bounded<uniform>)
{
    for (std::uint32_t const weight : {0u, 1u, 7u, std::numeric_limits<std::uint32_t>::max()}) {
        auto const table = TestType{}.build(std::vector<candidate>{{"alone", weight}});
        std::size_t elsewhere = 0;
        for (std::uint64_t i = 0; i < 1'000; ++i)
            elsewhere += table.place(random_key(i)) != 0;
        CHECK(elsewhere == 0);
        CHECK(table.place(0) == 0);
        CHECK(table.place(std::numeric_limits<std::uint64_t>::max()) == 0);
    }
}

TEMPLATE_TEST_CASE("nobody can be built, and built again", "[placement][models]", ring, uniform, bounded<ring>, bounded<uniform>)
{
    auto table = TestType{}.build({});
    TestType{}.update(table, {}, {});
    CHECK(table == TestType{}.build({}));
}

TEMPLATE_TEST_CASE("what moves goes to whoever comes, or comes from whoever goes", "[placement][models]", ring, uniform,
    bounded<ring>, bounded<uniform>)
{
    for (std::uint64_t seed = 1; seed <= 3; ++seed)
        CHECK(strange_moves(TestType{}, seed) == 0);
}

TEMPLATE_TEST_CASE("shares are in proportion to weights", "[placement][models]", ring, uniform, bounded<ring>, bounded<uniform>)
{
    struct row {
        std::size_t nodes_count;
        std::uint32_t weight_most;
    };
    for (auto const& [nodes_count, weight_most] :
        {row{2, 1}, row{2, 2}, row{3, 1}, row{10, 1}, row{10, 5}, row{100, 1}, row{100, 4}}) {
        CAPTURE(nodes_count, weight_most);
        cluster const nodes{nodes_count, weight_most};
        CHECK(shares_out_of_bounds(TestType{}, nodes, relative_variance<TestType>, 100'000) == 0);
    }
    cluster extremes;
    extremes.weights = {{"giant", 1'000}, {"light", 0}, {"middle", 200}, {"too heavy", 4'000'000'000}};
    CHECK(shares_out_of_bounds(TestType{}, extremes, relative_variance<TestType>, 100'000) == 0);
}

TEMPLATE_TEST_CASE("of names with one hash the smallest has everything", "[placement][models]", ring, uniform)
{
    auto const names = colliding_names(3);
    REQUIRE(drover::hash64(names[0]) == drover::hash64(names[1]));
    REQUIRE(drover::hash64(names[0]) == drover::hash64(names[2]));
    std::vector<candidate> const sorted{{"other", 100}, {names[0]}, {names[1]}, {names[2]}};
    std::vector<candidate> const permuted{sorted[3], sorted[1], sorted[0], sorted[2]};
    std::vector<candidate> const without{sorted[0], sorted[2], sorted[3]};
    auto const all_answers = answers(TestType{}, sorted, 5'000);
    auto const count_of = [](auto const& given, std::string const& name) { return std::count(given.begin(), given.end(), name); };
    CHECK(count_of(all_answers, names[0]) > 0);
    CHECK(count_of(all_answers, names[1]) == 0);
    CHECK(count_of(all_answers, names[2]) == 0);
    CHECK(differences(all_answers, answers(TestType{}, permuted, 5'000)) == 0);
    auto const answers_without = answers(TestType{}, without, 5'000);
    CHECK(count_of(answers_without, names[1]) == count_of(all_answers, names[0]));
    CHECK(count_of(answers_without, names[2]) == 0);

    auto const table_of_all = TestType{}.build(permuted);
    std::size_t different = 0;
    for (std::uint64_t i = 0; i < 5'000; ++i)
        different += permuted[table_of_all.place_where(random_key(i), [](std::size_t) { return true; })].name != all_answers[i];
    CHECK(different == 0);

    // Two of them come and go at once.
    std::vector<candidate> const one{sorted[0], sorted[2]};
    auto table = TestType{}.build(one);
    TestType{}.update(table, one, sorted);
    CHECK(table == TestType{}.build(sorted));
    TestType{}.update(table, sorted, one);
    CHECK(table == TestType{}.build(one));
}

TEMPLATE_TEST_CASE("one that joins ten takes an eleventh", "[placement][models]", ring, uniform)
{
    auto const moved = moved_by_joining_ten(TestType{});
    CAPTURE(moved);
    CHECK(moved <= 1'000.0 / 11 * 1.05);
    CHECK(moved >= 1'000.0 / 11 * 0.95);
}

TEMPLATE_TEST_CASE("an updated table equals a built one", "[placement][models]", ring, uniform, bounded<ring>, bounded<uniform>)
{
    for (std::uint64_t seed = 1; seed <= 4; ++seed)
        CHECK(wrong_updates(TestType{}, seed) == 0);
}

TEMPLATE_TEST_CASE("the best of some is the best if there were no others", "[placement][models]", ring, uniform)
{
    for (std::uint64_t seed = 1; seed <= 2; ++seed)
        CHECK(wrong_ranks(TestType{}, seed) == 0);
}

TEST_CASE("the checks notice what is broken", "[placement][models]")
{
    CHECK(changed_by_restart(by_address{}) > 0);
    CHECK(changed_by_order(modulo{}) > 0);
    CHECK(strange_moves(modulo{}, 1) > 0);
    CHECK(moved_by_joining_ten(modulo{}) > 500);
    CHECK(shares_out_of_bounds(modulo{}, cluster{10, 5}, 0, 100'000) > 0);             // without weights
    CHECK(shares_out_of_bounds(modulo{}, cluster{2, 2}, 1.0 / 128, 100'000) > 0);      // noticed with a ring's tolerance too
    CHECK(shares_out_of_bounds(draws_times_weight{}, cluster{2, 2}, 0, 100'000) > 0);  // 3/4 instead of 2/3
    CHECK(shares_out_of_bounds(draws_times_weight{}, cluster{10, 5}, 0, 100'000) > 0); // not in proportion
    CHECK(shares_out_of_bounds(poor_mixing{}, cluster{10, 1}, 0, 100'000) > 0);
    CHECK(wrong_updates(counts_candidates{}, 1) > 0);
    CHECK(wrong_ranks(asks_once{}, 1) > 0);
    CHECK(overloads(broken_bounded<goes_home>{}, 1) > 0);
    CHECK(overloads(broken_bounded<goes_one_too_far>{}, 1) > 0);
    CHECK(unpreferred(broken_bounded<goes_home>{}, 1) > 0);
    CHECK(unpreferred(broken_bounded<goes_to_the_emptiest>{}, 1) > 0);
    CHECK(unpreferred(broken_bounded<goes_one_too_far>{}, 1) > 0);
}

TEST_CASE("the broken ones are sound otherwise", "[placement][models]")
{
    STATIC_REQUIRE(drover::placement<modulo> && drover::placement<by_address> && drover::placement<draws_times_weight>);
    STATIC_REQUIRE(drover::placement<poor_mixing> && drover::updatable_placement<counts_candidates>);
    STATIC_REQUIRE(drover::ranked_placement<asks_once>);
    CHECK(changed_by_restart(modulo{}) == 0);
    CHECK(changed_by_order(draws_times_weight{}) == 0);
    CHECK(strange_moves(draws_times_weight{}, 1) == 0);
    CHECK(shares_out_of_bounds(by_address{}, cluster{10, 1}, 0, 100'000) == 0);
    CHECK(overloads(broken_bounded<std::type_identity_t>{}, 1) == 0);
    CHECK(unpreferred(broken_bounded<std::type_identity_t>{}, 1) == 0);
}
