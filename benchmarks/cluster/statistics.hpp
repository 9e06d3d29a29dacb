// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cluster_benchmark {

/// The value that so many per cent of all are not above (nearest rank). 0 of none.
[[nodiscard]] inline std::uint64_t percentile(std::vector<std::uint64_t> values, std::size_t percent)
{
    if (values.empty())
        return 0;
    std::sort(values.begin(), values.end());
    auto const rank = std::max<std::size_t>(1, (values.size() * percent + 99) / 100);
    return values[rank - 1];
}

[[nodiscard]] inline std::uint64_t median(std::vector<std::uint64_t> values) { return percentile(std::move(values), 50); }

/// How often a second something happens that happened `count` times in so many nanoseconds.
[[nodiscard]] inline double rate(std::uint64_t count, std::uint64_t nanoseconds)
{
    return nanoseconds == 0 ? 0 : static_cast<double>(count) * 1e9 / static_cast<double>(nanoseconds);
}

} // namespace cluster_benchmark
