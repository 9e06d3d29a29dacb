// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/core/audit.hpp>
#include <drover/core/awaited_writes.hpp>
#include <drover/core/books.hpp>
#include <drover/core/calls.hpp>
#include <drover/core/census.hpp>
#include <drover/core/child_sources.hpp>
#include <drover/core/commands.hpp>
#include <drover/core/core_state.hpp>
#include <drover/core/initial_children.hpp>
#include <drover/core/leaving.hpp>
#include <drover/core/reconciler.hpp>
#include <drover/core/record_changes.hpp>
#include <drover/core/regroup.hpp>
#include <drover/core/view_changes.hpp>
#include <drover/policy/journal.hpp>
#include <drover/policy/view.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace drover::core {

/// The core of one scope on one node: inputs in, ordered effects out, one deadline.
///
/// It knows no clock, thread, socket or user code. An input takes `now` and changes state; `flush`, called when no input
/// waits, hands what was written to the store's peers and orders the effects: sends first, so that others hear of a start
/// before its code runs. A wake-up before the deadline changes nothing.
template <class Placement, class StateStore>
class supervisor_core {
public:
    supervisor_core(node_id self, supervisor_options options, Placement placement, StateStore store)
        : state_{std::move(self), std::move(options), std::move(placement), std::move(store)}
    {
    }

    // ---- life of the supervisor --------------------------------------------------------------------------------------

    /// Joins the scope: `started_effect` follows once all members that are alive have told what they know.
    void start(std::vector<std::string> types, view const& members, time_point now)
    {
        expects(state_.phase == phase::created, "a supervisor is started once");
        state_.phase = phase::joining;
        state_.types = std::move(types);
        if (state_.options.form_members > 1)
            state_.timers.set(saturating_add(now, state_.options.form_timeout), form_timer{});
        else
            state_.form_over = true;
        on_view(members, now);
    }

    /// Leaves: hands every child on, says goodbye; `stopped_effect` follows.
    void stop(time_point now)
    {
        if (state_.leaving())
            return;
        if (state_.phase < phase::running)
            return leave().finish();
        leave().begin(now);
        advance(now);
    }

    void set_types(std::vector<std::string> types, time_point now)
    {
        state_.types = std::move(types);
        if (state_.phase == phase::running) {
            state_.write_roster(participation::active);
            start_audit();
            advance(now);
        }
    }

    // ---- inputs ------------------------------------------------------------------------------------------------------

    void on_view(view const& members, time_point now)
    {
        if (state_.phase == phase::created || state_.phase == phase::stopped)
            return;
        auto const lost = view_changes<state_type>{state_, now}.take(members);
        state_.roster.changed();
        group().answer_held_back();
        regroup_now(now);
        for (auto const index : lost) {
            ordering().on_node_lost(index, now);
            calling().on_node_lost(index);
        }
        advance(now);
    }

    /// A connection with this node came up: what was sent without one is said again at once.
    void on_peer_connected(node_id const& id, time_point now)
    {
        auto const index = state_.nodes.find(id);
        if (state_.phase == phase::created || state_.phase == phase::stopped || index == no_node)
            return;
        if (state_.nodes[index].here != presence::absent)
            state_.store.on_peer_connected(id, now);
        group().ask_again(id.name);
        advance(now);
    }

    void on_message(node_id const& from, bytes_view frame, time_point now)
    {
        if (state_.phase == phase::created || state_.phase == phase::stopped)
            return;
        // Records of the dead would be acted on as if their writer were gone. When it is not, the view says so soon, and what
        // was ignored is said again.
        auto const index = state_.nodes.find(from);
        if (index == no_node || !state_.nodes[index].alive)
            return;
        auto const understood = visit_message(frame, [&]<class Message>(Message& content) {
            note_presence(state_.nodes[index], !std::is_same_v<Message, no_scope_message>);
            take(from, content, now);
        });
        if (!understood) {
            ++state_.counters.messages_rejected;
            state_.tell(event_kind::message_rejected, from.name, 0, "malformed, or of an unknown kind");
            return;
        }
        advance(now);
    }

    void on_time(time_point now)
    {
        if (state_.phase == phase::created || state_.phase == phase::stopped)
            return;
        if (state_.store.deadline() <= now) {
            state_.store.on_time(now);
            take_store_effects(now);
        }
        while (auto due = state_.timers.take_due(now))
            std::visit([&](auto const& timer) { on_timer(timer, now); }, *due);
        if (state_.audit_running)
            audit(now);
        if (state_.sources.waiting)
            sources().look(now);
        advance(now);
    }

    void on_child_started(bytes_view id, generation_number generation, time_point now)
    {
        if (auto* const child = local(id, generation, local_state::starting)) {
            working(now).on_started(*child);
            advance(now);
        }
    }

    void on_child_start_failed(bytes_view id, generation_number generation, std::string_view reason, time_point now)
    {
        if (auto* const child = local(id, generation, local_state::starting)) {
            working(now).on_start_failed(*child, reason);
            advance(now);
        }
    }

    /// The start said `ignore`: nothing runs.
    void on_child_start_ignored(bytes_view id, generation_number generation, time_point now)
    {
        if (auto* const child = local(id, generation, local_state::starting)) {
            working(now).on_start_ignored(*child);
            advance(now);
        }
    }

    /// A running instance ended by itself.
    void on_child_exit(
        bytes_view id, generation_number generation, supervision::exit_kind kind, std::string_view reason, time_point now)
    {
        if (auto* const child = local(id, generation, local_state::running)) {
            working(now).on_exit(*child, kind, reason);
            advance(now);
        }
    }

    /// The answer to a `stop_effect`.
    void on_child_stopped(bytes_view id, generation_number generation, std::optional<saved_state> saved, time_point now)
    {
        if (auto* const child = local(id, generation, local_state::stopping)) {
            working(now).on_stopped(*child, std::move(saved));
            advance(now);
        }
    }

    /// The child saves its state; `checkpoint_done_effect` with this number follows.
    void on_checkpoint(bytes_view id, generation_number generation, saved_state saved, std::uint64_t number, time_point now)
    {
        auto* const child = state_.children.find(id);
        if (child == nullptr || !child->local || child->local->claim.generation != generation || !state_.owned_here(*child))
            return state_.effects.push_back(checkpoint_done_effect{number, errc::superseded});
        if (saved.data.size() > limits::checkpoint_size_max)
            return state_.effects.push_back(checkpoint_done_effect{number, errc::message_too_large});
        working(now).checkpoint(*child, std::move(saved), number);
    }

    void on_call_answered(std::string const& caller, std::uint64_t number, errc code, bytes payload, time_point now)
    {
        calling().on_answered(caller, {number, code, std::move(payload)}, now);
    }

    // ---- sources of children; the first of those that own an id is the one that does -----------------------------------

    void add_source(std::shared_ptr<source_port> port, child_source_options const& options)
    {
        expects(state_.phase == phase::created, "a source of children is added before the start");
        sources().add(std::move(port), options);
    }

    void on_source_changed(source_port const& port) { sources().on_changed(port); }

    void on_source_read(source_port const& port, std::uint64_t number, source_reading reading, time_point now)
    {
        sources().on_read(port, number, std::move(reading), now);
    }

    /// As far as this node can tell, such a command would not be refused.
    [[nodiscard]] bool could_be_done(command_kind kind, child_spec const& spec)
    {
        auto const* const child = state_.children.find(spec.id);
        auto const present = child != nullptr && child->present;
        if (state_.phase != phase::running || spec.id.empty() || present == (kind == command_kind::start))
            return false;
        if (kind == command_kind::remove)
            return !child->wanted_running() && !child->local;
        return ordering().wrong_with(spec).empty();
    }

    // ---- the journal, of a store that has one; for others, nothing -----------------------------------------------------

    /// What was on disk. Before `start`.
    void restore(journal_contents contents, time_point now)
    {
        expects(state_.phase == phase::created, "a journal is read before the start");
        if constexpr (keeps_a_journal<StateStore>)
            state_.store.restore(std::move(contents));
        record_changes<state_type>{state_}.take_restored(now);
    }

    /// What is to be committed next, off the strand; `on_committed` with its number follows. Call after `flush`.
    [[nodiscard]] std::optional<journal_batch> take_batch()
    {
        if constexpr (keeps_a_journal<StateStore>)
            return state_.store.take_batch();
        else
            return std::nullopt;
    }

    void on_committed(std::uint64_t number, time_point now)
    {
        if constexpr (keeps_a_journal<StateStore>)
            state_.store.on_committed(number, now);
        if (std::exchange(state_.journal_failing, false))
            state_.tell(event_kind::journal_recovered, state_.self.name);
        take_store_effects(now);
        advance(now);
    }

    /// The batch is tried again, for as long as it takes.
    void on_commit_failed(std::string_view reason)
    {
        ++state_.counters.journal_failures;
        if (!std::exchange(state_.journal_failing, true))
            state_.tell(event_kind::journal_failed, state_.self.name, 0, reason);
    }

    // ---- commands ----------------------------------------------------------------------------------------------------

    /// `command_done_effect` with the returned number follows, once.
    std::uint64_t command(command_kind kind, child_spec spec, time_point now)
    {
        auto const number = state_.next_request++;
        ordering().submit(number, kind, std::move(spec), now);
        advance(now);
        return number;
    }

    /// `call_done_effect` with the returned number follows, once; for a cast too, when it was given to an instance.
    std::uint64_t call(child_id id, bytes payload, bool cast, time_point now)
    {
        auto const number = state_.next_request++;
        calling().submit(number, cast, std::move(id), std::move(payload), now);
        return number;
    }

    /// `wait_done_effect` with the returned number follows, once.
    std::uint64_t wait_for(version_token const& token, time_point now)
    {
        auto const number = state_.next_request++;
        awaited().add(number, token, now);
        return number;
    }

    // ---- effects -----------------------------------------------------------------------------------------------------

    /// Pushes what was written, and orders what is to be done. Call when no input waits.
    void flush(time_point now)
    {
        if (state_.phase == phase::created)
            return;
        state_.store.flush(now);
        take_store_effects(now);
        if (!state_.holds.empty())
            ordering().on_acknowledged();
        working(now).release_starts();
        state_.append_later_effects();
    }

    /// What is to be done, in order; the caller takes it, and may leave an empty vector that has room.
    [[nodiscard]] std::vector<effect>& effects() { return state_.effects; }

    [[nodiscard]] time_point deadline() const
    {
        if (state_.phase == phase::created || state_.phase == phase::stopped)
            return never;
        if (state_.audit_running || state_.sources.waiting)
            return time_point::min(); // as soon as there is nothing else
        return std::min(state_.timers.deadline(), state_.store.deadline());
    }

    // ---- reads -------------------------------------------------------------------------------------------------------

    [[nodiscard]] std::optional<child_ref> find(bytes_view id) const
    {
        auto const* const child = state_.children.find(id);
        if (child == nullptr || !child->present || !child->owned || !child->wanted_running())
            return std::nullopt;
        return child_ref{*child->id, state_.nodes[child->owner].id.name, child->generation};
    }

    [[nodiscard]] std::optional<child_spec> spec_of(bytes_view id) const
    {
        auto record = state_.spec_of(id);
        return record ? std::optional{std::move(record->spec)} : std::nullopt;
    }

    /// The write, and all that came of it, can be read here.
    [[nodiscard]] bool has_seen(version_token const& token) const
    {
        return token.version == 0 || state_.store.has_seen(token.origin, token.version);
    }

    [[nodiscard]] std::vector<child_info> which_children(bool only_local) const
    {
        return core::which_children(state_, only_local);
    }
    [[nodiscard]] child_counts count_children() const { return core::count_children(state_); }
    [[nodiscard]] unaccounted_children unaccounted(time_point now) const { return core::unaccounted(state_, now); }
    [[nodiscard]] std::string inconsistency() const { return books<state_type>{state_}.inconsistency(); }
    [[nodiscard]] std::string explain(bytes_view id) { return core::explain(state_, id); }
    [[nodiscard]] drover::counters const& counters() const { return state_.counters; }
    [[nodiscard]] core::phase current_phase() const { return state_.phase; }
    [[nodiscard]] supervisor_options const& options() const { return state_.options; }
    [[nodiscard]] StateStore const& store() const { return state_.store; }
    void want_events(bool wanted) { state_.events_wanted = wanted; }
    /// All that it knows: for tests and tools.
    [[nodiscard]] core_state<Placement, StateStore> const& state() const { return state_; }

private:
    using state_type = core_state<Placement, StateStore>;
    using ordering_type = commands<state_type>;

    [[nodiscard]] ordering_type ordering() { return ordering_type{state_}; }
    [[nodiscard]] awaited_writes<state_type> awaited() { return awaited_writes<state_type>{state_}; }
    [[nodiscard]] calls<state_type> calling() { return calls<state_type>{state_}; }
    [[nodiscard]] core::audit<state_type> auditing() { return core::audit<state_type>{state_}; }
    [[nodiscard]] initial_children<state_type> initial() { return initial_children<state_type>{state_}; }
    [[nodiscard]] child_sources<state_type> sources() { return child_sources<state_type>{state_}; }
    [[nodiscard]] core::leaving<state_type> leave() { return core::leaving<state_type>{state_}; }
    [[nodiscard]] regroup<state_type> group() { return regroup<state_type>{state_}; }
    [[nodiscard]] reconciler<state_type, ordering_type> working(time_point now) { return {state_, ordering(), now}; }

    [[nodiscard]] child_entry* local(bytes_view id, generation_number generation, local_state wanted)
    {
        auto* const child = state_.children.find(id);
        if (child == nullptr || !child->local || child->local->state != wanted || child->local->claim.generation != generation)
            return nullptr;
        return child;
    }

    // Everything that an input may have set off.
    void advance(time_point now)
    {
        working(now).run();
        take_store_effects(now);
        while (group().complete())
            on_regrouped(now);
        if (state_.phase == phase::joining)
            run_when_formed(now);
        working(now).release_starts();
        if (!state_.giving_up.empty() && state_.phase == phase::running)
            leave().give_up(now);
        if (std::exchange(state_.regroup_wanted, false) && state_.regrouped)
            regroup_now(now);
        if (state_.leaving())
            leave().go_on(now);
    }

    // ---- view and regroup --------------------------------------------------------------------------------------------

    // Whoever talks to this scope takes part in it.
    void note_presence(node_entry& node, bool present)
    {
        node.here = present ? presence::present : presence::absent;
        if (!present)
            group().on_absent(node.id.name);
    }

    // What was written goes out before the question: who answers has seen it.
    void regroup_now(time_point now)
    {
        state_.store.flush(now);
        take_store_effects(now);
        group().begin(now);
    }

    void on_regrouped(time_point now)
    {
        if (state_.phase == phase::joining && !std::exchange(state_.announced, true)) {
            // We are level. Before we take anything over, all must know that we take part: otherwise two would be placed.
            state_.write_roster(participation::active);
            return regroup_now(now);
        }
        state_.regrouped = true;
        for (node_index index = 0; index < state_.nodes.size(); ++index) {
            auto& node = state_.nodes[index];
            if (!node.alive && !std::exchange(node.recovered, true))
                for (auto* child = node.owned; child != nullptr; child = child->next_owned)
                    state_.mark(*child);
        }
        state_.quorate = state_.members_alive_count() >= state_.roster.members_count() / 2 + 1;
        state_.tell(event_kind::regrouped, state_.self.name, 0,
            state_.quorate ? "a majority is together" : "only a minority is together");
        start_audit();
        state_.sources.wake();
        working(now).run();
    }

    // Nothing is placed before the cluster has formed: otherwise the first node would start all, and move most of it soon.
    void run_when_formed(time_point now)
    {
        if (!state_.regrouped)
            return;
        if (!state_.form_over && !somebody_has_formed() && state_.members_alive_count() < state_.options.form_members)
            return;
        state_.phase = phase::running;
        if (state_.options.form_members > 1)
            state_.write_roster(participation::active); // whoever comes later need not wait
        state_.tell(event_kind::supervisor_started, state_.options.name);
        state_.effects_after_sends.push_back(started_effect{});
        start_audit();
        for (auto* const child : state_.children.order())
            if (child->owned)
                state_.mark(*child);
        working(now).run();
        initial().begin(now);
        state_.sources.wake();
        take_store_effects(now);
    }

    // Of the living: what a journal says of a cluster that was switched off does not count.
    [[nodiscard]] bool somebody_has_formed() const
    {
        for (node_index index = 0; index < state_.nodes.size(); ++index) {
            auto const& node = state_.nodes[index];
            auto const* const record = index != state_.own && node.alive ? state_.roster.find(node.id.name) : nullptr;
            if (record != nullptr && record->formed && record->incarnation == node.id.incarnation)
                return true;
        }
        return false;
    }

    // ---- messages ----------------------------------------------------------------------------------------------------

    void take(node_id const& from, store_message const& content, time_point now)
    {
        state_.store.on_message(from, content.frame, now);
        take_store_effects(now);
    }

    void take(node_id const& from, regroup_message& content, time_point) { group().on_asked(from, std::move(content)); }
    void take(node_id const& from, regrouped_message& content, time_point) { group().on_told(from, std::move(content)); }
    void take(node_id const&, command_message& content, time_point now) { ordering().on_command(std::move(content), now); }
    void take(node_id const& from, reply_message const& content, time_point) { ordering().on_reply(from, content); }
    void take(node_id const&, held_message const& content, time_point) { ordering().on_held(content.number); }
    void take(node_id const& from, call_message& content, time_point now) { calling().on_call(from, std::move(content), now); }
    void take(node_id const&, answer_message& content, time_point now) { calling().on_answer(std::move(content), now); }
    void take(node_id const& from, no_scope_message const&, time_point now) { state_.store.on_peer_down(from, now); }

    void take(node_id const& from, want_message const& content, time_point now)
    {
        auto* const child = state_.children.find(content.id);
        if (child != nullptr && child->owned && child->generation == content.generation)
            working(now).on_want(*child, state_.nodes.intern(from));
    }

    void take_store_effects(time_point now) { record_changes<state_type>{state_}.take_store_effects(now); }

    // ---- timers ------------------------------------------------------------------------------------------------------

    void on_timer(child_timer const& timer, time_point now)
    {
        auto* const child = state_.children.find(timer.id);
        if (child == nullptr)
            return;
        if (timer.what == child_timer::kind::unpark)
            return working(now).on_unpark(*child, timer.generation);
        if (timer.what == child_timer::kind::start)
            return working(now).on_start_due(*child, timer.generation);
        if (timer.what == child_timer::kind::settle)
            return working(now).settle_provisional(*child, timer.generation);
        state_.end_want(*child);
        state_.mark(*child);
    }

    void on_timer(commands_timer const&, time_point now) { ordering().on_timer(now); }
    void on_timer(calls_timer const&, time_point now) { calling().on_timer(now); }
    void on_timer(hold_timer const&, time_point now) { ordering().on_hold_timer(now); }
    void on_timer(regroup_timer const& timer, time_point now) { group().on_timer(timer.number, now); }

    void on_timer(audit_timer const&, time_point)
    {
        state_.audit_timer_set = false;
        state_.relieving = std::exchange(state_.relieved_epoch, state_.roster.epoch()) == state_.roster.epoch();
        auditing().start(true);
    }

    void on_timer(initial_timer const&, time_point now) { initial().on_timer(now); }
    void on_timer(sources_timer const&, time_point now) { sources().on_timer(now); }
    void on_timer(form_timer const&, time_point) { state_.form_over = true; }
    void on_timer(wait_timer const&, time_point now) { awaited().on_timer(now); }

    void on_timer(drain_timer const&, time_point)
    {
        if (state_.phase == phase::draining || state_.phase == phase::saying_goodbye)
            leave().finish();
    }

    // ---- audit -------------------------------------------------------------------------------------------------------

    void start_audit() { auditing().start(); }

    void audit(time_point now)
    {
        for (auto* const child : auditing().look(now)) {
            if (child->owned) {
                working(now).settle_provisional_later(*child);
                continue;
            }
            auto const before = state_.store.version();
            working(now).claim_unowned(*child);
            if (state_.audit_by_time && state_.store.version() != before)
                state_.count_repair(*child->id, child->generation);
        }
    }

    state_type state_;
};

} // namespace drover::core
