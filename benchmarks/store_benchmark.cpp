// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// The replicated map. Keys of 16 octets, values of 64. The yardstick of an operation on one replica is the same operation on a
// std::unordered_map of strings, as large, which replicates nothing; that of bringing replicas level is one look at every entry.
#include "counted_allocations.hpp"
#include "measuring.hpp"
#include "numbered_keys.hpp"
#include "plain_map.hpp"

#include <drover/base/hash.hpp>
#include <drover/store/crdt_store.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using drover::bytes;
using drover::record_table;
using drover::time_point;
using numbered_keys::key_of;
using plain_map::random_indices;
using plain_map::value_size;

constexpr std::uint64_t batch = 1'000; // operations that are timed together
constexpr time_point now{std::chrono::seconds{1'000}};

/// A replica, and what it has sent.
struct replica {
    explicit replica(std::string name) : id{std::move(name), 1}
    {
        store.open(id);
        store.set_members(std::vector<drover::node_id>{id});
    }

    void put(std::uint64_t index, char content = 'v', record_table table = record_table::spec)
    {
        store.put(table, key_of(index), {1, 0}, bytes(value_size, content));
    }

    void fill(std::uint64_t entries)
    {
        for (std::uint64_t i = 0; i < entries; ++i)
            put(i);
        store.flush(now);
    }

    /// The markers of what was removed, which nobody else has to see.
    void forget_removals()
    {
        store.flush(time_);
        for (int i = 0; i < 2; ++i) { // they are noted, and forgotten the next time
            time_ += std::chrono::minutes{1};
            store.on_time(time_);
        }
    }

    drover::node_id id;
    drover::crdt_store<> store;

private:
    time_point time_ = now;
};

/// Two replicas and what went over the wire between them.
struct pair_of_replicas {
    replica first{"node-1"};
    replica second{"node-2"};
    std::uint64_t frames_count = 0;
    std::uint64_t octets = 0;

    pair_of_replicas()
    {
        std::vector<drover::node_id> const members{first.id, second.id};
        first.store.set_members(members);
        second.store.set_members(members);
    }

    void connect()
    {
        first.store.on_peer_up(second.id, now);
        second.store.on_peer_up(first.id, now);
        exchange();
    }

    void disconnect()
    {
        first.store.on_peer_down(second.id, now);
        second.store.on_peer_down(first.id, now);
    }

    /// Carries frames until none is under way.
    void exchange()
    {
        while (carry(first, second) || carry(second, first) || wake(first) || wake(second)) {
        }
    }

    [[nodiscard]] bool level() const
    {
        return first.store.context() == second.store.context() && first.store.size() == second.store.size();
    }

private:
    /// What is in pieces is merged one a turn.
    bool wake(replica& each)
    {
        if (each.store.deadline() > time_ + std::chrono::microseconds{1})
            return false;
        time_ = std::max(time_, each.store.deadline());
        each.store.on_time(time_);
        each.store.effects().changes.clear();
        return true;
    }

    bool carry(replica& from, replica& to)
    {
        auto const sends = std::exchange(from.store.effects().sends, {});
        for (auto const& each : sends) {
            ++frames_count;
            octets += each.frame->size();
            to.store.on_message(from.id, *each.frame, time_);
            to.store.effects().changes.clear(); // somebody would look at them
        }
        return !sends.empty();
    }

    time_point time_ = now;
};

/// Filled once for all rows: they leave as many entries as they found.
[[nodiscard]] replica& filled(std::uint64_t entries)
{
    static std::map<std::uint64_t, std::unique_ptr<replica>> all;
    auto& found = all[entries];
    if (found == nullptr) {
        found = std::make_unique<replica>("node-1");
        found->fill(entries);
    }
    return *found;
}

// ---- one replica ---------------------------------------------------------------------------------------------------------

/// Fills an empty replica. `octets_beyond`: memory of an entry beyond its key and its value.
void put_new(benchmark::State& state)
{
    auto const entries = static_cast<std::uint64_t>(state.range(0));
    auto const tables = static_cast<std::uint64_t>(state.range(1)); // records of one key: children have a spec and an owner
    measuring::account account;
    std::int64_t held = 0;
    std::uint64_t allocations = 0;
    for (auto _ : state) {
        auto const held_before = counted_allocations::octets_held();
        auto const count_before = counted_allocations::count;
        replica made{"node-1"};
        account.iteration(state, entries, [&] {
            for (std::uint64_t i = 0; i < entries; ++i)
                made.put(i / tables, 'v', static_cast<record_table>(i % tables));
        });
        held = counted_allocations::octets_held() - held_before;
        allocations = counted_allocations::count - count_before;
    }
    account.report(state, plain_map::time_of_filling(entries) / static_cast<double>(entries));
    auto const contents = static_cast<double>(numbered_keys::size + value_size);
    state.counters["octets_beyond"] = static_cast<double>(held) / static_cast<double>(entries) - contents;
    state.counters["allocations"] = static_cast<double>(allocations) / static_cast<double>(entries);
}

void put(benchmark::State& state)
{
    auto const entries = static_cast<std::uint64_t>(state.range(0));
    auto& used = filled(entries);
    random_indices indices{entries};
    measuring::account account;
    for (auto _ : state)
        account.iteration(state, batch, [&] {
            for (std::uint64_t i = 0; i < batch; ++i)
                used.put(indices.next(), 'w');
        });
    account.report(state, plain_map::time_of_one(entries, plain_map::put));
}

void find(benchmark::State& state)
{
    auto const entries = static_cast<std::uint64_t>(state.range(0));
    auto& used = filled(entries);
    random_indices indices{entries};
    measuring::account account;
    for (auto _ : state)
        account.iteration(state, batch, [&] {
            for (std::uint64_t i = 0; i < batch; ++i)
                benchmark::DoNotOptimize(used.store.find(record_table::spec, key_of(indices.next())));
        });
    account.report(state, plain_map::time_of_one(entries, [](plain_map::type& map, std::uint64_t index) {
        benchmark::DoNotOptimize(map.find(key_of(index)));
    }));
}

/// Removes what was put; what is timed is the marker that is left until every member has seen it.
void remove(benchmark::State& state)
{
    auto const entries = static_cast<std::uint64_t>(state.range(0));
    auto& used = filled(entries);
    random_indices indices{entries};
    measuring::account account;
    for (auto _ : state) {
        std::vector<std::uint64_t> chosen(std::min(batch, entries));
        std::generate(chosen.begin(), chosen.end(), [&] { return indices.next(); });
        account.iteration(state, chosen.size(), [&] {
            for (auto const index : chosen)
                used.store.remove(record_table::spec, key_of(index), {1, 0});
        });
        for (auto const index : chosen)
            used.put(index);
        used.forget_removals();
        if (used.store.removals_count() != 0)
            return state.SkipWithError("a removal is remembered for ever");
    }
    account.report(state, plain_map::time_of_one(entries, [](plain_map::type& map, std::uint64_t index) {
        auto const gone = map.extract(key_of(index));
        if (!gone.empty())
            map.emplace(gone.key(), gone.mapped());
    }));
}

// ---- replicas ------------------------------------------------------------------------------------------------------------

/// Writes of one replica that another takes, so many in a delta: encoded, decoded, merged and acknowledged. The octets are those
/// of the delta and of its acknowledgement, beyond keys and values, by write.
void merge(benchmark::State& state)
{
    auto const entries = static_cast<std::uint64_t>(state.range(0));
    auto const writes = static_cast<std::uint64_t>(state.range(1));
    pair_of_replicas replicas;
    replicas.first.fill(entries);
    replicas.connect();
    replicas.frames_count = replicas.octets = 0;
    random_indices indices{entries};
    measuring::account account;
    for (auto _ : state) {
        for (std::uint64_t i = 0; i < writes; ++i)
            replicas.first.put(indices.next(), 'w');
        account.iteration(state, writes, [&] {
            replicas.first.store.flush(now);
            replicas.exchange();
        });
    }
    if (!replicas.level())
        return state.SkipWithError("the replicas are not level");
    account.report(state, plain_map::time_of_one(entries, plain_map::put));
    auto const written = static_cast<double>(writes) * static_cast<double>(state.iterations());
    auto const contents = static_cast<double>(numbered_keys::size + value_size);
    state.counters["octets_beyond"] = static_cast<double>(replicas.octets) / written - contents;
}

/// Two replicas of `entries`, one of which made `differences` writes while they could not hear each other: until they are level.
/// `octets_to_find`: what went over the wire beyond the keys and the values of the differences.
void anti_entropy(benchmark::State& state)
{
    auto const entries = static_cast<std::uint64_t>(state.range(0));
    auto const differences = static_cast<std::uint64_t>(state.range(1));
    pair_of_replicas replicas;
    replicas.first.fill(entries);
    replicas.connect();
    measuring::account account;
    std::uint64_t octets = 0;
    std::uint64_t frames = 0;
    for (auto _ : state) {
        replicas.disconnect();
        auto const stride = std::max<std::uint64_t>(1, entries / differences);
        for (std::uint64_t i = 0; i < differences; ++i)
            replicas.first.put((i * stride) % entries, 'w');
        replicas.first.store.flush(now);
        replicas.frames_count = replicas.octets = 0;
        account.iteration(state, 1, [&] { replicas.connect(); });
        octets = replicas.octets;
        frames = replicas.frames_count;
    }
    if (!replicas.level())
        return state.SkipWithError("the replicas are not level");
    auto& map = plain_map::filled(entries);
    account.report(state, measuring::time_of_one(1, [&] {
        std::uint64_t sum = 0;
        for (auto const& [key, value] : map)
            sum += drover::hash64(value, drover::hash64(key));
        benchmark::DoNotOptimize(sum);
    }));
    auto const contents = differences * (numbered_keys::size + value_size);
    state.counters["octets_to_find"] = static_cast<double>(octets - contents);
    state.counters["frames"] = static_cast<double>(frames);
}

/// A member that has nothing is told all, codec included.
void fresh_member(benchmark::State& state)
{
    auto const entries = static_cast<std::uint64_t>(state.range(0));
    measuring::account account;
    std::uint64_t octets = 0;
    for (auto _ : state) {
        pair_of_replicas replicas;
        replicas.first.fill(entries);
        account.iteration(state, 1, [&] { replicas.connect(); });
        if (!replicas.level())
            return state.SkipWithError("the replicas are not level");
        octets = replicas.octets;
    }
    account.report(state, plain_map::time_of_filling(entries));
    auto const contents = static_cast<double>(numbered_keys::size + value_size);
    state.counters["octets_beyond"] = static_cast<double>(octets) / static_cast<double>(entries) - contents;
}

} // namespace

BENCHMARK(put_new)
    ->ArgNames({"entries", "tables"})
    ->Args({1'000, 1})
    ->Args({30'000, 1})
    ->Args({1'000'000, 1})
    ->Args({1'000'000, 2})
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK(put)->ArgName("entries")->Arg(1'000)->Arg(30'000)->Arg(1'000'000)->UseManualTime();
BENCHMARK(find)->ArgName("entries")->Arg(1'000)->Arg(30'000)->Arg(1'000'000)->UseManualTime();
BENCHMARK(remove)->ArgName("entries")->Arg(1'000)->Arg(30'000)->Arg(1'000'000)->UseManualTime();
BENCHMARK(merge)
    ->ArgNames({"entries", "writes"})
    ->Args({30'000, 1})
    ->Args({30'000, 8})
    ->Args({30'000, 256})
    ->Args({1'000'000, 256})
    ->UseManualTime();
BENCHMARK(anti_entropy)
    ->ArgNames({"entries", "differences"})
    ->Args({10'000, 1})
    ->Args({10'000, 100})
    ->Args({10'000, 1'000})
    ->Args({1'000'000, 1})
    ->UseManualTime()
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(fresh_member)->ArgName("entries")->Arg(30'000)->UseManualTime()->Unit(benchmark::kMillisecond);
