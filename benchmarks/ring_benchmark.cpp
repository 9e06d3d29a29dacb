// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// The ring beside the two usual ways to write one. `independent` keys may overlap in the processor; with `dependent` keys each
// lookup waits for the one before.
#include <drover/placement/ring.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr std::uint32_t points_per_weight = 128;

struct fixture {
    explicit fixture(std::int64_t nodes_count)
    {
        for (std::int64_t i = 0; i < nodes_count; ++i)
            names.push_back("node-" + std::to_string(i));
        std::sort(names.begin(), names.end());
        for (auto const& name : names)
            candidates.push_back({name});
    }

    std::vector<std::string> names;
    std::vector<drover::candidate> candidates;
};

template <class Sink>
void each_point(fixture const& input, Sink sink)
{
    for (std::size_t owner = 0; owner < input.names.size(); ++owner)
        for (std::uint32_t i = 0; i < points_per_weight; ++i)
            sink(drover::ring::point_hash(drover::hash64(input.names[owner]), i), owner);
}

struct bucket_ring {
    explicit bucket_ring(fixture const& input) : table{drover::ring{points_per_weight}.build(input.candidates)} {}
    std::size_t place(std::uint64_t key) const { return table.place(key); }

    drover::ring::table_type table;
};

struct map_ring {
    explicit map_ring(fixture const& input)
    {
        each_point(input, [this](std::uint64_t hash, std::size_t owner) { points.emplace(hash, owner); });
    }
    std::size_t place(std::uint64_t key) const
    {
        auto const at = points.lower_bound(key);
        return at == points.end() ? points.begin()->second : at->second;
    }

    std::map<std::uint64_t, std::size_t> points;
};

struct binary_search_ring {
    explicit binary_search_ring(fixture const& input)
    {
        each_point(input, [this](std::uint64_t hash, std::size_t owner) { points.emplace_back(hash, owner); });
        std::sort(points.begin(), points.end());
    }
    std::size_t place(std::uint64_t key) const
    {
        auto const at = std::lower_bound(
            points.begin(), points.end(), key, [](auto const& point, std::uint64_t wanted) { return point.first < wanted; });
        return at == points.end() ? points.front().second : at->second;
    }

    std::vector<std::pair<std::uint64_t, std::size_t>> points;
};

template <class Ring>
void lookup_independent(benchmark::State& state)
{
    Ring const table{fixture{state.range(0)}};
    std::uint64_t key = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(table.place(drover::mix64(++key)));
}

template <class Ring>
void lookup_dependent(benchmark::State& state)
{
    Ring const table{fixture{state.range(0)}};
    std::uint64_t key = 0;
    for (auto _ : state)
        key = drover::mix64(key + 1 + table.place(key));
    benchmark::DoNotOptimize(key);
}

template <class Ring>
void build(benchmark::State& state)
{
    fixture const input{state.range(0)};
    for (auto _ : state) {
        Ring const table{input};
        benchmark::DoNotOptimize(table.place(0));
    }
}

} // namespace

BENCHMARK_TEMPLATE(lookup_independent, bucket_ring)->Arg(3)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_independent, binary_search_ring)->Arg(3)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_independent, map_ring)->Arg(3)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_dependent, bucket_ring)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_dependent, binary_search_ring)->Arg(1'000);
BENCHMARK_TEMPLATE(lookup_dependent, map_ring)->Arg(1'000);
BENCHMARK_TEMPLATE(build, bucket_ring)->Arg(1'000)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(build, binary_search_ring)->Arg(1'000)->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(build, map_ring)->Arg(1'000)->Unit(benchmark::kMillisecond);
