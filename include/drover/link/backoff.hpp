// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
#include <drover/base/time.hpp>

#include <algorithm>

namespace drover::link {

/// The longest wait after so many failures in a row: `min` doubled with each of them, at most `max`.
///
/// Pre: failures >= 1, 0 <= min <= max.
[[nodiscard]] constexpr duration backoff_ceiling(unsigned failures, duration min, duration max)
{
    auto ceiling = min;
    for (unsigned i = 0; i < failures && ceiling < max; ++i)
        ceiling = ceiling > max - ceiling ? max : std::max(ceiling * 2, duration{1});
    return std::min(ceiling, max);
}

/// How long to wait after so many failures in a row: exponential, with full jitter above `min`, so that those who failed
/// together do not come back together.
///
/// Pre: failures >= 1, 0 <= min <= max.
[[nodiscard]] constexpr duration backoff_delay(unsigned failures, duration min, duration max, random_stream& random)
{
    return random.between(min, backoff_ceiling(failures, min, max));
}

} // namespace drover::link
