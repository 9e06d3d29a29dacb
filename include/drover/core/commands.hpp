// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/acknowledgements.hpp>
#include <drover/core/command_execution.hpp>
#include <drover/core/core_state.hpp>
#include <drover/core/reconciler.hpp>
#include <drover/core/routing.hpp>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::core {

inline constexpr std::size_t answered_count_max = 4'096;

/// Commands: routed to the node that should carry them out, carried out there, answered, and acknowledged once enough members
/// hold what they wrote. Exactly one completion for each, by a deadline.
///
/// A requester sends a command again when its target dies or does not answer; whoever carries one out knows it by its request
/// id, so that it is done once.
template <class State>
class commands {
public:
    explicit commands(State& state) : core_{state} {}

    // ---- the node where the command was given ------------------------------------------------------------------------

    void submit(std::uint64_t number, command_kind kind, child_spec&& spec, time_point now)
    {
        if (core_.commands.size() >= core_.options.operations_count_max)
            return refuse(number, spec.id, errc::too_many_operations);
        if (core_.phase != phase::running)
            return refuse(number, spec.id, core_.phase < phase::running ? errc::not_started : errc::shutting_down);
        if (spec.id.empty() || spec.id.size() > limits::child_id_size_max)
            return refuse(number, spec.id, errc::invalid_spec, spec.id.empty() ? "id is empty" : "id is too long");
        if (kind == command_kind::start || kind == command_kind::update)
            if (auto sentence = wrong_with(spec); !sentence.empty())
                return refuse(number, spec.id, errc::invalid_spec, std::move(sentence));
        if (kind != command_kind::terminate && kind != command_kind::restart && core_.sources.are_read_only_for(spec.id))
            return refuse(number, spec.id, errc::owned_by_source);
        auto const creation_known = core_.creations_before(spec.id);
        auto& operation = accept(number, kind, std::move(spec), creation_known, now);
        route(operation, now);
    }

    /// A child of the initial list. Nobody waits for the answer.
    void submit_initial(std::uint32_t place, time_point now)
    {
        auto& operation =
            accept(core_.next_request++, command_kind::start, child_spec{core_.options.children[place - 1]}, 0, now);
        operation.message.initial = place;
        route(operation, now);
    }

    /// A source of children asks. The answer goes to `source_answers`.
    void submit_for(std::uint32_t source, command_kind kind, child_spec&& spec, time_point now)
    {
        auto const creation_known = core_.creations_before(spec.id);
        auto& operation = accept(core_.next_request++, kind, std::move(spec), creation_known, now);
        operation.message.by_source = true;
        operation.source = source;
        route(operation, now);
    }

    void on_timer(time_point now)
    {
        auto const pause = core_.options.retry_interval / 8;
        for (auto const number : core_.take_due(core_.commands, core_.commands_due, pause, now, commands_timer{}))
            try_again(number, now);
    }

    /// The node that a command was sent to is gone: at once to the next.
    void on_node_lost(node_index lost, time_point now)
    {
        std::vector<std::uint64_t> again;
        for (auto const& [number, operation] : core_.commands)
            if (operation.target == lost && !operation.answered)
                again.push_back(number);
        for (auto const number : again) {
            note_lost_target(core_.commands.at(number).message, again.size() <= limits::suspects_count_max);
            try_again(number, now);
        }
    }

    void on_reply(node_id const& from, reply_message const& reply)
    {
        auto const found = core_.commands.find(reply.number);
        if (found == core_.commands.end())
            return;
        auto& operation = found->second;
        if (operation.answered) {
            if (reply.code == errc::superseded && from == operation.answerer)
                complete(reply.number, reply.code, std::move(operation.ref), reply.reason);
            return;
        }
        operation.ref = {operation.message.spec.id, reply.node, reply.generation};
        auto code = reply.code;
        if (code == errc::superseded && operation.message.kind == command_kind::start
            && reply.version > operation.message.creation_known) // otherwise it was started, and terminated at once
            return on_stale_start(operation, reply);
        if (code == errc::not_found && operation.message.kind == command_kind::remove && operation.attempts > 1)
            code = errc::success; // the first attempt was carried out, and its answer lost
        if (code == errc::success && reply.code == errc::success) {
            operation.ref.written = {origin_of(from), reply.version};
            operation.holders = reply.holders;
        }
        if (code != errc::success || (reply.holders <= 1 && !State::durable))
            return complete(reply.number, code, std::move(operation.ref), reply.reason);
        operation.answered = true;
        operation.answerer = from;
        operation.version = reply.version;
        complete_if_two_suffice(operation);
    }

    void on_held(std::uint64_t number)
    {
        auto const found = core_.commands.find(number);
        if (found != core_.commands.end() && found->second.answered)
            complete(number, errc::success, std::move(found->second.ref), {});
    }

    void fail_all(errc code)
    {
        while (!core_.commands.empty()) {
            auto const& [number, operation] = *core_.commands.begin();
            auto const under_way = operation.target != no_node;
            if (operation.answered)
                give_up_waiting(number);
            else
                complete(number, under_way ? errc::outcome_unknown : code, {operation.message.spec.id, {}, 0}, {});
        }
    }

    // ---- the node that carries it out --------------------------------------------------------------------------------

    void on_command(command_message message, time_point now)
    {
        if (core_.phase >= phase::running) // otherwise the requester asks again
            carry_out(message, routing<State>{core_}.target_of(message), now);
    }

    /// What became of a child is known: all who wait for it are answered.
    void settle(child_entry& child, errc code, std::string_view reason, time_point now)
    {
        if (!child.local || child.local->waiters.empty())
            return;
        for (auto& waiting : std::exchange(child.local->waiters, {})) {
            reply_message reply;
            reply.code = code;
            auto const ignored = code == errc::success && child.local->state == local_state::starting;
            reply.generation = ignored ? 0 : child.local->claim.generation; // nothing runs
            reply.node = core_.self.name;
            reply.reason = reason;
            finish(waiting, std::move(reply), now, &child);
        }
    }

    // ---- acknowledgement ---------------------------------------------------------------------------------------------

    void hold_until(holders_asked holders, hold what, time_point now)
    {
        acknowledgements<State>{core_}.add(holders, std::move(what), now);
    }

    /// More is held, or members came or went.
    void on_acknowledged()
    {
        acknowledgements<State>{core_}.release([&](hold const& done) { held_enough(done); });
    }

    void on_hold_timer(time_point now)
    {
        core_.input_time = now;
        acknowledgements<State>{core_}.on_timer(now, [&](hold const& late) {
            if (late.what == hold::kind::checkpoint)
                settle_checkpoint(late, errc::not_acknowledged);
            else
                held_enough(late); // it has waited for long enough
        });
    }

    /// Of a suspect: another member is to know that it is about to start before its code runs.
    void start_when_known(child_entry const& child, time_point now)
    {
        hold what;
        what.version = core_.store.version();
        what.what = hold::kind::start;
        what.id = *child.id;
        what.generation = child.local->claim.generation;
        hold_until({2}, std::move(what), now);
    }

    /// What was answered earlier, and only waited for our own sight of it.
    void on_store_changed()
    {
        std::vector<std::uint64_t> ready;
        for (auto& [number, operation] : core_.commands)
            if (operation.answered && two_suffice(operation))
                ready.push_back(number);
        for (auto const number : ready)
            on_held(number);
    }

    /// What is wrong with a spec here, in one sentence, or nothing.
    [[nodiscard]] std::string wrong_with(child_spec const& spec) const
    {
        if (State::by_load && !spec.group.empty())
            return "group needs a placement that is a function of the view alone, and this one looks at what each node carries";
        return validate(spec, core_.options);
    }

    // ---- answers, for whoever carries commands out -------------------------------------------------------------------

    [[nodiscard]] waiter waiter_for(command_message const& message) const
    {
        return {
            message.requester, message.number, {message.requester_origin, message.number}, message.level, core_.store.version()};
    }

    void wait(child_entry& child, command_message const& message) { child.local->waiters.push_back(waiter_for(message)); }

    // An answer that nothing was written for.
    void answer(command_message const& message, reply_message reply)
    {
        reply.number = message.number;
        if (message.requester == core_.self.name && message.requester_origin == core_.origin)
            on_reply(core_.self, reply);
        else
            core_.send(message.requester, encode(reply));
    }

    [[nodiscard]] reply_message const* answer_of(request_id request) const
    {
        auto const found = std::find_if(
            core_.answered.rbegin(), core_.answered.rend(), [&](auto const& known) { return known.first == request; });
        return found == core_.answered.rend() ? nullptr : &found->second;
    }

    // Of what cannot be told from the records afterwards.
    void remember(command_message const& message, reply_message const& reply)
    {
        core_.answered.emplace_back(request_id{message.requester_origin, message.number}, reply);
        core_.answered.back().second.number = message.number;
        if (core_.answered.size() > answered_count_max)
            core_.answered.pop_front();
    }

    // A success is told at once to a requester elsewhere, which holds it too and can count; `held` follows. `run`: what runs now.
    void finish(waiter const& waiting, reply_message reply, time_point now, child_entry const* run = nullptr)
    {
        reply.number = waiting.number;
        auto const local = waiting.request.origin == core_.origin;
        auto const holders = core_.holders_of(waiting.level);
        if (reply.code == errc::success) {
            reply.version = waiting.version;
            reply.holders = holders.count;
        }
        if (reply.code == errc::success && (holders.count > 1 || State::durable)) {
            hold what;
            what.version = waiting.version;
            what.what = hold::kind::command;
            what.requester = local ? std::string{} : waiting.requester;
            what.number = waiting.number;
            if (run != nullptr && run->present && reply.generation != 0) {
                what.id = *run->id;
                what.creation = run->creation;
            }
            hold_until(holders, std::move(what), now);
        }
        if (local)
            on_reply(core_.self, reply);
        else
            core_.effects_after_sends.push_back(send_effect{waiting.requester, std::make_shared<bytes const>(encode(reply))});
    }

private:
    // ---- requester ---------------------------------------------------------------------------------------------------

    // What was asked of a node that died may have been why, if it was not much.
    static void note_lost_target(command_message& message, bool suspicious)
    {
        if (message.kind != command_kind::start)
            return;
        message.targets_lost = std::min(message.targets_lost + 1, targets_lost_max);
        message.node_deaths = std::min(message.node_deaths + (suspicious ? 1 : 0), limits::node_deaths_max);
    }

    command_operation& accept(
        std::uint64_t number, command_kind kind, child_spec&& spec, std::uint64_t creation_known, time_point now)
    {
        auto& operation = core_.commands.try_emplace(core_.commands.end(), number)->second; // numbers ascend
        operation.message = {
            kind, number, core_.self.name, core_.origin, core_.options.acknowledge, 0, creation_known, 0, 0, 0, false, {}};
        operation.message.spec = std::move(spec);
        operation.deadline = saturating_add(now, core_.options.operation_timeout);
        return operation;
    }

    void refuse(std::uint64_t number, child_id id, errc code, std::string reason = {})
    {
        ++core_.counters.commands_refused;
        core_.tell(event_kind::command_refused, id, 0, reason.empty() ? describe(code) : std::string_view{reason});
        core_.effects.push_back(command_done_effect{number, code, {std::move(id), {}, 0}, std::move(reason)});
    }

    void complete(std::uint64_t number, errc code, child_ref ref, std::string reason)
    {
        auto const found = core_.commands.find(number);
        if (found == core_.commands.end())
            return;
        core_.aim(found->second, no_node);
        if (code == errc::success)
            note_holders(ref, found->second.holders);
        auto const asked = std::move(core_.commands.extract(found).mapped());
        if (asked.source != no_source) {
            core_.sources.answers.push_back({asked.source, asked.message.kind, asked.message.spec.id, code, std::move(reason)});
            return core_.sources.wake();
        }
        if (asked.message.initial != 0)
            return; // nobody waits
        if (code != errc::success && code != errc::not_acknowledged)
            return refuse(number, std::move(ref.id), code, std::move(reason), std::move(ref.node), ref.generation);
        core_.effects.push_back(command_done_effect{number, code, std::move(ref), std::move(reason)});
    }

    void refuse(std::uint64_t number, child_id id, errc code, std::string reason, std::string node, generation_number generation)
    {
        ++core_.counters.commands_refused;
        core_.tell(event_kind::command_refused, id, generation, reason.empty() ? describe(code) : std::string_view{reason});
        core_.effects.push_back(
            command_done_effect{number, code, {std::move(id), std::move(node), generation}, std::move(reason)});
    }

    void look_again(command_operation& operation, time_point at)
    {
        core_.look_again(operation, at, core_.commands_due, commands_timer{});
    }

    // Or not, when its time is up.
    void try_again(std::uint64_t number, time_point now)
    {
        auto const found = core_.commands.find(number);
        if (found == core_.commands.end())
            return;
        auto& operation = found->second;
        if (now >= operation.deadline)
            return operation.answered ? give_up_waiting(number) : complete(number, errc::timed_out, operation.ref, {});
        if (operation.answered)
            look_again(operation, operation.deadline);
        else
            route(operation, now);
    }

    // It was done, and too few are known to hold it.
    void give_up_waiting(std::uint64_t number)
    {
        auto& operation = core_.commands.at(number);
        auto ref = std::move(operation.ref);
        note_holders(ref, holders_known(operation));
        auto reason = "held by " + std::to_string(ref.holders_count) + " of " + std::to_string(ref.members_count)
            + " members as far as is known, and " + std::to_string(operation.holders) + " were asked for";
        complete(number, errc::not_acknowledged, std::move(ref), std::move(reason));
    }

    void note_holders(child_ref& ref, std::uint64_t holders) const
    {
        ref.members_count = static_cast<std::uint32_t>(std::max<std::size_t>(1, core_.roster.members_count()));
        ref.holders_count = static_cast<std::uint32_t>(std::min<std::uint64_t>(holders, ref.members_count));
    }

    // O(members log members), where this node carried it out. Otherwise this node knows of that one and of itself.
    [[nodiscard]] std::size_t holders_known(command_operation const& operation) const
    {
        if (operation.answerer != core_.self) {
            auto const there = core_.nodes.find(operation.answerer);
            auto const here = core_.store.has_seen(origin_of(operation.answerer), operation.version);
            return (there != no_node && core_.nodes[there].alive ? 1U : 0U) + (here ? 1U : 0U);
        }
        std::size_t known = 1;
        for (auto unknown = core_.roster.members_count() + 1; unknown - known > 1;) {
            auto const middle = known + (unknown - known) / 2;
            (core_.store.held_by(middle) >= operation.version ? known : unknown) = middle;
        }
        return known;
    }

    void route(command_operation& operation, time_point now)
    {
        if (undone(operation))
            return complete(operation.message.number, errc::timed_out, operation.ref, {});
        ++operation.attempts;
        core_.aim(operation, no_node);
        core_.aim(operation, routing<State>{core_}.target_of(operation.message));
        look_again(operation, std::min(operation.deadline, now + core_.options.retry_interval));
        if (operation.target == core_.own || operation.target == no_node) {
            auto message = operation.message;                 // to be given again, should it come to nothing
            return carry_out(message, operation.target, now); // may complete it: `operation` is not touched after this
        }
        core_.send(core_.nodes[operation.target].id.name, encode(operation.message));
    }

    // Somebody made and deleted a child of this id that we had not heard of.
    void on_stale_start(command_operation& operation, reply_message const& reply)
    {
        if (operation.attempts > 1) // an earlier attempt may have been it
            return complete(operation.message.number, errc::timed_out, operation.ref, {});
        operation.message.creation_known = reply.version;
        operation.attempts = 0;
        look_again(operation, time_point::min());
    }

    // What we sent may have been carried out, and undone by a delete.
    [[nodiscard]] bool undone(command_operation const& operation)
    {
        if (operation.message.kind != command_kind::start || operation.attempts == 0)
            return false;
        auto const* const child = core_.children.find(operation.message.spec.id);
        return (child == nullptr || !child->present)
            && core_.creation_of(operation.message.spec.id) > operation.message.creation_known;
    }

    [[nodiscard]] bool two_suffice(command_operation const& operation) const
    {
        return operation.holders <= 2 && operation.answerer != core_.self
            && core_.store.has_seen(origin_of(operation.answerer), operation.version);
    }

    void complete_if_two_suffice(command_operation& operation)
    {
        if (two_suffice(operation))
            complete(operation.message.number, errc::success, std::move(operation.ref), {});
    }

    // ---- executor ----------------------------------------------------------------------------------------------------

    // Here, or where `target` says, which is who should. Pre: we run, or leave.
    void carry_out(command_message& message, node_index target, time_point now)
    {
        if (core_.leaving())
            return answer(message, refusal(errc::shutting_down));
        if (message.kind == command_kind::remove)
            if (auto const* const known = answer_of({message.requester_origin, message.number}))
                return answer(message, *known);
        if (target == no_node)
            return answer(message, refusal(routing<State>{core_}.nobody_for(message)));
        if (target != core_.own && message.hops < command_hops_max) {
            ++message.hops;
            return core_.send(core_.nodes[target].id.name, encode(message));
        }
        ++core_.counters.commands;
        command_execution<State, commands>{core_, *this, now}.carry_out(message);
    }

    void held_enough(hold const& done)
    {
        if (done.what == hold::kind::command)
            return stands(done) ? tell_held(done) : tell_outranked(done);
        if (done.what == hold::kind::checkpoint)
            settle_checkpoint(done, outcome_of(done));
        else if (auto* const child = core_.children.find(done.id))
            reconciler<State, commands>{core_, *this, time_point::min()}.on_start_due(*child, done.generation);
    }

    void tell_held(hold const& done)
    {
        if (done.requester.empty())
            on_held(done.number);
        else
            core_.send(done.requester, encode(held_message{done.number}));
    }

    // Two sides of a split wrote about one id; of what lost, all that acknowledged it know what won, and so do we by now. A
    // delete of this very creation is another matter: it came afterwards.
    [[nodiscard]] bool stands(hold const& done) const
    {
        return done.creation == 0 || core_.is_present(done.id) || core_.creation_of(done.id) == done.creation
            || core_.creation_of(done.id) == 0;
    }

    void tell_outranked(hold const& done)
    {
        reply_message reply;
        reply.number = done.number;
        reply.code = errc::superseded;
        reply.node = core_.self.name;
        reply.reason = "a delete on the other side of a split outranks it";
        if (done.requester.empty())
            on_reply(core_.self, reply);
        else
            core_.send(done.requester, encode(reply));
    }

    void settle_checkpoint(hold const& done, errc code)
    {
        core_.answer_checkpoints(done.covered, code);
        core_.answer_checkpoints({done.number}, code);
        if (auto* const child = core_.children.find(done.id))
            lifecycle<State, commands>{core_, *this, core_.input_time}.on_checkpoint_settled(*child, done.number);
    }

    // What a minority saved is given up when others went on meanwhile: it is not acknowledged before that is settled.
    [[nodiscard]] errc outcome_of(hold const& done)
    {
        auto const* const child = core_.children.find(done.id);
        if (child == nullptr || !child->local || child->local->claim.generation != done.generation || !core_.owned_here(*child)
            || child->generation != done.generation)
            return errc::superseded;
        auto const counts = child->quorate || core_.options.acknowledge == acknowledge::local;
        return counts ? errc::success : errc::not_acknowledged;
    }

    State& core_;
};

} // namespace drover::core
