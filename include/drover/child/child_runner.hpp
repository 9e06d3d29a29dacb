// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/function.hpp>
#include <drover/base/function_table.hpp>
#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>
#include <drover/child/child_timers.hpp>
#include <drover/child/context.hpp>
#include <drover/child/guarded.hpp>
#include <drover/child/message.hpp>
#include <drover/child/object.hpp>
#include <drover/error_code.hpp>
#include <drover/supervision/otp_supervisor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace drover::detail {

/// Runs the children of one supervisor in this process: carries out what its machine wants, and decides nothing.
///
/// What it stands on (a strand, a clock, one timer) is the business of those who derive from it: a `local_supervisor`, and a
/// supervisor that is a child itself. Everything happens on that strand. User code runs between steps of the machine, never
/// inside one. `lock` is held during a step only, so that the machine may be read from other threads.
class child_runner : public child_host, public std::enable_shared_from_this<child_runner> {
public:
    child_runner(child_runner const&) = delete;
    child_runner& operator=(child_runner const&) = delete;

    /// Ends everything at once, the last started first; not within an effect, whose child may be on the stack.
    void close()
    {
        closing_ = true;
        if (!pumping_ && !std::exchange(closed_, true)) {
            destroy_children();
            drop_open_work();
            on_closed();
        }
    }

    [[nodiscard]] bool closed() const { return closed_; }

protected:
    using machine_type = supervision::otp_supervisor;

    explicit child_runner(std::string name) : name_{std::move(name)} {}

    // Perhaps within the destructor of the execution context: nothing is called and nothing is posted from here.
    virtual ~child_runner() { destroy_children(); }

    // ---- what it stands on -------------------------------------------------------------------------------------------

    virtual void lock() {}
    virtual void unlock() {}
    virtual void wake_at(time_point at) = 0; // one timer, which calls on_timer(); never: none
    virtual void on_started() = 0;
    virtual void on_ended(supervision::ended_effect& what) = 0;
    virtual void on_command_done(supervision::command_done_effect&) {}
    virtual void on_note(supervision::note_effect&) {}
    virtual void on_closed() {}

    // ---- for those who derive ----------------------------------------------------------------------------------------

    /// The first of its children whose type is not registered.
    [[nodiscard]] std::string unknown_type_among(std::vector<child_spec> const& specs) const
    {
        for (auto const& spec : specs)
            if (!factories_.contains(spec.type))
                return "child '" + spec.id + "': type '" + spec.type + "' is not registered";
        return {};
    }

    void begin(local_supervisor_options options, random_stream random, bool notes_wanted)
    {
        lock();
        machine_.emplace(std::move(options), random);
        machine_->want_notes(notes_wanted);
        unlock();
        step([](machine_type& machine, time_point time) { machine.start(time); });
    }

    template <class Input>
    void step(Input&& input)
    {
        lock();
        input(*machine_, now());
        unlock();
        pump_soon();
    }

    // Inputs that come together are answered together: the batch forms from what waits, never by a timer.
    void pump_soon()
    {
        if (pumping_ || std::exchange(pump_posted_, true))
            return;
        post([weak = weak_from_this()] {
            if (auto const self = weak.lock()) {
                self->pump_posted_ = false;
                self->pump();
            }
        });
    }

    // Carries out effects until nothing is left to do, or others should have a turn on the strand.
    void pump(unsigned rounds = rounds_max)
    {
        if (closed_ || std::exchange(pumping_, true))
            return;
        auto const keep = shared_from_this(); // an effect may drop the last other owner
        auto more = true;
        while (more && rounds > 0 && !closing_) {
            more = turn();
            --rounds;
        }
        pumping_ = false;
        if (closing_)
            return close();
        if (more)
            return pump_soon();
        arm();
    }

    void on_timer()
    {
        armed_for_ = never;
        if (closed_)
            return;
        auto const keep = shared_from_this();
        pumping_ = true;
        step([](machine_type& machine, time_point time) { machine.on_time(time); });
        auto const time = now();
        while (auto due = timers_.take_due(time))
            take_turn(*due);
        pumping_ = false;
        pump();
    }

    void call_child(child_id&& to, bytes&& payload, call_done&& done)
    {
        auto const number = ++last_call_;
        calls_.add(number, std::move(done));
        letters_.push_back({std::move(to), std::move(payload), number});
        pump_soon();
    }

    void cast_to_child(child_id&& to, bytes&& payload)
    {
        letters_.push_back({std::move(to), std::move(payload), 0});
        pump_soon();
    }

    std::string name_;
    child_factories factories_;
    std::optional<machine_type> machine_; // guarded by lock()

private:
    struct local_link final : child_link {
        supervision::child_slot slot = supervision::no_child;
    };

    struct held {
        std::shared_ptr<local_link> link; // null: no instance
        std::unique_ptr<child_instance> child;
        bool save = false;          // its state is wanted when it has stopped
        bool start_failing = false; // its exit will say that it did not start
        std::vector<std::uint64_t> open_calls;
        std::optional<bytes> state; // what was saved last
        std::uint32_t state_version = 0;

        [[nodiscard]] supervision::instance_ref ref() const { return {link->slot, link->generation}; }
    };

    struct pending_exit {
        std::shared_ptr<child_link> link;
        bool normal = true;
        std::string reason;
    };

    struct letter {
        child_id to;
        bytes payload;
        std::uint64_t call = 0; // 0: a cast
    };

    struct answer {
        std::uint64_t call = 0;
        errc code = errc::success;
        bytes payload;
    };

    // ---- turns -------------------------------------------------------------------------------------------------------

    // One round of all that waits. False: nothing did.
    bool turn()
    {
        if (machine_)
            effects_.swap(machine_->effects());
        if (effects_.empty() && exits_.empty() && letters_.empty() && answers_.empty() && saved_.empty())
            return false;
        for (auto& effect : effects_)
            if (!closing_)
                std::visit([this](auto& content) { this->carry_out(content); }, effect);
        effects_.clear();
        if (effects_.capacity() > kept_max)
            effects_ = {};
        for (auto& each : std::exchange(exits_, {}))
            take_exit(each);
        for (auto& each : std::exchange(letters_, {}))
            deliver(each);
        tell_answers();
        return true;
    }

    void arm()
    {
        auto const deadline = machine_ ? std::min(machine_->deadline(), timers_.deadline()) : never;
        if (deadline == armed_for_)
            return;
        armed_for_ = deadline;
        wake_at(deadline);
    }

    void take_turn(child_timers::due& due)
    {
        if (due.turn) {
            if (auto const failure = guarded([&] { due.turn(); }))
                exit(due.link, false, *failure);
            return;
        }
        finish_stop(*held_by(*due.link), true); // past its shutdown deadline
    }

    // ---- effects -----------------------------------------------------------------------------------------------------

    void carry_out(supervision::start_effect& what)
    {
        auto const& spec = machine_->child_of(what.which).spec;
        auto& made = make_held(what.which, spec);
        made.link->cause = what.cause;
        auto const failure = guarded([&] {
            auto const factory = factories_.find(spec.type);
            expects(factory != factories_.end(), "the type of a child stays registered");
            made.child = factory->second(child_context{made.link});
            made.child->start();
        });
        auto const which = what.which;
        if (!failure && made.child->start_is_failing()) {
            made.start_failing = true;
        } else if (!failure && !made.link->ignored) {
            step([&](machine_type& machine, time_point time) { machine.on_started(which, time); });
        } else {
            destroy(made);
            step([&](machine_type& machine, time_point time) {
                if (failure)
                    machine.on_start_failed(which, *failure, time);
                else
                    machine.on_start_ignored(which, time);
            });
        }
    }

    held& make_held(supervision::instance_ref which, child_spec const& spec)
    {
        if (held_.size() <= which.slot)
            held_.resize(std::size_t{which.slot} + 1); // those that are there stay where they are
        auto& made = held_[which.slot];
        auto link = std::make_shared<local_link>();
        link->host = this;
        link->id = spec.id;
        link->node = name_;
        link->arguments = spec.arguments;
        link->generation = which.generation;
        link->slot = which.slot;
        link->state = made.state;
        link->state_version = made.state_version;
        made.link = std::move(link);
        return made;
    }

    void carry_out(supervision::stop_effect& what)
    {
        auto& found = held_[what.which.slot];
        if (!found.link || found.ref() != what.which)
            return; // it ended by itself meanwhile, and that was told
        found.save = what.save;
        found.link->stopping = true;
        auto result = stop_result::stopped;
        if (what.deadline != brutal_kill)
            (void)guarded([&] { result = found.child->stop(); });
        if (result == stop_result::stopped)
            return finish_stop(found, what.deadline == brutal_kill);
        if (what.deadline != infinity)
            timers_.set_deadline(found.link, saturating_add(now(), what.deadline));
    }

    void carry_out(supervision::forget_effect& what)
    {
        if (what.slot < held_.size())
            held_[what.slot] = {};
    }

    void carry_out(supervision::command_done_effect& what) { on_command_done(what); }
    void carry_out(supervision::started_effect&) { on_started(); }
    void carry_out(supervision::note_effect& what) { on_note(what); }

    void carry_out(supervision::ended_effect& what)
    {
        drop_open_work();
        closing_ = true;
        on_ended(what);
    }

    // ---- instances ---------------------------------------------------------------------------------------------------

    [[nodiscard]] held* held_by(child_link const& link) { return &held_[static_cast<local_link const&>(link).slot]; }

    void finish_stop(held& stopped, bool cut_off)
    {
        auto const which = stopped.ref();
        if (stopped.save && !cut_off) {
            std::optional<bytes> state;
            (void)guarded([&] { state = stopped.child->save(); });
            if (state && state->size() <= limits::checkpoint_size_max) {
                stopped.state = std::move(state);
                stopped.state_version = stopped.link->schema_version;
            }
        }
        destroy(stopped);
        step([&](machine_type& machine, time_point time) { machine.on_stopped(which, time); });
    }

    void take_exit(pending_exit& ended)
    {
        if (ended.link->host == nullptr)
            return;
        auto& found = *held_by(*ended.link);
        if (ended.link->stopping)
            return finish_stop(found, false);
        auto const which = found.ref();
        auto const failed_start = found.start_failing;
        destroy(found);
        auto const kind = ended.normal ? supervision::exit_kind::normal : supervision::exit_kind::failure;
        step([&](machine_type& machine, time_point time) {
            if (failed_start)
                machine.on_start_failed(which, ended.reason, time);
            else
                machine.on_exit(which, kind, ended.reason, time);
        });
    }

    // Closes its gate first: whatever it does from now on, its destructor included, has no effect.
    void destroy(held& gone)
    {
        if (!gone.link)
            return;
        gone.link->host = nullptr;
        gone.start_failing = false;
        auto const link = std::move(gone.link);
        auto const child = std::move(gone.child);
        for (auto const call : std::exchange(gone.open_calls, {}))
            answers_.push_back({call, errc::owner_lost, {}});
    }

    void destroy_children()
    {
        if (!machine_)
            return;
        auto const& children = machine_->children();
        for (auto slot = children.last(); slot != supervision::no_child; slot = children[slot].previous)
            if (slot < held_.size())
                destroy(held_[slot]);
    }

    void drop_open_work()
    {
        exits_.clear();
        letters_.clear();
        tell_answers();
        calls_.take_all([](auto& done) { done(make_error_code(errc::shutting_down), bytes{}); });
    }

    // ---- messages ----------------------------------------------------------------------------------------------------

    void deliver(letter& mail)
    {
        using supervision::child_state;
        if (mail.payload.size() > limits::message_size_max)
            return refuse(mail, errc::message_too_large);
        auto const* const known = machine_ ? machine_->children().find(mail.to) : nullptr;
        if (known == nullptr || known->state == child_state::idle)
            return refuse(mail, errc::not_found);
        if (known->state != child_state::running)
            return refuse(mail, errc::restarting);
        auto& to = held_[known->slot];
        auto const link = to.link;
        child_message::answer_function reply;
        if (mail.call != 0) {
            to.open_calls.push_back(mail.call);
            reply = [weak = weak_from_this(), call = mail.call, slot = known->slot](errc code, bytes payload) {
                if (auto const self = weak.lock())
                    self->take_answer(slot, call, code, std::move(payload));
            };
        }
        auto const failure = guarded([&] { to.child->deliver(child_message{name_, std::move(mail.payload), std::move(reply)}); });
        if (failure)
            exit(link, false, *failure);
    }

    void tell_answers()
    {
        for (auto& each : std::exchange(answers_, {}))
            if (auto done = calls_.take(each.call))
                done(make_error_code(each.code), std::move(each.payload));
        for (auto& done : std::exchange(saved_, {}))
            done(error_code{});
    }

    void refuse(letter const& mail, errc code)
    {
        if (mail.call != 0)
            answers_.push_back({mail.call, code, {}});
    }

    void take_answer(supervision::child_slot slot, std::uint64_t call, errc code, bytes payload)
    {
        if (closed_)
            return;
        if (slot < held_.size()) {
            auto& open = held_[slot].open_calls;
            if (auto const at = std::find(open.begin(), open.end(), call); at != open.end())
                open.erase(at);
        }
        answers_.push_back({call, code, std::move(payload)});
        pump_soon();
    }

    // ---- child_host --------------------------------------------------------------------------------------------------

    std::uint64_t set_timer(std::shared_ptr<child_link> const& link, duration after, unique_function<void()> turn) final
    {
        auto const number = timers_.set(link, saturating_add(now(), std::max(after, duration::zero())), std::move(turn));
        pump_soon(); // to arm the timer
        return number;
    }

    void cancel_timer(std::uint64_t timer) final { timers_.cancel(timer); }

    void checkpoint(child_link& link, bytes data, checkpoint_done done) final
    {
        if (data.size() > limits::checkpoint_size_max)
            return post([done = std::move(done)]() mutable { done(make_error_code(errc::message_too_large)); });
        auto& saved = *held_by(link);
        saved.state = std::move(data);
        saved.state_version = link.schema_version;
        saved_.push_back(std::move(done));
        pump_soon();
    }

    void call(child_id target, bytes payload, call_done done) final
    {
        call_child(std::move(target), std::move(payload), std::move(done));
    }

    void cast(child_id target, bytes payload) final { cast_to_child(std::move(target), std::move(payload)); }

    void exit(std::shared_ptr<child_link> const& link, bool normal, std::string reason) final
    {
        exits_.push_back({link, normal, std::move(reason)});
        pump_soon();
    }

    static constexpr unsigned rounds_max = 64;        // then others get a turn on the strand
    static constexpr std::size_t kept_max = 4 * 1024; // room for so many effects is kept

    std::deque<held> held_; // by slot
    child_timers timers_;
    std::vector<supervision::effect> effects_;
    std::vector<pending_exit> exits_;
    std::vector<letter> letters_;
    std::vector<answer> answers_;
    std::vector<checkpoint_done> saved_;
    function_table<void(error_code, bytes)> calls_;
    std::uint64_t last_call_ = 0;
    time_point armed_for_ = never;
    bool pumping_ = false;
    bool pump_posted_ = false;
    bool closing_ = false;
    bool closed_ = false;
};

} // namespace drover::detail
