// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/core_state.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>

namespace drover::core {

/// What waits until a write of this node is held by so many members. Versions and deadlines ascend within a queue, so each
/// step costs O(what is released).
template <class State>
class acknowledgements {
public:
    explicit acknowledgements(State& state) : core_{state} {}

    void add(holders_asked holders, hold what, time_point now)
    {
        what.deadline = saturating_add(now, core_.options.operation_timeout);
        auto& queue = core_.holds[holders];
        if (!queue.empty())
            what.version = std::max(what.version, queue.back().version);
        queue.push_back(std::move(what));
        set_timer(now);
    }

    /// Calls `done` for everything that enough members hold by now. Members that left do not have to, unless a number was asked
    /// for.
    template <class Done>
    void release(Done&& done)
    {
        auto const members = std::max<std::size_t>(1, core_.roster.members_count());
        for (auto at = core_.holds.begin(); at != core_.holds.end();) {
            auto& [holders, queue] = *at;
            auto const held = core_.store.held_by(holders.fixed ? holders.count : std::min(holders.count, members));
            while (!queue.empty() && queue.front().version <= held) {
                auto const what = std::move(queue.front());
                queue.pop_front();
                done(what);
            }
            at = queue.empty() ? core_.holds.erase(at) : std::next(at);
        }
    }

    /// Gives up what is late, and calls `give_up` for it. A command has a deadline of its own, where it was given.
    template <class GiveUp>
    void on_timer(time_point now, GiveUp&& give_up)
    {
        core_.hold_timer_set = false;
        for (auto at = core_.holds.begin(); at != core_.holds.end();) {
            auto& queue = at->second;
            while (!queue.empty() && queue.front().deadline <= now) {
                auto const late = std::move(queue.front());
                queue.pop_front();
                if (late.what != hold::kind::command)
                    give_up(late);
            }
            at = queue.empty() ? core_.holds.erase(at) : std::next(at);
        }
        if (!core_.holds.empty())
            set_timer(now);
    }

private:
    void set_timer(time_point now)
    {
        if (std::exchange(core_.hold_timer_set, true))
            return;
        auto earliest = saturating_add(now, core_.options.operation_timeout);
        for (auto const& [holders, queue] : core_.holds)
            earliest = std::min(earliest, queue.front().deadline);
        core_.timers.set(earliest, hold_timer{});
    }

    State& core_;
};

} // namespace drover::core
