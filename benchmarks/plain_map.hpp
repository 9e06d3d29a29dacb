// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "measuring.hpp"
#include "numbered_keys.hpp"

#include <drover/base/hash.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

/// The yardstick of what is kept by key: a std::unordered_map of strings, which replicates nothing.
namespace plain_map {

using type = std::unordered_map<std::string, std::string>;

inline constexpr std::size_t value_size = 64;

/// Walks over the entries in no order that a cache likes.
class random_indices {
public:
    explicit random_indices(std::uint64_t entries) : entries_{entries} {}
    [[nodiscard]] std::uint64_t next() { return drover::mix64(++drawn_) % entries_; }

private:
    std::uint64_t entries_;
    std::uint64_t drawn_ = 0;
};

inline void put(type& map, std::uint64_t index)
{
    map.insert_or_assign(numbered_keys::key_of(index), std::string(value_size, 'w'));
}

/// Filled once for all rows: they leave as many entries as they found.
[[nodiscard]] inline type& filled(std::uint64_t entries)
{
    static std::map<std::uint64_t, type> all;
    auto& found = all[entries];
    for (auto i = found.size(); i < entries; ++i)
        put(found, i);
    return found;
}

/// Seconds of one operation on a map of this size: `operation` takes the map and an index.
template <class Operation>
[[nodiscard]] double time_of_one(std::uint64_t entries, Operation&& operation)
{
    auto& map = filled(entries);
    random_indices indices{entries};
    return measuring::time_of_one(20'000, [&] { operation(map, indices.next()); });
}

/// Seconds in which a new map of so many entries is filled.
[[nodiscard]] inline double time_of_filling(std::uint64_t entries)
{
    return measuring::time_of([&] {
        type map;
        for (std::uint64_t i = 0; i < entries; ++i)
            put(map, i);
        benchmark::DoNotOptimize(map.size());
    });
}

} // namespace plain_map
