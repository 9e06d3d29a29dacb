// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/time.hpp>

#include <chrono>
#include <cstdint>
#include <string>

namespace drover::simulation {

/// How the simulated network treats what is sent, on every link alike. May be changed while the world runs: it counts for
/// what is sent from then on.
struct network_options {
    duration latency_min = std::chrono::microseconds{200};
    duration latency_max = std::chrono::milliseconds{1};
    std::uint32_t loss_per_million = 0;      ///< frames that vanish; the connection stays
    std::uint32_t duplicate_per_million = 0; ///< frames that arrive twice
    bool reorder = false;                    ///< frames of one connection may overtake one another
};

/// A sentence that says what is wrong, or an empty string.
[[nodiscard]] inline std::string validate(network_options const& options)
{
    if (options.latency_min < duration::zero())
        return "latency_min must not be negative";
    if (options.latency_max < options.latency_min)
        return "latency_max must be at least latency_min";
    if (options.loss_per_million > 1'000'000 || options.duplicate_per_million > 1'000'000)
        return "a rate per million is at most 1,000,000";
    return {};
}

} // namespace drover::simulation
