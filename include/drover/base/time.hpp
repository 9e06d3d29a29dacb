// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <chrono>
#include <cstdint>

namespace drover {

/// A span of time, in nanoseconds.
using duration = std::chrono::nanoseconds;

/// Names the time line of one runtime: monotonic, with an epoch of its own. It has no `now()` on purpose: time reaches pure
/// code as an argument, so that a simulated run cannot meet a real clock.
struct monotonic {
    using duration = drover::duration;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<monotonic>;
    static constexpr bool is_steady = true;
};

/// A point on the time line of one runtime.
using time_point = monotonic::time_point;

/// Later than every time that is reached: "no deadline".
inline constexpr time_point never = time_point::max();

/// `at + after`, or `never` where the sum would not fit.
[[nodiscard]] constexpr time_point saturating_add(time_point at, duration after)
{
    return after >= never - at ? never : at + after;
}

} // namespace drover
