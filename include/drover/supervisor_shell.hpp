// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/hash.hpp>
#include <drover/child/context.hpp>
#include <drover/child/message.hpp>
#include <drover/child/object.hpp>
#include <drover/core/supervisor_core.hpp>
#include <drover/error_code.hpp>
#include <drover/node.hpp>
#include <drover/pending_operations.hpp>
#include <drover/shell_children.hpp>
#include <drover/shell_journal.hpp>
#include <drover/supervisor_hooks.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace drover::detail {

/// The shell around one supervisor core: carries inputs in and effects out, runs the children, and decides nothing.
///
/// Everything happens on the strand. User code runs between steps of the core, never inside one; what it asks for is an input
/// like any other. The mutex is held during a step of the core only, so that reads may come from any thread.
template <class Transport, class Membership, class Placement, class StateStore>
class supervisor_shell final
    : public node_scope,
      public std::enable_shared_from_this<supervisor_shell<Transport, Membership, Placement, StateStore>> {
public:
    using node_shell_type = node_shell<Transport, Membership>;
    using runtime_type = typename Transport::runtime_type;
    using core_type = core::supervisor_core<Placement, StateStore>;
    using done_handler = unique_function<void(errc)>;
    using command_handler = unique_function<void(error_code, child_ref)>;
    using call_handler = unique_function<void(error_code, bytes)>;

    supervisor_shell(std::shared_ptr<node_shell_type> node, supervisor_options options, Placement placement, StateStore store)
        : node_{std::move(node)}, scope_{hash64(options.name)}, name_{options.name},
          options_error_{validate(options)}, journal_{node_->runtime(), store},
          core_{node_->self(), std::move(options), std::move(placement), std::move(store)}, timer_{node_->runtime()}
    {
    }

    // Perhaps within the destructor of the execution context: nothing is called and nothing is posted from here.
    ~supervisor_shell()
    {
        children_.destroy_all();
        if (started_ && !stopped_)
            node_->remove_scope(name_);
    }

    [[nodiscard]] runtime_type& runtime() { return node_->runtime(); }
    [[nodiscard]] node_shell_type& node() { return *node_; }

    // ---- life --------------------------------------------------------------------------------------------------------

    void add_type(std::string name, child_factory factory)
    {
        expects(!name.empty() && name.size() <= limits::type_name_size_max, "a child type has a name of 1 to 255 octets");
        expects(static_cast<bool>(factory), "a child type has a factory");
        children_.add_type(std::move(name), std::move(factory));
        if (!started_)
            return;
        step([&](time_point now) { core_.set_types(children_.types(), now); });
    }

    void start(done_handler done)
    {
        if (started_ || stopped_)
            return done(stopped_ ? errc::shutting_down : errc::already_running);
        if (!options_error_.empty())
            return done(errc::invalid_options);
        if (auto const code = node_->add_scope(name_, *this); code != errc::success)
            return done(code);
        started_ = true;
        start_done_ = std::move(done);
        journal_.open({node_->name(), name_}, this->shared_from_this(), [weak = this->weak_from_this()](journal_failure failure) {
            if (auto const self = weak.lock())
                self->on_journal_opened(failure);
        });
    }

    void stop(done_handler done)
    {
        if (!started_ || stopped_) {
            close();
            return journal_.close([done = std::move(done)]() mutable { done(errc::success); });
        }
        stop_done_.push_back(std::move(done));
        step([&](time_point now) { core_.stop(now); });
    }

    /// Ends everything at once, without a word to the others; not within an effect, whose child may be on the stack.
    void abandon()
    {
        closing_ = true;
        if (!pumping_)
            close();
    }

    void close()
    {
        if (std::exchange(stopped_, true))
            return;
        timer_.cancel();
        for (auto const& source : core_.state().sources.entries)
            source.port->close();
        node_->remove_scope(name_);
        children_.destroy_all();
        if (start_done_)
            std::exchange(start_done_, nullptr)(errc::shutting_down);
        pending_.give_up();
        if (closing_ && stop_done_.empty())
            return journal_.abandon();
        journal_.close([self = this->shared_from_this()] {
            for (auto& done : std::exchange(self->stop_done_, {}))
                done(errc::success);
        });
    }

    // ---- commands ----------------------------------------------------------------------------------------------------

    void command(core::command_kind kind, child_spec&& spec, command_handler&& done)
    {
        if (stopped_)
            return done(make_error_code(errc::shutting_down), child_ref{std::move(spec.id), {}, 0});
        step([&](time_point now) {
            auto const number = core_.command(kind, std::move(spec), now);
            pending_.commands.add(number, std::move(done));
        });
    }

    void call_child(child_id id, bytes payload, bool cast, call_handler done)
    {
        if (stopped_)
            return done(make_error_code(errc::shutting_down), bytes{});
        step([&](time_point now) {
            auto const number = core_.call(std::move(id), std::move(payload), cast, now);
            pending_.calls.add(number, std::move(done));
        });
    }

    void wait_for(version_token const& token, unique_function<void(error_code)> done)
    {
        if (stopped_)
            return done(make_error_code(errc::shutting_down));
        step([&](time_point now) { pending_.waits.add(core_.wait_for(token, now), std::move(done)); });
    }

    /// Reads the core. From any thread.
    template <class Read>
    auto read(Read&& with)
    {
        std::lock_guard const lock{mutex_};
        return with(core_);
    }

    void watch(std::function<void(event const&)> watcher)
    {
        hooks_.watchers.push_back(std::move(watcher));
        std::lock_guard const lock{mutex_};
        core_.want_events(true);
    }

    void on_gave_up(std::function<void(std::string const&)> told) { hooks_.gave_up_handlers.push_back(std::move(told)); }

    void log_to(std::function<void(child_id const&, std::string_view)> sink) { hooks_.log_sink = std::move(sink); }

    // ---- from the journal, where the store has one -------------------------------------------------------------------

    void on_committed(std::uint64_t number)
    {
        step([&](time_point now) { core_.on_committed(number, now); });
    }

    void on_commit_failed(std::string_view reason)
    {
        step([&](time_point) { core_.on_commit_failed(reason); });
    }

    [[nodiscard]] std::optional<journal_batch> next_batch()
    {
        std::lock_guard const lock{mutex_};
        return core_.take_batch();
    }

private:
    template <class>
    friend class source_runner;
    friend class shell_children<supervisor_shell>;

    // ---- steps -------------------------------------------------------------------------------------------------------

    template <class Input>
    void step(Input&& input)
    {
        {
            std::lock_guard const lock{mutex_};
            input(node_->runtime().now());
        }
        pump_soon();
    }

    // Inputs that come together are answered together: the batch forms from what waits, never by a timer.
    void pump_soon()
    {
        if (pumping_ || std::exchange(pump_posted_, true))
            return;
        node_->runtime().post([weak = this->weak_from_this()] {
            if (auto const self = weak.lock()) {
                self->pump_posted_ = false;
                self->pump();
            }
        });
    }

    // Carries out effects until nothing is left to do.
    void pump()
    {
        if (stopped_ || std::exchange(pumping_, true))
            return;
        auto const keep = this->shared_from_this(); // an effect may drop the last other owner
        unsigned round = 0;
        auto later = false;
        for (; round < rounds_max && !stopped_ && !later; ++round) {
            take_effects();
            if (effects_.empty() && !children_.exits_wait())
                break;
            later = !carry_out_effects();
            if (!later)
                children_.take_exits();
        }
        pumping_ = false;
        if (closing_)
            close();
        if (stopped_)
            return;
        if (later || round == rounds_max)
            return pump_soon();
        arm();
    }

    void take_effects()
    {
        if (effects_done_ < effects_.size())
            return;
        std::lock_guard const lock{mutex_};
        effects_.clear();
        if (effects_.capacity() > effects_kept_max)
            effects_ = {};
        effects_done_ = 0;
        core_.flush(node_->runtime().now());
        journal_.commit_next(core_);
        effects_.swap(core_.effects());
    }

    // False when the rest is for another turn: the transport writes what it was given in a turn of its own, and others are to
    // hear of a start before its code runs, which may take this node down.
    bool carry_out_effects()
    {
        for (; effects_done_ < effects_.size() && !stopped_; ++effects_done_) {
            auto& effect = effects_[effects_done_];
            if (std::holds_alternative<core::start_effect>(effect) && std::exchange(sent_, false))
                return false;
            std::visit([&](auto& content) { carry_out(content); }, effect);
        }
        effects_done_ = effects_.size();
        return true;
    }

    void arm()
    {
        time_point deadline;
        {
            std::lock_guard const lock{mutex_};
            deadline = std::min(core_.deadline(), children_.deadline());
        }
        if (deadline == armed_for_)
            return;
        armed_for_ = deadline;
        if (deadline == never)
            return timer_.cancel();
        timer_.expires_at(deadline, [weak = this->weak_from_this()] {
            if (auto const self = weak.lock())
                self->on_timer();
        });
    }

    void on_timer()
    {
        armed_for_ = never;
        if (stopped_)
            return;
        {
            std::lock_guard const lock{mutex_};
            core_.on_time(node_->runtime().now());
        }
        pumping_ = true;
        children_.take_due_turns();
        pumping_ = false;
        pump();
    }

    // ---- the start ---------------------------------------------------------------------------------------------------

    void on_journal_opened(journal_failure const& failure)
    {
        if (stopped_)
            return;
        if (failure) {
            event what{event_kind::journal_failed, node_->name(), 0, failure.reason};
            carry_out(what);
            return fail_start(failure.code);
        }
        node_->start([weak = this->weak_from_this()](errc code) {
            if (auto const self = weak.lock())
                self->on_node_started(code);
        });
    }

    void on_node_started(errc code)
    {
        if (stopped_)
            return;
        if (code != errc::success)
            return fail_start(code);
        step([&](time_point now) {
            journal_.restore(core_, now);
            core_.start(children_.types(), node_->current_view(), now);
        });
    }

    // It may be tried again.
    void fail_start(errc code)
    {
        journal_.close([self = this->shared_from_this(), code] {
            if (self->stopped_)
                return; // and answered
            self->started_ = false;
            self->node_->remove_scope(self->name_);
            std::exchange(self->start_done_, nullptr)(code);
        });
    }

    // ---- from the node -----------------------------------------------------------------------------------------------

    void on_view(view const& members) override
    {
        step([&](time_point now) { core_.on_view(members, now); });
    }

    void on_peer_connected(node_id const& who) override
    {
        step([&](time_point now) { core_.on_peer_connected(who, now); });
    }

    void on_node_stopped(errc why) override
    {
        if (stopped_ || start_done_)
            return; // `start_done_` hears of it from the node
        event what{event_kind::supervisor_stopped, name_, 0, describe(why)};
        carry_out(what);
        abandon();
    }

    void on_frame(node_id const& from, bytes_view frame) override
    {
        std::lock_guard const lock{mutex_};
        core_.on_message(from, frame, node_->runtime().now());
        fed_ = true;
    }

    void on_batch_end() override
    {
        if (std::exchange(fed_, false))
            pump();
    }

    // ---- effects -----------------------------------------------------------------------------------------------------

    void carry_out(core::send_effect& effect)
    {
        sent_ = true;
        node_->send(effect.to, scope_, *effect.frame, effect.for_store);
    }

    void carry_out(core::start_effect& effect) { children_.carry_out(effect); }
    void carry_out(core::stop_effect& effect) { children_.carry_out(effect); }
    void carry_out(core::regrant_effect& effect) { children_.carry_out(effect); }
    void carry_out(core::deliver_effect& effect) { children_.carry_out(effect); }
    void carry_out(core::command_done_effect& effect) { pending_.complete(effect); }
    void carry_out(core::call_done_effect& effect) { pending_.complete(effect); }
    void carry_out(core::checkpoint_done_effect& effect) { pending_.complete(effect); }
    void carry_out(core::wait_done_effect& effect) { pending_.complete(effect); }
    void carry_out(core::read_source_effect& effect) { effect.source->read(effect.number); }

    void carry_out(core::started_effect&)
    {
        if (start_done_)
            std::exchange(start_done_, nullptr)(errc::success);
    }

    void carry_out(core::stopped_effect& effect)
    {
        close();
        if (!effect.reason.empty())
            hooks_.tell_gave_up(effect.reason);
    }

    void carry_out(event& what) { hooks_.tell(what); }

    static constexpr unsigned rounds_max = 64;                // then others get a turn on the strand
    static constexpr std::size_t effects_kept_max = 4 * 1024; // room for so many is kept

    std::shared_ptr<node_shell_type> node_;
    std::uint64_t scope_;
    std::string name_;
    std::string options_error_;
    [[no_unique_address]] shell_journal<supervisor_shell, runtime_type, StateStore> journal_; // of the core's store
    mutable typename runtime_type::mutex_type mutex_;                                         // guards core_
    core_type core_;
    typename runtime_type::timer_type timer_;
    time_point armed_for_ = never;
    bool started_ = false;
    bool stopped_ = false;
    bool pumping_ = false;
    bool pump_posted_ = false;
    bool fed_ = false;
    bool closing_ = false;

    shell_children<supervisor_shell> children_{*this};
    std::remove_cvref_t<decltype(std::declval<core_type&>().effects())> effects_; // being carried out; kept for its room
    std::size_t effects_done_ = 0;
    bool sent_ = false; // something, since a start last waited for it

    done_handler start_done_;
    std::vector<done_handler> stop_done_;
    pending_operations pending_;
    supervisor_hooks hooks_;
};

} // namespace drover::detail
