// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/store/causal_map.hpp>
#include <drover/store/delta.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using drover::bytes;
using drover::bytes_view;
using drover::node_id;
using drover::record_rank;
using drover::record_table;
using drover::store::causal_context;
using drover::store::causal_map;
using drover::store::origin_of;

constexpr std::size_t keys_count = 6;
constexpr record_table tables[]{record_table::spec, record_table::owner};

bytes key_of(std::size_t index) { return "key-" + std::to_string(index); }

std::unique_ptr<causal_map> opened(node_id const& self)
{
    auto map = std::make_unique<causal_map>();
    map->open(self);
    return map;
}

/// Gives `to` what it has not seen of `from`, over the wire; true when a record of `to` changed.
bool join(causal_map& to, causal_map const& from)
{
    drover::wire::writer out;
    drover::store::encode_delta(from, to.context(), from.context().items(), out);
    drover::wire::reader in{out.view()};
    auto const incoming = drover::store::decode_delta(in);
    REQUIRE(incoming);
    for (auto const& range : incoming->ranges)
        to.learn_origin(range.origin);
    auto changed = false;
    for (auto const& next : incoming->writes) {
        auto const origin = origin_of(incoming->ranges[next.range].origin);
        changed = to.merge(next.table, next.key, {origin, next.sequence, next.stamp, next.rank, next.removed, bytes{next.value}})
            || changed;
    }
    for (auto const& range : incoming->ranges)
        to.see(origin_of(range.origin), range.upto);
    return changed;
}

/// All that a map says, to be compared.
using contents = std::vector<std::tuple<std::uint64_t, std::uint64_t, std::uint64_t, record_rank, bool, bytes>>;

contents contents_of(causal_map const& map)
{
    contents result;
    for (auto const table : tables)
        for (std::size_t i = 0; i < keys_count; ++i) {
            auto const* const entry = map.find(table, key_of(i));
            if (entry == nullptr)
                result.emplace_back();
            else
                result.emplace_back(entry->origin, entry->sequence, entry->stamp, entry->rank, entry->removed, entry->value);
        }
    return result;
}

bool same(causal_map const& left, causal_map const& right)
{
    return contents_of(left) == contents_of(right) && left.context().includes(right.context())
        && right.context().includes(left.context());
}

/// A write as the definition of the winner sees it.
struct known_write {
    record_table table;
    bytes key;
    node_id node;
    causal_map::write write;
};

/// Replicas that write and join at random, and every write that was ever made.
class history {
public:
    history(std::uint64_t seed, std::size_t replicas_count) : random_{seed}
    {
        for (std::size_t i = 0; i < replicas_count; ++i) {
            nodes_.push_back({"n" + std::to_string(i), 1 + random_.below(3)});
            maps_.push_back(opened(nodes_.back()));
        }
    }

    void step()
    {
        auto const who = random_.below(maps_.size());
        if (random_.chance(300'000) && maps_.size() > 1)
            join(*maps_[who], *maps_[random_.below(maps_.size())]);
        else
            write(who);
    }

    causal_map& operator[](std::size_t index) { return *maps_[index]; }
    std::size_t size() const { return maps_.size(); }

    /// The definition: of the writes that a context names, the largest by rank, stamp and node.
    known_write const* winner(record_table table, bytes_view key, causal_context const& seen) const
    {
        known_write const* best = nullptr;
        for (auto const& each : writes_) {
            if (each.table != table || each.key != key || seen.at(each.write.origin) < each.write.sequence)
                continue;
            if (best == nullptr || order(each) > order(*best))
                best = &each;
        }
        return best;
    }

private:
    static std::tuple<record_rank, std::uint64_t, node_id> order(known_write const& each)
    {
        return {each.write.rank, each.write.stamp, each.node};
    }

    void write(std::size_t who)
    {
        auto& map = *maps_[who];
        auto const table = tables[random_.below(2)];
        auto const key = key_of(random_.below(keys_count));
        record_rank const rank{random_.below(3), random_.below(2)};
        auto const removed = random_.chance(300'000);
        auto const value = removed ? bytes{} : "value-" + std::to_string(writes_.size());
        auto const before = map.version();
        auto const* const present = map.find(table, key);
        auto const outranked = present != nullptr && present->rank > rank;
        auto const nothing_to_remove = removed && (present == nullptr || present->removed);
        auto const version = map.write_local(table, key, rank, removed, value);
        REQUIRE(version == (outranked || nothing_to_remove ? 0 : before + 1));
        if (version != 0)
            writes_.push_back({table, key, nodes_[who], *map.find(table, key)});
    }

    drover::random_stream random_;
    std::vector<node_id> nodes_;
    std::vector<std::unique_ptr<causal_map>> maps_;
    std::vector<known_write> writes_;
};

history random_history(std::uint64_t seed)
{
    history result{seed, 3};
    for (int i = 0; i < 60; ++i)
        result.step();
    return result;
}

std::unique_ptr<causal_map> join_of(std::initializer_list<causal_map const*> parts)
{
    auto result = opened({"observer", 1});
    for (auto const* const part : parts)
        join(*result, *part);
    return result;
}

} // namespace

TEST_CASE("a map holds the largest write of each key that it has seen", "[store][map]")
{
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        history all{seed, 4};
        for (int i = 0; i < 120; ++i)
            all.step();
        for (std::size_t replica = 0; replica < all.size(); ++replica)
            for (auto const table : tables)
                for (std::size_t key = 0; key < keys_count; ++key) {
                    auto const* const entry = all[replica].find(table, key_of(key));
                    auto const* const expected = all.winner(table, key_of(key), all[replica].context());
                    REQUIRE((entry != nullptr) == (expected != nullptr));
                    if (entry == nullptr)
                        continue;
                    REQUIRE(entry->origin == expected->write.origin);
                    REQUIRE(entry->sequence == expected->write.sequence);
                    REQUIRE(entry->value == expected->write.value);
                    REQUIRE(entry->removed == expected->write.removed);
                }
    }
}

TEST_CASE("joining maps is commutative, associative and idempotent", "[store][map]")
{
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
        auto all = random_history(seed);
        auto const &a = all[0], &b = all[1], &c = all[2];
        REQUIRE(same(*join_of({&a, &b}), *join_of({&b, &a})));
        auto const left = join_of({&a, &b});
        auto const right = join_of({&b, &c});
        REQUIRE(same(*join_of({left.get(), &c}), *join_of({&a, right.get()})));
        auto once = join_of({&a});
        REQUIRE(same(*once, a));
        REQUIRE_FALSE(join(*once, a));
        REQUIRE(same(*once, a));
    }
}

TEST_CASE("deltas say what the whole state says", "[store][map]")
{
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        history all{seed, 3};
        auto step_by_step = opened({"observer", 1});
        for (int i = 0; i < 80; ++i) {
            all.step();
            join(*step_by_step, all[static_cast<std::size_t>(i) % 3]);
        }
        for (std::size_t i = 0; i < 3; ++i)
            join(*step_by_step, all[i]);
        REQUIRE(same(*step_by_step, *join_of({&all[2], &all[1], &all[0]})));
    }
}

TEST_CASE("what one origin wrote after a number comes in order, and nothing else does", "[store][map]")
{
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        auto all = random_history(seed);
        auto const& map = all[0];
        for (auto const& part : map.context().items())
            for (std::uint64_t after = 0; after <= part.sequence; ++after) {
                std::vector<std::uint64_t> sequences;
                map.for_each_after(part.origin, after, [&](auto const& entry) { sequences.push_back(entry.sequence); });
                std::vector<std::uint64_t> expected;
                for (auto const table : tables)
                    for (std::size_t key = 0; key < keys_count; ++key)
                        if (auto const* const entry = map.find(table, key_of(key));
                            entry != nullptr && entry->origin == part.origin && entry->sequence > after)
                            expected.push_back(entry->sequence);
                std::sort(expected.begin(), expected.end());
                REQUIRE(sequences == expected);
            }
    }
}

TEST_CASE("a write that saw another has a larger stamp", "[store][map]")
{
    auto one = opened({"n1", 1});
    auto other = opened({"n2", 1});
    for (int i = 0; i < 5; ++i)
        one->write_local(record_table::spec, "a", {}, false, "one");
    join(*other, *one);
    other->write_local(record_table::spec, "b", {}, false, "other");
    CHECK(other->find(record_table::spec, "b")->stamp > one->find(record_table::spec, "a")->stamp);
}

TEST_CASE("equal rank and stamp are ordered by the node", "[store][map]")
{
    auto one = opened({"n1", 9});
    auto other = opened({"n2", 1});
    one->write_local(record_table::spec, "a", {1, 1}, false, "one");
    other->write_local(record_table::spec, "a", {1, 1}, false, "other");
    CHECK(join(*one, *other));
    CHECK_FALSE(join(*other, *one));
    CHECK(one->find(record_table::spec, "a")->value == "other");
    CHECK(other->find(record_table::spec, "a")->value == "other");
}

TEST_CASE("a removal stays until it is forgotten, and outlives what it removed", "[store][map]")
{
    auto one = opened({"n1", 1});
    auto other = opened({"n2", 1});
    one->write_local(record_table::spec, "a", {1, 0}, false, "value");
    join(*other, *one);
    CHECK(one->write_local(record_table::spec, "a", {1, 1}, true, {}) == 2);
    CHECK(other->write_local(record_table::spec, "a", {1, 0}, false, "late") == 1);
    CHECK_FALSE(join(*one, *other));
    CHECK(join(*other, *one));
    for (auto* const map : {one.get(), other.get()}) {
        REQUIRE(map->find(record_table::spec, "a") != nullptr);
        CHECK(map->find(record_table::spec, "a")->removed);
        REQUIRE(map->removals().size() == 1);
        map->forget_removal();
        CHECK(map->find(record_table::spec, "a") == nullptr);
        CHECK(map->size() == 0);
        CHECK(map->removals().empty());
    }
    CHECK_FALSE(join(*other, *one)); // what is forgotten was seen, and stays away
    CHECK(other->size() == 0);
}

TEST_CASE("removals are forgotten in the order in which they came, and a record written since is left alone", "[store][map]")
{
    auto map = opened({"n1", 1});
    for (auto const* const key : {"a", "b", "c"}) {
        map->write_local(record_table::spec, key, {1, 0}, false, key);
        map->write_local(record_table::spec, key, {1, 1}, true, {});
    }
    map->write_local(record_table::spec, "b", {2, 0}, false, "again");
    CHECK(map->removals().size() == 3);
    map->forget_removal(); // a
    map->forget_removal(); // b
    CHECK(map->find(record_table::spec, "a") == nullptr);
    CHECK(map->find(record_table::spec, "b")->value == "again");
    CHECK(map->find(record_table::spec, "c")->removed);
    CHECK(map->removals().size() == 1);
    CHECK(map->removals().front().key.key == "c");
    auto observer = join_of({map.get()});
    CHECK(same(*observer, *map));
}

TEST_CASE("a removal is noted once, at the first time that is told", "[store][map]")
{
    auto map = opened({"n1", 1});
    auto const remove = [&](bytes_view key) {
        map->write_local(record_table::spec, key, {}, false, "value");
        map->write_local(record_table::spec, key, {}, true, {});
    };
    drover::time_point const first{std::chrono::seconds{1}};
    drover::time_point const second{std::chrono::seconds{2}};
    remove("a");
    remove("b");
    map->note_removals(first);
    remove("c");
    map->note_removals(second);
    REQUIRE(map->removals().size() == 3);
    CHECK(map->removals()[0].noted_at == first);
    CHECK(map->removals()[1].noted_at == first);
    CHECK(map->removals()[2].noted_at == second);
}

TEST_CASE("tables are apart", "[store][map]")
{
    auto map = opened({"n1", 1});
    map->write_local(record_table::spec, "a", {}, false, "spec");
    map->write_local(record_table::owner, "a", {}, false, "owner");
    map->write_local(record_table::spec, "a", {}, true, {});
    CHECK(map->find(record_table::owner, "a")->value == "owner");
    CHECK(map->find(record_table::spec, "a")->removed);
    CHECK(map->find(record_table::checkpoint, "a") == nullptr);
}

TEST_CASE("the records of one key are forgotten in any order, and written again", "[store][map]")
{
    std::vector<record_table> order{record_table::spec, record_table::owner, record_table::checkpoint, record_table::roster};
    do {
        auto map = opened({"n1", 1});
        std::set<record_table> held;
        auto const check = [&] {
            REQUIRE(map->size() == held.size());
            for (auto const table : order) {
                auto const* const found = map->find(table, "a");
                REQUIRE((found != nullptr) == held.contains(table));
                if (found != nullptr)
                    CHECK(found->value == "value " + std::to_string(static_cast<int>(table)));
            }
            std::size_t listed = 0;
            map->for_each_after(map->self(), 0, [&](causal_map::entry const& each) { listed += *each.key == "a" ? 1 : 0; });
            CHECK(listed == held.size());
        };
        auto const write = [&](record_table table) {
            map->write_local(table, "a", {}, false, "value " + std::to_string(static_cast<int>(table)));
            held.insert(table);
            check();
        };
        for (auto const table : {record_table::spec, record_table::owner, record_table::checkpoint, record_table::roster})
            write(table);
        for (auto const table : order) {
            map->write_local(table, "a", {}, true, {});
            map->forget_removal();
            held.erase(table);
            check();
            if (table == record_table::owner) { // while others are left, and perhaps none
                write(table);
                map->write_local(table, "a", {}, true, {});
                map->forget_removal();
                held.erase(table);
                check();
            }
        }
        CHECK(map->size() == 0);
    } while (std::next_permutation(order.begin(), order.end()));
}

TEST_CASE("an origin is the node that was learned", "[store][map]")
{
    auto map = opened({"n1", 1});
    CHECK(map->learn_origin({"n1", 1}));
    CHECK(map->learn_origin({"n2", 7}));
    REQUIRE(map->origin(origin_of({"n2", 7})) != nullptr);
    CHECK(*map->origin(origin_of({"n2", 7})) == node_id{"n2", 7});
    CHECK(map->origin(origin_of({"n2", 8})) == nullptr);
    CHECK(map->self() == origin_of({"n1", 1}));
}

TEST_CASE(
    "what is noted for a journal that takes nothing is as much as there are keys, however often they are written", "[store][map]")
{
    auto map = opened({"n1", 1});
    map->note_touched();
    for (int i = 0; i < 10'000; ++i)
        map->write_local(record_table::spec, key_of(static_cast<std::size_t>(i) % keys_count), {}, false, "value");
    auto const touched = map->take_touched();
    CHECK(touched.size() <= 1'024);
    std::set<bytes> keys;
    for (auto const& each : touched)
        keys.insert(each.key);
    CHECK(keys.size() == keys_count);
    for (std::size_t i = 0; i < 5'000; ++i)
        map->write_local(record_table::spec, "many-" + std::to_string(i), {}, false, "value");
    CHECK(map->take_touched().size() == 5'000);
}

TEST_CASE("a key that is removed again and again leaves one removal, not one each time", "[store][causal_map]")
{
    auto const map = opened({"n1", 1});
    for (std::uint64_t round = 1; round <= 100'000; ++round) {
        map->write_local(record_table::spec, "key", {round, 0}, false, "value");
        map->write_local(record_table::spec, "key", {round, 1}, true, {});
    }
    CHECK(map->removals().size() < 2'500);
    while (!map->removals().empty())
        map->forget_removal();
    CHECK(map->size() == 0);
    CHECK(map->forgotten(map->self()) == map->version());
}
