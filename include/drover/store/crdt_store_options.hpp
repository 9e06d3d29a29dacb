// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/time.hpp>

#include <cstddef>

namespace drover {

/// How often a `crdt_store` repeats itself, and how much it sends at once.
struct crdt_store_options {
    duration retry_interval = std::chrono::milliseconds{100}; ///< until what was sent is sent again; doubles without an answer
    duration retry_interval_max = std::chrono::seconds{2};
    duration sync_interval = std::chrono::seconds{1};      ///< between comparisons with one peer, in turn
    duration stream_timeout = std::chrono::seconds{1};     ///< for one piece of a large delta to be taken
    duration listing_timeout = std::chrono::seconds{10};   ///< for one that remembers what was removed to answer
    duration removal_retention = std::chrono::seconds{30}; ///< for which the marker of a removal is kept at least
    std::size_t piece_size = 64 * 1024;                    ///< octets of a piece of a large delta, or one record more
    std::size_t delta_size_max = 1024 * 1024 * 1024;       ///< octets of all pieces of one delta that are taken from a peer
    std::size_t pieces_in_flight_max = 8;                  ///< to one peer
    std::size_t in_flight_max = 1024 * 1024; ///< octets pushed to a peer that does not answer; the rest follows once it does
};

} // namespace drover
