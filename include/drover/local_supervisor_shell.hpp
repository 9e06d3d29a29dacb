// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/function.hpp>
#include <drover/base/function_table.hpp>
#include <drover/base/hash.hpp>
#include <drover/child/child_runner.hpp>
#include <drover/core/census.hpp>
#include <drover/core/effects.hpp>
#include <drover/core/events.hpp>
#include <drover/error_code.hpp>
#include <drover/supervision/local_options.hpp>

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::detail {

[[nodiscard]] constexpr event_kind event_of(supervision::note_kind kind)
{
    using supervision::note_kind;
    switch (kind) {
    case note_kind::child_starting: return event_kind::child_starting;
    case note_kind::child_started: return event_kind::child_started;
    case note_kind::child_start_failed: return event_kind::child_start_failed;
    case note_kind::child_exited: return event_kind::child_exited;
    case note_kind::child_stopped: return event_kind::child_stopped;
    case note_kind::child_parked: return event_kind::child_parked;
    case note_kind::child_forgotten: return event_kind::child_deleted;
    case note_kind::command_refused: return event_kind::command_refused;
    }
    return event_kind::command_refused;
}

[[nodiscard]] constexpr child_status status_of(supervision::child const& of)
{
    using supervision::child_state;
    switch (of.state) {
    case child_state::idle: return of.terminated ? child_status::terminated : child_status::ended;
    case child_state::running: return child_status::running_here;
    case child_state::stopping: return child_status::stopping;
    case child_state::parked: return child_status::parked;
    case child_state::starting:
    case child_state::exited:
    case child_state::restarting: break;
    }
    return child_status::starting;
}

/// The shell of a `local_supervisor`: its runner on a strand of a runtime, with its operations and their handlers.
template <class Runtime>
class local_supervisor_shell final : public child_runner {
public:
    using done_handler = unique_function<void(error_code)>;
    using wait_handler = unique_function<void(error_code, std::string)>;
    using command_handler = unique_function<void(error_code, child_ref)>;

    local_supervisor_shell(Runtime of, local_supervisor_options options)
        : child_runner{options.name}, runtime_{std::move(of)}, timer_{runtime_}, options_{std::move(options)}
    {
    }

    [[nodiscard]] Runtime& runtime() { return runtime_; }
    [[nodiscard]] std::string const& name() const { return name_; }

    void add_type(std::string name, child_factory factory)
    {
        expects(!name.empty() && name.size() <= limits::type_name_size_max, "a child type has a name of 1 to 255 octets");
        expects(static_cast<bool>(factory), "a child type has a factory");
        factories_.insert_or_assign(std::move(name), std::move(factory));
    }

    void watch(std::function<void(event const&)> watcher) { watchers_.push_back(std::move(watcher)); }
    void log_to(std::function<void(child_id const&, std::string_view)> sink) { log_sink_ = std::move(sink); }

    // ---- life --------------------------------------------------------------------------------------------------------

    void start(done_handler done)
    {
        if (closed() || machine_)
            return done(make_error_code(closed() ? errc::shutting_down : errc::already_running));
        auto const [code, sentence] = what_is_wrong();
        if (code != errc::success) {
            tell({event_kind::command_refused, name_, 0, sentence});
            ended_.emplace(make_error_code(code), sentence);
            close();
            return done(make_error_code(code));
        }
        start_done_ = std::move(done);
        begin(std::move(options_), runtime_.random(hash64("local supervisor")), !watchers_.empty());
    }

    void stop(done_handler done)
    {
        if (!closed() && !machine_) {
            ended_.emplace(error_code{}, "shutdown");
            close();
        }
        if (closed())
            return done(error_code{});
        stop_done_.push_back(std::move(done));
        step([](machine_type& machine, time_point time) { machine.stop(time); });
    }

    void wait(wait_handler done)
    {
        if (closed())
            return done(ended_->first, ended_->second);
        wait_done_.push_back(std::move(done));
    }

    // ---- commands and messages ---------------------------------------------------------------------------------------

    void command(supervision::command_kind kind, child_spec&& spec, command_handler&& done)
    {
        if (closed() || !machine_)
            return done(
                make_error_code(closed() ? errc::shutting_down : errc::not_started), child_ref{std::move(spec.id), name_, 0});
        auto const has_spec = kind == supervision::command_kind::start || kind == supervision::command_kind::update;
        auto const unknown = has_spec && validate(spec).empty() && !factories_.contains(spec.type);
        step([&](machine_type& machine, time_point time) {
            auto const number = unknown ? machine.refuse_command(std::move(spec.id), errc::unknown_type,
                                    "type '" + spec.type + "' is not registered with this supervisor")
                                        : machine.command(kind, std::move(spec), time);
            commands_.add(number, std::move(done));
        });
    }

    void ask(child_id&& to, bytes&& payload, call_done&& done)
    {
        if (closed() || !machine_)
            return done(make_error_code(closed() ? errc::shutting_down : errc::not_started), bytes{});
        call_child(std::move(to), std::move(payload), std::move(done));
    }

    void cast_to(child_id&& to, bytes&& payload)
    {
        if (!closed() && machine_)
            cast_to_child(std::move(to), std::move(payload));
    }

    // ---- reads, from any thread --------------------------------------------------------------------------------------

    [[nodiscard]] std::optional<child_ref> find(child_id const& id)
    {
        std::lock_guard const guard{mutex_};
        auto const* const found = child_of(id);
        if (found == nullptr || found->state == supervision::child_state::idle
            || found->state == supervision::child_state::parked)
            return std::nullopt;
        return child_ref{id, name_, found->generation};
    }

    [[nodiscard]] std::optional<child_spec> child_spec_of(child_id const& id)
    {
        std::lock_guard const guard{mutex_};
        auto const* const found = child_of(id);
        return found == nullptr ? std::nullopt : std::optional{found->spec};
    }

    [[nodiscard]] std::vector<child_info> which_children()
    {
        std::lock_guard const guard{mutex_};
        std::vector<child_info> all;
        if (!machine_)
            return all;
        auto const& children = machine_->children();
        all.reserve(children.size());
        for (auto slot = children.first(); slot != supervision::no_child; slot = children[slot].next) {
            auto const& each = children[slot];
            all.push_back({each.spec.id, each.spec.type, status_of(each), name_, each.generation, each.spec.restart,
                each.history ? each.history->reason : std::string{}});
        }
        return all;
    }

    [[nodiscard]] child_counts count_children()
    {
        std::lock_guard const guard{mutex_};
        child_counts counts;
        if (!machine_)
            return counts;
        auto const& children = machine_->children();
        counts.specs = children.size();
        counts.supervisors = children.supervisors_count();
        counts.workers = counts.specs - counts.supervisors;
        counts.active = children.active_count();
        counts.parked = children.parked_count();
        counts.local = counts.active;
        return counts;
    }

private:
    [[nodiscard]] std::pair<errc, std::string> what_is_wrong() const
    {
        if (auto sentence = validate(options_); !sentence.empty())
            return {sentence.starts_with("child '") ? errc::invalid_spec : errc::invalid_options, std::move(sentence)};
        if (auto sentence = unknown_type_among(options_.children); !sentence.empty())
            return {errc::unknown_type, std::move(sentence)};
        return {errc::success, {}};
    }

    [[nodiscard]] supervision::child const* child_of(child_id const& id) const
    {
        return machine_ ? std::as_const(*machine_).children().find(id) : nullptr;
    }

    void tell(event const& what)
    {
        for (auto const& watcher : watchers_)
            watcher(what);
    }

    // ---- from the runner ---------------------------------------------------------------------------------------------

    void lock() override { mutex_.lock(); }
    void unlock() override { mutex_.unlock(); }

    void wake_at(time_point at) override
    {
        if (at == never)
            return timer_.cancel();
        timer_.expires_at(at, [weak = weak_from_this()] {
            if (auto const self = weak.lock())
                static_cast<local_supervisor_shell&>(*self).on_timer();
        });
    }

    void on_started() override
    {
        tell({event_kind::supervisor_started, name_, 0, {}});
        if (start_done_)
            std::exchange(start_done_, nullptr)(error_code{});
    }

    void on_ended(supervision::ended_effect& what) override
    {
        ended_.emplace(make_error_code(what.code), what.reason);
        tell({event_kind::supervisor_stopped, name_, 0, what.reason});
        if (start_done_ && what.code != errc::success)
            std::exchange(start_done_, nullptr)(make_error_code(what.code));
    }

    void on_closed() override
    {
        timer_.cancel();
        if (!ended_)
            ended_.emplace(make_error_code(errc::shutting_down), "killed");
        commands_.take_all([](auto& done) { done(make_error_code(errc::shutting_down), child_ref{}); });
        if (start_done_)
            std::exchange(start_done_, nullptr)(make_error_code(errc::shutting_down));
        for (auto& done : std::exchange(stop_done_, {}))
            done(error_code{});
        for (auto& done : std::exchange(wait_done_, {}))
            done(ended_->first, ended_->second);
    }

    void on_command_done(supervision::command_done_effect& what) override
    {
        if (auto done = commands_.take(what.number))
            done(make_error_code(what.code), child_ref{std::move(what.id), name_, what.generation});
    }

    void on_note(supervision::note_effect& what) override
    {
        tell({event_of(what.kind), std::move(what.id), what.generation, std::move(what.reason)});
    }

    time_point now() const override { return runtime_.now(); }
    void post(unique_function<void()> turn) override { runtime_.post(std::move(turn)); }
    void log(child_link const& link, std::string_view text) override
    {
        if (log_sink_)
            log_sink_(link.id, text);
    }

    Runtime runtime_;
    typename Runtime::mutex_type mutex_; // guards the machine
    typename Runtime::timer_type timer_;
    local_supervisor_options options_; // until it is started
    done_handler start_done_;
    std::vector<done_handler> stop_done_;
    std::vector<wait_handler> wait_done_;
    function_table<void(error_code, child_ref)> commands_;
    std::optional<std::pair<error_code, std::string>> ended_;
    std::vector<std::function<void(event const&)>> watchers_;
    std::function<void(child_id const&, std::string_view)> log_sink_;
};

} // namespace drover::detail
