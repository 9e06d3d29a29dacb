// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/store/crdt_store.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
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
using drover::store::causal_context;
using drover::store::origin_of;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t keys_count = 5;

bytes key_of(std::size_t index) { return "key-" + std::to_string(index); }

/// What a network does to messages, in times in a million.
struct faults {
    std::uint64_t loss = 0;
    std::uint64_t duplication = 0;
    std::uint64_t flips = 0;
    std::uint64_t rubbish = 0;
    drover::duration delay_max{};
};

/// Removals are forgotten as early as is safe, so that what was forgotten too early would show.
crdt_store_options eager()
{
    crdt_store_options options;
    options.sync_interval = milliseconds{100};
    options.removal_retention = drover::duration::zero();
    return options;
}

faults const bad_weather{200'000, 150'000, 0, 0, milliseconds{300}};
faults const hostile{100'000, 100'000, 100'000, 100'000, milliseconds{50}};

/// Replicas of one map in a small network that loses, doubles, delays and reorders, and a model that knows who holds what.
///
/// Writers keep the discipline of the core: a key that is made anew after a removal gets a larger rank.
class network {
public:
    network(std::uint64_t seed, std::size_t replicas_count, faults weather, crdt_store_options options)
        : random_{seed}, weather_{weather}, options_{options}
    {
        for (std::size_t i = 0; i < replicas_count; ++i)
            add();
    }

    /// A new node, or a new life of a node that is gone, with nothing.
    std::size_t add(std::string name = {}, drover::incarnation_number incarnation = 1)
    {
        if (name.empty())
            name = "n" + std::to_string(replicas_.size());
        replicas_.push_back(std::make_unique<replica>());
        auto& each = *replicas_.back();
        each.id = {std::move(name), incarnation};
        each.store = crdt_store<>{options_};
        each.store.open(each.id);
        each.store.put(record_table::roster, each.id.name, {incarnation, 0}, "here");
        members_changed();
        for (auto& other : replicas_)
            if (other.get() != &each && other->alive) {
                other->store.on_peer_up(each.id, now_);
                each.store.on_peer_up(other->id, now_);
            }
        return replicas_.size() - 1;
    }

    /// The node is cut off from all others, and notices; or it is back.
    void cut_off(std::size_t index, bool away)
    {
        auto& one = *replicas_[index];
        if (std::exchange(one.away, away) == away)
            return;
        for (auto& other : replicas_)
            if (other.get() != &one && other->alive) {
                if (away) {
                    one.store.on_peer_down(other->id, now_);
                    other->store.on_peer_down(one.id, now_);
                } else if (!other->away) {
                    one.store.on_peer_up(other->id, now_);
                    other->store.on_peer_up(one.id, now_);
                }
            }
    }

    /// The node leaves: it is cut off, writes nothing, and does not count; or it is back, with what it had.
    void leave(std::size_t index, bool gone)
    {
        replicas_[index]->left = gone;
        replicas_[index]->was_away = true;
        cut_off(index, gone);
        members_changed();
    }

    std::uint64_t dropped_count(std::size_t index) const { return replicas_[index]->store.dropped_count(); }

    /// The node is gone, and returns with nothing under its name.
    void start_anew(std::size_t index)
    {
        auto const id = replicas_[index]->id;
        replicas_[index]->alive = false;
        for (auto& other : replicas_)
            if (other->alive)
                other->store.on_peer_down(id, now_);
        add(id.name, id.incarnation + 1);
    }

    void run(drover::duration span, bool writing)
    {
        for (auto const end = now_ + span; now_ < end; now_ += milliseconds{5}) {
            if (writing && random_.chance(500'000))
                write(random_.below(replicas_.size()));
            deliver();
            for (auto& each : replicas_)
                if (each->alive)
                    turn(*each);
        }
    }

    void set_weather(faults weather) { weather_ = weather; }

    /// Everybody says the same about every key, and remembers no removal.
    void check_level() const
    {
        auto const* const first = living().front();
        for (auto const* const each : living()) {
            REQUIRE(each->store.context() == first->store.context());
            REQUIRE(each->store.removals_count() == 0);
            REQUIRE(each->store.size() == first->store.size());
            for (std::size_t key = 0; key < keys_count; ++key) {
                REQUIRE(value_of(*each, key) == value_of(*first, key));
                REQUIRE(each->store.rank_of(record_table::spec, key_of(key))
                    == first->store.rank_of(record_table::spec, key_of(key)));
            }
            for (auto const* const other : living()) {
                REQUIRE(each->store.find(record_table::roster, other->id.name));
                REQUIRE((other == each || (each->store.level_with(other->id) && each->store.synchronised(other->id))));
            }
            REQUIRE(each->store.held_by(living().size()) == each->store.version());
            REQUIRE(each->store.digest() == first->store.digest());
            REQUIRE(each->store.divergences_count() == 0);
        }
    }

    std::uint64_t rejected_count() const
    {
        std::uint64_t total = 0;
        for (auto const* const each : living())
            total += each->store.rejected_count();
        return total;
    }

    std::size_t values_count() const
    {
        std::size_t count = 0;
        for (std::size_t key = 0; key < keys_count; ++key)
            count += value_of(*living().front(), key) ? 1U : 0U;
        return count;
    }

    std::size_t removals_made() const { return removals_made_; }

private:
    struct replica {
        node_id id;
        crdt_store<> store;
        bool alive = true;
        bool away = false;
        bool left = false;
        bool was_away = false;                                // as no member
        std::map<std::string, std::uint64_t> gone;            // by key: the largest rank that was seen, and then seen removed
        std::set<bytes> shown;                                // values that were the winners here, at some time
        std::map<std::uint64_t, std::pair<bytes, bytes>> own; // by version: key and value
    };

    struct flight {
        time_point at;
        std::uint64_t order;
        std::size_t from;
        std::size_t to;
        std::shared_ptr<bytes const> frame;

        bool operator<(flight const& other) const { return std::tie(at, order) < std::tie(other.at, other.order); }
    };

    static std::optional<std::tuple<bytes, drover::record_rank, std::uint64_t>> value_of(replica const& each, std::size_t key)
    {
        auto const found = each.store.find(record_table::spec, key_of(key));
        return found ? std::optional{std::tuple{bytes{found->value}, found->rank, found->stamp}} : std::nullopt;
    }

    std::vector<replica const*> living() const
    {
        std::vector<replica const*> result;
        for (auto const& each : replicas_)
            if (each->alive)
                result.push_back(each.get());
        return result;
    }

    void members_changed()
    {
        std::vector<node_id> members;
        for (auto const* const each : living())
            if (!each->left)
                members.push_back(each->id);
        for (auto& each : replicas_)
            each->store.set_members(members);
    }

    bool is_level(replica const& each) const
    {
        auto const all = living();
        return std::all_of(all.begin(), all.end(),
            [&](auto const* const other) { return other == &each || each.store.synchronised(other->id); });
    }

    void write(std::size_t index)
    {
        auto& each = *replicas_[index];
        if (!each.alive || each.left || (each.was_away && !is_level(each)))
            return; // the core does not act on what may be old
        auto const key = key_of(random_.below(keys_count));
        auto const present = each.store.find(record_table::spec, key);
        if (present && random_.chance(300'000)) {
            auto const creation = present->rank.major;
            REQUIRE(each.store.remove(record_table::spec, key, {creation, 1}) != 0);
            last_creation_[key] = std::max(last_creation_[key], creation);
            ++removals_made_;
            return;
        }
        auto const creation = present ? present->rank.major : last_creation_[key] + 1;
        auto const value = "value-" + std::to_string(++values_made_) + bytes(random_.below(60), '.');
        REQUIRE(each.store.put(record_table::spec, key, {creation, 0}, value) != 0);
        each.own[each.store.version()] = {key, value};
        note(each);
    }

    void deliver()
    {
        while (!flying_.empty() && flying_.begin()->at <= now_) {
            auto const next = *flying_.begin();
            flying_.erase(flying_.begin());
            auto const &from = *replicas_[next.from], &to = *replicas_[next.to];
            if (!from.alive || !to.alive || from.away || to.away)
                continue;
            // Exact, and on the heap, so that a sanitizer sees one octet too many.
            std::vector<char> const exact(next.frame->begin(), next.frame->end());
            replicas_[next.to]->store.on_message(from.id, {exact.data(), exact.size()}, now_);
            note(*replicas_[next.to]);
        }
    }

    void turn(replica& each)
    {
        auto const early = each.store.deadline() > now_;
        auto const before = each.store.effects().sends.size();
        each.store.on_time(now_);
        note(each);
        REQUIRE((!early || each.store.effects().sends.size() == before));
        REQUIRE(each.store.deadline() > now_);
        each.store.flush(now_);
        for (auto& message : std::exchange(each.store.effects().sends, {}))
            send(each, message.to, std::move(message.frame));
        each.store.effects().changes.clear();
        check_holders(each);
    }

    void send(replica const& from, std::string const& name, std::shared_ptr<bytes const> frame)
    {
        auto const index_of = [&](auto const& matches) {
            return static_cast<std::size_t>(std::find_if(replicas_.begin(), replicas_.end(), matches) - replicas_.begin());
        };
        auto const source = index_of([&](auto const& each) { return each.get() == &from; });
        auto const target = index_of([&](auto const& each) { return each->alive && each->id.name == name; });
        REQUIRE(target < replicas_.size());
        if (random_.chance(weather_.rubbish))
            fly(source, target, std::make_shared<bytes const>(rubbish()));
        if (random_.chance(weather_.flips)) {
            auto broken = *frame;
            broken[random_.below(broken.size())] ^= static_cast<char>(1 << random_.below(8));
            if (harmless(broken))
                fly(source, target, std::make_shared<bytes const>(std::move(broken)));
        }
        if (random_.chance(weather_.loss))
            return;
        fly(source, target, frame);
        if (random_.chance(weather_.duplication))
            fly(source, target, frame);
    }

    void fly(std::size_t from, std::size_t to, std::shared_ptr<bytes const> frame)
    {
        flying_.insert(
            {now_ + random_.between(drover::duration::zero(), weather_.delay_max), ++sent_, from, to, std::move(frame)});
    }

    bytes rubbish()
    {
        bytes data(random_.below(50), '\0');
        for (auto& octet : data)
            octet = static_cast<char>(random_.next());
        if (!data.empty())
            data[0] = static_cast<char>(random_.below(9));
        return harmless(data) ? data : bytes{};
    }

    // No store can tell a lie that is well-formed: only what decodes as nothing may be made up.
    static bool harmless(bytes_view frame)
    {
        drover::wire::reader in{frame};
        switch (in.u8()) {
        case 1: return !drover::store::told_context::decode(in);
        case 2:
        case 3: return !drover::store::decode_delta(in);
        case 4: return (void)in.number(), (void)in.number(), (void)in.boolean(), !drover::store::decode_delta(in);
        case 7: return (void)in.number(), !drover::store::listing::decode(in);
        default: return true; // a stream that stops, and an answer that nobody waits for
        }
    }

    // What is deleted does not come back: where it was seen to go, and nowhere after that.
    void note(replica& each)
    {
        for (std::size_t i = 0; i < keys_count; ++i) {
            auto const key = key_of(i);
            auto const found = each.store.find(record_table::spec, key);
            if (found) {
                each.shown.insert(bytes{found->value});
                REQUIRE(found->rank.major > each.gone[key]);
            } else if (auto const rank = each.store.rank_of(record_table::spec, key); rank) {
                each.gone[key] = std::max(each.gone[key], rank->major);
            }
        }
    }

    static std::uint64_t seen(replica const& each, node_id const& writer)
    {
        auto const encoded = each.store.context();
        drover::wire::reader in{encoded};
        return causal_context::decode(in)->at(origin_of(writer));
    }

    // An acknowledgement is never a lie: so many members have seen it; and a write that still stands here stood there.
    void check_holders(replica const& each) const
    {
        auto const all = living();
        for (std::size_t count = 2; count <= all.size(); ++count) {
            auto const version = each.store.held_by(count);
            if (version == 0)
                continue;
            auto const holders =
                std::count_if(all.begin(), all.end(), [&](auto const* const other) { return seen(*other, each.id) >= version; });
            REQUIRE(static_cast<std::size_t>(holders) >= count);
            for (auto own = each.own.rbegin(); own != each.own.rend(); ++own) {
                auto const& key = own->second.first;
                auto const& value = own->second.second;
                auto const stands = each.store.find(record_table::spec, key);
                if (own->first > version || !stands || stands->value != value)
                    continue;
                auto const showed =
                    std::count_if(all.begin(), all.end(), [&](auto const* const other) { return other->shown.contains(value); });
                REQUIRE(static_cast<std::size_t>(showed) >= count);
            }
        }
        REQUIRE(each.store.held_by(all.size() + 1) == 0);
    }

    drover::random_stream random_;
    faults weather_;
    crdt_store_options options_;
    std::vector<std::unique_ptr<replica>> replicas_;
    std::set<flight> flying_;
    std::map<std::string, std::uint64_t> last_creation_;
    std::uint64_t values_made_ = 0;
    std::size_t removals_made_ = 0;
    std::uint64_t sent_ = 0;
    time_point now_{};
};

/// Everything is heard from now on, in order, and everybody has time to compare with everybody.
void quiesce(network& net)
{
    net.set_weather({});
    net.run(seconds{6}, false);
}

} // namespace

TEST_CASE("replicas agree after any weather, and have forgotten what was removed", "[store][network]")
{
    std::size_t values = 0;
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        INFO("seed " << seed);
        network net{seed, 2 + seed % 4, bad_weather, eager()};
        net.run(seconds{4}, true);
        quiesce(net);
        net.check_level();
        CHECK(net.removals_made() > 0);
        values += net.values_count();
    }
    CHECK(values > 30);
}

TEST_CASE("a replica that was away brings nothing back that was deleted", "[store][network]")
{
    for (std::uint64_t seed = 100; seed < 120; ++seed) {
        INFO("seed " << seed);
        network net{seed, 3, bad_weather, eager()};
        net.run(seconds{1}, true);
        net.cut_off(seed % 3, true);
        net.run(seconds{4}, true);
        net.cut_off(seed % 3, false);
        net.run(seconds{1}, true);
        quiesce(net);
        net.check_level();
    }
}

TEST_CASE("who was not a member while removals were forgotten drops what was removed", "[store][network]")
{
    std::uint64_t dropped = 0;
    for (std::uint64_t seed = 500; seed < 540; ++seed) {
        INFO("seed " << seed);
        network net{seed, 3, bad_weather, eager()};
        net.run(seconds{1}, true);
        net.set_weather({});
        net.run(seconds{1}, false); // all that it wrote is with others
        net.set_weather(bad_weather);
        net.leave(seed % 3, true);
        net.run(seconds{2}, true);
        net.set_weather({});
        net.run(seconds{3}, false); // removals are forgotten
        net.set_weather(bad_weather);
        net.leave(seed % 3, false);
        net.run(seconds{1}, seed % 4 == 0);
        quiesce(net);
        net.check_level();
        dropped += net.dropped_count(seed % 3);
    }
    CHECK(dropped > 10);
}

TEST_CASE("a fresh member gets everything, and so does a node that lost all", "[store][network]")
{
    for (std::uint64_t seed = 200; seed < 220; ++seed) {
        INFO("seed " << seed);
        network net{seed, 3, bad_weather, eager()};
        net.run(seconds{2}, true);
        if (seed % 2 == 0)
            net.add();
        else
            net.start_anew(seed % 3);
        net.run(seconds{1}, true);
        quiesce(net);
        net.check_level();
    }
}

TEST_CASE("deltas in many small parts give the same agreement", "[store][network]")
{
    auto options = eager();
    options.piece_size = 80;
    options.pieces_in_flight_max = 3;
    options.stream_timeout = milliseconds{400};
    for (std::uint64_t seed = 300; seed < 315; ++seed) {
        INFO("seed " << seed);
        network net{seed, 3, {50'000, 50'000, 0, 0, milliseconds{20}}, options};
        net.run(seconds{2}, true);
        quiesce(net);
        net.check_level();
    }
}

TEST_CASE("rubbish from the network is counted, and does not keep replicas from agreeing", "[store][network]")
{
    for (std::uint64_t seed = 400; seed < 420; ++seed) {
        INFO("seed " << seed);
        network net{seed, 3, hostile, eager()};
        net.run(seconds{3}, true);
        CHECK(net.rejected_count() > 0);
        quiesce(net);
        net.check_level();
    }
}
