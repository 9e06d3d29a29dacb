// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstdint>

namespace drover::conformance {

/// How long a suite looks, and from where. Equal options and equal models give equal reports.
struct suite_options {
    std::uint64_t seed = 1;   ///< the first of the seeds that are played; a breach names the one that showed it
    std::uint64_t rounds = 8; ///< how many seeds each law that is shown by chance is played with; at least 1
};

} // namespace drover::conformance
