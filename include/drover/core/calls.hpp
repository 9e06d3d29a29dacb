// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/core_state.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace drover::core {

/// Calls and casts by child id: to wherever the child runs, moving or not. A node that does not run the child says so, and
/// the caller tries again until the deadline; so a message is given to an instance once, or it is not known whether it was.
template <class State>
class calls {
public:
    explicit calls(State& state) : core_{state} {}

    // ---- the caller's node -------------------------------------------------------------------------------------------

    void submit(std::uint64_t number, bool cast, child_id id, bytes payload, time_point now)
    {
        if (core_.calls.size() >= core_.options.operations_count_max)
            return done(number, errc::too_many_operations);
        if (core_.phase < phase::running || core_.phase == phase::stopped)
            return done(number, core_.phase == phase::stopped ? errc::shutting_down : errc::not_started);
        if (payload.size() > limits::message_size_max || id.size() > limits::child_id_size_max)
            return done(number, errc::message_too_large);
        if (auto const* const child = core_.children.find(id); child == nullptr || !child->present)
            return done(number, errc::not_found);
        call_operation operation{
            {number, cast, std::move(id), std::move(payload)}, saturating_add(now, core_.options.operation_timeout), no_node};
        auto& stored = core_.calls.emplace(number, std::move(operation)).first->second;
        look_again(stored, stored.deadline);
        route(stored, now);
    }

    void on_timer(time_point now)
    {
        auto const pause = core_.options.call_retry_interval / 8;
        for (auto const number : core_.take_due(core_.calls, core_.calls_due, pause, now, calls_timer{}))
            try_again(number, now);
    }

    void on_answer(answer_message answer, time_point now)
    {
        auto const found = core_.calls.find(answer.number);
        if (found == core_.calls.end())
            return;
        if (answer.code != errc::restarting)
            return finish(answer.number, answer.code, std::move(answer.payload));
        found->second.target = no_node; // not there: it is on the move
        retry_later(found->second, now);
    }

    /// What was under way to a node that died may have run there.
    void on_node_lost(node_index lost)
    {
        std::vector<std::uint64_t> gone;
        for (auto const& [number, operation] : core_.calls)
            if (operation.target == lost)
                gone.push_back(number);
        for (auto const number : gone)
            finish(number, errc::owner_lost, {});
    }

    void fail_all(errc code)
    {
        while (!core_.calls.empty()) {
            auto const& [number, operation] = *core_.calls.begin();
            finish(number, operation.target != no_node ? errc::outcome_unknown : code, {});
        }
    }

    // ---- the child's node --------------------------------------------------------------------------------------------

    void on_call(node_id const& from, call_message message, time_point now)
    {
        auto const* const child = core_.children.find(message.id);
        if (child == nullptr || !child->local || child->local->state != local_state::running) {
            auto const gone = child == nullptr || !child->present;
            return answer(from, {message.number, gone ? errc::not_found : errc::restarting, {}}, now);
        }
        core_.effects_after_sends.push_back(deliver_effect{
            message.id, child->local->claim.generation, from.name, message.number, message.cast, std::move(message.payload)});
        if (message.cast)
            answer(from, {message.number, errc::success, {}}, now);
    }

    void on_answered(std::string const& caller, answer_message message, time_point now)
    {
        if (caller == core_.self.name)
            return on_answer(std::move(message), now);
        core_.send(caller, encode(message));
    }

private:
    void look_again(call_operation& operation, time_point at) { core_.look_again(operation, at, core_.calls_due, calls_timer{}); }

    void retry_later(call_operation& operation, time_point now)
    {
        look_again(operation, std::min(operation.deadline, now + core_.options.call_retry_interval));
    }

    void try_again(std::uint64_t number, time_point now)
    {
        auto const found = core_.calls.find(number);
        if (found == core_.calls.end())
            return;
        auto& operation = found->second;
        if (now >= operation.deadline)
            return finish(number, errc::timed_out, {});
        look_again(operation, operation.deadline);
        if (operation.target == no_node)
            route(operation, now);
    }

    void route(call_operation& operation, time_point now)
    {
        auto const* const child = core_.children.find(operation.message.id);
        if (child == nullptr || !child->present)
            return finish(operation.message.number, errc::not_found, {});
        if (!child->owned || !core_.nodes[child->owner].alive || !child->wanted_running()) {
            if (!child->wanted_running())
                return finish(operation.message.number, errc::not_found, {});
            return retry_later(operation, now);
        }
        operation.target = child->owner;
        if (child->owner == core_.own)
            return on_call(core_.self, call_message{operation.message}, now); // may complete it
        core_.send(core_.nodes[child->owner].id.name, encode(operation.message));
    }

    void answer(node_id const& to, answer_message message, time_point now) { on_answered(to.name, std::move(message), now); }

    void finish(std::uint64_t number, errc code, bytes payload)
    {
        core_.calls.erase(number);
        core_.effects.push_back(call_done_effect{number, code, std::move(payload)});
    }

    void done(std::uint64_t number, errc code) { core_.effects.push_back(call_done_effect{number, code, {}}); }

    State& core_;
};

} // namespace drover::core
