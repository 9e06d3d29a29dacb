// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/awaited_writes.hpp>
#include <drover/core/calls.hpp>
#include <drover/core/commands.hpp>
#include <drover/core/core_state.hpp>
#include <drover/core/reconciler.hpp>
#include <drover/core/record_changes.hpp>

#include <string>

namespace drover::core {

/// The end of a supervisor on this node: its children are handed on, what it wrote is with all others, and it stops.
template <class State>
class leaving {
public:
    explicit leaving(State& state) : core_{state} {}

    void begin(time_point now)
    {
        core_.write_roster(participation::leaving);
        drain(now);
    }

    /// Here, and with that on every node: whoever hears of it does the same.
    void give_up(time_point now)
    {
        core_.gave_up = true;
        core_.tell(event_kind::supervisor_gave_up, core_.options.name, 0, core_.giving_up);
        core_.write_roster(participation::gave_up);
        drain(now);
        reconciler<State, commands<State>>{core_, commands<State>{core_}, now}.run();
    }

    /// As far as it goes by now.
    void go_on(time_point now)
    {
        if (core_.phase == phase::draining && core_.instances_count == 0) {
            core_.phase = phase::saying_goodbye;
            if (!core_.gave_up)
                core_.write_roster(participation::left);
            core_.goodbye_version = core_.store.version();
            core_.store.flush(now);
            record_changes<State>{core_}.take_store_effects(now);
        }
        if (core_.phase == phase::saying_goodbye && core_.store.held_by(core_.members_alive_count()) >= core_.goodbye_version)
            finish();
    }

    /// At once: what is not done by now is not done here.
    void finish()
    {
        commands<State>{core_}.fail_all(errc::shutting_down);
        calls<State>{core_}.fail_all(errc::shutting_down);
        awaited_writes<State>{core_}.fail_all(errc::shutting_down);
        core_.phase = phase::stopped;
        core_.tell(event_kind::supervisor_stopped, core_.options.name);
        core_.effects_after_sends.push_back(stopped_effect{core_.gave_up ? core_.giving_up : std::string{}});
        core_.append_later_effects();
    }

private:
    void drain(time_point now)
    {
        core_.phase = phase::draining;
        core_.drain_deadline = saturating_add(now, core_.options.drain_timeout);
        core_.timers.set(core_.drain_deadline, drain_timer{});
        commands<State>{core_}.fail_all(errc::shutting_down);
        for (auto* const child : core_.children.order())
            if (child->local || core_.owned_here(*child))
                core_.mark(*child);
    }

    State& core_;
};

} // namespace drover::core
