// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace drover::limits {

/// Bounds on what comes from users and from the network. Sizes are in octets.
inline constexpr std::size_t child_id_size_max = 255;
inline constexpr std::size_t type_name_size_max = 255;
inline constexpr std::size_t node_name_size_max = 255;
inline constexpr std::size_t cluster_name_size_max = 255;
inline constexpr std::size_t scope_name_size_max = 255;
inline constexpr std::size_t address_size_max = 511;
inline constexpr std::size_t reason_size_max = 1'023;
inline constexpr std::size_t arguments_size_max = 64 * 1024;
inline constexpr std::size_t checkpoint_size_max = 1024 * 1024;
inline constexpr std::size_t record_size_max = checkpoint_size_max + 1024;
inline constexpr std::size_t message_size_max = 1024 * 1024;
inline constexpr std::size_t handshake_size_max = 4 * 1024;
inline constexpr std::size_t frame_size_max = 16 * 1024 * 1024;
inline constexpr std::size_t members_count_max = 4'096;
inline constexpr std::size_t types_count_max = 1'024;
inline constexpr std::uint32_t node_weight_max = 1'000;
inline constexpr std::uint32_t failures_in_row_max = 30; ///< of a child, for its backoff, which has reached its bound by then
inline constexpr std::uint32_t node_deaths_max = 2;      ///< with a child that had just started: then it is suspected

} // namespace drover::limits
