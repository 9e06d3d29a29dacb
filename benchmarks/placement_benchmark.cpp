// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// The placements beside the two usual ways to write a ring. `independent` lookups may overlap in the processor; each `dependent`
// one waits for the one before. `add_or_remove_one` goes to and fro between all candidates and all but one in the middle. The
// counters of `shares`: the largest load over the mean, and, of `moves`, the per cent of children that move when one joins ten
// (ideal: 9.09).
#include <drover/placement/bounded.hpp>
#include <drover/placement/ring.hpp>
#include <drover/placement/uniform.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

using drover::candidate;

constexpr std::uint32_t points_per_weight = 128;

/// Candidates, sorted by name. Weights go through 1 ... `weight_most` again and again.
struct fixture {
    explicit fixture(std::int64_t nodes_count, std::uint32_t weight_most = 1, std::string const& prefix = "node-")
    {
        for (std::int64_t i = 0; i < nodes_count; ++i)
            names.push_back(prefix + std::to_string(i));
        std::sort(names.begin(), names.end());
        for (auto const& name : names)
            candidates.push_back({name, static_cast<std::uint32_t>(1 + candidates.size() % weight_most)});
    }

    [[nodiscard]] std::vector<candidate> without(std::size_t index) const
    {
        auto fewer = candidates;
        fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(index));
        return fewer;
    }

    std::vector<std::string> names;
    std::vector<candidate> candidates;
};

/// A model of the library, as the benchmarks use it.
template <class Placement, std::uint32_t WeightMost = 1>
struct model {
    static constexpr std::uint32_t weight_most = WeightMost;

    explicit model(fixture const& input) : all{input.candidates}, table{placement.build(input.candidates)} {}
    std::size_t place(std::uint64_t key) const { return table.place(key); }
    void remove(fixture const& input, std::size_t index) { become(input.without(index)); }
    void add(fixture const& input, std::size_t) { become(input.candidates); }
    void become(std::vector<candidate> after)
    {
        placement.update(table, all, after);
        all = std::move(after);
    }

    Placement placement;
    std::vector<candidate> all;
    typename Placement::table_type table;
};

/// Points in a sorted tree.
struct map_ring {
    static constexpr std::uint32_t weight_most = 1;

    explicit map_ring(fixture const& input)
    {
        for (std::size_t owner = 0; owner < input.names.size(); ++owner)
            add(input, owner);
    }
    std::size_t place(std::uint64_t key) const
    {
        auto const at = points.lower_bound(key);
        return at == points.end() ? points.begin()->second : at->second;
    }
    void add(fixture const& input, std::size_t owner)
    {
        for (std::uint32_t i = 0; i < points_per_weight; ++i)
            points.emplace(drover::ring::point_hash(drover::hash64(input.names[owner]), i), owner);
    }
    void remove(fixture const& input, std::size_t owner)
    {
        for (std::uint32_t i = 0; i < points_per_weight; ++i)
            points.erase(drover::ring::point_hash(drover::hash64(input.names[owner]), i));
    }

    std::map<std::uint64_t, std::size_t> points;
};

/// Points in a sorted vector, and a binary search.
struct binary_search_ring {
    static constexpr std::uint32_t weight_most = 1;

    explicit binary_search_ring(fixture const& input)
    {
        for (std::size_t owner = 0; owner < input.names.size(); ++owner)
            append(input, owner);
        std::sort(points.begin(), points.end());
    }
    std::size_t place(std::uint64_t key) const
    {
        auto const at = std::lower_bound(
            points.begin(), points.end(), key, [](auto const& point, std::uint64_t wanted) { return point.first < wanted; });
        return at == points.end() ? points.front().second : at->second;
    }
    void append(fixture const& input, std::size_t owner)
    {
        for (std::uint32_t i = 0; i < points_per_weight; ++i)
            points.emplace_back(drover::ring::point_hash(drover::hash64(input.names[owner]), i), owner);
    }
    void add(fixture const& input, std::size_t owner)
    {
        auto const middle = static_cast<std::ptrdiff_t>(points.size());
        append(input, owner);
        std::sort(points.begin() + middle, points.end());
        std::inplace_merge(points.begin(), points.begin() + middle, points.end());
    }
    void remove(fixture const&, std::size_t owner)
    {
        points.erase(
            std::remove_if(points.begin(), points.end(), [=](auto const& point) { return point.second == owner; }), points.end());
    }

    std::vector<std::pair<std::uint64_t, std::size_t>> points;
};

using ring = model<drover::ring>;
using uniform = model<drover::uniform>;
using uniform_of_four_weights = model<drover::uniform, 4>;
using bounded_ring = model<drover::bounded<drover::ring>>;
using bounded_uniform = model<drover::bounded<drover::uniform>>;

/// What candidates carry after so many children, placed by load where the model looks at loads.
template <class Placement, std::uint32_t WeightMost>
std::vector<std::uint32_t> loads_after(model<Placement, WeightMost> const& placing, std::uint64_t children_count)
{
    std::vector<std::uint32_t> loads(placing.all.size());
    for (std::uint64_t i = 0; i < children_count; ++i) {
        auto const key = drover::mix64(i + 1);
        if constexpr (drover::load_placement<Placement>)
            ++loads[placing.table.place(key, {loads, i})];
        else
            ++loads[placing.table.place(key)];
    }
    return loads;
}

template <class Model>
void lookup_independent(benchmark::State& state)
{
    Model const table{fixture{state.range(0), Model::weight_most}};
    std::uint64_t key = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(table.place(drover::mix64(++key)));
}

template <class Model>
void lookup_dependent(benchmark::State& state)
{
    Model const table{fixture{state.range(0), Model::weight_most}};
    std::uint64_t key = 0;
    for (auto _ : state)
        key = drover::mix64(key + 1 + table.place(key));
    benchmark::DoNotOptimize(key);
}

/// With nodes that carry 100 children each on average, up to their capacities.
template <class Model>
void lookup_by_load(benchmark::State& state)
{
    Model const placing{fixture{state.range(0), Model::weight_most}};
    auto const total = static_cast<std::uint64_t>(state.range(0)) * 100;
    auto const loads = loads_after(placing, total);
    std::uint64_t key = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(placing.table.place(drover::mix64(++key), {loads, total}));
}

template <class Model>
void build(benchmark::State& state)
{
    fixture const input{state.range(0), Model::weight_most};
    for (auto _ : state) {
        Model const table{input};
        benchmark::DoNotOptimize(table.place(0));
    }
}

template <class Model>
void add_or_remove_one(benchmark::State& state)
{
    fixture const input{state.range(0), Model::weight_most};
    auto const index = static_cast<std::size_t>(state.range(0)) / 2;
    Model table{input};
    bool there = true;
    for (auto _ : state) {
        if (std::exchange(there, !there))
            table.remove(input, index);
        else
            table.add(input, index);
        benchmark::DoNotOptimize(table.place(0));
    }
}

/// range(0) nodes, range(1) children a node.
template <class Model>
void shares(benchmark::State& state)
{
    fixture const input{state.range(0), Model::weight_most};
    auto const children_count = static_cast<std::uint64_t>(state.range(0) * state.range(1));
    double most = 0;
    for (auto _ : state) {
        auto const loads = loads_after(Model{input}, children_count);
        most = *std::max_element(loads.begin(), loads.end());
    }
    state.counters["max_over_mean"] = most / static_cast<double>(state.range(1));
}

template <class Model>
void moves(benchmark::State& state)
{
    constexpr int clusters = 100;
    constexpr std::uint64_t keys_count = 1'000;
    std::uint64_t moved = 0;
    for (auto _ : state) {
        moved = 0;
        for (int cluster = 0; cluster < clusters; ++cluster) {
            fixture const input{11, Model::weight_most, "cluster-" + std::to_string(cluster) + "-node-"};
            Model table{input};
            for (std::uint64_t i = 1; i <= keys_count; ++i)
                moved += table.place(drover::mix64(i)) == 10; // what the last one takes when it joins
        }
    }
    state.counters["moved_percent"] = 100.0 * static_cast<double>(moved) / (clusters * keys_count);
}

} // namespace

BENCHMARK_TEMPLATE(lookup_independent, ring)->Arg(3)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_independent, binary_search_ring)->Arg(3)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_independent, map_ring)->Arg(3)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_independent, uniform)->Arg(3)->Arg(10)->Arg(100)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_independent, uniform_of_four_weights)->Arg(10)->Arg(100)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_dependent, ring)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_dependent, binary_search_ring)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_dependent, map_ring)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_dependent, uniform)->Arg(3)->Arg(10)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_by_load, bounded_ring)->Arg(10)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_by_load, bounded_uniform)->Arg(10)->Arg(1'000);
BENCHMARK_TEMPLATE(build, ring)->Arg(1'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(build, binary_search_ring)->Arg(1'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(build, map_ring)->Arg(1'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(build, uniform)->Arg(1'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(build, bounded_ring)->Arg(1'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(add_or_remove_one, ring)->Arg(1'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(add_or_remove_one, binary_search_ring)->Arg(1'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(add_or_remove_one, map_ring)->Arg(1'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(add_or_remove_one, uniform)->Arg(1'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(add_or_remove_one, bounded_ring)->Arg(1'000)->Unit(benchmark::kMicrosecond);
BENCHMARK_TEMPLATE(shares, ring)->Args({1'000, 10})->Args({1'000, 1'000})->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(shares, uniform)->Args({1'000, 10})->Args({1'000, 1'000})->Iterations(1)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(shares, bounded_ring)->Args({1'000, 10})->Args({1'000, 1'000})->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(shares, bounded_uniform)
    ->Args({1'000, 10})
    ->Args({1'000, 1'000})
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(moves, ring)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(moves, uniform)->Unit(benchmark::kMillisecond);
