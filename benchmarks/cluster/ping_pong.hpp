// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstdint>

namespace cluster_benchmark {

inline constexpr std::size_t ping_size = 64; ///< octets, each way

/// The yardstick: a message there and back over one TCP connection on loopback, between two processes, with nothing but Asio.
/// So many round trips, several times over; the median of the rates, a second.
[[nodiscard]] double measure_ping_pong(std::uint64_t round_trips, unsigned repetitions);

/// The process of the other side: "echo CONTROL".
int run_echo(int argc, char** argv);

} // namespace cluster_benchmark
