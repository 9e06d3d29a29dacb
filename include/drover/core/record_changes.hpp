// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/planted_fault.hpp>
#include <drover/core/audit.hpp>
#include <drover/core/core_state.hpp>
#include <drover/core/reconciler.hpp>

#include <string>
#include <utility>

namespace drover::core {

/// What other nodes wrote: taken into what this node knows, and marked for the reconciler. O(1) a record.
template <class State, class Commands>
class record_changes {
public:
    record_changes(State& state, Commands commands, time_point now) : core_{state}, commands_{commands}, now_{now} {}

    void take(record_table table, bytes_view key)
    {
        if (table == record_table::roster)
            return take_roster(key);
        if (table != record_table::spec && table != record_table::owner)
            return;
        auto& child = core_.children.get(key);
        if (table == record_table::owner)
            core_.read_owner(child);
        else
            take_spec(child);
        if (!planted(planted_fault::change_missed))
            core_.mark(child);
    }

private:
    void take_spec(child_entry& child)
    {
        auto const before = child.request;
        core_.read_spec(child);
        if (!child.present || !child.local || child.request == before)
            return;
        if (auto const record = core_.spec_of(*child.id);
            record && launched_spec::digest_of(record->spec) != child.local->spec.digest) // updated while it runs here
            reconciler<State, Commands>{core_, commands_, now_}.stop(child, stop_cause::replace);
    }

    void take_roster(bytes_view name)
    {
        auto const found = core_.store.find(record_table::roster, name);
        auto record = found ? decode_roster_record(found->value) : std::nullopt;
        if (!record || name == core_.self.name)
            return;
        core_.nodes.intern({std::string{name}, record->incarnation});
        // What happened before we came is over.
        auto const record_gave_up = record->part == participation::gave_up && core_.phase == phase::running;
        auto reason = record->reason;
        core_.form_over = core_.form_over || record->formed;
        core_.roster.set(name, std::move(*record));
        if (record_gave_up)
            core_.giving_up = std::move(reason);
        core_.members_changed();
        audit<State>{core_}.start();
    }

    State& core_;
    Commands commands_;
    time_point now_;
};

} // namespace drover::core
