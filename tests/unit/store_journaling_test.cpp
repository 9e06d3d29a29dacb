// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// A store with a journal: what counts as held, and what is there after a loss of power at any moment.

#include <drover/store/crdt_store.hpp>

#include <drover/base/random.hpp>
#include <drover/simulation/disk_journal.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using drover::bytes;
using drover::journal_batch;
using drover::node_id;
using drover::record_table;
using drover::time_point;
using drover::simulation::disk;
using drover::simulation::disk_journal;
using std::chrono::milliseconds;
using std::chrono::seconds;

using durable_store = drover::crdt_store<disk_journal>;

time_point at(drover::duration since_start) { return time_point{} + since_start; }

std::unique_ptr<durable_store> opened(node_id const& id, std::shared_ptr<disk> const& on, drover::crdt_store_options options = {})
{
    auto made = std::make_unique<durable_store>(disk_journal{on}, options);
    made->open(id);
    drover::journal_contents contents;
    REQUIRE_FALSE(made->journal()->open({id.name, "test"}, contents));
    made->restore(std::move(contents));
    return made;
}

bool commit(durable_store& store)
{
    auto const batch = store.take_batch();
    if (!batch)
        return false;
    REQUIRE_FALSE(store.journal()->commit(*batch));
    store.on_committed(batch->number, at({}));
    return true;
}

std::string value_of(durable_store const& store, std::string const& key)
{
    auto const found = store.find(record_table::spec, key);
    return found ? bytes{found->value} : bytes{"none"};
}

/// Hands over all that the two have for one another.
void converse(durable_store& a, node_id const& a_id, durable_store& b, node_id const& b_id)
{
    for (auto quiet = false; !quiet;) {
        quiet = true;
        for (auto const& [from, id, to] : {std::tuple{&a, &a_id, &b}, std::tuple{&b, &b_id, &a}})
            for (auto& message : std::exchange(from->effects().sends, {})) {
                quiet = false;
                to->on_message(*id, *message.frame, at({}));
            }
    }
}

} // namespace

TEST_CASE("a store with a journal says so in its type", "[store][journaling]")
{
    STATIC_REQUIRE(drover::keeps_a_journal<durable_store>);
    STATIC_REQUIRE(durable_store::capabilities.durable);
    STATIC_REQUIRE_FALSE(drover::keeps_a_journal<drover::crdt_store<>>);
    STATIC_REQUIRE_FALSE(drover::crdt_store<>::capabilities.durable);
}

TEST_CASE("a write is held here once it is on stable storage, and not before", "[store][journaling]")
{
    auto const on = std::make_shared<disk>();
    auto const store = opened({"n1", 1}, on);
    store->put(record_table::spec, "a", {}, "1");
    CHECK(store->version() == 1);
    CHECK(store->held_by(1) == 0);
    CHECK_FALSE(store->has_seen(drover::origin_of({"n1", 1}), 1));
    auto const batch = store->take_batch();
    REQUIRE(batch);
    CHECK(batch->records.size() == 1);
    store->put(record_table::spec, "b", {}, "2");
    CHECK_FALSE(store->take_batch()); // one at a time
    store->on_committed(batch->number + 7, at({}));
    CHECK(store->held_by(1) == 0);
    store->effects().acknowledgement_changed = false;
    store->on_committed(batch->number, at({}));
    CHECK(store->effects().acknowledgement_changed);
    CHECK(store->held_by(1) == 1);
    REQUIRE(commit(*store));
    CHECK(store->held_by(1) == 2);
    CHECK_FALSE(store->take_batch());
}

TEST_CASE("a peer acknowledges what is on its stable storage", "[store][journaling]")
{
    node_id const one{"n1", 1};
    node_id const two{"n2", 1};
    std::vector<node_id> const members{one, two};
    auto const a = opened(one, std::make_shared<disk>());
    auto const b = opened(two, std::make_shared<disk>());
    for (auto* const each : {a.get(), b.get()})
        each->set_members(members);
    a->on_peer_up(two, at({}));
    b->on_peer_up(one, at({}));
    converse(*a, one, *b, two);
    a->put(record_table::spec, "k", {}, "value");
    a->flush(at({}));
    converse(*a, one, *b, two);
    CHECK(value_of(*b, "k") == "value");
    CHECK(a->held_by(1) == 0);
    SECTION("here first")
    {
        REQUIRE(commit(*a));
        converse(*a, one, *b, two);
        CHECK(a->held_by(1) == 1);
        CHECK(a->held_by(2) == 0);
        REQUIRE(commit(*b));
        converse(*a, one, *b, two);
        CHECK(a->held_by(2) == 1);
    }
    SECTION("there first")
    {
        REQUIRE(commit(*b));
        converse(*a, one, *b, two);
        CHECK(a->held_by(2) == 0);
        CHECK(a->held_by(1) == 0);
        REQUIRE(commit(*a));
        CHECK(a->held_by(2) == 1);
    }
    SECTION("never there: told when asked again, and not counted")
    {
        REQUIRE(commit(*a));
        for (int second = 1; second < 5; ++second) {
            a->on_time(at(seconds{second}));
            b->on_time(at(seconds{second}));
            converse(*a, one, *b, two);
        }
        CHECK(a->held_by(2) == 0);
        CHECK(a->held_by(1) == 1);
    }
}

TEST_CASE("after a loss of power there is what was committed, as it was, in a new life", "[store][journaling]")
{
    auto const on = std::make_shared<disk>();
    {
        auto const store = opened({"n1", 1}, on);
        store->put(record_table::spec, "a", {3, 1}, "1");
        store->put(record_table::owner, "a", {4, 0}, "mine");
        store->put(record_table::spec, "b", {1, 0}, "2");
        store->remove(record_table::spec, "b", {1, 1});
        REQUIRE(commit(*store));
        store->put(record_table::spec, "a", {5, 0}, "lost");
    }
    auto const store = opened({"n1", 2}, on);
    CHECK(value_of(*store, "a") == "1");
    CHECK(store->rank_of(record_table::spec, "a") == drover::record_rank{3, 1});
    CHECK(store->rank_of(record_table::spec, "b") == drover::record_rank{1, 1}); // the removal is remembered
    CHECK(store->find(record_table::owner, "a")->value == "mine");
    CHECK(store->has_seen(drover::origin_of({"n1", 1}), 4));
    CHECK_FALSE(store->has_seen(drover::origin_of({"n1", 1}), 5));
    CHECK(store->version() == 0);
    CHECK(store->effects().changes.size() == 3);
    CHECK_FALSE(store->take_batch());
    auto const stamp = store->find(record_table::spec, "a")->stamp;
    store->put(record_table::spec, "a", {3, 1}, "new");
    CHECK(store->find(record_table::spec, "a")->stamp > stamp);
    REQUIRE(commit(*store));
    CHECK(value_of(*opened({"n1", 3}, on), "a") == "new");
    CHECK(opened({"n1", 1}, on)->version() == 4); // a clock that was set back: its numbers are not given out twice
}

TEST_CASE("a journal of things that cannot be is taken without them, and they are counted", "[store][journaling]")
{
    durable_store store;
    store.open({"n1", 5});
    drover::journal_contents contents;
    node_id const writer{"n2", 1};
    contents.origins.push_back({drover::origin_of(writer), writer, 3, 0});
    contents.origins.push_back({17, {"n3", 1}, 3, 0}); // not its id
    auto const record = [&](std::string const& key, std::uint64_t origin, std::uint64_t sequence) {
        return drover::journal_record{record_table::spec, key, origin, sequence, 1, {}, false, key};
    };
    contents.records.push_back(record("good", drover::origin_of(writer), 2));
    contents.records.push_back(record("same number", drover::origin_of(writer), 2));
    contents.records.push_back(record("not seen", drover::origin_of(writer), 4));
    contents.records.push_back(record("of nobody", 17, 1));
    contents.records.push_back(record("good", drover::origin_of(writer), 3)); // twice
    store.restore(std::move(contents));
    CHECK(store.rejected_count() == 5);
    CHECK(value_of(store, "good") == "good");
    CHECK(store.size() == 1);
}

TEST_CASE("what came while a commit was under way is acknowledged by the next one", "[store][journaling]")
{
    node_id const one{"n1", 1};
    node_id const two{"n2", 1};
    std::vector<node_id> const members{one, two};
    auto const a = opened(one, std::make_shared<disk>());
    auto const b = opened(two, std::make_shared<disk>());
    for (auto* const each : {a.get(), b.get()})
        each->set_members(members);
    auto const meet = [&] {
        a->on_peer_up(two, at({}));
        b->on_peer_up(one, at({}));
        converse(*a, one, *b, two);
    };
    SECTION("pushed")
    {
        meet();
        b->put(record_table::spec, "b", {}, "earlier");
        b->flush(at({}));
        auto const earlier = b->take_batch();
        REQUIRE(earlier);
        a->put(record_table::spec, "k", {}, "value");
        a->flush(at({}));
        converse(*a, one, *b, two);
        b->on_committed(earlier->number, at({}));
        converse(*a, one, *b, two);
    }
    SECTION("asked for")
    {
        a->put(record_table::spec, "k", {}, "value");
        a->flush(at({}));
        meet();
    }
    REQUIRE(value_of(*b, "k") == "value");
    REQUIRE(commit(*a));
    CHECK(a->held_by(2) == 0);
    REQUIRE(commit(*b));
    converse(*a, one, *b, two);
    CHECK(a->held_by(2) == 1);
}

TEST_CASE("a journal never says that more was seen than is in it, also while a large delta is merged", "[store][journaling]")
{
    drover::crdt_store_options options;
    options.piece_size = 1;
    node_id const reader{"n1", 1};
    node_id const sender{"n2", 1};
    node_id const writer{"n3", 1};
    auto const on = std::make_shared<disk>();
    auto const store = opened(reader, on, options);
    auto const other = opened(sender, std::make_shared<disk>(), options);
    auto const third = opened(writer, std::make_shared<disk>(), options);
    for (auto const* const key : {"k", "later 1", "later 2"})
        other->put(record_table::spec, key, {9, 0}, "large");
    other->flush(at({}));
    store->on_peer_up(writer, at({}));
    third->on_peer_up(reader, at({}));
    converse(*store, reader, *third, writer);
    auto written_before = false;
    SECTION("written before it began")
    {
        written_before = true;
        third->put(record_table::spec, "k", {1, 0}, "small");
        third->flush(at({}));
        converse(*store, reader, *third, writer);
    }
    SECTION("written while it is merged") {}
    store->on_peer_up(sender, at({}));
    other->on_peer_up(reader, at({}));
    converse(*store, reader, *other, sender);
    store->on_time(at({})); // one piece of it
    REQUIRE(value_of(*store, "k") == "large");
    REQUIRE_FALSE(store->has_seen(drover::origin_of(sender), 1));
    if (!written_before) {
        third->put(record_table::spec, "k", {1, 0}, "small");
        third->flush(at({}));
        converse(*store, reader, *third, writer);
    }
    commit(*store); // and the power fails
    auto const after = opened({"n1", 2}, on, options);
    INFO(value_of(*after, "k"));
    CHECK((value_of(*after, "k") != "none" || !after->has_seen(drover::origin_of(writer), 1)));
    for (int i = 1; i < 5; ++i)
        store->on_time(at(milliseconds{i}));
    REQUIRE(commit(*store));
    CHECK(value_of(*opened({"n1", 3}, on, options), "k") == "large");
    CHECK(opened({"n1", 4}, on, options)->has_seen(drover::origin_of(writer), 1));
    store->effects().sends.clear();
}

TEST_CASE("a write of a journal without a number, and of nobody, is left out", "[store][journaling]")
{
    durable_store store;
    store.open({"n1", 5});
    drover::journal_contents contents;
    contents.records.push_back({record_table::spec, "of nobody", ~std::uint64_t{0}, 0, 1, {}, false, "value"});
    store.restore(std::move(contents));
    CHECK(store.rejected_count() == 1);
    CHECK(store.size() == 0);
}

TEST_CASE("whenever the power fails, the journal is a state that the store once had", "[store][journaling]")
{
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        INFO("seed " << seed);
        drover::random_stream random{seed};
        auto const on = std::make_shared<disk>();
        std::map<std::uint64_t, std::map<std::string, std::string>> states; // by version
        std::uint64_t life = 1;
        std::map<std::string, std::string> model;
        for (; life < 8; ++life) {
            auto const store = opened({"n1", life}, on);
            for (int key = 0; key < 6; ++key) {
                auto const name = "key-" + std::to_string(key);
                REQUIRE(value_of(*store, name) == (model.contains(name) ? model[name] : "none"));
            }
            states.clear();
            states[0] = model;
            std::optional<journal_batch> under_way;
            std::uint64_t under_way_upto = 0;
            std::uint64_t committed = 0;
            for (auto steps = random.between(5, 60); steps > 0; --steps) {
                auto const key = "key-" + std::to_string(random.below(6));
                if (random.chance(300'000)) {
                    if (store->remove(record_table::spec, key, {life, 0}) != 0)
                        model.erase(key);
                } else {
                    auto const value = std::to_string(life) + "/" + std::to_string(steps);
                    REQUIRE(store->put(record_table::spec, key, {life, 0}, value) != 0);
                    model[key] = value;
                }
                states[store->version()] = model;
                store->flush(at(milliseconds{steps}));
                if (under_way && random.chance(400'000)) {
                    REQUIRE_FALSE(store->journal()->commit(*under_way));
                    committed = under_way_upto;
                    if (random.chance(900'000)) { // or the power fails right after the commit
                        store->on_committed(under_way->number, at(milliseconds{steps}));
                        REQUIRE(store->held_by(1) == committed);
                        under_way.reset();
                    }
                }
                if (!under_way)
                    if ((under_way = store->take_batch()))
                        under_way_upto = store->version();
            }
            model = states[committed];
        }
    }
}
