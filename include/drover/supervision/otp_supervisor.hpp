// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/supervision/child_list.hpp>
#include <drover/supervision/commands.hpp>
#include <drover/supervision/due_list.hpp>
#include <drover/supervision/effect_list.hpp>
#include <drover/supervision/effects.hpp>
#include <drover/supervision/local_options.hpp>
#include <drover/supervision/restart_budget.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace drover::supervision {

/// The rules of Erlang/OTP's supervisor (supervisor.erl, OTP 24 and later), as a value: inputs take the time and append to an
/// ordered list of effects; nobody is called.
///
///     created --start--> starting --all started--> serving <--> stopping_group --> starting_group
///                           |                        |   ^                              |
///                           | a start failed         |   +--- all started, or one failed (tried again)
///                           v                        v
///                         ending <---- stop, gave up, auto_shutdown
///                           |
///                           v  no instance is left
///                         ended
///
/// OTP's supervisor does one thing at a time, and what comes meanwhile waits in its mailbox. So does this one under
/// `one_for_all` and `rest_for_one`, and while it starts its initial children. Under `one_for_one` children have nothing to do
/// with each other: only what is about the same child waits, so that one which takes long to stop holds up nobody else.
///
/// An event costs O(1), amortised and expected, apart from the children that it affects.
class otp_supervisor {
public:
    /// Pre: the options are valid.
    otp_supervisor(local_supervisor_options options, random_stream random) : options_{std::move(options)}, budget_{random}
    {
        expects(validate(options_).empty(), "the options of a supervisor are valid: see validate(local_supervisor_options)");
    }

    // ---- life --------------------------------------------------------------------------------------------------------

    /// Starts the initial children, left to right. Ends in `started_effect`, or, when one of them fails, in `ended_effect`
    /// after those that had started were stopped, right to left. Once.
    void start(time_point now)
    {
        expects(phase_ == phase::created, "a supervisor is started once");
        for (auto& spec : std::exchange(options_.children, {}))
            children_.add(std::move(spec));
        phase_ = phase::starting;
        cursor_ = children_.first();
        start_next(now);
    }

    /// Stops all children, and ends. Again, or before the start, it does nothing more.
    void stop(time_point now)
    {
        if (phase_ == phase::created)
            phase_ = phase::ending, finish();
        else if (phase_ != phase::ending && phase_ != phase::ended)
            end(end_cause::stopped, errc::success, "shutdown", now);
    }

    // ---- commands ----------------------------------------------------------------------------------------------------

    /// Gives the command a number, under which it is answered exactly once by a `command_done_effect`, perhaps already appended.
    std::uint64_t command(command_kind kind, child_spec&& spec, time_point)
    {
        supervision::command order{kind, ++last_command_, std::move(spec)};
        auto const number = order.number;
        auto const has_spec = kind == command_kind::start || kind == command_kind::update;
        if (phase_ == phase::created)
            effects_.done(order, errc::not_started);
        else if (phase_ == phase::ending || phase_ == phase::ended)
            effects_.done(order, errc::shutting_down);
        else if (auto sentence = has_spec ? refusal_of(order.spec, options_) : std::string{}; !sentence.empty())
            refuse(order, errc::invalid_spec, std::move(sentence));
        else if (busy())
            mailbox_.push_back({waiting_turn::kind::command, std::move(order), {}});
        else
            run(std::move(order));
        return number;
    }

    /// A command that cannot even be put; `sentence` is for the watchers.
    std::uint64_t refuse_command(child_id id, errc code, std::string sentence)
    {
        supervision::command order{command_kind::start, ++last_command_, {}};
        order.spec.id = std::move(id);
        refuse(order, code, std::move(sentence));
        return last_command_;
    }

    // ---- what became of effects. Of an instance that is not, or no longer, waited for: nothing. --------------------------

    void on_started(instance_ref which, time_point now)
    {
        auto* const found = children_.find(which, child_state::starting);
        if (found == nullptr)
            return;
        auto& started = *found;
        children_.set_state(started, child_state::running);
        started.started_at = now;
        started.terminated = false;
        effects_.tell(note_kind::child_started, started);
        auto const doing = std::exchange(started.doing, task::none);
        if (phase_ == phase::ending)
            return options_.stop_order == stop_order::parallel ? begin_stop(started, task::in_order) : stop_next(now);
        if (doing == task::in_order)
            return start_after(started, now);
        if (doing == task::revival)
            started.past().parks = 0;
        effects_.answer(started, errc::success, which.generation);
        settle(started, false, now);
    }

    void on_start_failed(instance_ref which, std::string reason, time_point now)
    {
        auto* const found = children_.find(which, child_state::starting);
        if (found == nullptr)
            return;
        auto& failed = *found;
        effects_.tell(note_kind::child_start_failed, failed, reason);
        auto const doing = std::exchange(failed.doing, task::none);
        children_.set_state(failed, child_state::idle);
        if (phase_ == phase::ending)
            return stop_next(now);
        if (phase_ == phase::starting)
            return end(end_cause::start_failed, errc::start_failed,
                "child '" + failed.spec.id + "' failed to start: " + std::move(reason), now);
        if (doing == task::in_order || doing == task::restart)
            return try_again(failed, std::move(reason), now);
        effects_.answer(failed, errc::start_failed, 0);
        failed.terminated = true;
        if (doing == task::revival && failed.spec.restart != restart_rule::temporary) {
            failed.past().reason = std::move(reason);
            park(failed, now);
        }
        settle(failed, doing == task::first || failed.is_forgotten(), now);
    }

    /// The child said that it is not wanted now: as in OTP it is kept, not running, unless it is temporary.
    void on_start_ignored(instance_ref which, time_point now)
    {
        auto* const found = children_.find(which, child_state::starting);
        if (found == nullptr)
            return;
        auto& ignored = *found;
        auto const doing = std::exchange(ignored.doing, task::none);
        children_.set_state(ignored, child_state::idle);
        effects_.tell(note_kind::child_stopped, ignored, "ignored");
        if (phase_ == phase::ending)
            return stop_next(now);
        if (doing == task::in_order)
            return start_after(ignored, now);
        effects_.answer(ignored, errc::success, 0);
        settle(ignored, ignored.is_forgotten(), now);
    }

    /// An instance ended by itself.
    void on_exit(instance_ref which, exit_kind kind, std::string reason, time_point now)
    {
        auto* const found = children_.find(which);
        if (found == nullptr)
            return;
        auto& ended = *found;
        if (ended.state == child_state::starting)
            return on_start_failed(which, std::move(reason), now);
        if (ended.state == child_state::stopping)
            return on_stopped(which, now);
        if (ended.state != child_state::running)
            return;
        effects_.tell(note_kind::child_exited, ended, reason);
        if (phase_ == phase::ending) {
            children_.set_state(ended, child_state::idle);
            return stop_next(now);
        }
        ended.ended_as = kind;
        if (kind == exit_kind::failure)
            ended.past().reason = std::move(reason);
        children_.set_state(ended, child_state::exited);
        if (busy())
            mailbox_.push_back({waiting_turn::kind::exit, {}, which});
        else
            take_exit(ended, now);
    }

    void on_stopped(instance_ref which, time_point now)
    {
        auto* const found = children_.find(which, child_state::stopping);
        if (found == nullptr)
            return;
        auto& stopped = *found;
        auto const doing = std::exchange(stopped.doing, task::none);
        children_.set_state(stopped, child_state::idle);
        effects_.tell(note_kind::child_stopped, stopped);
        if (doing == task::replacing && phase_ != phase::ending)
            return replace(stopped, task::command);
        effects_.answer(stopped, errc::success, which.generation);
        if (phase_ == phase::ending || doing == task::in_order)
            return stop_next(now);
        stopped.terminated = true;
        settle(stopped, stopped.is_forgotten(), now);
    }

    /// May be called at any time.
    void on_time(time_point now)
    {
        while (auto const which = due_.take(now, children_)) {
            auto& next = children_[which->slot];
            next.past().due = never;
            if (busy())
                mailbox_.push_back({waiting_turn::kind::due, {}, *which});
            else
                take_due(next, now);
        }
    }

    [[nodiscard]] time_point deadline() const { return due_.deadline(); }
    [[nodiscard]] std::vector<effect>& effects() { return effects_.all; }
    void want_notes(bool wanted) { effects_.notes_wanted = wanted; }

    // ---- reads -------------------------------------------------------------------------------------------------------

    [[nodiscard]] bool serving() const { return phase_ > phase::starting && phase_ < phase::ending; }
    [[nodiscard]] bool ended() const { return phase_ == phase::ended; }
    [[nodiscard]] local_supervisor_options const& options() const { return options_; }
    [[nodiscard]] child_list const& children() const { return children_; }
    /// The child of an effect that is being carried out.
    [[nodiscard]] child const& child_of(instance_ref which) const { return children_[which.slot]; }

private:
    enum class phase : std::uint8_t { created, starting, serving, stopping_group, starting_group, ending, ended };

    // ---- commands ----------------------------------------------------------------------------------------------------

    void run(supervision::command&& order)
    {
        auto* const found = children_.find(order.spec.id);
        if (found != nullptr && found->unsettled()) {
            found->commands_wait = true;
            return waiting_.add(std::move(order));
        }
        if (order.kind == command_kind::start)
            return run_start(std::move(order), found);
        if (found == nullptr)
            return refuse(order, errc::not_found, {});
        switch (order.kind) {
        case command_kind::start: break;
        case command_kind::terminate: return run_terminate(order, *found);
        case command_kind::restart: return run_restart(order, *found);
        case command_kind::remove: return run_remove(order, *found);
        case command_kind::update: return run_update(std::move(order), *found);
        }
    }

    void run_start(supervision::command&& order, child const* present)
    {
        if (present != nullptr)
            return refuse(order, present->state == child_state::idle ? errc::already_present : errc::already_started, {});
        if (children_.size() >= options_.children_count_max)
            return refuse(order, errc::max_children, {});
        auto& added = children_.add(std::move(order.spec));
        added.command = order.number;
        begin_start(added, task::first);
    }

    void run_terminate(supervision::command& order, child& found)
    {
        if (found.state == child_state::running) {
            found.command = order.number;
            return begin_stop(found, task::command);
        }
        effects_.done(order, errc::success, found.generation);
        children_.set_state(found, child_state::idle);
        found.terminated = true;
        if (found.is_forgotten())
            forget(found);
    }

    [[nodiscard]] static errc busy_with(child const& found)
    {
        auto const at_rest = found.state == child_state::idle || found.state == child_state::parked;
        return at_rest ? errc::success : found.state == child_state::restarting ? errc::restarting : errc::running;
    }

    void run_restart(supervision::command& order, child& found)
    {
        if (auto const code = busy_with(found); code != errc::success)
            return refuse(order, code, {});
        found.command = order.number;
        if (found.state == child_state::idle)
            return begin_start(found, task::command);
        found.past().window.clear();
        begin_start(found, task::revival);
    }

    void run_remove(supervision::command& order, child& found)
    {
        if (auto const code = busy_with(found); code != errc::success)
            return refuse(order, code, {});
        effects_.done(order, errc::success, found.generation);
        forget(found);
    }

    // A child that runs is stopped, and runs again under the new spec; one that is parked runs; any other waits under it.
    void run_update(supervision::command&& order, child& found)
    {
        found.past().replacement = std::move(order.spec);
        found.command = order.number;
        switch (found.state) {
        case child_state::running: return begin_stop(found, task::replacing);
        case child_state::exited: return children_.set_state(found, child_state::idle), replace(found, task::command);
        case child_state::parked: return replace(found, task::revival);
        default: break;
        }
        put_replacement(found);
        effects_.answer(found, errc::success, found.generation);
        if (found.spec.restart != restart_rule::temporary)
            return;
        children_.set_state(found, child_state::idle); // as every temporary child that does not run
        forget(found);
    }

    void replace(child& changed, task doing)
    {
        put_replacement(changed);
        if (doing == task::revival)
            changed.past().window.clear();
        begin_start(changed, doing);
    }

    void put_replacement(child& changed)
    {
        children_.set_spec(changed, std::move(*std::exchange(changed.past().replacement, std::nullopt)));
    }

    // ---- ends of instances -------------------------------------------------------------------------------------------

    void take_exit(child& ended, time_point now)
    {
        if (restarts(ended.spec.restart, ended.ended_as))
            return restart(ended, now);
        children_.set_state(ended, child_state::idle);
        auto const significant = ended.spec.significant;
        if (ended.is_forgotten())
            forget(ended);
        if (!significant || options_.auto_shutdown == auto_shutdown::off)
            return;
        if (options_.auto_shutdown == auto_shutdown::any_significant || children_.significant_count() == 0)
            end(end_cause::auto_shutdown, errc::success, "shutdown", now);
    }

    // Counts a failure, and restarts the child, now or later, unless there were too many.
    void restart(child& failed, time_point now)
    {
        auto const wait = budget_.wait_before_restart(failed, options_, now);
        if (!wait && options_.intensity_scope == intensity_scope::per_child && failed.spec.on_exhausted == exhaustion::park)
            return park(failed, now);
        if (!wait) {
            children_.set_state(failed, child_state::idle);
            return end(end_cause::gave_up, errc::gave_up, "shutdown", now);
        }
        if (*wait == duration::zero())
            return restart_now(failed, now);
        children_.set_state(failed, child_state::restarting);
        wait_until(failed, saturating_add(now, *wait));
    }

    void restart_now(child& failed, time_point now)
    {
        if (options_.strategy == restart_strategy::one_for_one)
            return begin_start(failed, task::restart);
        children_.set_state(failed, child_state::idle);
        phase_ = phase::stopping_group;
        failed_ = failed.slot;
        cursor_ = children_.last();
        stop_next(now);
    }

    // OTP's `try_again_restart`: others have their turn first, and the failure counts.
    void try_again(child& failed, std::string reason, time_point now)
    {
        if (phase_ == phase::starting_group)
            phase_ = phase::serving;
        failed.past().reason = std::move(reason);
        children_.set_state(failed, child_state::restarting);
        mailbox_.push_back({waiting_turn::kind::retry, {}, {}});
        mailbox_.back().order.spec.id = failed.spec.id; // as in OTP by name: whichever attempt it was that failed
        settle(failed, false, now);
    }

    void park(child& failed, time_point now)
    {
        auto& past = failed.past();
        children_.set_state(failed, child_state::parked);
        past.row = 0;
        effects_.tell(note_kind::child_parked, failed, past.reason);
        wait_until(failed, saturating_add(now, doubled(options_.park_min, options_.park_max, past.parks++)));
    }

    void wait_until(child& waiting, time_point at)
    {
        waiting.past().due = at;
        due_.add(at, waiting.ref(), children_);
    }

    void take_due(child& next, time_point now)
    {
        if (next.state == child_state::parked)
            next.past().window.clear();
        restart_now(next, now);
    }

    // ---- rows of children --------------------------------------------------------------------------------------------

    // Starts from the cursor on.
    void start_next(time_point now)
    {
        if (cursor_ != no_child)
            return begin_start(children_[cursor_], task::in_order);
        if (phase_ == phase::starting)
            effects_.emit(started_effect{});
        phase_ = phase::serving;
        take_mail(now);
    }

    void start_after(child& last, time_point now)
    {
        cursor_ = last.next;
        if (last.state == child_state::idle && last.is_forgotten())
            forget(last);
        start_next(now);
    }

    // Stops from the cursor on, towards the first: a group that is restarted, or all at the end.
    void stop_next(time_point now)
    {
        if (phase_ == phase::ending && options_.stop_order == stop_order::parallel)
            return children_.unsettled_count() == 0 ? finish() : void();
        while (cursor_ != no_child) {
            auto& next = children_[cursor_];
            if (next.state == child_state::running)
                return begin_stop(next, task::in_order);
            if (next.unsettled())
                return; // its answer leads back here
            auto const last =
                phase_ == phase::stopping_group && options_.strategy == restart_strategy::rest_for_one && cursor_ == failed_;
            cursor_ = last ? no_child : next.previous;
            children_.set_state(next, child_state::idle);
            if (phase_ == phase::stopping_group && next.is_forgotten())
                forget(next);
        }
        if (phase_ == phase::ending)
            return finish();
        phase_ = phase::starting_group;
        cursor_ = options_.strategy == restart_strategy::rest_for_one ? failed_ : children_.first();
        start_next(now);
    }

    // ---- the end -----------------------------------------------------------------------------------------------------

    void end(end_cause cause, errc code, std::string reason, time_point now)
    {
        phase_ = phase::ending;
        ending_ = {cause, code, std::move(reason)};
        due_ = {};
        for (auto& each : std::exchange(mailbox_, {}))
            if (each.what == waiting_turn::kind::command)
                effects_.done(each.order, errc::shutting_down);
        for (auto& each : waiting_.take_all())
            effects_.done(each, errc::shutting_down);
        for (auto slot = children_.last(); slot != no_child; slot = children_[slot].previous) {
            auto& each = children_[slot];
            if (each.state == child_state::starting || each.doing == task::replacing)
                effects_.answer(each, errc::shutting_down, 0);
            if (options_.stop_order == stop_order::parallel && each.state == child_state::running)
                begin_stop(each, task::in_order);
        }
        cursor_ = children_.last();
        stop_next(now);
    }

    void finish()
    {
        phase_ = phase::ended;
        children_.clear();
        effects_.emit(std::move(ending_));
    }

    // ---- one child ---------------------------------------------------------------------------------------------------

    void forget(child& gone)
    {
        effects_.tell(note_kind::child_forgotten, gone);
        effects_.emit(forget_effect{gone.slot});
        children_.remove(gone);
    }

    void begin_start(child& next, task doing)
    {
        auto const cause = doing == task::in_order ? cause_in_row(next) : cause_of(doing, next.state);
        children_.set_state(next, child_state::starting);
        next.doing = doing;
        ++next.generation;
        effects_.tell(note_kind::child_starting, next, to_string(cause));
        effects_.emit(start_effect{next.ref(), cause});
    }

    [[nodiscard]] start_cause cause_in_row(child const& next) const
    {
        return phase_ == phase::starting ? start_cause::first : next.slot == failed_ ? start_cause::crash : start_cause::sibling;
    }

    void begin_stop(child& next, task doing)
    {
        children_.set_state(next, child_state::stopping);
        next.doing = doing;
        effects_.emit(stop_effect{next.ref(), next.spec.shutdown, doing == task::replacing});
    }

    void refuse(supervision::command& order, errc code, std::string sentence)
    {
        auto const* const found = children_.find(order.spec.id);
        effects_.refuse(order, code, std::move(sentence), found != nullptr ? found->generation : 0);
    }

    // What was under way with a child is over: what waited for it goes on.
    void settle(child& settled, bool forgotten, time_point now)
    {
        std::vector<supervision::command> orders;
        if (std::exchange(settled.commands_wait, false))
            orders = waiting_.take(settled.spec.id);
        if (forgotten)
            forget(settled);
        for (auto& order : orders)
            run(std::move(order));
        take_mail(now);
    }

    // One thing at a time: something is under way that all else waits for.
    [[nodiscard]] bool busy() const
    {
        return phase_ != phase::serving
            || (options_.strategy != restart_strategy::one_for_one && children_.unsettled_count() > 0);
    }

    void take_mail(time_point now)
    {
        while (!mailbox_.empty() && !busy()) {
            auto next = std::move(mailbox_.front());
            mailbox_.pop_front();
            auto* const found =
                next.what == waiting_turn::kind::retry ? children_.find(next.order.spec.id) : children_.find(next.which);
            switch (next.what) {
            case waiting_turn::kind::command: run(std::move(next.order)); break;
            case waiting_turn::kind::exit:
                if (found != nullptr && found->state == child_state::exited)
                    take_exit(*found, now);
                break;
            case waiting_turn::kind::due:
                if (found != nullptr && (found->state == child_state::restarting || found->state == child_state::parked))
                    take_due(*found, now);
                break;
            case waiting_turn::kind::retry:
                if (found != nullptr && found->state == child_state::restarting && found->past().due == never)
                    restart(*found, now);
                break;
            }
        }
    }

    local_supervisor_options options_;
    phase phase_ = phase::created;
    child_list children_;
    child_slot cursor_ = no_child; // of a row that is being started or stopped
    child_slot failed_ = no_child; // whose group is restarted
    restart_budget budget_;
    due_list due_;
    std::deque<waiting_turn> mailbox_; // while busy
    waiting_commands waiting_;         // under one_for_one
    effect_list effects_;
    ended_effect ending_{end_cause::stopped, errc::success, "shutdown"};
    std::uint64_t last_command_ = 0;
};

} // namespace drover::supervision
