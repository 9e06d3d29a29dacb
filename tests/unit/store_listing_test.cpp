// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/store/listing.hpp>

#include <drover/base/random.hpp>
#include <drover/store/causal_map.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using drover::bytes;
using drover::bytes_view;
using drover::record_table;
using drover::store::causal_map;
using drover::store::listing;
using drover::store::listing_position;

bytes encoded(listing const& what)
{
    drover::wire::writer out;
    what.encode(out);
    return out.take();
}

std::optional<listing> decoded(bytes_view data)
{
    drover::wire::reader in{data};
    return listing::decode(in);
}

bool same(listing const& left, listing const& right)
{
    return left.seen == right.seen && left.next == right.next
        && std::equal(
            left.parts.begin(), left.parts.end(), right.parts.begin(), right.parts.end(), [](auto const& a, auto const& b) {
                return a.origin == b.origin && a.after == b.after && a.upto == b.upto && a.present == b.present;
            });
}

/// Two maps of which one has seen all that the other has, and lacks what `gone` names without a marker.
struct pair_of_maps {
    pair_of_maps(std::uint64_t seed, int writes) : random{seed}
    {
        for (auto const* const name : {"n1", "n2", "n3"}) {
            sources.push_back(std::make_unique<causal_map>());
            sources.back()->open({name, 1});
        }
        knows.open({"n4", 1});
        stale.open({"n5", 1});
        for (int i = 0; i < writes; ++i) {
            auto& by = *sources[random.below(sources.size())];
            auto const key = "key-" + std::to_string(random.below(static_cast<std::uint64_t>(writes) / 2 + 1));
            auto const sequence = by.write_local(record_table::spec, key, {static_cast<std::uint64_t>(i), 0}, false, "value");
            if (sequence == 0)
                continue;
            auto const* const made = by.find(record_table::spec, key);
            for (auto* const map : {&knows, &stale}) {
                map->learn_origin(*by.origin(by.self()));
                map->merge(record_table::spec, key, {made->origin, made->sequence, made->stamp, made->rank, false, made->value});
                map->see(made->origin, made->sequence);
            }
        }
        std::set<std::string> all;
        for (auto const& item : knows.context().items())
            knows.for_each_after(item.origin, 0, [&](auto const& entry) { all.insert(bytes{*entry.key}); });
        for (auto const& key : all)
            if (random.chance(300'000)) {
                knows.drop(record_table::spec, key);
                gone.insert(key);
            }
    }

    drover::random_stream random;
    std::vector<std::unique_ptr<causal_map>> sources;
    causal_map knows;
    causal_map stale;
    std::set<std::string> gone;
};

} // namespace

TEST_CASE("what is not listed is exactly what was removed", "[store][listing]")
{
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        INFO("seed " << seed);
        pair_of_maps maps{seed, static_cast<int>(seed) * 4};
        auto const piece = list_from(maps.knows, {});
        CHECK_FALSE(piece.next);
        auto const again = decoded(encoded(piece));
        REQUIRE(again);
        CHECK(same(piece, *again));
        std::set<std::string> found;
        for (auto const& stale : not_listed(maps.stale, *again))
            CHECK(found.insert(stale.key).second);
        CHECK(found == maps.gone);
        CHECK(not_listed(maps.knows, *again).empty());
        for (auto const& key : found)
            maps.stale.drop(record_table::spec, key);
        CHECK(maps.stale.digest() == maps.knows.digest());
    }
}

TEST_CASE("a long listing goes on where it stopped, and nothing is listed twice or left out", "[store][listing]")
{
    causal_map map;
    map.open({"n1", 1});
    auto const count = listing::records_count_max * 2 + 10;
    for (std::size_t i = 0; i < count; ++i)
        map.write_local(record_table::spec, "key-" + std::to_string(i), {}, false, {});
    causal_map stale;
    stale.open({"n2", 1});
    stale.learn_origin({"n1", 1});
    map.for_each_after(map.self(), 0, [&](auto const& entry) {
        stale.merge(entry.table, *entry.key, {entry.origin, entry.sequence, entry.stamp, entry.rank, false, {}});
    });
    stale.see(map.self(), count);
    for (std::size_t const gone : {std::size_t{0}, listing::records_count_max - 1, listing::records_count_max, count - 1})
        map.drop(record_table::spec, "key-" + std::to_string(gone));
    std::vector<std::string> dropped;
    std::size_t pieces = 0;
    for (listing_position from;; ++pieces) {
        REQUIRE(pieces < 4);
        auto const data = encoded(list_from(map, from));
        CHECK(data.size() < listing::records_count_max * 2);
        auto const piece = decoded(data);
        REQUIRE(piece);
        for (auto const& each : not_listed(stale, *piece))
            dropped.push_back(each.key);
        if (!piece->next)
            break;
        from = *piece->next;
    }
    CHECK(pieces == 2);
    CHECK(dropped
        == std::vector<std::string>{"key-0", "key-" + std::to_string(listing::records_count_max - 1),
            "key-" + std::to_string(listing::records_count_max), "key-" + std::to_string(count - 1)});
}

TEST_CASE("what its sender had not seen is not touched", "[store][listing]")
{
    pair_of_maps maps{7, 40};
    auto const piece = list_from(maps.knows, {});
    maps.stale.write_local(record_table::spec, "own", {}, false, "newer");
    for (auto const& stale : not_listed(maps.stale, piece))
        CHECK(stale.key != "own");
}

TEST_CASE("octets from nowhere are no listing, or one within its bounds", "[store][listing]")
{
    pair_of_maps maps{11, 60};
    auto const valid = encoded(list_from(maps.knows, {}));
    drover::random_stream random{3};
    std::size_t accepted = 0;
    for (int round = 0; round < 20'000; ++round) {
        auto data = valid;
        for (auto flips = random.between(1, 3); flips > 0; --flips)
            data[random.below(data.size())] ^= static_cast<char>(1 << random.below(8));
        if (random.chance(200'000))
            data.resize(random.below(data.size()));
        std::vector<char> const exact(data.begin(), data.end());
        auto const result = decoded({exact.data(), exact.size()});
        if (!result)
            continue;
        ++accepted;
        for (auto const& part : result->parts) {
            REQUIRE(part.upto <= result->seen.at(part.origin));
            for (auto const sequence : part.present) {
                REQUIRE(sequence > part.after);
                REQUIRE(sequence <= part.upto);
            }
        }
        (void)not_listed(maps.stale, *result);
    }
    CHECK(accepted > 100);
    for (std::size_t size = 0; size < valid.size(); ++size)
        CHECK_FALSE(decoded(bytes_view{valid}.substr(0, size)));
}
