// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>
#include <drover/child/child_timers.hpp>
#include <drover/child/context.hpp>
#include <drover/child/guarded.hpp>
#include <drover/child/instance_table.hpp>
#include <drover/child/message.hpp>
#include <drover/child/object.hpp>
#include <drover/core/effects.hpp>
#include <drover/error_code.hpp>
#include <drover/supervision/restart_window.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::detail {

/// The children of one supervisor that run on one node: carries out the effects that are about them, and makes what they do an
/// input of the core. On the shell's strand; user code runs within these calls, never within a step of the core.
template <class Shell>
class shell_children final : public child_host {
public:
    explicit shell_children(Shell& shell) : shell_{&shell} {}

    void add_type(std::string name, child_factory factory) { factories_.insert_or_assign(std::move(name), std::move(factory)); }

    [[nodiscard]] std::vector<std::string> types() const { return names_of(factories_); }

    /// Their code is not called any more.
    void destroy_all() { instances_.destroy_all(); }

    // ---- effects -----------------------------------------------------------------------------------------------------

    void carry_out(core::start_effect& effect)
    {
        auto const generation = effect.generation;
        auto const link = std::make_shared<child_link>();
        auto const& id = link->id;
        link->host = this;
        link->id = std::move(effect.id);
        link->node = shell_->node().name();
        link->arguments = std::move(effect.arguments);
        link->generation = generation;
        link->cause = effect.cause;
        if (effect.state) {
            link->state = std::move(effect.state->data);
            link->state_version = effect.state->schema_version;
        }
        auto& made = instances_.add(link);
        if (auto const reason = start(made, effect.type)) {
            instances_.destroy(id);
            return shell_->step([&](time_point now) { shell_->core_.on_child_start_failed(id, generation, *reason, now); });
        }
        made.start_failing = made.child->start_is_failing();
        if (made.start_failing)
            return; // its exit says why
        if (!link->ignored)
            return shell_->step([&](time_point now) { shell_->core_.on_child_started(id, generation, now); });
        instances_.destroy(id);
        shell_->step([&](time_point now) { shell_->core_.on_child_start_ignored(id, generation, now); });
    }

    void carry_out(core::stop_effect& effect)
    {
        auto* const found = instances_.find(effect.id, effect.generation);
        if (found == nullptr)
            return report_stopped(effect.id, effect.generation, std::nullopt);
        found->stopping = true;
        found->save = effect.save;
        found->link->stopping = true;
        auto result = stop_result::stopped;
        if (effect.deadline != brutal_kill)
            (void)guarded([&] { result = found->child->stop(); });
        if (result == stop_result::stopped)
            return finish_stop(effect.id);
        if (effect.deadline != infinity)
            timers_.set_deadline(found->link, saturating_add(now(), effect.deadline));
    }

    void carry_out(core::regrant_effect& effect)
    {
        if (auto* const found = instances_.find(effect.id, effect.old_generation)) {
            found->link->generation = effect.generation;
            (void)guarded([&] { found->child->regranted(effect.generation); });
        }
    }

    void carry_out(core::deliver_effect& effect)
    {
        auto* const found = instances_.find(effect.id, effect.generation);
        if (found == nullptr || found->stopping)
            return answer(effect.from, effect.number, effect.cast, errc::restarting, {});
        child_message::answer_function reply;
        if (!effect.cast)
            reply = [weak = shell_->weak_from_this(), from = effect.from, number = effect.number](errc code, bytes payload) {
                if (auto const self = weak.lock())
                    self->children_.answer(from, number, false, code, std::move(payload));
            };
        auto const link = found->link;
        auto const failure = guarded([&] {
            found->child->deliver(child_message{effect.from, std::move(effect.payload), std::move(reply)});
        });
        if (failure)
            exit(link, false, *failure);
    }

    void answer(std::string const& to, std::uint64_t number, bool cast, errc code, bytes payload)
    {
        if (cast || shell_->stopped_)
            return;
        shell_->step([&](time_point now) { shell_->core_.on_call_answered(to, number, code, std::move(payload), now); });
    }

    // ---- turns -------------------------------------------------------------------------------------------------------

    [[nodiscard]] time_point deadline() const { return timers_.deadline(); }

    /// Runs the timers that are due.
    void take_due_turns()
    {
        auto const until = now();
        while (auto due = timers_.take_due(until))
            take_turn(*due);
    }

    [[nodiscard]] bool exits_wait() const { return !exits_.empty(); }

    /// Tells the core of the instances that have ended by themselves.
    void take_exits()
    {
        for (auto& exit : std::exchange(exits_, {}))
            take_exit(exit);
    }

private:
    using instance = instance_table::instance;

    struct pending_exit {
        std::shared_ptr<child_link> link;
        bool normal = true;
        std::string reason;
    };

    // The reason why it failed, or none.
    std::optional<std::string> start(instance& made, std::string const& type)
    {
        auto const factory = factories_.find(type);
        if (factory == factories_.end())
            return "type '" + type + "' is not registered on this node";
        return guarded([&] {
            made.child = factory->second(child_context{made.link});
            made.child->start();
        });
    }

    void finish_stop(child_id const& id)
    {
        auto* const found = instances_.find(id);
        if (found == nullptr)
            return;
        auto const generation = found->link->generation;
        std::optional<core::saved_state> saved;
        if (found->save && found->child) {
            std::optional<bytes> state;
            (void)guarded([&] { state = found->child->save(); });
            if (state && state->size() <= limits::checkpoint_size_max)
                saved = core::saved_state{found->link->schema_version, std::move(*state)};
        }
        instances_.destroy(id);
        report_stopped(id, generation, std::move(saved));
    }

    void report_stopped(child_id const& id, generation_number generation, std::optional<core::saved_state> saved)
    {
        shell_->step([&](time_point now) { shell_->core_.on_child_stopped(id, generation, std::move(saved), now); });
    }

    void take_exit(pending_exit& exit)
    {
        if (exit.link->host == nullptr)
            return;
        auto const id = exit.link->id;
        auto const generation = exit.link->generation;
        auto* const found = instances_.find(id, generation);
        if (found == nullptr)
            return;
        if (found->stopping)
            return finish_stop(id);
        auto const start_failed = found->start_failing;
        instances_.destroy(id);
        if (start_failed)
            return shell_->step([&](time_point now) { shell_->core_.on_child_start_failed(id, generation, exit.reason, now); });
        auto const kind = exit.normal ? supervision::exit_kind::normal : supervision::exit_kind::failure;
        shell_->step([&](time_point now) { shell_->core_.on_child_exit(id, generation, kind, exit.reason, now); });
    }

    void take_turn(child_timers::due& due)
    {
        if (due.turn) {
            if (auto const failure = guarded([&] { due.turn(); }))
                exit(due.link, false, *failure);
            return;
        }
        auto const id = due.link->id; // past its shutdown deadline
        auto const generation = due.link->generation;
        instances_.destroy(id);
        report_stopped(id, generation, std::nullopt);
    }

    // ---- child_host --------------------------------------------------------------------------------------------------

    time_point now() const override { return shell_->runtime().now(); }

    std::uint64_t set_timer(std::shared_ptr<child_link> const& link, duration after, unique_function<void()> turn) override
    {
        auto const number = timers_.set(link, saturating_add(now(), std::max(after, duration::zero())), std::move(turn));
        shell_->pump_soon(); // to arm the timer
        return number;
    }

    void cancel_timer(std::uint64_t timer) override { timers_.cancel(timer); }

    void checkpoint(child_link& link, bytes data, checkpoint_done done) override
    {
        auto const number = ++last_checkpoint_;
        shell_->pending_.checkpoints.add(number, std::move(done));
        shell_->step([&](time_point now) {
            shell_->core_.on_checkpoint(link.id, link.generation, {link.schema_version, std::move(data)}, number, now);
        });
    }

    void call(child_id target, bytes payload, call_done done) override
    {
        shell_->call_child(std::move(target), std::move(payload), false, std::move(done));
    }

    void cast(child_id target, bytes payload) override
    {
        shell_->call_child(std::move(target), std::move(payload), true, [](error_code, bytes) {});
    }

    void exit(std::shared_ptr<child_link> const& link, bool normal, std::string reason) override
    {
        exits_.push_back({link, normal, std::move(reason)});
        shell_->pump_soon();
    }

    void log(child_link const& link, std::string_view text) override { shell_->hooks_.log(link.id, text); }

    void post(unique_function<void()> turn) override { shell_->runtime().post(std::move(turn)); }

    Shell* shell_;
    child_factories factories_;
    instance_table instances_;
    child_timers timers_;
    std::vector<pending_exit> exits_;
    std::uint64_t last_checkpoint_ = 0;
};

} // namespace drover::detail
