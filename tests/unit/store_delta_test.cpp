// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/store/delta.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

namespace {

using drover::bytes;
using drover::bytes_view;
using drover::node_id;
using drover::record_table;
using drover::store::causal_context;
using drover::store::causal_map;
using drover::store::decode_delta;
using drover::store::delta;
using drover::store::delta_range;

std::optional<delta> decoded(bytes_view data)
{
    drover::wire::reader in{data};
    return decode_delta(in);
}

bytes all_of(causal_map const& map)
{
    drover::wire::writer out;
    drover::store::encode_delta(map, {}, map.context().items(), out);
    return out.take();
}

/// Two ranges in the order in which a context would list them, of so many writes.
drover::wire::writer two_ranges(std::uint64_t upto, std::vector<std::uint64_t> const& counts)
{
    std::vector<node_id> nodes{{"n1", 1}, {"n2", 1}};
    std::sort(nodes.begin(), nodes.end(),
        [](auto const& a, auto const& b) { return drover::store::origin_of(a) < drover::store::origin_of(b); });
    drover::wire::writer out;
    out.number(2);
    for (std::size_t i = 0; i < nodes.size(); ++i)
        out.node(nodes[i]).number(0).number(upto).number(0).number(counts[i]);
    return out;
}

drover::wire::writer one_range(std::uint64_t after, std::uint64_t length, std::uint64_t writes, std::uint64_t forgotten = 0)
{
    drover::wire::writer out;
    out.number(1).node({"n1", 1}).number(after).number(length).number(forgotten).number(writes);
    return out;
}

void add_write(drover::wire::writer& out, std::uint8_t flags, std::uint64_t step, bytes_view key = "key")
{
    out.u8(flags).number(step).number(2).number(0).number(0).string(key);
    if ((flags & 8U) == 0)
        out.string("value");
}

bool accepts(std::uint64_t length, std::uint8_t flags, std::uint64_t step, bytes_view key = "key")
{
    auto out = one_range(3, length, 1);
    add_write(out, flags, step, key);
    return decoded(out.view()).has_value();
}

} // namespace

TEST_CASE("zigzag keeps small differences of both signs small, and every difference", "[store][delta]")
{
    using drover::store::detail::unzigzag;
    using drover::store::detail::zigzag;
    CHECK(zigzag(0) == 0);
    CHECK(zigzag(std::uint64_t{0} - 1) == 1);
    CHECK(zigzag(1) == 2);
    CHECK(zigzag(std::uint64_t{0} - 64) == 127);
    drover::random_stream random{1};
    for (int round = 0; round < 1'000; ++round) {
        auto const value = random.next() >> random.below(64);
        CHECK(unzigzag(zigzag(value)) == value);
        CHECK(unzigzag(zigzag(0 - value)) == 0 - value);
    }
}

TEST_CASE("a delta holds every field of every winning write, oldest first", "[store][delta]")
{
    causal_map map;
    map.open({"n1", 4});
    map.write_local(record_table::spec, "a", {1, 2}, false, "first");
    map.write_local(record_table::owner, "b", {3, 4}, false, bytes("\0\xff", 2));
    map.write_local(record_table::spec, "a", {1, 3}, false, "second");
    map.write_local(record_table::owner, "b", {5, 6}, true, {});
    auto const data = all_of(map);
    auto const result = decoded(data);
    REQUIRE(result);
    REQUIRE(result->ranges.size() == 1);
    CHECK(result->ranges[0].origin == node_id{"n1", 4});
    CHECK(result->ranges[0].after == 0);
    CHECK(result->ranges[0].upto == 4);
    REQUIRE(result->writes.size() == 2);
    auto const& put = result->writes[0];
    CHECK(put.table == record_table::spec);
    CHECK(put.key == "a");
    CHECK(put.value == "second");
    CHECK(put.sequence == 3);
    CHECK(put.stamp == 3);
    CHECK(put.rank == drover::record_rank{1, 3});
    CHECK_FALSE(put.removed);
    auto const& removal = result->writes[1];
    CHECK(removal.table == record_table::owner);
    CHECK(removal.key == "b");
    CHECK(removal.value.empty());
    CHECK(removal.sequence == 4);
    CHECK(removal.stamp == 4);
    CHECK(removal.rank == drover::record_rank{5, 6});
    CHECK(removal.removed);
}

TEST_CASE("a delta leaves out what is known", "[store][delta]")
{
    causal_map map;
    map.open({"n1", 4});
    for (auto const* const key : {"a", "b", "c"})
        map.write_local(record_table::spec, key, {}, false, key);
    causal_context known;
    known.raise(map.self(), 2);
    drover::wire::writer out;
    CHECK(drover::store::encode_delta(map, known, map.context().items(), out) == 1);
    auto const result = decoded(out.view());
    REQUIRE(result);
    CHECK(result->ranges[0].after == 2);
    CHECK(result->ranges[0].upto == 3);
    REQUIRE(result->writes.size() == 1);
    CHECK(result->writes[0].key == "c");
    CHECK(result->writes[0].sequence == 3);
}

TEST_CASE("a range may be as long as numbers go, and not longer", "[store][delta]")
{
    constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
    auto const result = decoded(one_range(3, largest - 3, 0).view());
    REQUIRE(result);
    CHECK(result->ranges[0].upto == largest);
    CHECK_FALSE(decoded(one_range(3, largest - 2, 0).view()));
    CHECK_FALSE(decoded(one_range(largest, 1, 0).view()));
}

TEST_CASE("a write must lie within its range, after the one before", "[store][delta]")
{
    CHECK(accepts(2, 0, 1));
    CHECK(accepts(2, 0, 2));
    CHECK_FALSE(accepts(2, 0, 0));
    CHECK_FALSE(accepts(2, 0, 3));
    CHECK_FALSE(accepts(0, 0, 1));
    for (std::uint64_t count = 1; count <= 3; ++count) {
        auto out = one_range(3, 2, count);
        for (auto const* const key : {"a", "b", "c"})
            if (*key - 'a' < static_cast<int>(count))
                add_write(out, 0, 1, key);
        CHECK(decoded(out.view()).has_value() == (count <= 2));
    }
}

TEST_CASE("a delta says which removals it may lack, within its range", "[store][delta]")
{
    CHECK(decoded(one_range(3, 2, 0, 2).view())->ranges[0].forgotten == 5);
    CHECK(decoded(one_range(3, 2, 0, 0).view())->ranges[0].forgotten == 0);
    CHECK_FALSE(decoded(one_range(3, 2, 0, 3).view()));
    causal_map map;
    map.open({"n1", 4});
    for (auto const* const key : {"a", "b", "c"})
        map.write_local(record_table::spec, key, {}, false, key);
    map.write_local(record_table::spec, "b", {}, true, {});
    map.write_local(record_table::spec, "d", {}, false, "d");
    CHECK(decoded(all_of(map))->ranges[0].forgotten == 0);
    map.forget_removal();
    auto const data = all_of(map);
    CHECK(decoded(data)->ranges[0].forgotten == 4);
    CHECK(decoded(data)->writes.size() == 3);
    map.raise_forgotten(map.self(), 100); // as another says, of writes that are not here yet
    CHECK(decoded(all_of(map))->ranges[0].forgotten == 5);
}

TEST_CASE("tables and flags that nobody knows are refused", "[store][delta]")
{
    for (unsigned flags = 0; flags < 256; ++flags)
        CHECK(accepts(1, static_cast<std::uint8_t>(flags), 1) == (flags < 16 && (flags & 7U) < drover::record_tables_count));
}

TEST_CASE("a key is bounded", "[store][delta]")
{
    CHECK(accepts(1, 0, 1, bytes(drover::limits::child_id_size_max, 'k')));
    CHECK_FALSE(accepts(1, 0, 1, bytes(drover::limits::child_id_size_max + 1, 'k')));
}

TEST_CASE("there are as many writes as each range says", "[store][delta]")
{
    auto none = drover::wire::writer{}.number(0).take();
    CHECK(decoded(none));
    none.push_back('\0');
    CHECK_FALSE(decoded(none));
    for (std::uint64_t announced = 0; announced < 4; ++announced) {
        auto out = two_ranges(5, {announced / 2, announced % 2});
        add_write(out, 0, 1);
        CHECK(decoded(out.view()).has_value() == (announced == 1 || announced == 2));
    }
}

TEST_CASE("an origin has one range: two would let its writes come out of order", "[store][delta]")
{
    drover::wire::writer out;
    out.number(2);
    for (int i = 0; i < 2; ++i)
        out.node({"n1", 1}).number(0).number(5).number(0).number(0);
    CHECK_FALSE(decoded(out.view()));
    CHECK(decoded(two_ranges(5, {0, 0}).view()));
}

TEST_CASE("impossibly many ranges are refused before room is made for them", "[store][delta]")
{
    CHECK_FALSE(decoded(drover::wire::writer{}.number(~std::uint64_t{0}).take()));
    CHECK_FALSE(decoded(drover::wire::writer{}.number(60'000).raw("abc").take()));
}

TEST_CASE("a delta that is cut within a write or a range is refused", "[store][delta]")
{
    causal_map map;
    map.open({"n1", 4});
    for (auto const* const key : {"a", "b", "c"})
        map.write_local(record_table::spec, key, {7, 300}, false, key);
    auto const data = all_of(map);
    std::size_t accepted = 0;
    for (std::size_t size = 0; size < data.size(); ++size)
        accepted += decoded(bytes_view{data}.substr(0, size)) ? 1U : 0U;
    CHECK(accepted == 0);
}

TEST_CASE("octets from nowhere give a delta within its bounds, or none", "[store][delta]")
{
    drover::random_stream random{5};
    causal_map map;
    map.open({"n1", 4});
    for (int i = 0; i < 20; ++i)
        map.write_local(record_table::spec, "key-" + std::to_string(i), {1, 1}, i % 3 == 0 && i > 5, "value");
    auto const valid = all_of(map);
    for (int round = 0; round < 20'000; ++round) {
        auto data = valid;
        for (auto flips = random.between(1, 3); flips > 0; --flips)
            data[random.below(data.size())] ^= static_cast<char>(1 << random.below(8));
        data.resize(random.between(1, data.size()));
        std::vector<char> const exact(data.begin(), data.end());
        auto const result = decoded({exact.data(), exact.size()});
        if (!result)
            continue;
        for (auto const& write : result->writes) {
            REQUIRE(write.range < result->ranges.size());
            REQUIRE(write.sequence > result->ranges[write.range].after);
            REQUIRE(write.sequence <= result->ranges[write.range].upto);
            REQUIRE(write.key.size() <= drover::limits::child_id_size_max);
        }
    }
}
