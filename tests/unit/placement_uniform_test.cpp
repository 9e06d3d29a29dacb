// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/placement/uniform.hpp>

#include "placement_properties.hpp"

#include <drover/base/random.hpp>
#include <drover/placement/logarithm.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace placement_properties;
using drover::uniform;
namespace detail = drover::detail;

constexpr std::uint64_t draw_most = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t one = std::uint64_t{1} << detail::logarithm_fraction_bits;

/// Draws of every magnitude: from anywhere, near 0, near the largest, and around powers of two.
std::uint64_t some_draw(drover::random_stream& random)
{
    auto const any = random.next();
    switch (random.below(4)) {
    case 0: return any;
    case 1: return any >> random.below(64);
    case 2: return ~(any >> random.below(64));
    default: return (std::uint64_t{1} << random.below(64)) + random.below(5) - 2;
    }
}

/// -log2((draw + 1) / 2^64), in units.
long double true_logarithm(std::uint64_t draw)
{
    return (64.0L - std::log2(static_cast<long double>(draw) + 1)) * static_cast<long double>(one);
}

/// The key for which the candidate with this hash of its name draws `wanted`.
std::uint64_t key_of_draw(std::uint64_t name_hash, std::uint64_t wanted)
{
    auto const inverse = [](std::uint64_t odd) {
        std::uint64_t result = odd; // correct in 3 bits; each step doubles them (Newton)
        for (int step = 0; step < 5; ++step)
            result *= 2 - odd * result;
        return result;
    };
    auto value = wanted ^ (wanted >> 31) ^ (wanted >> 62);
    value *= inverse(0x94d049bb133111ebULL);
    value ^= (value >> 27) ^ (value >> 54);
    return value * inverse(0xbf58476d1ce4e5b9ULL) ^ name_hash;
}

/// The definition: quotients compared exactly, everybody with everybody.
std::string_view naive_place(std::vector<candidate> const& candidates, std::uint64_t key)
{
    __extension__ using wide = unsigned __int128;
    auto const beats = [key](candidate const& a, candidate const& b) {
        auto const draw_a = uniform::draw(drover::hash64(a.name), key);
        auto const draw_b = uniform::draw(drover::hash64(b.name), key);
        auto const weight_a = drover::weight_of(a);
        auto const weight_b = drover::weight_of(b);
        auto const quotient_a = wide{detail::negative_log2(draw_a)} * weight_b; // each times both weights
        auto const quotient_b = wide{detail::negative_log2(draw_b)} * weight_a;
        if (quotient_a != quotient_b)
            return quotient_a < quotient_b;
        if (draw_a != draw_b)
            return draw_a > draw_b;
        return weight_a != weight_b ? weight_a > weight_b : a.name < b.name;
    };
    return std::min_element(candidates.begin(), candidates.end(), beats)->name;
}

} // namespace

TEST_CASE("logarithms of draws are those of long double, to one unit", "[placement][uniform]")
{
    drover::random_stream random{1};
    std::size_t wrong = 0;
    std::size_t out_of_bounds = 0;
    for (int i = 0; i < 200'000; ++i) {
        auto const draw = some_draw(random);
        auto const logarithm = detail::negative_log2(draw);
        auto const error = static_cast<long double>(logarithm) - true_logarithm(draw);
        wrong += error < -0.001L || error > 1.001L; // long double has 64 bits: less than 1/1000 of a unit is uncertain
        auto const above = detail::negative_log2_above(draw);
        out_of_bounds += above < logarithm || above - logarithm > detail::negative_log2_slack;
    }
    CHECK(wrong == 0);
    CHECK(out_of_bounds == 0);
}

TEST_CASE("logarithms of draws are exact where they are whole, and end where they should", "[placement][uniform]")
{
    STATIC_REQUIRE(detail::negative_log2(0) == 64 * one);
    STATIC_REQUIRE(detail::negative_log2(draw_most) == 0);
    STATIC_REQUIRE(detail::negative_log2(draw_most - 1) == 1);
    STATIC_REQUIRE(detail::negative_log2_above(0) == 64 * one);
    STATIC_REQUIRE(detail::negative_log2_above(draw_most) == 0);
    for (unsigned power = 0; power < 64; ++power) {
        CHECK(detail::negative_log2((std::uint64_t{1} << power) - 1) == (64 - power) * one);
        CHECK(detail::negative_log2_above((std::uint64_t{1} << power) - 1) == (64 - power) * one);
    }
}

TEST_CASE("logarithms of draws fall monotonically", "[placement][uniform]")
{
    drover::random_stream random{2};
    std::size_t rising = 0;
    for (int i = 0; i < 100'000; ++i) {
        auto const draw = some_draw(random);
        auto const other = random.chance(500'000) ? some_draw(random) : draw + (random.next() >> random.between(1, 63));
        rising += detail::negative_log2(std::min(draw, other)) < detail::negative_log2(std::max(draw, other));
    }
    // Where digits of the result change: around the segments, and over a stretch of neighbours.
    for (std::uint64_t at = 0; at < 128; ++at)
        for (std::uint64_t near = 0; near < 16; ++near) {
            auto const draw = (std::uint64_t{1} << 63) + (at << 56) + near - 8;
            rising += detail::negative_log2(draw) < detail::negative_log2(draw + 1);
        }
    for (auto const start : {std::uint64_t{1}, random.next(), random.next(), draw_most - 20'000})
        for (std::uint64_t step = 0; step < 10'000; ++step)
            rising += detail::negative_log2(start + step) < detail::negative_log2(start + step + 1);
    CHECK(rising == 0);
}

TEST_CASE("the lookup equals the definition", "[placement][uniform]")
{
    for (std::size_t const count : {1u, 2u, 3u, 8u, 40u}) {
        for (std::uint32_t const weight_most : {1u, 2u, 3u, 40u, 1'500u}) {
            cluster nodes{count};
            drover::random_stream random{count, weight_most};
            for (auto& [name, weight] : nodes.weights)
                weight = static_cast<std::uint32_t>(random.below(weight_most + 1));
            auto const candidates = nodes.candidates();
            auto const table = uniform{}.build(candidates);
            std::size_t different = 0;
            for (int i = 0; i < 300; ++i) {
                // Half of the keys are chosen so that somebody's draw is an extreme one.
                auto const& who = candidates[random.below(candidates.size())];
                auto const key =
                    random.chance(500'000) ? random.next() : key_of_draw(drover::hash64(who.name), some_draw(random));
                different += candidates[table.place(key)].name != naive_place(candidates, key);
            }
            CAPTURE(count, weight_most);
            CHECK(different == 0);
        }
    }
}

TEST_CASE("near ties are decided by exact logarithms", "[placement][uniform]")
{
    // Bounds of the logarithms are off by up to 2^-16: among so many keys, a dozen or two are closer than that.
    std::vector<candidate> const candidates{{"heavy", 3}, {"light", 2}};
    auto const table = uniform{}.build(candidates);
    std::size_t near = 0;
    std::size_t different = 0;
    for (std::uint64_t i = 0; i < 2'000'000; ++i) {
        auto const key = random_key(i);
        auto const heavy = detail::negative_log2_above(uniform::draw(drover::hash64("heavy"), key)) * 2;
        auto const light = detail::negative_log2_above(uniform::draw(drover::hash64("light"), key)) * 3;
        if (std::max(heavy, light) - std::min(heavy, light) > 3 * detail::negative_log2_slack)
            continue;
        ++near;
        different += candidates[table.place(key)].name != naive_place(candidates, key);
    }
    CHECK(near >= 10);
    CHECK(different == 0);
}

TEST_CASE("who draws the largest number wins, whatever it weighs", "[placement][uniform]")
{
    std::vector<candidate> const candidates{{"heavy", 1'000}, {"light", 1}, {"middle", 500}};
    auto const table = uniform{}.build(candidates);
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        auto const name_hash = drover::hash64(candidates[i].name);
        REQUIRE(uniform::draw(name_hash, key_of_draw(name_hash, draw_most)) == draw_most);
        REQUIRE(uniform::draw(name_hash, key_of_draw(name_hash, 12'345)) == 12'345);
        CHECK(table.place(key_of_draw(name_hash, draw_most)) == i);
        CHECK(table.place(key_of_draw(name_hash, 0)) != i);
    }
}

TEST_CASE("between equal draws the heavier one wins", "[placement][uniform]")
{
    auto const names = colliding_names(2);
    for (std::size_t heavy = 0; heavy < 2; ++heavy) {
        std::vector<candidate> candidates{{names[0]}, {names[1]}};
        candidates[heavy].weight = 2;
        auto const table = uniform{}.build(candidates);
        auto const name_hash = drover::hash64(names[0]);
        for (std::uint64_t const wanted : {draw_most, draw_most - 1, std::uint64_t{1} << 63, std::uint64_t{0}})
            CHECK(table.place(key_of_draw(name_hash, wanted)) == heavy);
    }
}

TEST_CASE("shares vary no more than chance does", "[placement][uniform]")
{
    // Chi-square, five standard deviations: keys that are drawn from 1,000 shares that are the same would fail once in millions.
    for (auto const& [count, weight_most] : std::vector<std::pair<std::size_t, std::uint32_t>>{{1'000, 1}, {300, 7}}) {
        auto const nodes = cluster{count, weight_most};
        auto const candidates = nodes.candidates();
        auto const table = uniform{}.build(candidates);
        std::vector<std::uint32_t> shares(count);
        std::size_t const keys_count = 50 * count;
        for (std::uint64_t i = 0; i < keys_count; ++i)
            ++shares[table.place(random_key(i))];
        double weights = 0;
        for (auto const& who : candidates)
            weights += who.weight;
        double chi_square = 0;
        for (std::size_t i = 0; i < count; ++i) {
            double const ideal = static_cast<double>(keys_count) * candidates[i].weight / weights;
            chi_square += (shares[i] - ideal) * (shares[i] - ideal) / ideal;
        }
        auto const degrees = static_cast<double>(count - 1);
        CAPTURE(chi_square, degrees);
        CHECK(std::abs(chi_square - degrees) < 5 * std::sqrt(2 * degrees));
    }
}

TEST_CASE("who is second does not depend on who is first", "[placement][uniform]")
{
    // The heirs of each of twenty, a matrix of 20 x 19 equally likely pairs: again chi-square. Two candidates that draw alike
    // would show here.
    constexpr std::size_t count = 20;
    auto const nodes = cluster{count};
    auto const table = uniform{}.build(nodes.candidates());
    std::vector<std::uint32_t> pairs(count * count);
    constexpr std::size_t keys_count = count * (count - 1) * 200;
    for (std::uint64_t i = 0; i < keys_count; ++i) {
        auto const first = table.place(random_key(i));
        ++pairs[first * count + table.place_where(random_key(i), [first](std::size_t index) { return index != first; })];
    }
    double chi_square = 0;
    for (std::size_t at = 0; at < pairs.size(); ++at)
        if (at / count != at % count)
            chi_square += (pairs[at] - 200.0) * (pairs[at] - 200.0) / 200;
        else
            CHECK(pairs[at] == 0);
    double const degrees = count * (count - 1) - 1;
    CAPTURE(chi_square, degrees);
    CHECK(std::abs(chi_square - degrees) < 5 * std::sqrt(2 * degrees));
}

TEST_CASE("it asks about few candidates", "[placement][uniform]")
{
    auto const nodes = cluster{1'000};
    auto const table = uniform{}.build(nodes.candidates());
    std::size_t asked = 0;
    for (std::uint64_t i = 0; i < 200; ++i)
        (void)table.place_where(random_key(i), [&](std::size_t) { return ++asked > 0; });
    CHECK(asked < 200 * 10); // the records among 1,000 numbers: 7.5 on average
}

TEST_CASE("uniform never changes", "[placement][uniform]")
{
    // Golden values: nodes of different builds share a cluster, so these may never be edited.
    std::vector<candidate> const equal{{"alpha"}, {"bravo"}, {"charlie"}, {"delta"}, {"echo"}};
    std::vector<candidate> const weighted{{"alpha", 1}, {"bravo", 2}, {"charlie", 1}, {"delta", 1}, {"echo", 3}};
    auto const of = [](std::vector<candidate> const& candidates, auto const& keys) {
        auto const table = uniform{}.build(candidates);
        std::string names;
        for (std::uint64_t const key : keys)
            names += candidates[table.place(key)].name.substr(0, 1);
        return names;
    };
    std::vector<std::uint64_t> keys{0, 1, 0x1000000000000000ULL, 0x3fffffffffffffffULL, 0x8000000000000000ULL,
        0xcafef00dd15ea5e5ULL, 0xfedcba9876543210ULL, draw_most};
    for (int i = 1; i <= 24; ++i)
        keys.push_back(drover::hash64("child-" + std::to_string(i)));
    CHECK(of(equal, keys) == "eabcecaaabcbebdddadbedddeebbbbbc");
    CHECK(of(weighted, keys) == "eabeecaeebcbebdddadbeeedeeebbbbe");
    CHECK(uniform::draw(drover::hash64("alpha"), 1) == 0xe6ecc7711b761f4cULL);
    CHECK(detail::negative_log2(0xcafef00dd15ea5e5ULL) == 94'207'865'822'555);
}
