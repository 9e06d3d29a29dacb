// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/child/context.hpp>
#include <drover/process/keeper_handle.hpp>

#include <cstdint>
#include <map>
#include <mutex>
#include <set>

namespace drover::detail {

/// Tells one keeper that its node lives.
struct beat_source {
    keeper_handle const* keeper = nullptr;
    std::int64_t interval_ns = 0;
    std::int64_t due_ns = 0;

    void beat(std::int64_t now_ns)
    {
        keeper->order(keeper_order::beat);
        due_ns = now_ns + interval_ns;
    }
};

/// The process children of each supervisor of this program. A strand that starts many of them in one turn reaches no timer for
/// seconds, and is not stuck: each start is a sign of life to the keepers of all. From any thread.
class beat_book {
public:
    // Never destroyed: supervisors may be, after it would have been.
    [[nodiscard]] static beat_book& instance()
    {
        static auto& book = *new beat_book;
        return book;
    }

    void add(child_host const* supervisor, beat_source& source)
    {
        std::lock_guard const lock{mutex_};
        sources_[supervisor].insert(&source);
    }

    void remove(child_host const* supervisor, beat_source& source)
    {
        std::lock_guard const lock{mutex_};
        auto const found = sources_.find(supervisor);
        if (found != sources_.end() && found->second.erase(&source) != 0 && found->second.empty())
            sources_.erase(found);
    }

    /// On the supervisor's strand.
    void beat_due(child_host const* supervisor)
    {
        std::lock_guard const lock{mutex_};
        auto const found = sources_.find(supervisor);
        if (found == sources_.end())
            return;
        auto const now = keeper_clock_ns();
        for (auto* const source : found->second)
            if (source->due_ns <= now)
                source->beat(now);
    }

private:
    beat_book() = default;

    std::mutex mutex_;
    std::map<child_host const*, std::set<beat_source*>> sources_;
};

} // namespace drover::detail
