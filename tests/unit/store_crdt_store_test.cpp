// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/store/crdt_store.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {

using drover::bytes;
using drover::bytes_view;
using drover::crdt_store;
using drover::crdt_store_options;
using drover::node_id;
using drover::record_table;
using drover::time_point;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

node_id const n1{"n1", 1};
node_id const n2{"n2", 1};
node_id const n3{"n3", 1};

time_point at(drover::duration since_start) { return time_point{} + since_start; }

using frames = std::vector<std::pair<std::string, bytes>>;

/// A store whose messages are carried by hand.
struct replica {
    explicit replica(node_id identity, crdt_store_options options = {}) : id{std::move(identity)}, store{options}
    {
        store.open(id);
    }

    frames take()
    {
        frames result;
        for (auto& message : std::exchange(store.effects().sends, {}))
            result.emplace_back(message.to, *message.frame);
        return result;
    }

    std::size_t put(bytes_view key, bytes value, std::uint64_t rank = 0)
    {
        return store.put(record_table::spec, key, {rank, 0}, std::move(value));
    }

    bytes value_of(bytes_view key) const
    {
        auto const found = store.find(record_table::spec, key);
        return found ? bytes{found->value} : bytes{};
    }

    node_id id;
    crdt_store<> store;
};

/// Hands over all that the two have for one another, until nothing is left.
std::size_t converse(replica& a, replica& b, time_point now)
{
    std::size_t carried = 0;
    for (auto quiet = false; !quiet;) {
        quiet = true;
        for (auto const& [from, to] : {std::pair{&a, &b}, std::pair{&b, &a}})
            for (auto const& [name, frame] : from->take())
                if (name == to->id.name) {
                    to->store.on_message(from->id, frame, now);
                    ++carried;
                    quiet = false;
                }
        REQUIRE(carried < 1'000);
    }
    return carried;
}

void meet(replica& a, replica& b, time_point now)
{
    std::vector<node_id> const members{a.id, b.id};
    for (auto* const each : {&a, &b})
        each->store.set_members(members);
    a.store.on_peer_up(b.id, now);
    b.store.on_peer_up(a.id, now);
    converse(a, b, now);
}

struct two_replicas {
    explicit two_replicas(crdt_store_options options = {}) : a{n1, options}, b{n2, options}
    {
        a.put("a", "from a");
        b.put("b", "from b");
        a.store.flush(at({}));
        b.store.flush(at({}));
        meet(a, b, at({}));
    }
    replica a;
    replica b;
};

} // namespace

TEST_CASE("a store says what it promises", "[store][crdt]")
{
    STATIC_REQUIRE(drover::state_store<crdt_store<>>);
    STATIC_REQUIRE(crdt_store<>::capabilities.replicated);
    STATIC_REQUIRE(crdt_store<>::capabilities.ordered);
    STATIC_REQUIRE_FALSE(crdt_store<>::capabilities.durable);
    STATIC_REQUIRE_FALSE(crdt_store<>::capabilities.linearizable);
}

TEST_CASE("a store alone keeps what is written, by rank", "[store][crdt]")
{
    replica a{n1};
    CHECK(a.put("k", "first", 2) == 1);
    CHECK(a.put("k", "lower", 1) == 0);
    CHECK(a.value_of("k") == "first");
    CHECK(a.put("k", "equal", 2) == 2);
    CHECK(a.value_of("k") == "equal");
    CHECK(a.store.remove(record_table::spec, "k", {1, 0}) == 0);
    CHECK(a.store.remove(record_table::spec, "k", {3, 0}) == 3);
    CHECK_FALSE(a.store.find(record_table::spec, "k"));
    CHECK(a.store.rank_of(record_table::spec, "k") == drover::record_rank{3, 0});
    CHECK(a.put("k", "revived", 2) == 0);
    CHECK(a.store.remove(record_table::spec, "none", {9, 0}) == 0);
    CHECK_FALSE(a.store.rank_of(record_table::spec, "none"));
    CHECK(a.store.version() == 3);
    CHECK(a.store.held_by(1) == 3);
    CHECK(a.store.held_by(2) == 0);
    CHECK(a.store.has_seen(drover::origin_of(n1), 3));
    CHECK_FALSE(a.store.has_seen(drover::origin_of(n1), 4));
    CHECK(a.take().empty());
}

TEST_CASE("what a peer has from others is asked for when it does not come from them in time", "[store][crdt]")
{
    replica a{n1};
    replica b{n2};
    replica c{n3};
    meet(a, b, at({}));
    meet(a, c, at({}));
    meet(b, c, at({}));
    for (auto* const each : {&a, &b, &c})
        each->take();

    c.put("k", "from c");
    c.store.flush(at({}));
    for (auto const& [to, frame] : c.take()) // to a it is on its way
        if (to == b.id.name)
            b.store.on_message(c.id, frame, at({}));
    a.put("l", "from a");
    a.store.flush(at({}));
    for (auto const& [to, frame] : a.take())
        if (to == b.id.name)
            b.store.on_message(a.id, frame, at({}));
    for (auto const& [to, frame] : b.take())
        if (to == a.id.name)
            a.store.on_message(b.id, frame, at({}));
    CHECK_FALSE(a.store.level_with(b.id));
    CHECK(a.take().empty());

    auto const late = at(crdt_store_options{}.retry_interval);
    REQUIRE(a.store.deadline() <= late);
    a.store.on_time(late);
    converse(a, b, late);
    CHECK(a.value_of("k") == "from c");
    CHECK(a.store.level_with(b.id));
}

TEST_CASE("two that meet are brought level, with what each lacks", "[store][crdt]")
{
    two_replicas pair;
    for (auto* const each : {&pair.a, &pair.b}) {
        CHECK(each->value_of("a") == "from a");
        CHECK(each->value_of("b") == "from b");
        CHECK(each->store.held_by(2) == each->store.version());
    }
    CHECK(pair.a.store.synchronised(n2));
    CHECK(pair.a.store.level_with(n2));
    CHECK(pair.a.store.has_seen(drover::origin_of(n2), 1));
    CHECK_FALSE(pair.a.store.has_seen(drover::origin_of(n2), 2));
    CHECK(pair.a.store.context() == pair.b.store.context());
    CHECK(pair.a.store.effects().changes.size() == 1);
    CHECK(pair.a.store.effects().changes[0].key == "b");
    CHECK(pair.a.store.effects().acknowledgement_changed);
}

TEST_CASE("nobody is synchronised before the first conversation", "[store][crdt]")
{
    replica a{n1};
    CHECK_FALSE(a.store.synchronised(n2));
    CHECK_FALSE(a.store.level_with(n2));
    a.store.on_peer_up(n2, at({}));
    CHECK_FALSE(a.store.synchronised(n2));
    replica b{n2};
    b.store.on_peer_up(n1, at({}));
    converse(a, b, at({}));
    CHECK(a.store.synchronised(n2));
    CHECK_FALSE(a.store.synchronised({"n2", 2}));
    a.store.on_peer_down(n2, at({}));
    a.store.on_peer_up(n2, at({}));
    CHECK_FALSE(a.store.synchronised(n2));
}

TEST_CASE("a flush sends what was written since the last one, once, to every peer", "[store][crdt]")
{
    two_replicas pair;
    pair.a.store.flush(at({}));
    CHECK(pair.a.take().empty());
    pair.a.put("x", "1");
    pair.a.put("y", "2");
    CHECK(pair.a.take().empty());
    pair.a.store.flush(at({}));
    auto const sent = pair.a.take();
    REQUIRE(sent.size() == 1);
    CHECK(sent[0].second.size() < 60); // not what was there before
    pair.b.store.on_message(n1, sent[0].second, at({}));
    CHECK(pair.b.value_of("x") == "1");
    CHECK(pair.b.value_of("y") == "2");
    CHECK(pair.a.store.held_by(2) == 1);
    converse(pair.a, pair.b, at({}));
    CHECK(pair.a.store.held_by(2) == 3);
}

TEST_CASE("a gap is asked for, and not skipped", "[store][crdt]")
{
    two_replicas pair;
    pair.a.put("lost", "1");
    pair.a.store.flush(at({}));
    (void)pair.a.take();
    pair.a.put("late", "2");
    pair.a.store.flush(at({}));
    auto const sent = pair.a.take();
    REQUIRE(sent.size() == 1);
    pair.b.store.on_message(n1, sent[0].second, at({}));
    CHECK(pair.b.value_of("late").empty());
    CHECK_FALSE(pair.b.store.has_seen(drover::origin_of(n1), 2));
    converse(pair.a, pair.b, at({})); // b has asked
    CHECK(pair.b.value_of("lost") == "1");
    CHECK(pair.b.value_of("late") == "2");
    CHECK(pair.a.store.held_by(2) == 3);
}

TEST_CASE("what is not answered is sent again, at its time and not before", "[store][crdt]")
{
    crdt_store_options options;
    two_replicas pair{options};
    pair.a.put("x", "1");
    pair.a.store.flush(at(milliseconds{10}));
    (void)pair.a.take(); // lost
    CHECK(pair.a.store.deadline() == at(milliseconds{10} + options.retry_interval));
    pair.a.store.on_time(at(milliseconds{10} + options.retry_interval - nanoseconds{1}));
    CHECK(pair.a.take().empty());
    CHECK(pair.a.store.deadline() == at(milliseconds{10} + options.retry_interval));
    pair.a.store.on_time(at(milliseconds{10} + options.retry_interval));
    CHECK(pair.a.store.deadline() == at(milliseconds{10} + 2 * options.retry_interval));
    converse(pair.a, pair.b, at(milliseconds{120}));
    CHECK(pair.b.value_of("x") == "1");
    CHECK(pair.a.store.held_by(2) == 2);
    CHECK(pair.a.store.deadline() == at(options.sync_interval)); // nothing is open any more
}

TEST_CASE("a first question without an answer is asked again", "[store][crdt]")
{
    replica a{n1};
    a.store.on_peer_up(n2, at({}));
    CHECK(a.take().size() == 1);
    CHECK(a.store.deadline() == at(milliseconds{100}));
    a.store.on_peer_up(n2, at(milliseconds{50})); // nothing new
    CHECK(a.take().empty());
    a.store.on_time(at(milliseconds{99}));
    CHECK(a.take().empty());
    a.store.on_time(at(milliseconds{100}));
    CHECK(a.take().size() == 1);
    a.store.on_peer_connected(n2, at(milliseconds{110}));
    CHECK(a.take().size() == 1);
    a.store.on_peer_connected({"n2", 2}, at(milliseconds{110}));
    CHECK(a.take().empty());
    a.store.on_peer_down(n2, at(milliseconds{120}));
    CHECK(a.store.deadline() == drover::never);
    a.store.on_time(at(seconds{10}));
    CHECK(a.take().empty());
}

TEST_CASE("contexts are compared with the peers in turn, and that repairs a loss nobody noticed", "[store][crdt]")
{
    replica a{n1};
    a.put("k", "v");
    a.store.flush(at({}));
    for (auto const& id : {n2, n3})
        a.store.on_peer_up(id, at({}));
    for (auto const& id : {n2, n3}) { // both are level
        drover::wire::writer context;
        context.u8(1).u8(0).raw(a.store.context());
        a.store.on_message(id, context.view(), at({}));
    }
    (void)a.take();
    std::vector<std::string> compared;
    for (int second = 1; second <= 4; ++second) {
        CHECK(a.store.deadline() == at(seconds{second}));
        a.store.on_time(at(seconds{second}));
        auto const sent = a.take();
        REQUIRE(sent.size() == 1);
        compared.push_back(sent[0].first);
    }
    CHECK(compared == std::vector<std::string>{"n2", "n3", "n2", "n3"});
}

TEST_CASE("a large delta goes in pieces, a few at a time, and counts when all are in", "[store][crdt]")
{
    crdt_store_options options;
    options.piece_size = 100;
    options.pieces_in_flight_max = 3;
    replica a{n1, options};
    for (int i = 0; i < 40; ++i)
        a.put("key-" + std::to_string(i), bytes(20, 'x'));
    a.store.flush(at({}));
    replica b{n2, options};
    std::vector<node_id> const members{n1, n2};
    for (auto* const each : {&a, &b})
        each->store.set_members(members);
    a.store.on_peer_up(n2, at({}));
    b.store.on_peer_up(n1, at({}));
    auto now = at({});
    std::size_t rounds = 0;
    auto lose_at = std::numeric_limits<std::size_t>::max();
    SECTION("all arrive") {}
    SECTION("one is lost") { lose_at = 4; }
    auto written = false;
    for (; !b.store.has_seen(drover::origin_of(n1), a.store.version()) || !written; ++rounds) {
        REQUIRE(rounds < 400);
        now += milliseconds{5};
        for (auto* const each : {&a, &b}) {
            each->store.on_time(now);
            auto const sent = each->take();
            if (rounds > 10)
                CHECK(sent.size() <= options.pieces_in_flight_max + 1);
            for (auto const& [to, frame] : sent) {
                CHECK(frame.size() < 2 * options.piece_size);
                if (rounds != lose_at)
                    (each == &a ? b : a).store.on_message(each->id, frame, now);
            }
        }
        if (!written && rounds == 5) { // replaces what was sent, and what was not
            written = true;
            a.put("key-0", "new");
            a.put("key-39", "new");
            a.store.flush(now);
            CHECK_FALSE(b.store.has_seen(drover::origin_of(n1), 1));
        }
    }
    converse(a, b, now);
    CHECK(rounds > 8);
    CHECK(b.value_of("key-0") == "new");
    CHECK(b.value_of("key-39") == "new");
    CHECK(b.store.digest() == a.store.digest());
    CHECK(a.store.held_by(2) == 42);
    CHECK(a.store.rejected_count() + b.store.rejected_count() == 0);
}

TEST_CASE("pieces that are more than a whole delta may be are not taken", "[store][crdt]")
{
    crdt_store_options options;
    options.piece_size = 100;
    options.delta_size_max = 5'000;
    replica a{n1, options};
    for (int i = 0; i < 100; ++i)
        a.put("key-" + std::to_string(i), bytes(60, 'x'));
    a.store.flush(at({}));
    replica b{n2, options};
    meet(a, b, at({}));
    CHECK(b.value_of("key-0").empty());
    CHECK(a.store.held_by(2) == 0);
    CHECK(b.store.rejected_count() > 0);
}

TEST_CASE("while one peer sends a large delta, the others are not asked for the same", "[store][crdt]")
{
    crdt_store_options options;
    options.piece_size = 100;
    replica a{n1, options};
    replica c{n3, options};
    for (int i = 0; i < 40; ++i)
        a.put("key-" + std::to_string(i), bytes(20, 'x'));
    a.store.flush(at({}));
    meet(a, c, at({}));
    for (int i = 0; i < 20; ++i) {
        c.store.on_time(at(milliseconds{i}));
        converse(a, c, at(milliseconds{i}));
    }
    REQUIRE(c.value_of("key-39").size() == 20);
    replica b{n2, options};
    std::vector<replica*> const all{&a, &b, &c};
    for (auto* const each : {&a, &c}) {
        each->store.on_peer_up(n2, at(seconds{1}));
        b.store.on_peer_up(each->id, at(seconds{1}));
    }
    std::size_t pieces = 0;
    for (auto now = at(seconds{1}); now < at(seconds{3}); now += milliseconds{5})
        for (auto* const each : all) {
            each->store.on_time(now);
            for (auto const& [to, frame] : each->take())
                for (auto* const other : all)
                    if (other->id.name == to) {
                        pieces += frame[0] == 4 ? 1U : 0U;
                        other->store.on_message(each->id, frame, now);
                    }
        }
    CHECK(b.value_of("key-39").size() == 20);
    CHECK(pieces > 10);
    CHECK(pieces < 25); // of one, and the first of the other
}

TEST_CASE("what is pushed to a peer that does not answer is bounded, and the rest follows when it does", "[store][crdt]")
{
    crdt_store_options options;
    options.in_flight_max = 1'000;
    two_replicas pair{options};
    std::size_t octets = 0;
    for (int i = 0; i < 100; ++i) {
        pair.a.put("key-" + std::to_string(i), bytes(50, 'x'));
        pair.a.store.flush(at(milliseconds{i / 2}));
        for (auto const& [to, frame] : pair.a.take())
            octets += frame.size(); // not delivered
    }
    CHECK(octets > 500);
    CHECK(octets <= options.in_flight_max);
    pair.b.store.on_time(at(seconds{1}));
    pair.a.store.on_time(at(seconds{1}));
    converse(pair.a, pair.b, at(seconds{1}));
    CHECK(pair.b.value_of("key-99").size() == 50);
    CHECK(pair.a.store.held_by(2) == 101);
}

TEST_CASE("of two concurrent writes the later one wins, however many others one side made", "[store][crdt]")
{
    two_replicas pair; // from now on apart
    for (int i = 0; i < 1'000; ++i)
        pair.a.put("k", "early");
    pair.a.store.flush(at(seconds{1}));
    (void)pair.a.take();
    pair.b.store.on_time(at(seconds{2}));
    pair.b.put("k", "late");
    pair.b.store.flush(at(seconds{2}));
    pair.a.store.on_time(at(seconds{3}));
    pair.b.store.on_time(at(seconds{3}));
    converse(pair.a, pair.b, at(seconds{3}));
    CHECK(pair.a.value_of("k") == "late");
    CHECK(pair.b.value_of("k") == "late");
    // Who saw it outranks it, though its clock is behind.
    replica c{{"n0", 0}};
    meet(pair.a, c, at(seconds{3}));
    REQUIRE(c.value_of("k") == "late");
    c.put("k", "behind");
    c.store.flush(at(seconds{3}));
    converse(pair.a, c, at(seconds{3}));
    CHECK(pair.a.value_of("k") == "behind");
}

TEST_CASE("replicas that saw the same and hold something else are noticed", "[store][crdt]")
{
    two_replicas pair;
    pair.a.store.on_time(at(seconds{1}));
    converse(pair.a, pair.b, at(seconds{1}));
    CHECK(pair.a.store.divergences_count() + pair.b.store.divergences_count() == 0);
    drover::wire::writer lie; // what b has seen, and another digest
    lie.u8(1).u8(2 | 8).fixed64(pair.b.store.digest() + 1).raw(pair.b.store.context());
    pair.a.store.on_message(n2, lie.view(), at(seconds{1}));
    CHECK(pair.a.store.divergences_count() == 1);
}

TEST_CASE("an acknowledgement waits until what its sender had seen is seen here too", "[store][crdt]")
{
    two_replicas pair;
    // b outranks the write of a with one of its own that a does not know, and then confirms the write of a.
    pair.b.put("k", "larger", 9);
    pair.b.store.flush(at({}));
    auto const kept_back = pair.b.take();
    pair.a.put("k", "smaller", 1);
    pair.a.store.flush(at({}));
    for (auto const& [to, frame] : pair.a.take())
        pair.b.store.on_message(n1, frame, at({}));
    CHECK(pair.b.value_of("k") == "larger");
    for (auto const& [to, frame] : pair.b.take())
        pair.a.store.on_message(n2, frame, at({}));
    CHECK(pair.a.store.held_by(2) == 1);
    CHECK_FALSE(pair.a.store.level_with(n2));
    for (auto const& [to, frame] : kept_back)
        pair.a.store.on_message(n2, frame, at({}));
    CHECK(pair.a.store.held_by(2) == 2);
    CHECK(pair.a.value_of("k") == "larger");
    CHECK(pair.a.store.level_with(n2));
}

TEST_CASE("only members that are up count as holders", "[store][crdt]")
{
    two_replicas pair;
    CHECK(pair.a.store.held_by(2) == 1);
    CHECK(pair.a.store.held_by(3) == 0);
    std::vector<node_id> const other_life{n1, {"n2", 2}};
    pair.a.store.set_members(other_life);
    CHECK(pair.a.store.held_by(2) == 0);
    std::vector<node_id> const members{n1, n2};
    pair.a.store.set_members(members);
    CHECK(pair.a.store.held_by(2) == 1);
    pair.a.store.on_peer_down(n2, at({}));
    CHECK(pair.a.store.held_by(2) == 0);
}

TEST_CASE("a context that is not covered is asked for until it is", "[store][crdt]")
{
    two_replicas pair;
    CHECK(pair.a.store.covers(pair.b.store.context(), n2));
    pair.b.put("new", "1");
    CHECK_FALSE(pair.a.store.covers(pair.b.store.context(), n2));
    CHECK_FALSE(pair.a.store.level_with(n2));
    pair.b.store.flush(at({}));
    converse(pair.a, pair.b, at({}));
    CHECK(pair.a.store.covers(pair.b.store.context(), n2));
    CHECK(pair.a.store.level_with(n2));
    CHECK_FALSE(pair.a.store.covers("\xff\xff\xff", n2));
}

TEST_CASE("a removal is remembered for a while, and until every member has seen it", "[store][crdt]")
{
    two_replicas pair;
    pair.a.store.remove(record_table::spec, "b", {0, 1});
    pair.a.store.flush(at({}));
    converse(pair.a, pair.b, at({}));
    REQUIRE(pair.b.store.removals_count() == 1);
    auto const pass = [&](seconds from, seconds to) {
        for (auto now = from; now <= to; now += seconds{1})
            for (auto* const each : {&pair.a, &pair.b}) {
                each->store.on_time(at(now));
                converse(pair.a, pair.b, at(now));
            }
    };
    auto const retention = std::chrono::duration_cast<seconds>(crdt_store_options{}.removal_retention);
    pass(seconds{1}, retention);
    CHECK(pair.a.store.removals_count() == 1);
    CHECK(pair.b.store.removals_count() == 1);
    SECTION("all members are here")
    {
        pass(retention + seconds{1}, retention + seconds{5});
        CHECK(pair.a.store.removals_count() == 0);
        CHECK(pair.b.store.removals_count() == 0);
        CHECK_FALSE(pair.a.store.rank_of(record_table::spec, "b"));
        CHECK(pair.a.store.size() == 1);
    }
    SECTION("one is away")
    {
        std::vector<node_id> const members{n1, n2, n3};
        pair.a.store.set_members(members);
        pair.b.store.set_members(members);
        pass(retention + seconds{1}, retention * 4);
        CHECK(pair.a.store.removals_count() == 1);
        CHECK(pair.b.store.rank_of(record_table::spec, "b"));
    }
}

namespace {

/// Carries messages while time passes.
void pass(std::vector<replica*> const& all, time_point& now, drover::duration span)
{
    for (auto const end = now + span; now < end; now += milliseconds{20})
        for (auto* const each : all) {
            each->store.on_time(now);
            each->store.flush(now);
            for (auto const& [to, frame] : each->take())
                for (auto* const other : all)
                    if (other->id.name == to)
                        other->store.on_message(each->id, frame, now);
        }
}

/// Removes a key while it is the only member, and forgets that.
void remove_alone(replica& who, bytes_view key, time_point& now)
{
    std::vector<node_id> const alone{who.id};
    who.store.set_members(alone);
    who.store.remove(record_table::spec, key, {9, 0});
    pass({&who}, now, seconds{70});
    REQUIRE(who.store.removals_count() == 0);
}

} // namespace

TEST_CASE("two that each forgot what the other one never heard of drop what the other removed", "[store][crdt]")
{
    two_replicas pair;
    auto now = at(seconds{1});
    pair.a.store.on_peer_down(n2, now);
    pair.b.store.on_peer_down(n1, now);
    remove_alone(pair.a, "a", now);
    remove_alone(pair.b, "b", now);
    pair.a.put("c", "new");
    meet(pair.a, pair.b, now);
    CHECK_FALSE(pair.a.store.synchronised(n2));
    CHECK_FALSE(pair.b.store.synchronised(n1));
    pass({&pair.a, &pair.b}, now, seconds{5});
    for (auto* const each : {&pair.a, &pair.b}) {
        CHECK(each->value_of("a").empty());
        CHECK(each->value_of("b").empty());
        CHECK(each->value_of("c") == "new");
        CHECK(each->store.size() == 1);
        CHECK(each->store.dropped_count() == 1);
        CHECK(each->store.listings_missed_count() == 0);
    }
    CHECK(pair.a.store.synchronised(n2));
    CHECK(pair.b.store.synchronised(n1));
}

TEST_CASE("when all that remember a removal are gone, a replica goes on with what it has", "[store][crdt]")
{
    two_replicas pair;
    auto now = at(seconds{1});
    pair.a.store.on_peer_down(n2, now);
    pair.b.store.on_peer_down(n1, now);
    remove_alone(pair.a, "b", now);
    pair.a.put("c", "new");
    std::vector<node_id> const members{n1, n2};
    for (auto* const each : {&pair.a, &pair.b})
        each->store.set_members(members);
    pair.a.store.on_peer_up(n2, now);
    pair.b.store.on_peer_up(n1, now);
    while (pair.b.value_of("c").empty()) { // until it has heard, and not a word more
        for (auto const& [to, frame] : pair.b.take())
            pair.a.store.on_message(n2, frame, now);
        for (auto const& [to, frame] : pair.a.take())
            if (pair.b.value_of("c").empty())
                pair.b.store.on_message(n1, frame, now);
    }
    pair.b.store.on_peer_down(n1, now);
    pass({&pair.b}, now, seconds{9});
    CHECK_FALSE(pair.b.store.covers(pair.b.store.context(), n1));
    pass({&pair.b}, now, seconds{2});
    CHECK(pair.b.store.covers(pair.b.store.context(), n1));
    CHECK(pair.b.store.listings_missed_count() == 1);
    CHECK(pair.b.value_of("b") == "from b");
}

TEST_CASE("no frame, well-formed or not, makes a store fall over", "[store][crdt]")
{
    drover::random_stream random{11};
    crdt_store_options options;
    options.piece_size = 60;
    two_replicas source{options};
    for (int i = 0; i < 8; ++i)
        source.a.put("key-" + std::to_string(i % 5), bytes(static_cast<std::size_t>(i) * 10, 'x'));
    source.a.store.remove(record_table::spec, "key-1", {0, 0});
    std::vector<bytes> valid{"\x01\x02" + source.b.store.context()};
    source.a.store.flush(at({}));
    for (auto& [to, frame] : source.a.take())
        valid.push_back(std::move(frame));
    source.a.store.on_time(at(seconds{3}));
    for (auto& [to, frame] : source.a.take())
        valid.push_back(std::move(frame));

    auto target = replica{n3, options};
    std::uint64_t refused = 0;
    for (int round = 0; round < 30'000; ++round) {
        auto data = valid[random.below(valid.size())];
        if (random.chance(500'000))
            data[random.below(data.size())] ^= static_cast<char>(1 << random.below(8));
        else
            for (auto& octet : data)
                octet = random.chance(100'000) ? static_cast<char>(random.next()) : octet;
        if (random.chance(300'000))
            data.resize(random.below(data.size()));
        target.store.on_message(random.chance(500'000) ? n1 : n2, data, at(milliseconds{round}));
        if (random.chance(10'000)) {
            target.put("own", "value");
            target.store.flush(at(milliseconds{round}));
            target.store.on_time(at(milliseconds{round}));
        }
        target.store.effects() = {};
        REQUIRE(target.store.rejected_count() >= refused);
        refused = target.store.rejected_count();
    }
    CHECK(refused > 1'000);
    target.store.on_message(n1, {}, at(seconds{60}));
    CHECK(target.store.rejected_count() == refused + 1);
}

TEST_CASE("nobody has seen more of a store's own writes than it made", "[store][crdt]")
{
    two_replicas pair;
    auto const delta_upto = [](std::uint64_t upto) {
        drover::wire::writer out;
        return out.u8(3).number(1).node(n1).number(0).number(upto).number(0).number(0).take();
    };
    pair.a.store.on_message(n2, delta_upto(1), at({}));
    CHECK(pair.a.store.rejected_count() == 0);
    pair.a.store.on_message(n2, delta_upto(2), at({}));
    CHECK(pair.a.store.rejected_count() == 1);
    CHECK_FALSE(pair.a.store.has_seen(drover::origin_of(n1), 2));
}

TEST_CASE("what was written here is pushed before a large delta replaces it", "[store][crdt]")
{
    crdt_store_options options;
    options.piece_size = 1;
    replica reader{n1, options};
    replica sender{n2, options};
    replica third{n3, options};
    meet(reader, third, at({}));
    for (auto const* const key : {"k", "later 1", "later 2"})
        sender.put(key, "large", 9);
    sender.store.flush(at({}));
    reader.store.on_peer_up(n2, at({}));
    sender.store.on_peer_up(n1, at({}));
    converse(reader, sender, at({}));
    reader.put("k", "small", 1); // and others have their turn before it is flushed
    reader.store.on_time(at({}));
    REQUIRE(reader.value_of("k") == "large");
    REQUIRE_FALSE(reader.store.has_seen(drover::origin_of(n2), 1));
    reader.store.flush(at({}));
    converse(reader, third, at({}));
    REQUIRE(third.store.has_seen(drover::origin_of(n1), 1));
    CHECK(third.value_of("k") == "small");
}

TEST_CASE("two writes under one number, in pieces of one delta, do no harm", "[store][crdt]")
{
    replica a{n1};
    a.store.on_peer_up(n2, at({}));
    a.take();
    for (std::uint64_t index = 0; index < 2; ++index) {
        drover::store::causal_map source;
        source.open(n2);
        source.write_local(record_table::spec, index == 0 ? "x" : "y", {}, false, "value");
        drover::wire::writer out;
        out.u8(static_cast<std::uint8_t>(drover::store::message_kind::chunk)).number(1).number(index).boolean(index == 1);
        drover::store::encode_delta(source, {}, source.context().items(), out);
        a.store.on_message(n2, out.take(), at({}));
    }
    a.store.on_time(at({}));
    a.store.on_time(at(milliseconds{1}));
    a.store.on_time(at(milliseconds{2}));
    CHECK(a.value_of("x") == "value");
    CHECK(a.value_of("y").empty());
}

TEST_CASE("while one sends much, others are not asked over and over", "[store][crdt]")
{
    crdt_store_options options;
    options.piece_size = 1;
    replica reader{n1, options};
    replica sender{n2, options};
    replica third{n3, options};
    sender.put("a", "1");
    sender.put("b", "2");
    sender.store.flush(at({}));
    third.put("c", "3");
    third.store.flush(at({}));
    reader.store.on_peer_up(n2, at({}));
    sender.store.on_peer_up(n1, at({}));
    for (auto const& [name, frame] : reader.take())
        sender.store.on_message(n1, frame, at({}));
    for (auto const& [name, frame] : sender.take())
        reader.store.on_message(n2, frame, at({})); // the first piece; what follows takes its time
    reader.take();
    meet(reader, third, at({}));
    CHECK(converse(reader, third, at({})) < 20);
}

TEST_CASE("who merges a large delta lists nothing: it does not hold what follows from what it has seen", "[store][crdt]")
{
    crdt_store_options options;
    options.piece_size = 1;
    replica reader{n1, options};
    replica sender{n2, options};
    replica third{n3, options};
    third.put("k", "small", 1);
    third.store.flush(at({}));
    meet(reader, third, at({}));
    for (auto const* const key : {"k", "later 1", "later 2"})
        sender.put(key, "large", 9);
    sender.store.flush(at({}));
    reader.store.on_peer_up(n2, at({}));
    sender.store.on_peer_up(n1, at({}));
    converse(reader, sender, at({}));
    reader.store.on_time(at({}));
    REQUIRE(reader.value_of("k") == "large");
    reader.take();
    drover::wire::writer out;
    out.u8(static_cast<std::uint8_t>(drover::store::message_kind::list)).number(1).fixed64(0).number(0).number(0); // needs
                                                                                                                   // nothing
    auto const question = out.take();
    reader.store.on_message(n3, question, at({}));
    CHECK(reader.take().empty());
    for (int i = 1; i < 5; ++i)
        reader.store.on_time(at(milliseconds{i}));
    reader.take();
    reader.store.on_message(n3, question, at(milliseconds{5}));
    CHECK(reader.take().size() == 1);
}

TEST_CASE("a stamp that is as large as can be stops nobody from writing", "[store][crdt]")
{
    replica a{n1};
    replica b{n2};
    meet(a, b, at({}));
    drover::store::causal_map map;
    node_id const broken{"n3", 1};
    map.open(broken);
    map.set_time(drover::store::stamp_max);
    map.write_local(record_table::spec, "theirs", {}, false, "value");
    REQUIRE(map.find(record_table::spec, "theirs")->stamp == drover::store::stamp_max);
    drover::wire::writer out;
    out.u8(static_cast<std::uint8_t>(drover::store::message_kind::delta));
    drover::store::encode_delta(map, {}, map.context().items(), out);
    a.store.on_message(broken, out.take(), at({}));
    a.take();
    a.put("ours", "1");
    a.put("ours", "2");
    a.store.flush(at({}));
    CHECK(a.put("theirs", "ours") == 0); // outranked for good
    CHECK(a.put("theirs", "ours", 1) != 0);
    a.store.flush(at({}));
    for (int i = 1; i < 5; ++i) {
        a.store.on_time(at(seconds{i}));
        b.store.on_time(at(seconds{i}));
        converse(a, b, at(seconds{i}));
    }
    CHECK(b.store.rejected_count() == 0);
    CHECK(b.value_of("ours") == "2");
    CHECK(b.value_of("theirs") == "ours");
    CHECK(a.store.digest() == b.store.digest());
}

TEST_CASE("who got a part of what was written at once holds what it has seen", "[store][crdt]")
{
    crdt_store_options options;
    options.piece_size = 1;
    replica a{n1, options};
    replica b{n2, options};
    meet(a, b, at({}));
    auto const lost_after = GENERATE(1U, 2U, 3U);
    a.put("k", "first");
    a.put("other", "value");
    a.put("k", "second");
    a.store.flush(at({}));
    auto sent = a.take();
    if (sent.size() > lost_after)
        sent.resize(lost_after);
    for (auto const& [name, frame] : sent)
        b.store.on_message(n1, frame, at({}));
    CHECK((!b.store.has_seen(drover::origin_of(n1), 1) || !b.value_of("k").empty()));
    b.take();
    for (int i = 1; i < 5; ++i) {
        a.store.on_time(at(seconds{i}));
        b.store.on_time(at(seconds{i}));
        converse(a, b, at(seconds{i}));
        b.store.on_time(at(seconds{i}) + milliseconds{1});
        b.store.on_time(at(seconds{i}) + milliseconds{2});
    }
    CHECK(b.value_of("k") == "second");
    CHECK(b.value_of("other") == "value");
}
