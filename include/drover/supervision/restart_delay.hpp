// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/time.hpp>
#include <drover/supervision/child_spec.hpp>

#include <algorithm>
#include <cstdint>

namespace drover::supervision {

/// `min`, doubled so often, and `max` at most.
[[nodiscard]] constexpr duration doubled(duration min, duration max, std::uint32_t doublings)
{
    auto wait = min;
    for (; doublings > 0 && wait < max; --doublings)
        wait = wait > max / 2 ? max : wait * 2;
    return std::min(wait, max);
}

/// How long a child waits before it is started again, after so many failures in a row: nothing after the first, then `min`,
/// doubled each time, `max` at most (truncated binary exponential backoff). `random` shortens it by up to `jitter_percent`, so
/// that children that failed together do not come back together.
[[nodiscard]] constexpr duration restart_delay(
    restart_backoff const& backoff, std::uint32_t failures_in_row, std::uint64_t random)
{
    if (failures_in_row <= 1 || backoff.min == duration::zero())
        return duration::zero();
    auto const delay = doubled(backoff.min, backoff.max, failures_in_row - 2);
    constexpr std::uint64_t parts = 1'024;
    auto const jitter_max = delay / 100 * backoff.jitter_percent;
    return delay - jitter_max / parts * static_cast<duration::rep>(random % (parts + 1));
}

} // namespace drover::supervision
