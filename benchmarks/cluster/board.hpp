// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "system.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <sys/mman.h>
#include <unistd.h>

namespace cluster_benchmark {

inline constexpr std::size_t nodes_count_max = 16;
inline constexpr std::uint64_t children_count_max = 1'000'000;
inline constexpr std::uint32_t failures_count = 500; ///< of a failing child

/// Counts something up, and rings the bell when it reaches a goal.
struct gauge {
    std::atomic<std::uint64_t> count;
    std::atomic<std::uint64_t> goal;
};

/// What the processes of a run share: written by the children themselves, read by the conductor. All times are nanoseconds of
/// the machine's monotonic clock, which is one for all processes.
struct board {
    struct child_slot {
        std::atomic<std::uint64_t> started_at; ///< by its last instance
        std::atomic<std::uint64_t> stopped_at;
        std::atomic<std::uint64_t> failed_at; ///< when it last ended by itself
        std::atomic<std::uint8_t> saved;      ///< its state is acknowledged, or came with it from another node
        std::array<std::atomic<std::uint8_t>, nodes_count_max> running; ///< instances, by node
    };

    gauge starts;
    gauge saves;                            ///< children whose state is kept
    std::atomic<std::uint64_t> overlaps;    ///< starts while an instance ran on another node that is alive
    std::atomic<std::uint64_t> states_lost; ///< starts without the state that was acknowledged
    std::array<std::atomic<std::uint8_t>, nodes_count_max> alive;
    std::array<std::atomic<std::uint64_t>, nodes_count_max> joining_at;
    std::array<std::atomic<std::uint64_t>, nodes_count_max> leaving_at;
    std::array<std::atomic<std::uint64_t>, failures_count> restart_times; ///< from a failure to the next start
    std::array<child_slot, children_count_max> children;                  ///< pages that nobody touches cost nothing
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free, "the board is shared between processes");

/// Creates the memory of a board; the descriptor is for those who map it.
[[nodiscard]] inline descriptor create_board()
{
    descriptor memory{::memfd_create("board", MFD_CLOEXEC)};
    if (!memory || ::ftruncate(memory.get(), sizeof(board)) != 0)
        throw_system_error("cannot create shared memory");
    return memory;
}

/// Maps a board, all zero at first, for the rest of the process's life.
[[nodiscard]] inline board& map_board(int memory)
{
    void* const at = ::mmap(nullptr, sizeof(board), PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (at == MAP_FAILED)
        throw_system_error("cannot map shared memory");
    return *std::launder(static_cast<board*>(at));
}

/// Counts one up. When that is the goal, writes an octet to `bell`.
inline void count_up(gauge& what, int bell)
{
    if (what.count.fetch_add(1) + 1 == what.goal.load()) {
        char const octet = 1;
        static_cast<void>(!::write(bell, &octet, 1));
    }
}

} // namespace cluster_benchmark
