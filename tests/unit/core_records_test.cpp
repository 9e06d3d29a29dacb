// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/core/records.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace {

using namespace drover::core;
using drover::bytes;
using drover::bytes_view;
using drover::child_spec;
using drover::duration;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

child_spec full_spec()
{
    child_spec spec{.id = "sensor-7", .type = "reader", .arguments = bytes("a\0b", 3)};
    spec.restart = drover::restart_rule::transient;
    spec.shutdown = milliseconds{1'500};
    spec.intensity = drover::restart_intensity{7, seconds{90}};
    spec.backoff = drover::restart_backoff{milliseconds{20}, seconds{3}, 50, seconds{60}};
    spec.on_exhausted = drover::exhaustion::escalate;
    spec.significant = true;
    spec.is_supervisor = true;
    spec.priority = -70'000;
    spec.group = "pair";
    spec.isolated_type = "reader process";
    return spec;
}

spec_record full_spec_record()
{
    return {std::uint64_t{5} << 40, {0x0123456789abcdef, 300}, true, true, 70'000, 12, full_spec()};
}

spec_record least_spec_record()
{
    spec_record record;
    record.spec = {.id = "i", .type = "t"};
    return record;
}

owner_record full_owner_record()
{
    return {{{"n1", 1'700}, 300, {299, true}}, owner_status::parked, "it threw", {seconds{4}, milliseconds{1}}, 5, 1};
}

checkpoint_record full_checkpoint_record() { return {300, 0xffffffff, 77, bytes("\0state\xff", 7)}; }

roster_record full_roster_record() { return {1'700, participation::leaving, 41, {"reader", "writer"}, 7, {}}; }

bool same(spec_record const& a, spec_record const& b)
{
    return a.creation == b.creation && a.request == b.request && a.terminated == b.terminated
        && a.generations_before == b.generations_before && a.spec == b.spec && a.initial == b.initial && a.ordinal == b.ordinal;
}

bool same(owner_record const& a, owner_record const& b)
{
    return a.claim == b.claim && a.status == b.status && a.reason == b.reason && a.failure_ages == b.failure_ages
        && a.failures_in_row == b.failures_in_row && a.node_deaths == b.node_deaths;
}

bool same(checkpoint_record const& a, checkpoint_record const& b)
{
    return a.generation == b.generation && a.schema_version == b.schema_version && a.forked_from == b.forked_from
        && a.data == b.data;
}

bool same(roster_record const& a, roster_record const& b)
{
    return a.incarnation == b.incarnation && a.part == b.part && a.generations_before == b.generations_before
        && a.types == b.types && a.weight == b.weight && a.reason == b.reason && a.formed == b.formed;
}

/// It goes round; a version that nobody knows is refused; what is cut off too, but for the `trailing_free` last octets, which
/// run to the end of the record.
template <class Record, class Decode>
void check_round(Record const& record, Decode decode, std::optional<std::size_t> trailing_free = {})
{
    auto const data = encode(record);
    auto const result = decode(data);
    REQUIRE(result);
    CHECK(same(*result, record));
    for (std::size_t size = 0; size + trailing_free.value_or(0) < data.size(); ++size)
        CHECK_FALSE(decode(bytes_view{data}.substr(0, size)));
    for (int version = 0; version < 256; ++version) {
        auto other = data;
        other[0] = static_cast<char>(version);
        CHECK(decode(other).has_value() == (version == record_version));
    }
    CHECK(decode(data + '\0').has_value() == trailing_free.has_value());
}

/// Broken records are refused, or are valid records: what they decode to goes round.
template <class Record, class Decode>
void check_fuzz(Record const& record, Decode decode, std::uint64_t seed)
{
    drover::random_stream random{seed};
    auto const valid = encode(record);
    for (int round = 0; round < 5'000; ++round) {
        auto data = valid;
        for (auto flips = random.between(1, 3); flips > 0; --flips)
            data[random.below(data.size())] ^= static_cast<char>(1 << random.below(8));
        auto const result = decode(data);
        if (!result)
            continue;
        auto const again = decode(encode(*result));
        REQUIRE(again);
        REQUIRE(same(*again, *result));
    }
}

} // namespace

TEST_CASE("every record goes round, and no part of it, nor another version, passes for one", "[core][records]")
{
    check_round(full_spec_record(), decode_spec_record);
    check_round(full_owner_record(), decode_owner_record);
    check_round(full_roster_record(), decode_roster_record);
    check_round(full_checkpoint_record(), decode_checkpoint_record, full_checkpoint_record().data.size());
    check_round(roster_record{1, participation::gave_up, 2, {}, 1, "a child has spent its budget", true}, decode_roster_record);
    check_round(least_spec_record(), decode_spec_record);
    check_round(owner_record{}, decode_owner_record);
    check_round(roster_record{}, decode_roster_record);
    check_round(checkpoint_record{}, decode_checkpoint_record, 0);
}

TEST_CASE("broken records are refused, or make sense", "[core][records]")
{
    check_fuzz(full_spec_record(), decode_spec_record, 1);
    check_fuzz(full_owner_record(), decode_owner_record, 2);
    check_fuzz(full_roster_record(), decode_roster_record, 3);
    check_fuzz(full_checkpoint_record(), decode_checkpoint_record, 4);
}

TEST_CASE("shutdowns go round, in milliseconds, and for ever stays for ever", "[core][records]")
{
    auto const round = [](duration shutdown) {
        auto record = full_spec_record();
        record.spec.shutdown = shutdown;
        auto const result = decode_spec_record(encode(record));
        REQUIRE(result);
        return result->spec.shutdown;
    };
    CHECK(round(drover::brutal_kill) == drover::brutal_kill);
    CHECK(round(milliseconds{1}) == milliseconds{1});
    CHECK(round(hours{1'000}) == hours{1'000});
    CHECK(round(drover::infinity) == drover::infinity);
    CHECK(round(drover::infinity - hours{1}) >= hours{1'000'000});
}

TEST_CASE("a spec that is not valid is not a record", "[core][records]")
{
    auto const accepts = [](auto change) {
        auto record = full_spec_record();
        change(record.spec);
        return decode_spec_record(encode(record)).has_value();
    };
    CHECK(accepts([](auto&) {}));
    CHECK_FALSE(accepts([](auto& spec) { spec.id.clear(); }));
    CHECK_FALSE(accepts([](auto& spec) { spec.type.clear(); }));
    CHECK_FALSE(accepts([](auto& spec) { spec.id.assign(256, 'x'); }));
    CHECK_FALSE(accepts([](auto& spec) { spec.arguments.assign(drover::limits::arguments_size_max + 1, 'x'); }));
    CHECK_FALSE(accepts([](auto& spec) { spec.restart = static_cast<drover::restart_rule>(3); }));
    CHECK_FALSE(accepts([](auto& spec) { spec.restart = drover::restart_rule::permanent; })); // and significant
    CHECK_FALSE(accepts([](auto& spec) { spec.backoff->max = milliseconds{1}; }));
    CHECK_FALSE(accepts([](auto& spec) { spec.backoff->jitter_percent = 101; }));
    CHECK_FALSE(accepts([](auto& spec) { spec.group.assign(256, 'x'); }));
    CHECK_FALSE(accepts([](auto& spec) { spec.isolated_type.assign(256, 'x'); }));
    CHECK_FALSE(accepts([](auto& spec) { spec.intensity->max_restarts = drover::limits::max_restarts_max + 1; }));
    CHECK_FALSE(accepts([](auto& spec) { spec.intensity->max_seconds = seconds{0}; }));
    CHECK_FALSE(accepts([](auto& spec) { spec.intensity->max_seconds = drover::limits::max_seconds_max + seconds{1}; }));
}

TEST_CASE("an owner's failures are bounded in number and age", "[core][records]")
{
    auto const accepts = [](std::size_t count, duration age) {
        auto record = full_owner_record();
        record.failure_ages.assign(count, age);
        return decode_owner_record(encode(record)).has_value();
    };
    CHECK(accepts(drover::limits::max_restarts_max + 1, seconds{1}));
    CHECK_FALSE(accepts(drover::limits::max_restarts_max + 2, seconds{1}));
    CHECK(accepts(1, drover::limits::max_seconds_max));
    CHECK_FALSE(accepts(1, drover::limits::max_seconds_max + milliseconds{1}));
}

TEST_CASE("the failures of a child that has run for days are a record all the same", "[core][records]")
{
    drover::time_point const long_ago{seconds{1}};
    drover::supervision::restart_window window;
    CHECK(window.add_failure({3, seconds{5}}, long_ago));
    auto record = full_owner_record();
    record.failure_ages = window.ages(long_ago + hours{100});
    CHECK(decode_owner_record(encode(record)));
}

TEST_CASE("states that nobody knows are refused", "[core][records]")
{
    auto owner = full_owner_record();
    owner.status = static_cast<owner_status>(3);
    CHECK_FALSE(decode_owner_record(encode(owner)));
    auto roster = full_roster_record();
    roster.part = static_cast<participation>(8);
    CHECK_FALSE(decode_roster_record(encode(roster)));
    roster = full_roster_record();
    roster.weight = 0;
    CHECK_FALSE(decode_roster_record(encode(roster)));
    roster.weight = drover::limits::node_weight_max + 1;
    CHECK_FALSE(decode_roster_record(encode(roster)));
}

TEST_CASE("texts, types and states are bounded", "[core][records]")
{
    auto owner = full_owner_record();
    owner.reason.assign(drover::limits::reason_size_max, 'x');
    CHECK(decode_owner_record(encode(owner)));
    owner.reason += 'x';
    CHECK_FALSE(decode_owner_record(encode(owner)));
    auto checkpoint = full_checkpoint_record();
    checkpoint.data.assign(drover::limits::checkpoint_size_max, 'x');
    CHECK(decode_checkpoint_record(encode(checkpoint)));
    checkpoint.data += 'x';
    CHECK_FALSE(decode_checkpoint_record(encode(checkpoint)));
    auto roster = full_roster_record();
    roster.types.assign(drover::limits::types_count_max, "t");
    CHECK(decode_roster_record(encode(roster)));
    roster.types.emplace_back("t");
    CHECK_FALSE(decode_roster_record(encode(roster)));
}

TEST_CASE("counts that cannot be are refused before room is made for them", "[core][records]")
{
    drover::wire::writer owner;
    owner.u8(record_version).node({"n1", 1}).number(1).number(1).boolean(true).u8(0).string("").number(900);
    CHECK_FALSE(decode_owner_record(owner.view()));
    drover::wire::writer roster;
    roster.u8(record_version).number(1).u8(0).number(0).number(1).number(1'000).string("t");
    CHECK_FALSE(decode_roster_record(roster.view()));
}
