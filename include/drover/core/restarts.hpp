// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/lifecycle.hpp>
#include <drover/core/sibling_restart.hpp>
#include <drover/supervision/restart_delay.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace drover::core {

/// What follows a failure. A child within its budget is started again: at once the first time, after a growing wait later, and
/// with its siblings where its group says so. One that has spent its budget is parked, or its supervisor has failed:
///
///     child --budget spent, escalates--> supervisor on this node: all its children restart, once
///           --again, within twice the window--> supervisor on every node: all stop, and every application is told
///
/// (The levels of supervisorring.) Only crashes and failing starts count. A child whose nodes die as soon as it starts is a
/// suspect: it is put in quarantine, or isolated.
template <class State, class Commands>
class restarts {
public:
    restarts(State& state, Commands commands, time_point now)
        : core_{state}, life_{state, commands, now}, siblings_{state, commands, now}, now_{now}
    {
    }

    /// It ended and is to run again. Pre: it has a local part, and nothing of it runs.
    void fail(child_entry& child, start_cause why, std::string_view reason)
    {
        auto& local = *child.local;
        if (core_.leaving() || !core_.owned_here(child) || !child.wanted_running()) {
            life_.drop(child, errc::superseded);
            core_.mark(child);
            return;
        }
        account_run(child);
        local.reason = bytes{reason.substr(0, limits::reason_size_max)};
        local.failures_in_row = std::min(local.failures_in_row + 1, limits::failures_in_row_max);
        if (!within_budget(local))
            return exhausted(child, why);
        ++core_.counters.restarts;
        if (local.run != 0)
            return (void)life_.reserve_next(child, why); // it goes on with the siblings that it is being restarted with
        auto const delay =
            supervision::restart_delay(backoff_of(local), local.failures_in_row, mix64(child.key ^ local.claim.generation));
        if (siblings_.begin(child, why, now_ + delay))
            return;
        if (delay == duration::zero())
            return life_.again(child, ownership::succeed(core_.self, life_.last_claim(child)), why);
        if (!life_.reserve_next(child, why))
            return;
        ++core_.counters.delays;
        core_.tell(event_kind::child_delayed, *child.id, child.local->claim.generation, child.local->reason);
        life_.enqueue_at(child, now_ + delay);
    }

    /// A run of this instance is over, however it ended.
    void account_run(child_entry& child)
    {
        auto& local = *child.local;
        if (local.state == local_state::waiting || local.state == local_state::parked || local.running_since == time_point{})
            return;
        auto const ran = now_ - std::exchange(local.running_since, time_point{});
        if (ran >= backoff_of(local).stable_after) {
            local.failures_in_row = 0;
            local.on_trial = false;
        }
        if (ran >= std::max<duration>(backoff_of(local).stable_after, intensity_of(local).max_seconds))
            local.parked_count = 0;
        if (ran >= core_.options.suspicion_time && !local.isolated)
            local.node_deaths = 0;
    }

    /// It waits, listed with its reason. Pre: nothing of it runs.
    void park(child_entry& child, std::string reason, duration wait)
    {
        auto& local = *child.local;
        core_.enter(local, local_state::parked);
        local.reason = std::move(reason);
        ++core_.counters.parked;
        core_.tell(event_kind::child_parked, *child.id, local.claim.generation, local.reason);
        core_.write_owner(child,
            {local.claim, owner_status::parked, local.reason, local.window.ages(now_), local.failures_in_row, local.node_deaths});
        core_.timers.set(saturating_add(now_, wait), child_timer{*child.id, child_timer::kind::unpark, local.claim.generation});
        life_.settle(child, core_.in_quarantine(child) ? errc::quarantined : errc::start_failed, local.reason);
        core_.mark(child);
    }

    [[nodiscard]] duration park_time(local_child& local)
    {
        if (local.node_deaths >= limits::node_deaths_max)
            return core_.options.quarantine_time;
        return supervision::doubled(core_.options.park_min, core_.options.park_max, local.parked_count++);
    }

    /// Nodes died as soon as it started: it starts no more where it could do that again. True when it does not start.
    [[nodiscard]] bool quarantine(child_entry& child, child_spec const& spec)
    {
        auto const deaths = child.local->node_deaths;
        if (deaths < limits::node_deaths_max)
            return false;
        ++core_.counters.suspected;
        auto const isolated = !spec.isolated_type.empty();
        core_.tell(event_kind::child_suspected, *child.id, child.local->claim.generation,
            isolated ? "it is started as " + spec.isolated_type : std::string{"it is put in quarantine"});
        if (!isolated)
            park(child, quarantine_reason(), core_.options.quarantine_time);
        return !isolated;
    }

    [[nodiscard]] static std::string quarantine_reason()
    {
        return "quarantine: " + std::to_string(limits::node_deaths_max) + " nodes in a row died when it had just started on them";
    }

    /// A member of a sibling restart does not run any more.
    void on_sibling_stopped(std::uint32_t run) { siblings_.advance(run); }

private:
    [[nodiscard]] restart_backoff const& backoff_of(local_child const& local) const
    {
        return local.spec.backoff_or(core_.options.backoff);
    }

    [[nodiscard]] restart_intensity const& intensity_of(local_child const& local) const
    {
        return local.spec.intensity_or(core_.options.intensity);
    }

    [[nodiscard]] bool within_budget(local_child& local)
    {
        if (local.on_trial)
            return false;
        auto const own = local.window.add_failure(intensity_of(local), now_);
        if (core_.options.intensity_counts == intensity_scope::per_child)
            return own;
        return core_.window.add_failure(core_.options.intensity, now_);
    }

    void exhausted(child_entry& child, start_cause why)
    {
        auto& local = *child.local;
        auto reason = local.reason.empty()
            ? std::string{why == start_cause::crash ? "exits again and again" : "fails again and again"}
            : local.reason;
        auto const escalates =
            core_.options.intensity_counts == intensity_scope::per_supervisor || local.spec.on_exhausted == exhaustion::escalate;
        if (!escalates)
            return park(child, std::move(reason), park_time(local));
        reason = "child '" + child_id{*child.id} + "' has spent its budget: " + reason;
        auto const once = 2 * core_.options.intensity.max_seconds;
        if (core_.restored && now_ - *core_.restored <= once) {
            park(child, local.reason, core_.options.park_max);
            core_.giving_up = std::move(reason); // the supervisor stops when this step is done
            return;
        }
        core_.restored = now_;
        core_.window.clear();
        ++core_.counters.supervisor_restarts;
        core_.tell(event_kind::supervisor_restarting, core_.options.name, 0, reason);
        siblings_.begin_all(child, why);
    }

    State& core_;
    lifecycle<State, Commands> life_;
    sibling_restarts<State, Commands> siblings_;
    time_point now_;
};

} // namespace drover::core
