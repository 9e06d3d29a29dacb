// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
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

/// The wait before a restart that follows so many others in a row.
[[nodiscard]] inline duration wait_before_restart(restart_backoff const& backoff, std::uint32_t row, random_stream& random)
{
    if (row == 0)
        return duration::zero();
    auto const wait = doubled(backoff.min, backoff.max, row - 1);
    auto const share = wait / 100 * static_cast<duration::rep>(backoff.jitter_percent);
    return share > duration::zero() ? wait - random.between(duration::zero(), share) : wait;
}

} // namespace drover::supervision
