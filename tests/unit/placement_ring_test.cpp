// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/placement/ring.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {

using drover::candidate;
using drover::ring;

std::vector<std::string> names_of(std::size_t count)
{
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i)
        names.push_back("node-" + std::to_string(i));
    std::sort(names.begin(), names.end());
    return names;
}

std::vector<candidate> candidates_of(std::vector<std::string> const& names)
{
    std::vector<candidate> candidates;
    for (auto const& name : names)
        candidates.push_back({name});
    return candidates;
}

/// Key `i` of a sequence that covers the circle evenly.
std::uint64_t even_key(std::uint64_t i) { return i * 0x9e3779b97f4a7c15ULL; }

/// The definition, without any index: all points in one sorted list, and a binary search.
class naive_ring {
public:
    naive_ring(std::vector<candidate> const& candidates, std::uint32_t points_per_weight)
    {
        for (auto const& who : candidates)
            for (std::uint32_t i = 0; i < who.weight * points_per_weight; ++i)
                points_.emplace_back(ring::point_hash(drover::hash64(who.name), i), who.name);
        std::sort(points_.begin(), points_.end());
    }

    std::string_view place(std::uint64_t key) const
    {
        auto const at = std::lower_bound(
            points_.begin(), points_.end(), key, [](auto const& point, std::uint64_t wanted) { return point.first < wanted; });
        return at == points_.end() ? points_.front().second : at->second;
    }

    std::vector<std::pair<std::uint64_t, std::string_view>> const& points() const { return points_; }

private:
    std::vector<std::pair<std::uint64_t, std::string_view>> points_;
};

/// How many of `keys_count` even keys each candidate gets.
std::vector<std::uint64_t> shares_of(std::vector<candidate> const& candidates, std::uint64_t keys_count)
{
    auto const table = ring{}.build(candidates);
    std::vector<std::uint64_t> shares(candidates.size());
    for (std::uint64_t i = 0; i < keys_count; ++i)
        ++shares[table.place(even_key(i))];
    return shares;
}

/// The keys that differ between the two tables, and those of them that neither came from nor went to `changed`.
struct moves {
    std::uint64_t all = 0;
    std::uint64_t strange = 0;
};

moves moves_between(
    std::vector<candidate> const& before, std::vector<candidate> const& after, std::string_view changed, std::uint64_t keys_count)
{
    auto const old_table = ring{}.build(before);
    auto const new_table = ring{}.build(after);
    moves counted;
    for (std::uint64_t i = 0; i < keys_count; ++i) {
        auto const old_name = before[old_table.place(even_key(i))].name;
        auto const new_name = after[new_table.place(even_key(i))].name;
        counted.all += old_name != new_name;
        counted.strange += old_name != new_name && old_name != changed && new_name != changed;
    }
    return counted;
}

} // namespace

TEST_CASE("a ring says what it promises", "[placement][ring]")
{
    STATIC_REQUIRE(drover::placement<ring>);
    STATIC_REQUIRE(ring::capabilities.agreed);
    STATIC_REQUIRE(ring::capabilities.minimal_moves);
    STATIC_REQUIRE_FALSE(ring::capabilities.voters);
}

TEST_CASE("a single candidate gets every key", "[placement][ring]")
{
    std::vector<candidate> const one{{"alone", 1}};
    for (std::uint32_t const points : {1u, 2u, 128u}) {
        auto const table = ring{points}.build(one);
        CHECK(table.points_count() == points);
        for (std::uint64_t i = 0; i < 1'000; ++i)
            REQUIRE(table.place(even_key(i)) == 0);
        CHECK(table.place(0) == 0);
        CHECK(table.place(std::numeric_limits<std::uint64_t>::max()) == 0);
    }
}

TEST_CASE("a ring of nobody can be built and has no points", "[placement][ring]")
{
    CHECK(ring{}.build({}).points_count() == 0);
    CHECK(ring::table_type{}.points_count() == 0);
}

TEST_CASE("the indexed lookup equals a binary search, at every boundary", "[placement][ring]")
{
    for (std::size_t const count : {1u, 2u, 3u, 7u, 50u, 300u}) {
        for (std::uint32_t const points : {1u, 3u, 128u}) {
            auto const names = names_of(count);
            auto const candidates = candidates_of(names);
            auto const table = ring{points}.build(candidates);
            naive_ring const naive{candidates, points};
            REQUIRE(table.points_count() == naive.points().size());

            std::vector<std::uint64_t> keys{
                0, 1, std::numeric_limits<std::uint64_t>::max() - 1, std::numeric_limits<std::uint64_t>::max()};
            for (auto const& point : naive.points())
                for (std::uint64_t const key : {point.first - 1, point.first, point.first + 1})
                    keys.push_back(key);
            drover::random_stream random{count, points};
            for (int i = 0; i < 2'000; ++i)
                keys.push_back(random.next());

            std::size_t different = 0;
            for (auto const key : keys)
                different += candidates[table.place(key)].name != naive.place(key);
            CAPTURE(count, points);
            CHECK(different == 0);
            for (std::size_t at = 0; at < table.points_count(); ++at)
                REQUIRE(table.point(at) == naive.points()[at].first);
        }
    }
}

TEST_CASE("the order of the candidates has no influence", "[placement][ring]")
{
    auto const names = names_of(40);
    auto sorted = candidates_of(names);
    for (std::size_t i = 0; i < sorted.size(); ++i)
        sorted[i].weight = static_cast<std::uint32_t>(1 + i % 3);
    auto const table = ring{}.build(sorted);

    drover::random_stream random{7};
    for (int round = 0; round < 5; ++round) {
        auto permuted = sorted;
        for (std::size_t i = permuted.size(); i > 1; --i)
            std::swap(permuted[i - 1], permuted[random.below(i)]);
        auto const other = ring{}.build(permuted);
        std::size_t different = 0;
        for (int i = 0; i < 20'000; ++i) {
            auto const key = random.next();
            different += sorted[table.place(key)].name != permuted[other.place(key)].name;
        }
        CHECK(different == 0);
    }
}

TEST_CASE("among equal points the smallest name comes first, whatever the order", "[placement][ring]")
{
    // The hashes of these two names (found by search) lie 4,380 steps of SplitMix64 apart, so of 5,120 points each 740 are
    // points of both.
    std::vector<candidate> const sorted{{"n1396844", 40}, {"n48277265", 40}};
    std::vector<candidate> const reversed{sorted[1], sorted[0]};
    auto const table = ring{}.build(sorted);
    auto const other = ring{}.build(reversed);

    std::size_t shared = 0;
    std::size_t wrong = 0;
    for (std::size_t at = 1; at < table.points_count(); ++at) {
        if (table.point(at) != table.point(at - 1))
            continue;
        ++shared;
        wrong += sorted[table.place(table.point(at))].name != "n1396844";
        wrong += reversed[other.place(other.point(at))].name != "n1396844";
    }
    CHECK(shared == 740);
    CHECK(wrong == 0);
}

TEST_CASE("an update keeps the order of equal points", "[placement][ring]")
{
    // The two names of above, between others, so that their indices shift.
    std::vector<candidate> const all{{"a"}, {"n1396844", 40}, {"n2"}, {"n48277265", 40}, {"z", 900}};
    for (std::size_t out = 0; out < all.size(); ++out) {
        auto fewer = all;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(out));
        auto table = ring{}.build(all);
        ring{}.update(table, all, fewer);
        CHECK(table == ring{}.build(fewer));
        ring{}.update(table, fewer, all);
        CHECK(table == ring{}.build(all));

        auto lighter = all;
        lighter[out].weight -= lighter[out].weight / 8;
        ring{}.update(table, all, lighter);
        CHECK(table == ring{}.build(lighter));
        ring{}.update(table, lighter, all);
        CHECK(table == ring{}.build(all));
    }
}

TEST_CASE("an update changes the number of buckets with the number of points", "[placement][ring]")
{
    // One point each, from 1 to 600 candidates and back: over each power of two, and one in, one out at once.
    auto const names = names_of(600);
    auto const all = candidates_of(names);
    ring const thin{1};
    std::vector<candidate> before;
    auto table = thin.build(before);
    auto const become = [&](std::size_t first, std::size_t last) {
        std::vector<candidate> const after(
            all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(last));
        thin.update(table, before, after);
        before = after;
        return table == thin.build(after);
    };
    std::size_t wrong = 0;
    for (std::size_t count = 1; count <= 600; ++count)
        wrong += !become(0, count);
    for (std::size_t first = 1; first < 600; ++first)
        wrong += !become(first, 600);
    for (std::size_t first = 500; first > 0; --first)
        wrong += !become(first, first + 100);
    CHECK(wrong == 0);
}

TEST_CASE("from a key on, the next accepted point decides", "[placement][ring]")
{
    for (std::size_t const count : {1u, 2u, 9u}) {
        auto const names = names_of(count);
        auto const candidates = candidates_of(names);
        auto const table = ring{3}.build(candidates);
        auto const points = naive_ring{candidates, 3}.points();
        std::size_t different = 0;
        for (std::size_t at = 0; at < points.size(); ++at) {
            for (std::size_t accepted = 0; accepted < count; ++accepted) {
                auto const found = table.place_where(points[at].first, [=](std::size_t index) { return index == accepted; });
                different += found != accepted; // all the way round
            }
            auto next = (at + 1) % points.size();
            while (count > 1 && points[next].second == points[at].second)
                next = (next + 1) % points.size();
            auto const second = table.place_where(
                points[at].first, [&](std::size_t index) { return candidates[index].name != points[at].second; });
            different += candidates[second].name != points[next].second;
        }
        auto const last = std::numeric_limits<std::uint64_t>::max();
        different += table.place_where(last, [](std::size_t) { return true; }) != table.place(last);
        different += table.place_where(last, [](std::size_t) { return false; }) != table.place(last);
        CHECK(different == 0);
    }
}

TEST_CASE("shares are balanced", "[placement][ring]")
{
    struct bound {
        std::size_t nodes;
        std::uint64_t max_percent; ///< of the mean
        std::uint64_t min_percent;
    };
    // The spread of one share is about 1 / sqrt(128), 9 %, of the mean; more nodes show more of its tail.
    for (auto const& each : {bound{3, 120, 80}, bound{10, 125, 78}, bound{100, 135, 70}, bound{1'000, 145, 65}}) {
        auto const names = names_of(each.nodes);
        std::uint64_t const keys_count = each.nodes * 2'000;
        auto const shares = shares_of(candidates_of(names), keys_count);
        auto const [least, most] = std::minmax_element(shares.begin(), shares.end());
        CAPTURE(each.nodes, *least, *most);
        CHECK(*most * 100 <= 2'000 * each.max_percent);
        CHECK(*least * 100 >= 2'000 * each.min_percent);
    }
}

TEST_CASE("one that joins takes its share, from all, and nothing else moves", "[placement][ring]")
{
    // The mean over every possible eleventh node is exactly one in eleven; so is the bound on what a join moves.
    auto const names = names_of(11);
    auto const after = candidates_of(names);
    std::uint64_t const keys_count = 100'000;
    std::uint64_t moved = 0;
    for (std::size_t joins = 0; joins < after.size(); ++joins) {
        auto before = after;
        before.erase(before.begin() + static_cast<std::ptrdiff_t>(joins));
        auto const counted = moves_between(before, after, after[joins].name, keys_count);
        CHECK(counted.strange == 0);
        CHECK(counted.all * 11 * 100 <= keys_count * 125);
        CHECK(counted.all * 11 * 100 >= keys_count * 75);
        moved += counted.all;
    }
    CHECK(moved == keys_count);
}

TEST_CASE("what a leaver had spreads over all who stay", "[placement][ring]")
{
    auto const names = names_of(11);
    auto const before = candidates_of(names);
    auto after = before;
    after.erase(after.begin() + 4);
    std::uint64_t const keys_count = 110'000;
    CHECK(moves_between(before, after, before[4].name, keys_count).strange == 0);

    auto const old_table = ring{}.build(before);
    auto const new_table = ring{}.build(after);
    std::vector<std::uint64_t> heirs(after.size());
    for (std::uint64_t i = 0; i < keys_count; ++i)
        if (old_table.place(even_key(i)) == 4)
            ++heirs[new_table.place(even_key(i))];
    for (auto const inherited : heirs) {
        CHECK(inherited >= 150); // of 1,000 on average, in a dozen pieces of random size
        CHECK(inherited <= 2'500);
    }
}

TEST_CASE("weights are respected", "[placement][ring]")
{
    std::vector<candidate> const candidates{{"heavy", 4}, {"light", 1}, {"middle", 2}, {"plain", 1}};
    auto const shares = shares_of(candidates, 800'000);
    auto const near = [](std::uint64_t share, std::uint64_t ideal) {
        return share * 100 >= ideal * 80 && share * 100 <= ideal * 120;
    };
    CAPTURE(shares[0], shares[1], shares[2], shares[3]);
    CHECK(near(shares[0], 400'000));
    CHECK(near(shares[1], 100'000));
    CHECK(near(shares[2], 200'000));
    CHECK(near(shares[3], 100'000));
}

TEST_CASE("a change of one weight moves keys to or from that node only", "[placement][ring]")
{
    std::vector<candidate> const before{{"a", 1}, {"b", 2}, {"c", 3}};
    std::vector<candidate> const after{{"a", 1}, {"b", 3}, {"c", 3}};
    auto const counted = moves_between(before, after, "b", 100'000);
    CHECK(counted.all > 0);
    CHECK(counted.strange == 0);
}

TEST_CASE("weights outside their range count as the nearest one within", "[placement][ring]")
{
    CHECK(ring{2}.build(std::vector<candidate>{{"a", 0}}).points_count() == 2);
    CHECK(ring{2}.build(std::vector<candidate>{{"a", std::numeric_limits<std::uint32_t>::max()}}).points_count()
        == 2 * ring::weight_max);
}

TEST_CASE("the function never changes", "[placement][ring]")
{
    // Golden values: nodes of different builds share a cluster, so these may never be edited.
    std::vector<candidate> const candidates{{"alpha", 1}, {"bravo", 2}, {"charlie", 1}, {"delta", 1}, {"echo", 3}};
    auto const table = ring{}.build(candidates);
    auto const place = [&](std::uint64_t key) { return std::string{candidates[table.place(key)].name}; };
    std::vector<std::pair<std::uint64_t, std::string>> const golden{
        {0x0000000000000000ULL, "echo"},
        {0x0000000000000001ULL, "echo"},
        {0x1000000000000000ULL, "charlie"},
        {0x2222222222222222ULL, "echo"},
        {0x3fffffffffffffffULL, "echo"},
        {0x5555555555555555ULL, "charlie"},
        {0x7fffffffffffffffULL, "echo"},
        {0x8000000000000000ULL, "echo"},
        {0x9e3779b97f4a7c15ULL, "bravo"},
        {0xb000000000000000ULL, "delta"},
        {0xcafef00dd15ea5e5ULL, "bravo"},
        {0xe1e1e1e1e1e1e1e1ULL, "echo"},
        {0xfedcba9876543210ULL, "echo"},
        {0xffffffffffffffffULL, "echo"},
    };
    for (auto const& [key, name] : golden) {
        CAPTURE(key);
        CHECK(place(key) == name);
    }
    CHECK(table.points_count() == 1'024);
    CHECK(table.point(0) == 0x00dc30e638946869ULL);

    std::vector<std::string> const owners{
        "echo", "echo", "bravo", "delta", "alpha", "bravo", "delta", "echo", "bravo", "delta", "bravo", "delta"};
    for (std::size_t i = 0; i < owners.size(); ++i)
        CHECK(place(drover::hash64("child-" + std::to_string(i + 1))) == owners[i]);
}
