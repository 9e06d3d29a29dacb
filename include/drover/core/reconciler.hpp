// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/planted_fault.hpp>
#include <drover/core/core_state.hpp>
#include <drover/core/lifecycle.hpp>
#include <drover/core/restarts.hpp>

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
    reconciler(State& state, Commands commands, time_point now)
        : core_{state}, commands_{commands}, life_{state, commands, now}, restarts_{state, commands, now}, now_{now}
    {
    }

    void run()
    {
        while (!core_.dirty.empty()) {
            auto* const child = core_.dirty.back();
            core_.dirty.pop_back();
            child->dirty = false;
            if (child->audited)
                repair(*child);
            else
                reconcile(*child);
        }
    }

    // ---- inputs about local instances --------------------------------------------------------------------------------

    void on_started(child_entry& child)
    {
        auto& local = *child.local;
        core_.enter(local, local_state::running);
        local.kind = start_kind::again;
        local.running_since = now_;
        core_.tell(event_kind::child_started, *child.id, local.claim.generation);
        life_.settle(child, errc::success);
        core_.mark(child); // it may be wanted elsewhere by now
    }

    void on_start_failed(child_entry& child, std::string_view reason)
    {
        ++core_.counters.start_failures;
        life_.write_checkpoint(child);
        core_.tell(event_kind::child_start_failed, *child.id, child.local->claim.generation, reason);
        switch (child.local->kind) {
        case start_kind::first: return undo_first_start(child, reason);
        case start_kind::revived: return undo_revival(child, reason);
        case start_kind::again: return restarts_.fail(child, start_cause::failed_start, reason);
        }
    }

    /// Its start said that there is nothing to do. As in OTP: its spec stays, but for a temporary child.
    void on_start_ignored(child_entry& child)
    {
        core_.tell(event_kind::child_exited, *child.id, child.local->claim.generation, "ignored");
        end_for_good(child, child.local->spec.restart == restart_rule::temporary);
        core_.mark(child);
    }

    void on_exit(child_entry& child, supervision::exit_kind kind, std::string_view reason)
    {
        auto const rule = child.local->spec.restart;
        auto const significant = child.local->spec.significant;
        life_.write_checkpoint(child);
        core_.tell(event_kind::child_exited, *child.id, child.local->claim.generation, reason);
        if (kind == supervision::exit_kind::failure)
            ++core_.counters.failures;
        if (supervision::restarts(rule, kind))
            return restarts_.fail(child, start_cause::crash, reason);
        end_for_good(child, rule == restart_rule::temporary);
        core_.mark(child);
        if (significant)
            core_.on_significant_end(*child.id);
    }

    void on_stopped(child_entry& child, std::optional<saved_state> saved)
    {
        auto& local = *child.local;
        auto const run = local.run;
        core_.tell(event_kind::child_stopped, *child.id, local.claim.generation);
        restarts_.account_run(child);
        life_.write_checkpoint(child);
        if (saved && !planted(planted_fault::stop_not_awaited))
            life_.save(child, std::move(*saved));
        switch (local.cause) {
        case stop_cause::terminate:
            ++core_.counters.stops_by_request;
            end_for_good(child, local.spec.restart == restart_rule::temporary);
            break;
        case stop_cause::remove: life_.drop(child, errc::success); break;
        case stop_cause::hand_over: hand_over(child); break;
        case stop_cause::yield: life_.drop(child, errc::superseded); break;
        case stop_cause::replace:
            life_.again(child, ownership::succeed(core_.self, life_.last_claim(child)), start_cause::request);
            break;
        case stop_cause::sibling: (void)life_.reserve_next(child, start_cause::sibling); break;
        case stop_cause::rebase:
            life_.again(child, ownership::take(core_.self, life_.last_generation(child), local.claim.right, core_.quorate),
                start_cause::conflict);
            break;
        case stop_cause::shutdown: life_.drop(child, errc::shutting_down); break;
        }
        if (run != 0)
            restarts_.on_sibling_stopped(run);
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
        child.local->on_trial = true;
        life_.again(child, ownership::succeed(core_.self, life_.last_claim(child)), start_cause::retry);
    }

    /// Its backoff is over.
    void on_start_due(child_entry& child, generation_number generation)
    {
        if (child.local && child.local->state == local_state::waiting && child.local->run == 0
            && child.local->claim.generation == generation)
            life_.enqueue(child);
    }

    void release_starts() { life_.release_starts(); }

    // ---- steps that others ask for -----------------------------------------------------------------------------------

    /// Starts an instance here under `claim`, which becomes the recorded one. Takes the spec out of `record`. Pre: no instance
    /// runs here.
    void launch(child_entry& child, ownership::claim claim, spec_record& record, start_kind kind, start_cause why)
    {
        life_.launch(child, std::move(claim), record, kind, why);
    }

    /// The first instance of a child; after the deaths of nodes that may have been its fault only when others know of it.
    void launch_first(child_entry& child, ownership::claim claim, spec_record& record, start_kind kind, std::uint32_t node_deaths)
    {
        core_.make_local(child).node_deaths = node_deaths;
        if (node_deaths == 0 || core_.members_alive_count() == 1)
            return life_.launch(child, std::move(claim), record, kind, start_cause::first);
        life_.reserve(child, std::move(claim), record, start_cause::first).kind = kind;
        commands_.start_when_known(child, now_);
    }

    /// The instance is to stop; `on_stopped` follows.
    void stop(child_entry& child, stop_cause cause)
    {
        auto const& local = *child.local;
        if (cause == stop_cause::replace && local.state == local_state::waiting && local.run != 0)
            return; // it starts with its siblings, and by the spec as it is then
        if (!life_.stop(child, cause))
            return;
        child.local->run = 0; // nobody waits for what does not run
        on_stopped(child, std::nullopt);
    }

    void checkpoint(child_entry& child, saved_state state, std::uint64_t number)
    {
        life_.checkpoint(child, std::move(state), number);
    }
    void remove_records(child_entry& child) { life_.remove_records(child); }

    /// A majority of the members is together again: what this node runs provisionally is settled, once whoever else runs it
    /// has had the time to assert itself.
    void settle_provisional_later(child_entry& child)
    {
        if (provisional_here(child))
            core_.timers.set(now_ + 2 * core_.options.retry_interval,
                child_timer{*child.id, child_timer::kind::settle, child.local->claim.generation});
    }

    /// Nobody claims it: the home does.
    void claim_unowned(child_entry& child)
    {
        auto const spec = core_.spec_of(*child.id);
        if (!spec || child.local || child.owned || !child.wanted_running() || core_.phase != phase::running || !core_.regrouped
            || core_.home(child) != core_.own)
            return;
        auto const target = core_.placed(child);
        owner_record record{ownership::take(core_.nodes[target].id, core_.recorded_generation(child), {}, core_.quorate),
            owner_status::active, {}, {}};
        if (target != core_.own)
            return core_.write_owner(child, record);
        take_up(child, record, record.claim, *spec, start_cause::conflict);
    }

    /// It becomes the real thing, or starts anew from what was acknowledged to users meanwhile.
    void settle_provisional(child_entry& child, generation_number generation)
    {
        if (!provisional_here(child) || child.local->claim.generation != generation || !core_.regrouped || !core_.quorate)
            return;
        auto& local = *child.local;
        if (life_.acknowledged_stamp(child) != local.forked_from)
            return stop(child, stop_cause::rebase);
        life_.regrant(child, ownership::take(core_.self, life_.last_generation(child), local.claim.right, true));
    }

private:
    // The audit alone asks for it: if there is something to do, an event has missed it.
    void repair(child_entry& child)
    {
        child.audited = false;
        auto const before = core_.progress();
        auto const id = core_.events_wanted ? bytes{*child.id} : bytes{}; // reconciling may be its end
        auto const generation = child.generation;
        reconcile(child);
        if (core_.progress() != before)
            core_.count_repair(id, generation);
    }

    [[nodiscard]] bool provisional_here(child_entry const& child) const
    {
        return child.local && child.local->state == local_state::running && !child.local->claim.right.quorate
            && core_.owned_here(child);
    }

    void reconcile(child_entry& child)
    {
        if (!child.present)
            return settle_absent(child);
        if (!child.wanted_running())
            return settle_unwanted(child);
        if (core_.phase < phase::running)
            return;
        if (!child.owned)
            return reconcile_unowned(child);
        if (child.owner == core_.own)
            return reconcile_own(child);
        reconcile_foreign(child);
    }

    // Its claim lost against the removal of a child of the same id, which others made and deleted. What runs claims again;
    // when nothing runs, the audit finds it.
    void reconcile_unowned(child_entry& child)
    {
        if (!child.local || child.local->state != local_state::running || !core_.regrouped)
            return;
        auto const last = std::max(core_.recorded_generation(child), child.local->claim.generation);
        life_.regrant(child, ownership::take(core_.self, last, child.local->claim.right, core_.quorate));
    }

    void settle_absent(child_entry& child)
    {
        if (child.local)
            return stop(child, stop_cause::remove);
        if (awaits_knowledge())
            return;
        if (child.owned && (child.owner == core_.own || !core_.nodes[child.owner].alive)) {
            // A claim that was written while its spec was deleted elsewhere.
            life_.remove_records(child);
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
            return stop(child, stop_cause::terminate);
        if (child.restart != restart_rule::temporary || !child.terminated || !core_.regrouped)
            return;
        auto const left_behind = !child.owned || !core_.nodes[child.owner].alive; // its node died before it had stopped
        if (core_.owned_here(child) || (left_behind && core_.home(child) == core_.own))
            life_.remove_records(child);
    }

    void end_for_good(child_entry& child, bool temporary)
    {
        if (!temporary)
            return life_.end(child);
        life_.remove_records(child);
        for (auto& waiting : child.local->waiters)
            waiting.version = core_.store.version(); // who reads what they are told of finds no spec
        life_.drop(child, errc::success);
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
        if (local.state == local_state::starting || local.run != 0)
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
        auto const target = core_.gave_up ? no_node : core_.placed(child);
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
            if (target != no_node && target != core_.own && !core_.gave_up)
                pass_on(child, life_.last_claim(child), target);
            return;
        }
        auto record = core_.owner_of(*child.id);
        auto const spec = core_.spec_of(*child.id);
        if (!record || !spec)
            return;
        ++core_.counters.handoffs_in;
        take_up(child, *record, record->claim, *spec, start_cause::move);
    }

    // A child that another node has run goes on here, under this claim: it is started in its turn, or stays parked. What
    // counts against it comes along.
    void take_up(child_entry& child, owner_record& before, ownership::claim claim, spec_record const& spec, start_cause why)
    {
        auto& local = core_.make_local(child);
        local.claim = claim;
        local.window = supervision::restart_window{before.failure_ages, now_};
        local.failures_in_row = before.failures_in_row;
        local.node_deaths = before.node_deaths;
        local.spec = launched_spec{spec.spec};
        if (before.status == owner_status::parked)
            return restarts_.park(child, std::move(before.reason), restarts_.park_time(local));
        if (why == start_cause::node_death && restarts_.quarantine(child, spec.spec))
            return;
        life_.reserve(child, std::move(claim), spec, why);
        if (local.node_deaths > 0 && core_.members_alive_count() > 1)
            return commands_.start_when_known(child, now_);
        life_.enqueue(child);
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
        auto record = core_.owner_of(*child.id);
        auto const spec = core_.spec_of(*child.id);
        if (!record || !spec)
            return;
        ++core_.counters.failovers;
        auto const target = core_.placed(child);
        auto claim = ownership::take(core_.nodes[target].id, life_.last_generation(child), child.right(), core_.quorate);
        if (core_.events_wanted)
            core_.tell(event_kind::child_claimed, *child.id, claim.generation, "its owner " + owner.id.name + " is dead");
        record->node_deaths = deaths_with(child, *record, owner);
        if (target == core_.own)
            return take_up(child, *record, std::move(claim), *spec, start_cause::node_death);
        record->claim = std::move(claim); // only by load
        if (record->status == owner_status::active && record->node_deaths >= limits::node_deaths_max
            && spec->spec.isolated_type.empty()) {
            record->status = owner_status::parked;
            record->reason = restarts_.quarantine_reason();
        }
        core_.write_owner(child, *record);
    }

    // Of nodes in a row that died when this child was starting or had just started on them. Planned ends do not count, nor
    // where too many were as young, and as much under suspicion, to tell which of them it was.
    [[nodiscard]] std::uint32_t deaths_with(child_entry const& child, owner_record const& record, node_entry const& owner) const
    {
        if (record.status == owner_status::parked || record.node_deaths >= limits::node_deaths_max)
            return record.node_deaths; // in quarantine, or isolated
        if (owner.died == time_point{})
            return record.node_deaths; // before we came: a journal, or others, told us of it, and nobody knows how long it ran
        if (!child.is_young(owner.died, core_.options.suspicion_time))
            return 0;
        auto const as_much_suspects = owner.young_counts[record.node_deaths == 0 ? 0 : 1];
        return record.node_deaths + (!owner.left && as_much_suspects <= limits::suspects_count_max ? 1 : 0);
    }

    // An instance runs here, and the record names another node.
    void reconcile_second_instance(child_entry& child)
    {
        auto& local = *child.local;
        if (local.state == local_state::stopping)
            return;
        if (local.state == local_state::parked || local.state == local_state::waiting)
            return life_.drop(child, errc::superseded);
        auto const recorded = life_.last_claim(child);
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
        if (!local.claim.right.quorate && life_.acknowledged_stamp(child) != local.forked_from)
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
        life_.regrant(child, std::move(claim));
    }

    // ---- ends --------------------------------------------------------------------------------------------------------

    void hand_over(child_entry& child)
    {
        if (!core_.owned_here(child) || !child.wanted_running())
            return life_.drop(child, errc::superseded);
        auto const wanted_by = child.local->wanted_by;
        auto const target = wanted_by != no_node && core_.falls_to(child, wanted_by) ? wanted_by : core_.placed(child);
        if (target == core_.own || target == no_node)
            return core_.leaving()
                ? life_.drop(child, errc::shutting_down)
                : life_.again(child, ownership::succeed(core_.self, life_.last_claim(child)), start_cause::move);
        auto const claim = child.local->claim;
        pass_on(child, claim, target);
        if (child.local->kind == start_kind::first)
            child.local->waiters.clear(); // it has not started here: whoever waits for that asks again, there
        life_.drop(child, errc::success);
    }

    void pass_on(child_entry& child, ownership::claim const& from, node_index target)
    {
        auto const& node = core_.nodes[target].id;
        auto record = core_.owner_of(*child.id);
        owner_record next{ownership::succeed(node, from), owner_status::active, {}, {}};
        if (child.local) {
            next.failure_ages = child.local->window.ages(now_);
            next.failures_in_row = child.local->failures_in_row;
            next.node_deaths = child.local->node_deaths;
        }
        if (record && record->status == owner_status::parked) {
            next.status = owner_status::parked;
            next.reason = std::move(record->reason);
        }
        ++core_.counters.handoffs_out;
        core_.tell(event_kind::child_handed_over, *child.id, next.claim.generation, node.name);
        core_.write_owner(child, next);
    }

    // OTP: a start that fails leaves nothing behind.
    void undo_first_start(child_entry& child, std::string_view reason)
    {
        life_.settle(child, errc::start_failed, reason);
        core_.drop_local(child);
        if (core_.owned_here(child))
            life_.remove_records(child);
        core_.mark(child);
    }

    void undo_revival(child_entry& child, std::string_view reason)
    {
        life_.settle(child, errc::start_failed, reason);
        if (auto record = core_.spec_of(*child.id); record && core_.owned_here(child)) {
            record->terminated = true;
            core_.write_spec(child, *record);
        }
        life_.end(child);
        core_.mark(child);
    }

    State& core_;
    Commands commands_;
    lifecycle<State, Commands> life_;
    restarts<State, Commands> restarts_;
    time_point now_;
};

} // namespace drover::core
