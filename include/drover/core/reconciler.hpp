// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/planted_fault.hpp>
#include <drover/core/core_state.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace drover::core {

/// Compares what should be (spec, placement, view) with what is (claim, local instance) and takes the next step. Driven by
/// changes: whatever changes marks a child, `run` looks at the marked ones. Each step is O(1).
template <class State, class Commands>
class reconciler {
public:
    reconciler(State& state, Commands commands, time_point now) : core_{state}, commands_{commands}, now_{now} {}

    void run()
    {
        while (!core_.dirty.empty()) {
            auto* const child = core_.dirty.back();
            core_.dirty.pop_back();
            child->dirty = false;
            reconcile(*child);
        }
    }

    // ---- inputs about local instances --------------------------------------------------------------------------------

    void on_started(child_entry& child)
    {
        auto& local = *child.local;
        local.state = local_state::running;
        local.kind = start_kind::again;
        core_.tell(event_kind::child_started, *child.id, local.claim.generation);
        settle(child, errc::success);
        core_.mark(child); // it may be wanted elsewhere by now
    }

    void on_start_failed(child_entry& child, std::string_view reason)
    {
        ++core_.counters.start_failures;
        core_.tell(event_kind::child_start_failed, *child.id, child.local->claim.generation, reason);
        switch (child.local->kind) {
        case start_kind::first: return undo_first_start(child, reason);
        case start_kind::revived: return undo_revival(child, reason);
        case start_kind::again: return fail(child, supervision::exit_kind::failure, reason);
        }
    }

    void on_exit(child_entry& child, supervision::exit_kind kind, std::string_view reason)
    {
        core_.tell(event_kind::child_exited, *child.id, child.local->claim.generation, reason);
        if (kind == supervision::exit_kind::failure)
            ++core_.counters.failures;
        if (supervision::restarts(child.local->spec.restart, kind))
            return fail(child, kind, reason);
        auto const temporary = child.local->spec.restart == restart_rule::temporary;
        end(child);
        if (temporary)
            remove_records(child);
        core_.mark(child);
    }

    void on_stopped(child_entry& child, std::optional<saved_state> saved)
    {
        auto& local = *child.local;
        core_.tell(event_kind::child_stopped, *child.id, local.claim.generation);
        if (saved && !planted(planted_fault::stop_not_awaited))
            save(child, std::move(*saved));
        switch (local.cause) {
        case stop_cause::terminate: end(child); break;
        case stop_cause::remove: drop(child, errc::success); break;
        case stop_cause::hand_over: hand_over(child); break;
        case stop_cause::yield: drop(child, errc::superseded); break;
        case stop_cause::replace: again(child, ownership::succeed(core_.self, last_claim(child))); break;
        case stop_cause::rebase:
            again(child, ownership::take(core_.self, last_generation(child), local.claim.right, core_.quorate));
            break;
        case stop_cause::shutdown: drop(child, errc::shutting_down); break;
        }
        core_.mark(child);
    }

    void on_want(child_entry& child, node_index from)
    {
        if (!core_.owned_here(child) || !child.local)
            return;
        child.local->wanted_by = from;
        core_.mark(child);
    }

    void on_unpark(child_entry& child, generation_number generation)
    {
        if (!child.local || child.local->state != local_state::parked || child.local->claim.generation != generation)
            return;
        child.local->window.clear();
        again(child, ownership::succeed(core_.self, last_claim(child)));
    }

    // ---- steps that others ask for -----------------------------------------------------------------------------------

    /// Starts an instance here under `claim`, which becomes the recorded one. Pre: no instance runs here.
    local_child& launch(child_entry& child, ownership::claim claim, child_spec spec, start_kind kind)
    {
        auto& local = child.local ? *child.local : core_.make_local(child);
        local.state = local_state::starting;
        local.kind = kind;
        local.claim = std::move(claim);
        local.wanted_by = no_node;
        core_.write_owner(child, {local.claim, owner_status::active, {}, local.window.ages(now_)});
        begin(child, std::move(spec));
        return local;
    }

    /// The instance is to stop; `on_stopped` follows. Nothing changes when it is being stopped already, but for the cause.
    void stop(child_entry& child, stop_cause cause)
    {
        auto& local = *child.local;
        auto const stopping = local.state == local_state::stopping;
        if (stopping && local.cause != stop_cause::hand_over && local.cause != stop_cause::replace)
            return;
        local.cause = cause;
        if (cause == stop_cause::hand_over)
            core_.nodes.set_counted(child, false); // it is on its way
        if (stopping)
            return;
        if (local.state == local_state::parked) {
            local.state = local_state::stopping;
            return on_stopped(child, std::nullopt);
        }
        local.state = local_state::stopping;
        auto const save = cause == stop_cause::hand_over || cause == stop_cause::replace || cause == stop_cause::shutdown;
        core_.effects_after_sends.push_back(stop_effect{*child.id, local.claim.generation, local.spec.shutdown, save});
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
        core_.store.remove(record_table::spec, *child.id, {child.creation, 1});
        for (auto const table : {record_table::owner, record_table::checkpoint, record_table::provisional})
            if (auto const rank = core_.store.rank_of(table, *child.id))
                core_.store.remove(table, *child.id, *rank);
        core_.read_spec(child);
        core_.read_owner(child);
        core_.tell(event_kind::child_deleted, *child.id);
        core_.mark(child);
    }

    /// A majority of the members is together again: what this node runs provisionally is settled, once whoever else runs it
    /// has had the time to assert itself.
    void settle_provisional_later(child_entry& child)
    {
        if (provisional_here(child))
            core_.timers.set(now_ + 2 * core_.options.retry_interval,
                child_timer{*child.id, child_timer::kind::settle, child.local->claim.generation});
    }

    /// It becomes the real thing, or starts anew from what was acknowledged to users meanwhile.
    void settle_provisional(child_entry& child, generation_number generation)
    {
        if (!provisional_here(child) || child.local->claim.generation != generation || !core_.regrouped || !core_.quorate)
            return;
        auto& local = *child.local;
        if (acknowledged_stamp(child) != local.forked_from)
            return stop(child, stop_cause::rebase);
        regrant(child, ownership::take(core_.self, last_generation(child), local.claim.right, true));
    }

private:
    [[nodiscard]] bool provisional_here(child_entry const& child) const
    {
        return child.local && child.local->state == local_state::running && !child.local->claim.right.quorate
            && core_.owned_here(child);
    }

    // The running instance goes on under this claim. What it saved provisionally is acknowledged when the claim is quorate.
    void regrant(child_entry& child, ownership::claim claim)
    {
        auto& local = *child.local;
        auto const old = std::exchange(local.claim, std::move(claim));
        core_.write_owner(child, {local.claim, owner_status::active, {}, local.window.ages(now_)});
        if (auto provisional = provisional_of(child); provisional && local.claim.right.quorate && !old.right.quorate) {
            if (provisional->forked_from == local.forked_from && provisional->generation <= old.generation)
                save(child, {provisional->schema_version, std::move(provisional->data)});
            remove_provisional(child);
        }
        core_.effects_after_sends.push_back(regrant_effect{*child.id, old.generation, local.claim.generation});
    }

    void reconcile(child_entry& child)
    {
        if (!child.present)
            return settle_absent(child);
        if (!child.wanted_running())
            return settle_unwanted(child);
        if (!child.owned || core_.phase < phase::running)
            return; // without a claim: its record is on its way, or the audit takes it up
        if (child.owner == core_.own)
            return reconcile_own(child);
        reconcile_foreign(child);
    }

    void settle_absent(child_entry& child)
    {
        if (child.local)
            return stop(child, stop_cause::remove);
        if (awaits_knowledge())
            return;
        if (child.owned && (child.owner == core_.own || !core_.nodes[child.owner].alive)) {
            // A claim that was written while its spec was deleted elsewhere.
            remove_records(child);
            return;
        }
        if (!child.owned && !child.dirty) {
            core_.end_want(child);
            core_.children.erase(child);
        }
    }

    void settle_unwanted(child_entry& child)
    {
        if (child.local)
            stop(child, stop_cause::terminate);
    }

    void reconcile_own(child_entry& child)
    {
        if (!child.local)
            return adopt(child);
        auto& local = *child.local;
        if (local.state == local_state::stopping)
            return;
        if (local.claim.generation != child.generation)
            return stop(child, stop_cause::yield); // it was handed to us, from another branch; adopted when this one is gone
        if (core_.leaving()) {
            if (local.state != local_state::starting)
                leave(child);
            return;
        }
        if (local.state == local_state::starting)
            return;
        if (child.review && local.wanted_by == no_node)
            local.wanted_by = relief(child);
        child.review = false;
        if (local.wanted_by != no_node && core_.falls_to(child, local.wanted_by))
            stop(child, stop_cause::hand_over);
    }

    // By load: who takes this child over, when this node carries more than its bound; `no_node` while it does not.
    [[nodiscard]] node_index relief(child_entry const& child)
    {
        if constexpr (State::by_load) {
            if (!child.counted || core_.roster.has_room(child.type, core_.nodes, core_.own))
                return no_node;
            auto const target = core_.placed(child);
            return target == core_.own ? no_node : target;
        } else {
            return no_node;
        }
    }

    // By load, the home of what a dead node owned gives it to others: what the dead node wrote may be known there, and not here
    // yet.
    [[nodiscard]] bool awaits_knowledge() const { return State::by_load && !core_.regrouped; }

    void leave(child_entry& child)
    {
        auto const target = core_.placed(child);
        stop(child, target == no_node || target == core_.own ? stop_cause::shutdown : stop_cause::hand_over);
    }

    // The record says that it is ours, and nothing runs: it was handed to us.
    void adopt(child_entry& child)
    {
        core_.end_want(child);
        if (awaits_knowledge())
            return;
        if (core_.leaving()) {
            auto const target = core_.placed(child);
            if (target != no_node && target != core_.own)
                pass_on(child, last_claim(child), target);
            return;
        }
        auto const record = core_.owner_of(*child.id);
        auto spec = core_.spec_of(*child.id);
        if (!record || !spec)
            return;
        auto& local = core_.make_local(child);
        local.state = local_state::starting;
        local.claim = record->claim;
        local.spec = launched_spec{spec->spec};
        local.window = supervision::restart_window{record->failure_ages, now_};
        if (record->status == owner_status::parked)
            return park(child, record->reason);
        ++core_.counters.handoffs_in;
        begin(child, std::move(spec->spec));
    }

    void reconcile_foreign(child_entry& child)
    {
        if (child.local)
            return reconcile_second_instance(child);
        if (core_.leaving() || child.want_sent)
            return;
        auto const& owner = core_.nodes[child.owner];
        if (!owner.alive && !(core_.regrouped && owner.recovered)) {
            core_.regroup_wanted = core_.regroup_wanted || core_.regrouped; // its owner was gone before we heard of it
            return;
        }
        if (!core_.falls_to_us(child))
            return;
        if (owner.alive)
            want(child, owner);
        else
            claim_from_dead(child, owner);
    }

    void want(child_entry& child, node_entry const& owner)
    {
        core_.begin_want(child);
        core_.send(owner.id.name, encode(want_message{child.generation, *child.id}));
        core_.timers.set(now_ + core_.options.retry_interval, child_timer{*child.id, child_timer::kind::want, 0});
    }

    void claim_from_dead(child_entry& child, node_entry const& owner)
    {
        auto const record = core_.owner_of(*child.id);
        auto spec = core_.spec_of(*child.id);
        if (!record || !spec)
            return;
        ++core_.counters.failovers;
        auto const target = core_.placed(child);
        auto claim = ownership::take(core_.nodes[target].id, last_generation(child), child.right(), core_.quorate);
        if (core_.events_wanted)
            core_.tell(event_kind::child_claimed, *child.id, claim.generation, "its owner " + owner.id.name + " is dead");
        if (target != core_.own) // only by load
            return core_.write_owner(child, {std::move(claim), owner_status::active, {}, record->failure_ages});
        core_.make_local(child).window = supervision::restart_window{record->failure_ages, now_};
        launch(child, std::move(claim), std::move(spec->spec), start_kind::again);
    }

    // An instance runs here, and the record names another node.
    void reconcile_second_instance(child_entry& child)
    {
        auto& local = *child.local;
        if (local.state == local_state::stopping)
            return;
        if (local.state == local_state::parked)
            return drop(child, errc::superseded);
        auto const recorded = last_claim(child);
        if (yields(child, recorded)) {
            if (planted(planted_fault::second_instance_kept))
                return;
            ++core_.counters.conflicts_yielded;
            core_.tell(event_kind::child_yielded, *child.id, local.claim.generation, core_.nodes[child.owner].id.name);
            return stop(child, stop_cause::yield);
        }
        if (core_.regrouped && local.state == local_state::running) // an instance that starts is looked at again when it has
            assert_claim(child, recorded);
    }

    [[nodiscard]] bool yields(child_entry& child, ownership::claim const& recorded)
    {
        auto const& local = *child.local;
        if (!local.claim.right.quorate && acknowledged_stamp(child) != local.forked_from)
            return true; // others went on from what this branch does not have
        auto const here = core_.home(child) == core_.own && !core_.leaving();
        return ownership::resolve(local.claim, recorded, core_.options.conflict, here, local.asserted)
            == ownership::verdict::yield;
    }

    void assert_claim(child_entry& child, ownership::claim const& recorded)
    {
        auto& local = *child.local;
        auto const right = local.claim.right;
        auto claim = ownership::take(core_.self, std::max(local.claim.generation, recorded.generation), right, core_.quorate);
        if (!core_.quorate)
            claim.right = right;
        local.asserted = true;
        ++core_.counters.conflicts_asserted;
        core_.tell(event_kind::child_asserted, *child.id, claim.generation, recorded.node.name);
        regrant(child, std::move(claim));
    }

    // ---- ends --------------------------------------------------------------------------------------------------------

    // It ended and is to run again: at once while it is within its intensity, later when it is not.
    void fail(child_entry& child, supervision::exit_kind kind, std::string_view reason)
    {
        auto& local = *child.local;
        if (core_.leaving() || !core_.owned_here(child) || !child.wanted_running()) {
            drop(child, errc::superseded);
            core_.mark(child);
            return;
        }
        local.reason = bytes{reason.substr(0, limits::reason_size_max)};
        auto const& intensity = local.spec.intensity ? *local.spec.intensity : core_.options.intensity;
        if (!local.window.add_failure(intensity, now_))
            return park(child,
                local.reason.empty()
                    ? (kind == supervision::exit_kind::normal ? "exits again and again" : "fails again and again")
                    : local.reason);
        ++core_.counters.restarts;
        again(child, ownership::succeed(core_.self, last_claim(child)));
    }

    void park(child_entry& child, std::string reason)
    {
        auto& local = *child.local;
        local.state = local_state::parked;
        local.reason = std::move(reason);
        ++core_.counters.parked;
        core_.tell(event_kind::child_parked, *child.id, local.claim.generation, local.reason);
        if (child.status != owner_status::parked)
            core_.write_owner(child, {local.claim, owner_status::parked, local.reason, local.window.ages(now_)});
        auto const doublings = std::min<std::uint32_t>(local.parked_count++, 16);
        auto const wait = std::min(core_.options.park_max, core_.options.park_min * (1 << doublings));
        core_.timers.set(now_ + wait, child_timer{*child.id, child_timer::kind::unpark, local.claim.generation});
        settle(child, errc::start_failed, local.reason);
        core_.mark(child);
    }

    // Starts again here, with the spec as it is now.
    void again(child_entry& child, ownership::claim claim)
    {
        auto spec = core_.spec_of(*child.id);
        if (!spec || !child.wanted_running() || core_.leaving() || (child.owned && child.owner != core_.own)) {
            drop(child, errc::superseded);
            core_.mark(child);
            return;
        }
        launch(child, std::move(claim), std::move(spec->spec), start_kind::again);
    }

    void hand_over(child_entry& child)
    {
        if (!core_.owned_here(child) || !child.wanted_running())
            return drop(child, errc::superseded);
        auto const wanted_by = child.local->wanted_by;
        auto const target = wanted_by != no_node && core_.falls_to(child, wanted_by) ? wanted_by : core_.placed(child);
        if (target == core_.own || target == no_node)
            return core_.leaving() ? drop(child, errc::shutting_down)
                                   : again(child, ownership::succeed(core_.self, last_claim(child)));
        auto const claim = child.local->claim;
        pass_on(child, claim, target);
        drop(child, errc::success);
    }

    void pass_on(child_entry& child, ownership::claim const& from, node_index target)
    {
        auto const& node = core_.nodes[target].id;
        auto record = core_.owner_of(*child.id);
        owner_record next{ownership::succeed(node, from), owner_status::active, {}, {}};
        if (child.local)
            next.failure_ages = child.local->window.ages(now_);
        if (record && record->status == owner_status::parked) {
            next.status = owner_status::parked;
            next.reason = std::move(record->reason);
        }
        ++core_.counters.handoffs_out;
        core_.tell(event_kind::child_handed_over, *child.id, next.claim.generation, node.name);
        core_.write_owner(child, next);
    }

    // Its work is done, or it is not wanted: the record says that it does not run.
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

    // OTP: a start that fails leaves nothing behind.
    void undo_first_start(child_entry& child, std::string_view reason)
    {
        settle(child, errc::start_failed, reason);
        core_.drop_local(child);
        if (core_.owned_here(child))
            remove_records(child);
        core_.mark(child);
    }

    void undo_revival(child_entry& child, std::string_view reason)
    {
        settle(child, errc::start_failed, reason);
        if (auto record = core_.spec_of(*child.id); record && core_.owned_here(child)) {
            record->terminated = true;
            core_.write_spec(child, *record);
        }
        end(child);
        core_.mark(child);
    }

    // ---- small things ------------------------------------------------------------------------------------------------

    // Chooses the state that the instance starts from, and hands it to the shell.
    void begin(child_entry& child, child_spec spec)
    {
        auto& local = *child.local;
        local.spec = launched_spec{spec};
        ++core_.counters.starts;
        core_.tell(event_kind::child_starting, *child.id, local.claim.generation);
        local.forked_from = acknowledged_stamp(child);
        std::optional<saved_state> state;
        if (auto provisional = provisional_of(child); provisional && provisional->forked_from == local.forked_from)
            state = saved_state{provisional->schema_version, std::move(provisional->data)};
        else if (auto const found = core_.store.find(record_table::checkpoint, *child.id))
            if (auto record = decode_checkpoint_record(found->value))
                state = saved_state{record->schema_version, std::move(record->data)};
        core_.effects_after_sends.push_back(start_effect{std::move(spec), local.claim.generation, std::move(state)});
    }

    [[nodiscard]] std::uint64_t acknowledged_stamp(child_entry const& child) const
    {
        auto const found = core_.store.find(record_table::checkpoint, *child.id);
        return found ? found->stamp : 0;
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

    [[nodiscard]] ownership::claim last_claim(child_entry const& child) const
    {
        return {core_.nodes[child.owner].id, child.generation, child.right()};
    }

    [[nodiscard]] generation_number last_generation(child_entry const& child) const
    {
        auto const local = child.local ? child.local->claim.generation : 0;
        return std::max(child.owned ? child.generation : 0, local);
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

    void settle(child_entry& child, errc code, std::string_view reason = {}) { commands_.settle(child, code, reason, now_); }

    State& core_;
    Commands commands_;
    time_point now_;
};

} // namespace drover::core
