// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/hash.hpp>
#include <drover/child/child_timers.hpp>
#include <drover/child/context.hpp>
#include <drover/child/guarded.hpp>
#include <drover/child/instance_table.hpp>
#include <drover/child/message.hpp>
#include <drover/child/object.hpp>
#include <drover/core/supervisor_core.hpp>
#include <drover/error_code.hpp>
#include <drover/node.hpp>
#include <drover/pending_operations.hpp>

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
      public child_host,
      public std::enable_shared_from_this<supervisor_shell<Transport, Membership, Placement, StateStore>> {
public:
    using node_shell_type = node_shell<Transport, Membership>;
    using runtime_type = typename Transport::runtime_type;
    using core_type = core::supervisor_core<Placement, StateStore>;
    using done_handler = unique_function<void(errc)>;
    using command_handler = unique_function<void(error_code, child_ref)>;

    supervisor_shell(std::shared_ptr<node_shell_type> node, supervisor_options options, Placement placement, StateStore store)
        : node_{std::move(node)}, scope_{hash64(options.name)}, name_{options.name}, options_error_{validate(options)},
          core_{node_->self(), std::move(options), std::move(placement), std::move(store)}, timer_{node_->runtime()}
    {
    }

    // Perhaps within the destructor of the execution context: nothing is called and nothing is posted from here.
    ~supervisor_shell()
    {
        instances_.destroy_all();
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
        factories_.insert_or_assign(std::move(name), std::move(factory));
        if (!started_)
            return;
        step([&](time_point now) { core_.set_types(names_of(factories_), now); });
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
        node_->start([weak = this->weak_from_this()](errc code) {
            if (auto const self = weak.lock())
                self->on_node_started(code);
        });
    }

    void stop(done_handler done)
    {
        if (!started_ || stopped_) {
            close();
            return done(errc::success);
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
        instances_.destroy_all();
        if (start_done_)
            std::exchange(start_done_, nullptr)(errc::shutting_down);
        pending_.give_up();
        for (auto& done : std::exchange(stop_done_, {}))
            done(errc::success);
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

    void call_child(child_id id, bytes payload, bool cast, call_done done)
    {
        if (stopped_)
            return done(make_error_code(errc::shutting_down), bytes{});
        step([&](time_point now) {
            auto const number = core_.call(std::move(id), std::move(payload), cast, now);
            pending_.calls.add(number, std::move(done));
        });
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
        watchers_.push_back(std::move(watcher));
        std::lock_guard const lock{mutex_};
        core_.want_events(true);
    }

    void on_gave_up(std::function<void(std::string const&)> told) { gave_up_handlers_.push_back(std::move(told)); }

    void log_to(std::function<void(child_id const&, std::string_view)> sink) { log_sink_ = std::move(sink); }

private:
    template <class>
    friend class source_runner;
    using instance = instance_table::instance;

    struct pending_exit {
        std::shared_ptr<child_link> link;
        bool normal = true;
        std::string reason;
    };

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
            if (effects_.empty() && exits_.empty())
                break;
            later = !carry_out_effects();
            if (!later)
                for (auto& exit : std::exchange(exits_, {}))
                    take_exit(exit);
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
            deadline = std::min(core_.deadline(), timers_.deadline());
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
        auto const now = node_->runtime().now();
        while (auto due = timers_.take_due(now))
            take_turn(*due);
        pumping_ = false;
        pump();
    }

    // ---- from the node -----------------------------------------------------------------------------------------------

    void on_node_started(errc code)
    {
        if (stopped_)
            return;
        if (code != errc::success) {
            started_ = false;
            node_->remove_scope(name_);
            return std::exchange(start_done_, nullptr)(code);
        }
        step([&](time_point now) { core_.start(names_of(factories_), node_->current_view(), now); });
    }

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

    void carry_out(core::start_effect& effect)
    {
        auto const generation = effect.generation;
        auto const link = std::make_shared<child_link>();
        auto const& id = link->id;
        link->host = this;
        link->id = std::move(effect.id);
        link->node = node_->name();
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
            return step([&](time_point now) { core_.on_child_start_failed(id, generation, *reason, now); });
        }
        made.start_failing = made.child->start_is_failing();
        if (made.start_failing)
            return; // its exit says why
        if (!link->ignored)
            return step([&](time_point now) { core_.on_child_started(id, generation, now); });
        instances_.destroy(id);
        step([&](time_point now) { core_.on_child_start_ignored(id, generation, now); });
    }

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
            reply = [weak = this->weak_from_this(), from = effect.from, number = effect.number](errc code, bytes payload) {
                if (auto const self = weak.lock())
                    self->answer(from, number, false, code, std::move(payload));
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
        if (cast || stopped_)
            return;
        step([&](time_point now) { core_.on_call_answered(to, number, code, std::move(payload), now); });
    }

    void carry_out(core::command_done_effect& effect) { pending_.complete(effect); }
    void carry_out(core::call_done_effect& effect) { pending_.complete(effect); }
    void carry_out(core::checkpoint_done_effect& effect) { pending_.complete(effect); }
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
            for (auto const& told : std::exchange(gave_up_handlers_, {}))
                told(effect.reason);
    }

    void carry_out(event& what)
    {
        for (auto const& watcher : watchers_)
            watcher(what);
    }

    // ---- instances ---------------------------------------------------------------------------------------------------

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
        step([&](time_point now) { core_.on_child_stopped(id, generation, std::move(saved), now); });
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
            return step([&](time_point now) { core_.on_child_start_failed(id, generation, exit.reason, now); });
        auto const kind = exit.normal ? supervision::exit_kind::normal : supervision::exit_kind::failure;
        step([&](time_point now) { core_.on_child_exit(id, generation, kind, exit.reason, now); });
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

    time_point now() const override { return node_->runtime().now(); }

    std::uint64_t set_timer(std::shared_ptr<child_link> const& link, duration after, unique_function<void()> turn) override
    {
        auto const number = timers_.set(link, saturating_add(now(), std::max(after, duration::zero())), std::move(turn));
        pump_soon(); // to arm the timer
        return number;
    }

    void cancel_timer(std::uint64_t timer) override { timers_.cancel(timer); }

    void checkpoint(child_link& link, bytes data, checkpoint_done done) override
    {
        auto const number = ++last_checkpoint_;
        pending_.checkpoints.add(number, std::move(done));
        step([&](time_point now) {
            core_.on_checkpoint(link.id, link.generation, {link.schema_version, std::move(data)}, number, now);
        });
    }

    void call(child_id target, bytes payload, call_done done) override
    {
        call_child(std::move(target), std::move(payload), false, std::move(done));
    }

    void cast(child_id target, bytes payload) override
    {
        call_child(std::move(target), std::move(payload), true, [](error_code, bytes) {});
    }

    void exit(std::shared_ptr<child_link> const& link, bool normal, std::string reason) override
    {
        exits_.push_back({link, normal, std::move(reason)});
        pump_soon();
    }

    void log(child_link const& link, std::string_view text) override
    {
        if (log_sink_)
            log_sink_(link.id, text);
    }

    void post(unique_function<void()> turn) override { node_->runtime().post(std::move(turn)); }

    static constexpr unsigned rounds_max = 64;                // then others get a turn on the strand
    static constexpr std::size_t effects_kept_max = 4 * 1024; // room for so many is kept

    std::shared_ptr<node_shell_type> node_;
    std::uint64_t scope_;
    std::string name_;
    std::string options_error_;
    mutable typename runtime_type::mutex_type mutex_; // guards core_
    core_type core_;
    typename runtime_type::timer_type timer_;
    time_point armed_for_ = never;
    bool started_ = false;
    bool stopped_ = false;
    bool pumping_ = false;
    bool pump_posted_ = false;
    bool fed_ = false;
    bool closing_ = false;

    child_factories factories_;
    instance_table instances_;
    child_timers timers_;
    std::remove_cvref_t<decltype(std::declval<core_type&>().effects())> effects_; // being carried out; kept for its room
    std::size_t effects_done_ = 0;
    bool sent_ = false; // something, since a start last waited for it
    std::vector<pending_exit> exits_;
    std::uint64_t last_checkpoint_ = 0;

    done_handler start_done_;
    std::vector<done_handler> stop_done_;
    pending_operations pending_;
    std::vector<std::function<void(event const&)>> watchers_;
    std::vector<std::function<void(std::string const&)>> gave_up_handlers_;
    std::function<void(child_id const&, std::string_view)> log_sink_;
};

} // namespace drover::detail
