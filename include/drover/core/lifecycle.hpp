// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/planted_fault.hpp>
#include <drover/core/core_state.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace drover::core {

/// The steps of one child's life on this node: claimed, started in its turn, saved, stopped, forgotten. Decides nothing: the
/// reconciler and `restarts` say which step comes next. Each is O(1), a turn in the queue of starts O(log of those that wait).
template <class State, class Commands>
class lifecycle {
public:
    lifecycle(State& state, Commands commands, time_point now) : core_{state}, commands_{commands}, now_{now} {}

    // ---- starting ----------------------------------------------------------------------------------------------------

    /// Records the claim, and starts an instance under it at once. Takes the spec out of `record`. Pre: no instance runs here.
    void launch(child_entry& child, ownership::claim claim, spec_record& record, start_kind kind, start_cause why)
    {
        claim_here(child, std::move(claim), record, kind, why);
        begin(child, std::move(record.spec));
    }

    /// Records the claim; the instance is started by `enqueue`, or when its backoff is over. Pre: no instance runs here.
    local_child& reserve(child_entry& child, ownership::claim claim, spec_record const& record, start_cause why)
    {
        auto& local = claim_here(child, std::move(claim), record, start_kind::again, why);
        core_.enter(local, local_state::waiting);
        return local;
    }

    /// The next instance here, on the same branch, with the spec as it is now. False when it is not to run here any more: then
    /// nothing is left of it on this node.
    [[nodiscard]] bool reserve_next(child_entry& child, start_cause why)
    {
        auto record = spec_to_run(child);
        if (record)
            reserve(child, ownership::succeed(core_.self, last_claim(child)), *record, why);
        return record.has_value();
    }

    /// Starts again here, at once, with the spec as it is now.
    void again(child_entry& child, ownership::claim claim, start_cause why)
    {
        if (auto record = spec_to_run(child))
            launch(child, std::move(claim), *record, start_kind::again, why);
    }

    /// What waits is started in its turn: by priority, then in the order of the specs; no more than `starts_at_once_max` at a
    /// time.
    void enqueue(child_entry& child)
    {
        auto const& local = *child.local;
        core_.starts_waiting.push_back({local.priority, local.ordinal, local.claim.generation, *child.id});
        std::push_heap(core_.starts_waiting.begin(), core_.starts_waiting.end(), start_in_turn::later);
    }

    void enqueue_at(child_entry& child, time_point at)
    {
        if (at <= now_)
            return enqueue(child);
        core_.timers.set(at, child_timer{*child.id, child_timer::kind::start, child.local->claim.generation});
    }

    void release_starts()
    {
        while (!core_.starts_waiting.empty() && core_.starting_count < core_.options.starts_at_once_max) {
            std::pop_heap(core_.starts_waiting.begin(), core_.starts_waiting.end(), start_in_turn::later);
            auto const next = std::move(core_.starts_waiting.back());
            core_.starts_waiting.pop_back();
            auto* const child = core_.children.find(next.id);
            if (child == nullptr || !child->local || child->local->state != local_state::waiting || child->local->run != 0
                || child->local->claim.generation != next.generation)
                continue; // it was stopped meanwhile
            if (auto record = spec_to_run(*child))
                begin(*child, std::move(record->spec));
        }
    }

    // ---- stopping ----------------------------------------------------------------------------------------------------

    /// The instance is to stop; `on_stopped` follows. True when nothing runs, so that it has stopped with that. Nothing changes
    /// when it is being stopped already, but for the cause.
    [[nodiscard]] bool stop(child_entry& child, stop_cause cause)
    {
        auto& local = *child.local;
        auto const stopping = local.state == local_state::stopping;
        if (stopping && !gives_way(local.cause, cause))
            return false;
        local.cause = cause;
        if (cause == stop_cause::hand_over)
            core_.nodes.set_counted(child, false); // it is on its way
        if (stopping)
            return false;
        auto const runs = local.state == local_state::starting || local.state == local_state::running;
        core_.enter(local, local_state::stopping);
        if (!runs)
            return true;
        auto const save = cause == stop_cause::hand_over || cause == stop_cause::replace || cause == stop_cause::sibling
            || cause == stop_cause::shutdown;
        core_.effects_after_sends.push_back(stop_effect{*child.id, local.claim.generation, local.spec.shutdown, save});
        return false;
    }

    /// Its work is done, or it is not wanted: the record says that it does not run.
    void end(child_entry& child)
    {
        if (core_.owned_here(child)) {
            auto const& local = *child.local;
            core_.write_owner(child, {local.claim, owner_status::ended, local.reason, {}});
        }
        drop(child, errc::success);
    }

    void drop(child_entry& child, errc code)
    {
        settle(child, code);
        core_.drop_local(child);
    }

    // ---- records -----------------------------------------------------------------------------------------------------

    // ---- checkpoints -------------------------------------------------------------------------------------------------
    //
    // While one is on its way to the others, the newest of those that follow waits, so that an instance that saves as often as it
    // can costs a write a round trip. Not for longer than a `retry_interval`: who is cut off tells those that hear it.

    void checkpoint(child_entry& child, saved_state state, std::uint64_t number)
    {
        auto& backlog = child.local->checkpoints;
        if (!backlog)
            backlog = std::make_unique<checkpoint_backlog>();
        if (backlog->numbers.size() >= core_.options.operations_count_max)
            return core_.answer_checkpoints({number}, errc::too_many_operations);
        backlog->waiting = std::move(state);
        backlog->numbers.push_back(number);
        if (backlog->in_flight == 0 || now_ - backlog->written >= core_.options.retry_interval)
            write_checkpoint(child);
    }

    /// Writes what waits, if there is anything: when the one before is settled, and before the instance is replaced.
    void write_checkpoint(child_entry& child)
    {
        if (!child.local->checkpoints || !child.local->checkpoints->waiting)
            return;
        auto& backlog = *child.local->checkpoints;
        auto numbers = std::exchange(backlog.numbers, {});
        auto state = std::move(*std::exchange(backlog.waiting, std::nullopt));
        hold what;
        what.version = core_.owned_here(child) ? save(child, std::move(state)) : 0;
        if (what.version == 0)
            return core_.answer_checkpoints(numbers, errc::superseded);
        what.what = hold::kind::checkpoint;
        what.number = numbers.back();
        numbers.pop_back();
        what.covered = std::move(numbers);
        what.id = *child.id;
        what.generation = child.local->claim.generation;
        backlog.in_flight = what.number;
        backlog.written = now_;
        commands_.hold_until(core_.holders_of(core_.options.acknowledge), std::move(what), now_);
    }

    void on_checkpoint_settled(child_entry& child, std::uint64_t number)
    {
        if (!child.local || !child.local->checkpoints || child.local->checkpoints->in_flight != number)
            return;
        child.local->checkpoints->in_flight = 0;
        write_checkpoint(child);
        if (child.local->checkpoints->in_flight == 0)
            child.local->checkpoints.reset();
    }

    /// Writes what an instance saved, on the branch that it runs on. Returns the version of the write, 0 when it was outranked.
    std::uint64_t save(child_entry& child, saved_state state)
    {
        auto const& claim = child.local->claim;
        checkpoint_record record{claim.generation, state.schema_version, child.local->forked_from, std::move(state.data)};
        if (!claim.right.quorate)
            return core_.store.put(record_table::provisional, *child.id, {claim.generation, 0}, encode(record));
        record.forked_from = 0;
        return core_.store.put(record_table::checkpoint, *child.id, {claim.right.term, claim.generation}, encode(record));
    }

    /// Forgets a child: its spec, its claim and what it saved.
    void remove_records(child_entry& child)
    {
        remember_generation(child.generation);
        if (auto const record = core_.spec_of(*child.id); record && record->initial)
            core_.store.put(record_table::retired, *child.id, {record->creation, 0}, {});
        core_.store.remove(record_table::spec, *child.id, {child.creation, 1});
        for (auto const table : {record_table::owner, record_table::checkpoint, record_table::provisional})
            if (auto const rank = core_.store.rank_of(table, *child.id))
                core_.store.remove(table, *child.id, *rank);
        core_.read_spec(child);
        core_.read_owner(child);
        core_.tell(event_kind::child_deleted, *child.id);
        core_.mark(child);
    }

    /// The running instance goes on under this claim. What it saved provisionally is acknowledged when the claim is quorate.
    void regrant(child_entry& child, ownership::claim claim)
    {
        auto& local = *child.local;
        auto const old = std::exchange(local.claim, std::move(claim));
        write_claim(child);
        if (auto provisional = provisional_of(child); provisional && local.claim.right.quorate && !old.right.quorate) {
            if (provisional->forked_from == local.forked_from && provisional->generation <= old.generation)
                save(child, {provisional->schema_version, std::move(provisional->data)});
            remove_provisional(child);
        }
        core_.effects_after_sends.push_back(regrant_effect{*child.id, old.generation, local.claim.generation});
    }

    [[nodiscard]] std::uint64_t acknowledged_stamp(child_entry const& child) const
    {
        auto const found = core_.store.find(record_table::checkpoint, *child.id);
        return found ? found->stamp : 0;
    }

    /// Pre: it is owned, or has a local part.
    [[nodiscard]] ownership::claim last_claim(child_entry const& child) const
    {
        if (!child.owned)
            return child.local->claim;
        return {core_.nodes[child.owner].id, child.generation, child.right()};
    }

    [[nodiscard]] generation_number last_generation(child_entry const& child) const
    {
        auto const local = child.local ? child.local->claim.generation : 0;
        return std::max(child.owned ? child.generation : 0, local);
    }

    void settle(child_entry& child, errc code, std::string_view reason = {}) { commands_.settle(child, code, reason, now_); }

private:
    // What a stop was begun for gives way to what is asked now.
    [[nodiscard]] static bool gives_way(stop_cause present, stop_cause asked)
    {
        switch (present) {
        case stop_cause::hand_over:
        case stop_cause::replace: return asked != stop_cause::sibling;
        case stop_cause::sibling: return asked != stop_cause::sibling && asked != stop_cause::replace;
        default: return false;
        }
    }

    [[nodiscard]] std::optional<spec_record> spec_to_run(child_entry& child)
    {
        auto record = core_.spec_of(*child.id);
        if (record && child.wanted_running() && !core_.leaving() && (!child.owned || child.owner == core_.own))
            return record;
        drop(child, errc::superseded);
        core_.mark(child);
        return std::nullopt;
    }

    local_child& claim_here(
        child_entry& child, ownership::claim claim, spec_record const& record, start_kind kind, start_cause why)
    {
        auto& local = child.local ? *child.local : core_.make_local(child);
        local.kind = kind;
        local.why = why;
        local.claim = std::move(claim);
        local.wanted_by = no_node;
        local.priority = record.spec.priority;
        local.ordinal = record.ordinal;
        core_.join_group(child, record.spec.group);
        write_claim(child);
        for (auto& waiting : local.waiters)
            waiting.version = core_.store.version(); // what they are told of is the new claim
        return local;
    }

    void write_claim(child_entry& child)
    {
        auto const& local = *child.local;
        core_.write_owner(
            child, {local.claim, owner_status::active, {}, local.window.ages(now_), local.failures_in_row, local.node_deaths});
    }

    // Chooses the state that the instance starts from, and hands it to the shell.
    void begin(child_entry& child, child_spec spec)
    {
        auto& local = *child.local;
        core_.enter(local, local_state::starting);
        local.spec = launched_spec{spec};
        core_.join_group(child, spec.group);
        if (local.isolated = local.node_deaths >= limits::node_deaths_max && !spec.isolated_type.empty(); local.isolated)
            spec.type = spec.isolated_type;
        ++core_.counters.starts;
        core_.tell(event_kind::child_starting, *child.id, local.claim.generation, to_string(local.why));
        local.forked_from = acknowledged_stamp(child);
        std::optional<saved_state> state;
        if (auto provisional = provisional_of(child); provisional && provisional->forked_from == local.forked_from)
            state = saved_state{provisional->schema_version, std::move(provisional->data)};
        else if (auto const found = core_.store.find(record_table::checkpoint, *child.id))
            if (auto record = decode_checkpoint_record(found->value))
                state = saved_state{record->schema_version, std::move(record->data)};
        core_.effects_after_sends.push_back(start_effect{std::move(spec.id), std::move(spec.type), std::move(spec.arguments),
            local.claim.generation, std::move(state), local.why});
    }

    [[nodiscard]] std::optional<checkpoint_record> provisional_of(child_entry const& child) const
    {
        auto const found = core_.store.find(record_table::provisional, *child.id);
        return found ? decode_checkpoint_record(found->value) : std::nullopt;
    }

    void remove_provisional(child_entry& child)
    {
        if (auto const rank = core_.store.rank_of(record_table::provisional, *child.id))
            core_.store.remove(record_table::provisional, *child.id, *rank);
    }

    void remember_generation(generation_number generation)
    {
        if (generation <= core_.roster.generations_before())
            return;
        auto const* const present = core_.roster.find(core_.self.name);
        if (present == nullptr)
            return;
        auto record = *present;
        record.generations_before = generation;
        core_.write_roster(std::move(record));
    }

    State& core_;
    Commands commands_;
    time_point now_;
};

} // namespace drover::core
