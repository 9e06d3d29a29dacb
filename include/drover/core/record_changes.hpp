// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/planted_fault.hpp>
#include <drover/core/audit.hpp>
#include <drover/core/awaited_writes.hpp>
#include <drover/core/commands.hpp>
#include <drover/core/core_state.hpp>
#include <drover/core/reconciler.hpp>
#include <drover/core/regroup.hpp>

#include <string>
#include <utility>

namespace drover::core {

/// What the store wants sent, and what follows from records that others changed: each marks the child that it is about, and the
/// reconciler looks at the marked ones.
template <class State>
class record_changes {
public:
    explicit record_changes(State& state) : core_{state} {}

    void take_store_effects(time_point now)
    {
        core_.input_time = now;
        auto& effects = core_.store.effects();
        for (auto& message : std::exchange(effects.sends, {}))
            core_.effects.push_back(send_effect{std::move(message.to), std::move(message.frame), true});
        auto const changes = std::exchange(effects.changes, {});
        for (auto const& change : changes)
            on_record_changed(change.table, change.key, now);
        auto const acknowledged = std::exchange(effects.acknowledgement_changed, false);
        if (!changes.empty() || acknowledged) {
            regroup<State>{core_}.on_store_changed();
            commands<State>{core_}.on_store_changed();
        }
        if (acknowledged)
            commands<State>{core_}.on_acknowledged();
        if (!changes.empty())
            working(now).run();
        if (!changes.empty() || acknowledged)
            awaited_writes<State>{core_}.on_store_changed();
    }

    /// What a journal had: acted on once all have told what they know.
    void take_restored(time_point now)
    {
        core_.input_time = now;
        for (auto const& change : std::exchange(core_.store.effects().changes, {}))
            on_record_changed(change.table, change.key, now);
    }

private:
    void on_record_changed(record_table table, bytes_view key, time_point now)
    {
        if (table == record_table::roster)
            return on_roster_changed(key);
        if (table != record_table::spec && table != record_table::owner)
            return;
        auto& child = core_.children.get(key);
        if (table == record_table::owner)
            core_.read_owner(child);
        else
            take_spec(child, now);
        if (!planted(planted_fault::change_missed))
            core_.mark(child);
    }

    void take_spec(child_entry& child, time_point now)
    {
        auto const before = child.request;
        core_.read_spec(child);
        if (!child.present || !child.local || child.request == before)
            return;
        if (auto const record = core_.spec_of(*child.id);
            record && launched_spec::digest_of(record->spec) != child.local->spec.digest)
            working(now).stop(child, stop_cause::replace); // updated on another node while it runs here
    }

    void on_roster_changed(bytes_view name)
    {
        auto const found = core_.store.find(record_table::roster, name);
        auto record = found ? decode_roster_record(found->value) : std::nullopt;
        if (!record || (name == core_.self.name && core_.phase != phase::created)) // what an earlier life wrote counts
            return;
        core_.nodes.intern({std::string{name}, record->incarnation});
        // What happened before we came is over.
        auto const record_gave_up = record->part == participation::gave_up && core_.phase == phase::running;
        auto reason = record->reason;
        core_.roster.set(name, std::move(*record));
        if (record_gave_up)
            core_.giving_up = std::move(reason);
        core_.members_changed();
        core_.sources.wake();
        audit<State>{core_}.start();
    }

    [[nodiscard]] reconciler<State, commands<State>> working(time_point now) { return {core_, commands<State>{core_}, now}; }

    State& core_;
};

} // namespace drover::core
