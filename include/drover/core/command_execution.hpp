// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/core_state.hpp>
#include <drover/core/reconciler.hpp>

#include <algorithm>
#include <string>
#include <utility>

namespace drover::core {

inline constexpr std::uint8_t command_hops_max = 3;

/// What each command does, on the node that carries it out. Each may come twice: it is known by its request id.
template <class State, class Commands>
class command_execution {
public:
    command_execution(State& state, Commands commands, time_point now)
        : core_{state}, commands_{commands}, reconciler_{state, commands, now}, now_{now}
    {
    }

    void carry_out(command_message& message)
    {
        // The node where it was asked for may not have registered the source.
        if (is_user_change(message) && core_.sources.are_read_only_for(message.spec.id))
            return commands_.answer(message, refusal(errc::owned_by_source));
        switch (message.kind) {
        case command_kind::start: return start(message);
        case command_kind::terminate: return terminate(message);
        case command_kind::restart: return restart(message);
        case command_kind::remove: return remove(message);
        case command_kind::update: return update(message);
        }
    }

private:
    [[nodiscard]] static bool is_user_change(command_message const& message)
    {
        auto const changes =
            message.kind == command_kind::start || message.kind == command_kind::update || message.kind == command_kind::remove;
        return changes && message.initial == 0 && !message.by_source;
    }

    void start(command_message& message)
    {
        auto& child = core_.children.get(message.spec.id);
        if (child.present)
            return start_present(message, child);
        if (child.local)
            return; // the instance of the child before it is still being stopped: the requester asks again
        if (core_.children.size() > core_.options.children_count_max) {
            forget_unused(child);
            return commands_.answer(message, refusal(errc::max_children));
        }
        if (auto const last = core_.creation_of(*child.id); last > message.creation_known) {
            auto reply = refusal(errc::superseded);
            reply.version = last;
            forget_unused(child);
            return commands_.answer(message, std::move(reply));
        }
        if (message.initial != 0 && core_.store.find(record_table::retired, message.spec.id)) {
            forget_unused(child);
            return commands_.answer(message, refusal(errc::not_found));
        }
        if (message.node_deaths >= limits::node_deaths_max && message.spec.isolated_type.empty()) {
            forget_unused(child);
            auto reply = refusal(errc::start_failed);
            reply.reason = "quarantine: the nodes that were to start it died, one after another";
            return commands_.answer(message, std::move(reply));
        }
        // Generations are not behind creations: once this one is deleted and forgotten, its generation stands for both.
        auto const before =
            std::max({core_.roster.generations_before(), core_.recorded_generation(child), (creation_for(message) >> 16) - 1});
        auto const claim = ownership::take(core_.self, before + message.targets_lost, {}, core_.quorate);
        if (message.initial != 0 && core_.creation_of(*child.id) >= creation_for(message)) {
            forget_unused(child); // a user has had a child of this id, and deleted it
            return commands_.answer(message, refusal(errc::not_found));
        }
        auto const initial = message.initial != 0;
        // The initial list comes before what users start.
        auto const ordinal =
            initial ? message.initial : std::max<std::uint64_t>(core_.last_ordinal, core_.options.children.size()) + 1;
        spec_record record{creation_for(message), {message.requester_origin, message.number}, false, initial, ordinal, before,
            std::move(message.spec)};
        core_.take_rules(child, record.spec);
        auto encoded = encode(record);
        // The claim first: whoever sees the spec then sees whose it is.
        auto const kept = initial || message.by_source; // a start that fails does not end the wish
        reconciler_.launch_first(child, claim, record, kept ? start_kind::again : start_kind::first, message.node_deaths);
        core_.write_first_spec(child, record, std::move(encoded));
        commands_.wait(child, message);
    }

    void start_present(command_message const& message, child_entry& child)
    {
        request_id const request{message.requester_origin, message.number};
        if (child.request == request)
            return repeat(message, child);
        if (child.restart == restart_rule::temporary && child.terminated)
            return; // about to be forgotten: the requester asks again
        auto reply = refusal(child.wanted_running() ? errc::already_started : errc::already_present);
        if (child.owned) {
            reply.node = core_.nodes[child.owner].id.name;
            reply.generation = child.generation;
        }
        commands_.answer(message, std::move(reply));
    }

    static void forgive(local_child& local)
    {
        local.window.clear();
        local.failures_in_row = local.node_deaths = local.parked_count = 0;
        local.on_trial = false;
    }

    [[nodiscard]] static bool waits(child_entry const& child, command_message const& message)
    {
        return child.local && std::any_of(child.local->waiters.begin(), child.local->waiters.end(), [&](waiter const& known) {
            return known.request == request_id{message.requester_origin, message.number};
        });
    }

    // The same command again: its answer was lost, or its first target died after it had written the spec.
    void repeat(command_message const& message, child_entry& child)
    {
        if (child.local && (child.local->state == local_state::starting || child.local->state == local_state::waiting)) {
            if (!waits(child, message))
                commands_.wait(child, message);
            return;
        }
        if (!child.owned || !core_.nodes[child.owner].alive)
            return; // it is being taken over: the requester asks again
        if (child.owner != core_.own && message.hops < command_hops_max) {
            auto passed_on = message;
            ++passed_on.hops;
            return core_.send(core_.nodes[child.owner].id.name, encode(passed_on));
        }
        reply_message reply;
        reply.node = core_.nodes[child.owner].id.name;
        reply.generation = child.generation;
        if (child.status == owner_status::parked) {
            auto record = core_.owner_of(*child.id);
            auto const suspected = record && record->node_deaths >= limits::node_deaths_max;
            reply.code = suspected ? errc::quarantined : errc::start_failed;
            if (record)
                reply.reason = std::move(record->reason);
        }
        commands_.finish(commands_.waiter_for(message), std::move(reply), now_);
    }

    void terminate(command_message const& message)
    {
        auto* const child = core_.children.find(message.spec.id);
        if (child == nullptr || !child->present)
            return commands_.answer(message, refusal(errc::not_found));
        if (child->restart == restart_rule::temporary && !child->local) {
            reconciler_.remove_records(*child); // otherwise when it has stopped: it is not started elsewhere before
        } else if (auto record = core_.spec_of(*child->id); record && !record->terminated) {
            record->terminated = true;
            core_.write_spec(*child, *record);
        }
        stop_and_answer(message, *child, stop_cause::terminate);
    }

    void stop_and_answer(command_message const& message, child_entry& child, stop_cause cause)
    {
        reply_message reply;
        reply.node = child.owned ? core_.nodes[child.owner].id.name : core_.self.name;
        reply.generation = child.generation;
        if (waits(child, message))
            return; // the same command again: its stop is under way
        if (!child.local)
            return commands_.finish(commands_.waiter_for(message), std::move(reply), now_);
        auto const ending = child.local->state == local_state::stopping && child.local->cause == cause;
        if (!ending)
            commands_.settle(child, errc::superseded, "terminated while it was starting", now_);
        commands_.wait(child, message);
        reconciler_.stop(child, cause);
    }

    void restart(command_message const& message)
    {
        auto* const child = core_.children.find(message.spec.id);
        if (child == nullptr || !child->present)
            return commands_.answer(message, refusal(errc::not_found));
        if (child->request == request_id{message.requester_origin, message.number})
            return repeat(message, *child);
        auto const parked = child->local && child->local->state == local_state::parked;
        if (child->local && !parked)
            return commands_.answer(
                message, refusal(child->local->state == local_state::running ? errc::running : errc::restarting));
        if (!parked && child->wanted_running() && child->owned && core_.nodes[child->owner].alive)
            return commands_.answer(message, refusal(errc::running));
        auto record = core_.spec_of(*child->id);
        if (!record)
            return commands_.answer(message, refusal(errc::not_found));
        auto claim = ownership::take(core_.self, core_.recorded_generation(*child), child->right(), core_.quorate);
        if (parked) {
            forgive(*child->local);
        }
        // What was to run is not lost, whatever becomes of this start.
        auto const kind = parked || child->wanted_running() ? start_kind::again : start_kind::revived;
        record->terminated = false;
        record->request = {message.requester_origin, message.number};
        auto launched = *record;
        reconciler_.launch(*child, std::move(claim), launched, kind, start_cause::request);
        core_.write_spec(*child, *record);
        commands_.wait(*child, message);
    }

    void remove(command_message const& message)
    {
        auto* const child = core_.children.find(message.spec.id);
        if (child == nullptr || !child->present)
            return commands_.answer(message, refusal(errc::not_found));
        if (child->wanted_running() || child->local)
            return commands_.answer(message, refusal(errc::running));
        reply_message reply;
        reply.generation = child->generation;
        reconciler_.remove_records(*child);
        commands_.remember(message, reply);
        commands_.finish(commands_.waiter_for(message), std::move(reply), now_);
    }

    void update(command_message const& message)
    {
        auto* const child = core_.children.find(message.spec.id);
        if (child == nullptr || !child->present)
            return commands_.answer(message, refusal(errc::not_found));
        request_id const request{message.requester_origin, message.number};
        auto record = core_.spec_of(*child->id);
        if (!record)
            return commands_.answer(message, refusal(errc::not_found));
        if (record->request == request)
            return repeat(message, *child);
        if (!core_.roster.knows_type(core_.roster.intern_type(message.spec.type)))
            return commands_.answer(message, refusal(errc::unknown_type));
        record->request = request;
        record->spec = message.spec;
        core_.write_spec(*child, *record);
        core_.mark(*child); // one that is terminated is forgotten if it is temporary now
        if (child->local && child->local->state == local_state::parked)
            forgive(*child->local); // another spec, another chance
        if (child->local && child->local->state != local_state::stopping && child->wanted_running()) {
            commands_.wait(*child, message);
            replace(*child);
            return;
        }
        reply_message reply;
        reply.node = core_.self.name;
        reply.generation = child->generation;
        commands_.finish(commands_.waiter_for(message), std::move(reply), now_);
    }

    // The waiters wait for the next instance, not for the end of this one.
    void replace(child_entry& child) { reconciler_.stop(child, stop_cause::replace); }

    // Larger than every creation that the requester knew of. A function of the command alone: were it ever carried out twice,
    // on nodes that do not hear of each other, it is one creation, and one delete ends it.
    [[nodiscard]] static std::uint64_t creation_for(command_message const& message)
    {
        if (message.initial != 0)
            return State::initial_creation;
        return ((message.creation_known >> 16) + 1) << 16 | (mix64(message.requester_origin ^ mix64(message.number)) & 0xffff);
    }

    void forget_unused(child_entry& child)
    {
        if (child.present || child.owned || child.local || child.dirty)
            return;
        core_.end_want(child);
        core_.children.erase(child);
    }

    State& core_;
    Commands commands_;
    reconciler<State, Commands> reconciler_;
    time_point now_;
};

} // namespace drover::core
