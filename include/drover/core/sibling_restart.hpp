// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/lifecycle.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace drover::core {

/// Children on this node that are restarted together: those of a group, by its strategy, one after another from the last to the
/// first as in OTP; or all of the supervisor, which stop side by side. When none of them runs any more they start, in the
/// order of their specs. O(log n) a child.
template <class State, class Commands>
class sibling_restarts {
public:
    sibling_restarts(State& state, Commands commands, time_point now) : core_{state}, life_{state, commands, now} {}

    /// Restarts the group of a child that failed. They start at `not_before`. False when it stands alone.
    [[nodiscard]] bool begin(child_entry& failed, start_cause why, time_point not_before)
    {
        if (failed.local->group == no_group)
            return false;
        auto const strategy = core_.options.groups[failed.local->group].strategy;
        if (strategy == restart_strategy::one_for_one)
            return false;
        std::vector<child_entry*> members;
        for (auto* const sibling : core_.group_members[failed.local->group])
            if (sibling != &failed && sibling->local->run == 0 && sibling->local->state != local_state::parked
                && (strategy == restart_strategy::one_for_all || before(failed, *sibling)))
                members.push_back(sibling);
        if (members.empty())
            return false;
        core_.tell(event_kind::siblings_restarting, core_.options.groups[failed.local->group].name, 0, *failed.id);
        restart(failed, std::move(members), why, not_before, false);
        return true;
    }

    /// Restarts all that this node runs, the parked ones included, with new budgets.
    void begin_all(child_entry& failed, start_cause why)
    {
        std::vector<child_entry*> members;
        for (auto* child = core_.nodes[core_.own].owned; child != nullptr; child = child->next_owned) {
            if (!child->local)
                continue;
            child->local->window.clear();
            child->local->failures_in_row = child->local->parked_count = 0;
            child->local->on_trial = false;
            if (child != &failed && !core_.in_quarantine(*child))
                members.push_back(child);
        }
        for (auto const& [number, run] : std::exchange(core_.sibling_runs, {})) // most of their members are among these
            for (auto const& id : run.members)
                if (auto* const member = core_.children.find(id);
                    member != nullptr && member->local && member->local->run == number)
                    member->local->run = 0;
        restart(failed, std::move(members), why, time_point::min(), true);
    }

    /// A member has stopped.
    void advance(std::uint32_t number)
    {
        auto const found = core_.sibling_runs.find(number);
        if (found == core_.sibling_runs.end())
            return;
        auto& run = found->second;
        if (run.side_by_side ? --run.stopping == 0 : !stop_next(number, run))
            start(found);
    }

private:
    using runs_type = std::remove_cvref_t<decltype(std::declval<State&>().sibling_runs)>;

    static bool before(child_entry const& left, child_entry const& right)
    {
        auto const one = left.local->ordinal;
        auto const other = right.local->ordinal;
        return one != other ? one < other : *left.id < *right.id;
    }

    void restart(
        child_entry& failed, std::vector<child_entry*> members, start_cause why, time_point not_before, bool side_by_side)
    {
        auto const number = ++core_.sibling_runs_begun;
        members.push_back(&failed);
        std::sort(members.begin(), members.end(), [](auto const* left, auto const* right) { return before(*left, *right); });
        auto& run = core_.sibling_runs[number];
        run.not_before = not_before;
        run.side_by_side = side_by_side;
        for (auto* const member : members) {
            member->local->run = number;
            run.members.push_back(*member->id);
        }
        core_.counters.sibling_restarts += members.size() - 1;
        run.left = run.members.size();
        if (!life_.reserve_next(failed, why))
            core_.mark(failed);
        if (side_by_side ? !stop_all(run, members) : !stop_next(number, run))
            start(core_.sibling_runs.find(number));
    }

    // True while one is being stopped.
    [[nodiscard]] bool stop_next(std::uint32_t number, sibling_run& run)
    {
        for (; run.left > 0; --run.left) {
            auto* const child = core_.children.find(run.members[run.left - 1]);
            if (child == nullptr || !child->local || child->local->run != number)
                continue;
            if (child->local->state == local_state::stopping)
                return true;
            if (runs(*child)) {
                (void)life_.stop(*child, stop_cause::sibling);
                return true;
            }
        }
        return false;
    }

    [[nodiscard]] bool stop_all(sibling_run& run, std::vector<child_entry*> const& members)
    {
        for (auto* const member : members) {
            if (!member->local || (!runs(*member) && member->local->state != local_state::stopping))
                continue;
            ++run.stopping;
            (void)life_.stop(*member, stop_cause::sibling);
        }
        return run.stopping > 0;
    }

    [[nodiscard]] static bool runs(child_entry const& child)
    {
        return child.local->state == local_state::starting || child.local->state == local_state::running;
    }

    // None of them runs any more.
    void start(typename runs_type::iterator at)
    {
        auto const number = at->first;
        auto const run = std::move(at->second);
        core_.sibling_runs.erase(at);
        for (auto const& id : run.members) {
            auto* const child = core_.children.find(id);
            if (child == nullptr || !child->local || child->local->run != number)
                continue;
            child->local->run = 0;
            if (child->local->state == local_state::parked && run.side_by_side
                && !life_.reserve_next(*child, start_cause::sibling))
                continue;
            if (child->local->state == local_state::waiting)
                life_.enqueue_at(*child, run.not_before);
        }
    }

    State& core_;
    lifecycle<State, Commands> life_;
};

} // namespace drover::core
