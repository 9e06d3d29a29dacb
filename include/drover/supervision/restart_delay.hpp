// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/time.hpp>
#include <drover/supervision/child_spec.hpp>

#include <algorithm>
#include <cstdint>

namespace drover::supervision {

/// How long a child waits before it is started again, after so many failures in a row: nothing after the first, then `min`,
/// doubled each time, `max` at most (truncated binary exponential backoff). `random` shortens it by up to `jitter_percent`, so
/// that children that failed together do not come back together.
[[nodiscard]] constexpr duration restart_delay(
    restart_backoff const& backoff, std::uint32_t failures_in_row, std::uint64_t random)
{
    if (failures_in_row <= 1 || backoff.min == duration::zero())
        return duration::zero();
    auto delay = std::min(backoff.min, backoff.max);
    for (auto doublings = failures_in_row - 2; doublings > 0 && delay < backoff.max; --doublings)
        delay = delay > backoff.max / 2 ? backoff.max : delay * 2;
    constexpr std::uint64_t parts = 1'024;
    auto const jitter_max = delay / 100 * backoff.jitter_percent;
    return delay - jitter_max / parts * static_cast<duration::rep>(random % (parts + 1));
}

} // namespace drover::supervision
