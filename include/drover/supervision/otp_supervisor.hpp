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
#include <drover/supervision/effects.hpp>
#include <drover/supervision/local_options.hpp>
#include <drover/supervision/restart_pace.hpp>
#include <drover/supervision/restart_window.hpp>

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
    otp_supervisor(local_supervisor_options options, random_stream random) : options_{std::move(options)}, random_{random}
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
            add(std::move(spec));
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
    std::uint64_t command(command_kind kind, child_spec&& spec, time_point now)
    {
        supervision::command order{kind, ++last_command_, std::move(spec)};
        auto const number = order.number;
        auto const has_spec = kind == command_kind::start || kind == command_kind::update;
        if (phase_ == phase::created)
            done(order, errc::not_started);
        else if (phase_ == phase::ending || phase_ == phase::ended)
            done(order, errc::shutting_down);
        else if (auto sentence = has_spec ? refusal_of(order.spec, options_) : std::string{}; !sentence.empty())
            refuse(order, errc::invalid_spec, std::move(sentence));
        else if (busy())
            mailbox_.push_back({waiting_turn::kind::command, std::move(order), {}});
        else
            run(std::move(order), now);
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
        auto* const found = answered(which, child_state::starting);
        if (found == nullptr)
            return;
        auto& started = *found;
        set_state(started, child_state::running);
        started.started_at = now;
        started.terminated = false;
        tell(note_kind::child_started, started);
        auto const doing = std::exchange(started.doing, task::none);
        if (phase_ == phase::ending)
            return options_.stop_order == stop_order::parallel ? begin_stop(started, task::in_order) : stop_next(now);
        if (doing == task::in_order)
            return start_after(started, now);
        if (doing == task::revival)
            started.past().parks = 0;
        answer(started, errc::success, which.generation);
        settle(started, false, now);
    }

    void on_start_failed(instance_ref which, std::string reason, time_point now)
    {
        auto* const found = answered(which, child_state::starting);
        if (found == nullptr)
            return;
        auto& failed = *found;
        tell(note_kind::child_start_failed, failed, reason);
        auto const doing = std::exchange(failed.doing, task::none);
        set_state(failed, child_state::idle);
        if (phase_ == phase::ending)
            return stop_next(now);
        if (phase_ == phase::starting)
            return end(end_cause::start_failed, errc::start_failed,
                "child '" + failed.spec.id + "' failed to start: " + std::move(reason), now);
        if (doing == task::in_order || doing == task::restart)
            return try_again(failed, std::move(reason), now);
        answer(failed, errc::start_failed, 0);
        failed.terminated = true;
        if (doing == task::revival && failed.spec.restart != restart_rule::temporary) {
            failed.past().reason = std::move(reason);
            park(failed, now);
        }
        settle(failed, doing == task::first || is_forgotten(failed), now);
    }

    /// The child said that it is not wanted now: as in OTP it is kept, not running, unless it is temporary.
    void on_start_ignored(instance_ref which, time_point now)
    {
        auto* const found = answered(which, child_state::starting);
        if (found == nullptr)
            return;
        auto& ignored = *found;
        auto const doing = std::exchange(ignored.doing, task::none);
        set_state(ignored, child_state::idle);
        tell(note_kind::child_stopped, ignored, "ignored");
        if (phase_ == phase::ending)
            return stop_next(now);
        if (doing == task::in_order)
            return start_after(ignored, now);
        answer(ignored, errc::success, 0);
        settle(ignored, is_forgotten(ignored), now);
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
        tell(note_kind::child_exited, ended, reason);
        if (phase_ == phase::ending) {
            set_state(ended, child_state::idle);
            return stop_next(now);
        }
        ended.ended_as = kind;
        if (kind == exit_kind::failure)
            ended.past().reason = std::move(reason);
        set_state(ended, child_state::exited);
        if (busy())
            mailbox_.push_back({waiting_turn::kind::exit, {}, which});
        else
            take_exit(ended, now);
    }

    void on_stopped(instance_ref which, time_point now)
    {
        auto* const found = answered(which, child_state::stopping);
        if (found == nullptr)
            return;
        auto& stopped = *found;
        auto const doing = std::exchange(stopped.doing, task::none);
        set_state(stopped, child_state::idle);
        tell(note_kind::child_stopped, stopped);
        if (doing == task::replacing && phase_ != phase::ending)
            return replace(stopped, task::command);
        answer(stopped, errc::success, which.generation);
        if (phase_ == phase::ending || doing == task::in_order)
            return stop_next(now);
        stopped.terminated = true;
        settle(stopped, is_forgotten(stopped), now);
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
    [[nodiscard]] std::vector<effect>& effects() { return effects_; }
    void want_notes(bool wanted) { notes_wanted_ = wanted; }

    // ---- reads -------------------------------------------------------------------------------------------------------

    [[nodiscard]] bool serving() const { return phase_ > phase::starting && phase_ < phase::ending; }
    [[nodiscard]] bool ended() const { return phase_ == phase::ended; }
    [[nodiscard]] local_supervisor_options const& options() const { return options_; }
    [[nodiscard]] child_list const& children() const { return children_; }
    /// The child of an effect that is being carried out.
    [[nodiscard]] child const& child_of(instance_ref which) const { return children_[which.slot]; }
    [[nodiscard]] std::size_t active_count() const { return active_count_; }
    [[nodiscard]] std::size_t supervisors_count() const { return supervisors_count_; }
    [[nodiscard]] std::size_t parked_count() const { return parked_count_; }

private:
    enum class phase : std::uint8_t { created, starting, serving, stopping_group, starting_group, ending, ended };

    // ---- commands ----------------------------------------------------------------------------------------------------

    void run(supervision::command&& order, time_point now)
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
        (void)now;
    }

    void run_start(supervision::command&& order, child const* present)
    {
        if (present != nullptr)
            return refuse(order, present->state == child_state::idle ? errc::already_present : errc::already_started, {});
        if (children_.size() >= options_.children_count_max)
            return refuse(order, errc::max_children, {});
        auto& added = add(std::move(order.spec));
        added.command = order.number;
        begin_start(added, task::first);
    }

    void run_terminate(supervision::command& order, child& found)
    {
        if (found.state == child_state::running) {
            found.command = order.number;
            return begin_stop(found, task::command);
        }
        done(order, errc::success, found.generation);
        set_state(found, child_state::idle);
        found.terminated = true;
        if (is_forgotten(found))
            forget(found);
    }

    void run_restart(supervision::command& order, child& found)
    {
        if (found.state == child_state::restarting)
            return refuse(order, errc::restarting, {});
        if (found.state != child_state::idle && found.state != child_state::parked)
            return refuse(order, errc::running, {});
        found.command = order.number;
        start_by_request(found);
    }

    void run_remove(supervision::command& order, child& found)
    {
        if (found.state == child_state::restarting)
            return refuse(order, errc::restarting, {});
        if (found.state != child_state::idle && found.state != child_state::parked)
            return refuse(order, errc::running, {});
        done(order, errc::success, found.generation);
        forget(found);
    }

    // A child that runs is stopped, and runs again under the new spec; one that is parked runs; any other waits under it.
    void run_update(supervision::command&& order, child& found)
    {
        found.past().replacement = std::move(order.spec);
        found.command = order.number;
        switch (found.state) {
        case child_state::running: return begin_stop(found, task::replacing);
        case child_state::exited: return set_state(found, child_state::idle), replace(found, task::command);
        case child_state::parked: return replace(found, task::revival);
        default: break;
        }
        put_replacement(found);
        answer(found, errc::success, found.generation);
        if (found.spec.restart != restart_rule::temporary)
            return;
        set_state(found, child_state::idle); // as every temporary child that does not run
        forget(found);
    }

    void start_by_request(child& found)
    {
        auto const was_parked = found.state == child_state::parked;
        if (was_parked)
            found.past().window.clear();
        begin_start(found, was_parked ? task::revival : task::command);
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
        auto const state = changed.state;
        set_state(changed, child_state::idle);
        count_supervisor(changed, -1);
        changed.spec = std::move(*std::exchange(changed.past().replacement, std::nullopt));
        count_supervisor(changed, +1);
        set_state(changed, state);
    }

    // ---- ends of instances -------------------------------------------------------------------------------------------

    void take_exit(child& ended, time_point now)
    {
        if (restarts(ended.spec.restart, ended.ended_as))
            return restart(ended, now);
        set_state(ended, child_state::idle);
        auto const significant = ended.spec.significant;
        if (is_forgotten(ended))
            forget(ended);
        if (!significant || options_.auto_shutdown == auto_shutdown::never)
            return;
        if (options_.auto_shutdown == auto_shutdown::any_significant || significant_count_ == 0)
            end(end_cause::auto_shutdown, errc::success, "shutdown", now);
    }

    // Counts a failure, and restarts the child, now or later, unless there were too many.
    void restart(child& failed, time_point now)
    {
        auto& past = failed.past();
        auto const& backoff = failed.spec.backoff ? *failed.spec.backoff : options_.backoff;
        if (failed.state == child_state::exited)
            end_rows(failed, backoff, now);
        if (!count_failure(failed, now)) {
            if (options_.intensity_scope == intensity_scope::per_child && failed.spec.on_exhausted == exhaustion::park)
                return park(failed, now);
            set_state(failed, child_state::idle);
            return end(end_cause::gave_up, errc::gave_up, "shutdown", now);
        }
        auto const wait = wait_before_restart(backoff, past.row++, random_);
        if (wait == duration::zero())
            return restart_now(failed, now);
        set_state(failed, child_state::restarting);
        wait_until(failed, saturating_add(now, wait));
    }

    void end_rows(child& failed, restart_backoff const& backoff, time_point now)
    {
        auto const ran = now - failed.started_at;
        if (ran >= backoff.stable_after)
            failed.past().row = 0;
        if (ran >= std::max<duration>(backoff.stable_after, intensity_of(failed).max_seconds))
            failed.past().parks = 0;
    }

    [[nodiscard]] restart_intensity const& intensity_of(child const& of) const
    {
        return of.spec.intensity ? *of.spec.intensity : options_.intensity;
    }

    [[nodiscard]] bool count_failure(child& failed, time_point now)
    {
        if (options_.intensity_scope == intensity_scope::per_supervisor)
            return window_.add_failure(options_.intensity, now);
        return failed.past().window.add_failure(intensity_of(failed), now);
    }

    void restart_now(child& failed, time_point now)
    {
        if (options_.strategy == restart_strategy::one_for_one)
            return begin_start(failed, task::restart);
        set_state(failed, child_state::idle);
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
        set_state(failed, child_state::restarting);
        mailbox_.push_back({waiting_turn::kind::retry, {}, {}});
        mailbox_.back().order.spec.id = failed.spec.id; // as in OTP by name: whichever attempt it was that failed
        settle(failed, false, now);
    }

    void park(child& failed, time_point now)
    {
        auto& past = failed.past();
        set_state(failed, child_state::parked);
        past.row = 0;
        tell(note_kind::child_parked, failed, past.reason);
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
            emit(started_effect{});
        phase_ = phase::serving;
        take_mail(now);
    }

    void start_after(child& last, time_point now)
    {
        cursor_ = last.next;
        if (last.state == child_state::idle && is_forgotten(last))
            forget(last);
        start_next(now);
    }

    // Stops from the cursor on, towards the first: a group that is restarted, or all at the end.
    void stop_next(time_point now)
    {
        if (phase_ == phase::ending && options_.stop_order == stop_order::parallel)
            return unsettled_count_ == 0 ? finish() : void();
        while (cursor_ != no_child) {
            auto& next = children_[cursor_];
            if (next.state == child_state::running)
                return begin_stop(next, task::in_order);
            if (next.unsettled())
                return; // its answer leads back here
            auto const last =
                phase_ == phase::stopping_group && options_.strategy == restart_strategy::rest_for_one && cursor_ == failed_;
            cursor_ = last ? no_child : next.previous;
            set_state(next, child_state::idle);
            if (phase_ == phase::stopping_group && is_forgotten(next))
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
                done(each.order, errc::shutting_down);
        for (auto& each : waiting_.take_all())
            done(each, errc::shutting_down);
        for (auto slot = children_.last(); slot != no_child; slot = children_[slot].previous) {
            auto& each = children_[slot];
            if (each.state == child_state::starting || each.doing == task::replacing)
                answer(each, errc::shutting_down, 0);
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
        active_count_ = supervisors_count_ = parked_count_ = significant_count_ = 0;
        emit(std::move(ending_));
    }

    // ---- one child ---------------------------------------------------------------------------------------------------

    child& add(child_spec&& spec)
    {
        auto& added = children_.add(std::move(spec));
        count_supervisor(added, +1);
        return added;
    }

    void forget(child& gone)
    {
        tell(note_kind::child_forgotten, gone);
        set_state(gone, child_state::idle);
        count_supervisor(gone, -1);
        emit(forget_effect{gone.slot});
        children_.remove(gone);
    }

    void begin_start(child& next, task doing)
    {
        set_state(next, child_state::starting);
        next.doing = doing;
        ++next.generation;
        tell(note_kind::child_starting, next);
        emit(start_effect{next.ref()});
    }

    void begin_stop(child& next, task doing)
    {
        set_state(next, child_state::stopping);
        next.doing = doing;
        emit(stop_effect{next.ref(), next.spec.shutdown});
    }

    [[nodiscard]] child* answered(instance_ref which, child_state state)
    {
        auto* const found = children_.find(which);
        return found != nullptr && found->state == state ? found : nullptr;
    }

    /// A child that does not run and is temporary has no spec any more.
    [[nodiscard]] static bool is_forgotten(child const& of)
    {
        return of.state == child_state::idle && of.spec.restart == restart_rule::temporary;
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
            run(std::move(order), now);
        take_mail(now);
    }

    // One thing at a time: something is under way that all else waits for.
    [[nodiscard]] bool busy() const
    {
        return phase_ != phase::serving || (options_.strategy != restart_strategy::one_for_one && unsettled_count_ > 0);
    }

    void take_mail(time_point now)
    {
        while (!mailbox_.empty() && !busy()) {
            auto next = std::move(mailbox_.front());
            mailbox_.pop_front();
            auto* const found =
                next.what == waiting_turn::kind::retry ? children_.find(next.order.spec.id) : children_.find(next.which);
            switch (next.what) {
            case waiting_turn::kind::command: run(std::move(next.order), now); break;
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

    void set_state(child& of, child_state state)
    {
        count_state(of, -1);
        of.state = state;
        count_state(of, +1);
    }

    void count_state(child const& of, int sign)
    {
        auto const count = [sign](std::size_t& counter, bool counted) {
            if (counted)
                counter += static_cast<std::size_t>(sign);
        };
        count(unsettled_count_, of.unsettled());
        count(active_count_, of.unsettled() || of.state == child_state::running);
        count(parked_count_, of.state == child_state::parked);
        count(significant_count_, of.spec.significant && of.state != child_state::idle);
    }

    void count_supervisor(child const& of, int sign)
    {
        if (of.spec.is_supervisor)
            supervisors_count_ += static_cast<std::size_t>(sign);
    }

    // ---- answers -----------------------------------------------------------------------------------------------------

    void answer(child& of, errc code, generation_number generation)
    {
        if (auto const number = std::exchange(of.command, 0))
            emit(command_done_effect{number, code, of.spec.id, generation});
    }

    void done(supervision::command& order, errc code, generation_number generation = 0)
    {
        emit(command_done_effect{order.number, code, std::move(order.spec.id), generation});
    }

    void refuse(supervision::command& order, errc code, std::string sentence)
    {
        if (notes_wanted_)
            emit(note_effect{note_kind::command_refused, order.spec.id, 0,
                sentence.empty() ? std::string{describe(code)} : std::move(sentence)});
        auto const* const found = children_.find(order.spec.id);
        done(order, code, found != nullptr ? found->generation : 0);
    }

    // In place: of a variant that is moved, g++ 12 says that it may be uninitialised.
    template <class Effect>
    void emit(Effect&& what)
    {
        effects_.emplace_back(std::in_place_type<std::remove_cvref_t<Effect>>, std::forward<Effect>(what));
    }

    void tell(note_kind kind, child const& about, std::string const& reason = {})
    {
        if (notes_wanted_)
            emit(note_effect{kind, about.spec.id, about.generation, reason});
    }

    local_supervisor_options options_;
    random_stream random_;
    phase phase_ = phase::created;
    bool notes_wanted_ = false;
    child_list children_;
    child_slot cursor_ = no_child; // of a row that is being started or stopped
    child_slot failed_ = no_child; // whose group is restarted
    restart_window window_;        // of all children, under intensity_scope::per_supervisor
    due_list due_;
    std::deque<waiting_turn> mailbox_; // while busy
    waiting_commands waiting_;         // under one_for_one
    std::vector<effect> effects_;
    ended_effect ending_{end_cause::stopped, errc::success, "shutdown"};
    std::uint64_t last_command_ = 0;
    std::size_t unsettled_count_ = 0;
    std::size_t active_count_ = 0;
    std::size_t supervisors_count_ = 0;
    std::size_t parked_count_ = 0;
    std::size_t significant_count_ = 0; // that are significant, and not idle
};

} // namespace drover::supervision
