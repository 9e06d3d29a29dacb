// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <limits>
#include <utility>

/// What the benchmarks of the parts share. Figures of a machine that others use as well mean little by themselves: each row is
/// processor time, and a ratio to a yardstick that was measured in the same run.
namespace measuring {

/// Seconds of processor time that this process has used.
[[nodiscard]] inline double processor_time()
{
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// Seconds of processor time that `work` takes.
template <class Work>
[[nodiscard]] double time_of(Work&& work)
{
    auto const before = processor_time();
    std::forward<Work>(work)();
    return processor_time() - before;
}

/// Seconds of processor time of one call of `work`, which is too short to be timed alone: the best of five rounds.
template <class Work>
[[nodiscard]] double time_of_one(std::uint64_t calls, Work&& work)
{
    auto best = std::numeric_limits<double>::max();
    for (int round = 0; round < 5; ++round)
        best = std::min(best, time_of([&] {
            for (std::uint64_t i = 0; i < calls; ++i)
                work();
        }));
    return best / static_cast<double>(calls);
}

/// Sums up what the operations of one row took, and reports it beside a yardstick.
class account {
public:
    /// Times `work`, which does so many operations, for a row with `UseManualTime`.
    template <class Work>
    void iteration(benchmark::State& state, std::uint64_t operations, Work&& work)
    {
        auto const seconds = time_of(std::forward<Work>(work));
        state.SetIterationTime(std::max(seconds, 1e-9));
        add(operations, seconds);
    }

    void add(std::uint64_t operations, double seconds)
    {
        operations_ += operations;
        seconds_ += seconds;
    }

    [[nodiscard]] std::uint64_t operations() const { return operations_; }

    /// Seconds of one operation.
    [[nodiscard]] double each() const { return operations_ == 0 ? 0 : seconds_ / static_cast<double>(operations_); }

    /// `yardstick`: seconds of what one operation is compared with.
    void report(benchmark::State& state, double yardstick) const
    {
        state.SetItemsProcessed(static_cast<std::int64_t>(operations_));
        state.counters["each_ns"] = each() * 1e9;
        state.counters["yardstick_ns"] = yardstick * 1e9;
        state.counters["ratio"] = each() / yardstick;
    }

private:
    std::uint64_t operations_ = 0;
    double seconds_ = 0;
};

} // namespace measuring
