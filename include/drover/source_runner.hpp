// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/function.hpp>
#include <drover/child/child_source.hpp>
#include <drover/child/context.hpp>
#include <drover/child/guarded.hpp>
#include <drover/child/object.hpp>
#include <drover/core/core_state.hpp>
#include <drover/core/events.hpp>
#include <drover/error_code.hpp>
#include <drover/policy/transport.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

namespace drover::detail {

/// One source of children on one node: carries readings to the core, and commands of users to a source that is writable before
/// they are carried out. On the strand.
template <class Shell>
class source_runner final : public core::source_port,
                            public source_host,
                            public std::enable_shared_from_this<source_runner<Shell>> {
public:
    using runtime_type = typename Shell::runtime_type;
    using command_handler = typename Shell::command_handler;

    source_runner(std::shared_ptr<Shell> const& shell, std::shared_ptr<child_source> source, child_source_options const& options)
        : shell_{shell}, runtime_{shell->runtime()}, source_{std::move(source)}, options_{options}, host_timer_{runtime_},
          write_timer_{runtime_}
    {
    }

    /// Before the supervisor starts.
    static void add(
        std::shared_ptr<Shell> const& shell, std::shared_ptr<child_source> source, child_source_options const& options)
    {
        expects(source != nullptr, "add_child_source takes a source");
        auto const sentence = validate(options);
        expects(sentence.empty(), sentence.c_str());
        auto const& known = shell->core_.state().sources.entries;
        expects(known.size() < limits::sources_count_max, "a supervisor has no more sources of children than sources_count_max");
        for (auto const& each : known)
            expects(each.port->name() != source->name(), "the sources of one supervisor have names of their own");
        shell->add_type(
            std::string{core::source_type_prefix} + source->name(), [](child_context) -> std::unique_ptr<child_instance> {
                throw std::invalid_argument{"its type is the name of a source of children"};
            });
        shell->core_.add_source(std::make_shared<source_runner>(shell, std::move(source), options), options);
    }

    /// Carries a command out, once the source that owns the id has taken it, if it is a writable one.
    static void command(Shell& shell, core::command_kind kind, child_spec&& spec, command_handler&& done)
    {
        auto const changes =
            kind == core::command_kind::start || kind == core::command_kind::update || kind == core::command_kind::remove;
        auto const* const owner = changes ? shell.core_.state().sources.owner_of(spec.id) : nullptr;
        if (owner == nullptr || !owner->port->is_writable() || shell.stopped_ || !can_be_done(shell, kind, spec))
            return shell.command(kind, std::move(spec), std::move(done));
        std::static_pointer_cast<source_runner>(owner->port)->write_first(kind, std::move(spec), std::move(done));
    }

    // ---- for the core ------------------------------------------------------------------------------------------------

    [[nodiscard]] std::string const& name() const override { return source_->name(); }
    [[nodiscard]] bool owns(bytes_view id) const noexcept override { return source_->owns(id); }
    [[nodiscard]] bool is_writable() const noexcept override { return source_->is_writable(); }

    void read(std::uint64_t number) override
    {
        if (closed_)
            return;
        auto failure = begin();
        if (!failure)
            failure = guarded([&] {
                source_->read([weak = this->weak_from_this(), number](source_reading reading) {
                    if (auto const self = weak.lock())
                        self->on_read(number, std::move(reading));
                });
            });
        if (failure)
            on_read(number, source_reading::failed(std::move(*failure)));
    }

    void close() override
    {
        if (std::exchange(closed_, true))
            return;
        host_timer_.cancel();
        write_timer_.cancel();
        if (begun_)
            (void)guarded([&] { source_->stop(); });
        for (auto& [number, each] : std::exchange(writes_, {}))
            each.done(errc::outcome_unknown, {});
    }

    // ---- for the source ----------------------------------------------------------------------------------------------

    [[nodiscard]] time_point now() const override { return runtime_.now(); }

    void set_timer(duration after, unique_function<void()> turn) override
    {
        if (!closed_)
            host_timer_.expires_at(
                saturating_add(now(), after), [weak = this->weak_from_this(), turn = std::move(turn)]() mutable {
                    if (auto const self = weak.lock(); self && !self->closed_)
                        self->on_turn(turn);
                });
    }

    void offload(unique_function<void()> work, unique_function<void()> done) override
    {
        auto then = [weak = this->weak_from_this(), done = std::move(done)]() mutable {
            if (auto const self = weak.lock(); self && !self->closed_)
                self->on_turn(done);
        };
        if constexpr (offloading_runtime<runtime_type>)
            runtime_.offload(std::move(work), std::move(then));
        else
            runtime_.post([work = std::move(work), then = std::move(then)]() mutable {
                work();
                then();
            });
    }

private:
    struct write {
        time_point deadline{};
        /// Success with an empty sentence, `source_failed` with one; or what became of it otherwise.
        unique_function<void(errc, std::string)> done;
    };

    // Otherwise it is refused as it is for any child, and the source is not troubled.
    [[nodiscard]] static bool can_be_done(Shell& shell, core::command_kind kind, child_spec const& spec)
    {
        return shell.read([&](auto& core) { return core.could_be_done(kind, spec); });
    }

    // Why it could not.
    std::optional<std::string> begin()
    {
        if (begun_)
            return std::nullopt;
        auto failure = guarded([&] {
            source_->start(*this, [weak = this->weak_from_this()] {
                if (auto const self = weak.lock())
                    self->on_changed();
            });
        });
        begun_ = !failure;
        return failure;
    }

    void on_turn(unique_function<void()>& turn)
    {
        if (auto const failure = guarded([&] { turn(); }))
            tell("it threw: " + *failure);
    }

    void tell(std::string sentence)
    {
        event what{event_kind::source_failed, name(), 0, std::move(sentence)};
        if (auto const shell = shell_.lock())
            shell->carry_out(what);
    }

    void on_changed()
    {
        if (auto const shell = shell_.lock(); shell && !closed_)
            shell->step([&](time_point) { shell->core_.on_source_changed(*this); });
    }

    void on_read(std::uint64_t number, source_reading&& reading)
    {
        if (auto const shell = shell_.lock(); shell && !closed_)
            shell->step([&](time_point now) { shell->core_.on_source_read(*this, number, std::move(reading), now); });
    }

    // ---- writing -----------------------------------------------------------------------------------------------------

    // First the list, then the child: what runs is always listed. When the child cannot be started, it leaves the list.
    void write_first(core::command_kind kind, child_spec&& spec, command_handler&& done)
    {
        auto before = shell_.lock()->read([&](auto& core) { return core.spec_of(spec.id); });
        auto const removes = kind == core::command_kind::remove;
        auto const listed = spec;
        change(removes ? nullptr : &listed, listed.id,
            [weak = this->weak_from_this(), kind, spec = std::move(spec), before = std::move(before), done = std::move(done)](
                errc code, std::string reason) mutable {
                auto const self = weak.lock();
                auto const shell = self ? self->shell_.lock() : nullptr;
                if (code == errc::source_failed && self)
                    self->tell("it did not take the change of child '" + spec.id + "': " + reason);
                if (code != errc::success || !shell)
                    return done(make_error_code(code == errc::success ? errc::outcome_unknown : code), child_ref{spec.id, {}, 0});
                auto wanted = spec;
                shell->command(kind, std::move(wanted),
                    [weak, kind, spec = std::move(spec), before = std::move(before), done = std::move(done)](
                        error_code result, child_ref ref) mutable {
                        auto const then = weak.lock();
                        if (then && then->is_to_be_undone(kind, result))
                            return then->undo(spec.id, before, result, std::move(ref), std::move(done));
                        done(then ? then->outcome_of(kind, spec, result) : result, std::move(ref));
                    });
            });
    }

    // Certainly not done.
    [[nodiscard]] static bool is_to_be_undone(core::command_kind kind, error_code result)
    {
        for (auto const code : {errc::unknown_type, errc::no_eligible_node, errc::max_children, errc::too_many_operations,
                 errc::invalid_spec, errc::shutting_down, errc::not_started})
            if (result == code)
                return kind != core::command_kind::remove;
        return result == errc::start_failed && kind == core::command_kind::start;
    }

    // Who drives the source may have been faster.
    [[nodiscard]] error_code outcome_of(core::command_kind kind, child_spec const& spec, error_code result) const
    {
        if (kind == core::command_kind::remove && result == errc::not_found)
            return {};
        if (kind != core::command_kind::start || result != errc::already_started)
            return result;
        auto const shell = shell_.lock();
        auto const present = shell ? shell->read([&](auto& core) { return core.spec_of(spec.id); }) : std::nullopt;
        return !present || *present == spec ? error_code{} : result;
    }

    void undo(child_id const& id, std::optional<child_spec> const& before, error_code result, child_ref ref, command_handler done)
    {
        change(before ? &*before : nullptr, id,
            [weak = this->weak_from_this(), id, result, ref = std::move(ref), done = std::move(done)](
                errc code, std::string const& reason) mutable {
                if (auto const self = weak.lock(); self && code != errc::success)
                    self->tell("child '" + id + "' could not be started, and stays in the list: " + reason);
                done(result, std::move(ref));
            });
    }

    // Puts the entry, or removes it when there is none.
    void change(child_spec const* entry, child_id const& id, unique_function<void(errc, std::string)> done)
    {
        if (closed_)
            return done(errc::outcome_unknown, {});
        auto const number = ++writes_begun_;
        writes_[number] = {saturating_add(now(), options_.read_timeout), std::move(done)};
        arm();
        auto failure = begin();
        auto written = [weak = this->weak_from_this(), number](std::string sentence) {
            auto const code = sentence.empty() ? errc::success : errc::source_failed;
            if (auto const self = weak.lock())
                self->on_written(number, code, std::move(sentence));
        };
        if (!failure)
            failure = guarded([&] {
                if (entry != nullptr)
                    source_->put(*entry, std::move(written));
                else
                    source_->remove(id, std::move(written));
            });
        if (failure)
            on_written(number, errc::source_failed, std::move(*failure));
    }

    void on_written(std::uint64_t number, errc code, std::string sentence)
    {
        auto const found = writes_.find(number);
        if (closed_ || found == writes_.end())
            return; // too late
        auto done = std::move(found->second.done);
        writes_.erase(found);
        done(code, std::move(sentence));
    }

    void arm()
    {
        if (writes_.empty())
            return;
        write_timer_.expires_at(writes_.begin()->second.deadline, [weak = this->weak_from_this()] {
            if (auto const self = weak.lock(); self && !self->closed_)
                self->on_write_timer();
        });
    }

    void on_write_timer()
    {
        while (!closed_ && !writes_.empty() && writes_.begin()->second.deadline <= now())
            on_written(writes_.begin()->first, errc::timed_out, "it gave no answer within its time limit");
        if (!closed_)
            arm();
    }

    std::weak_ptr<Shell> shell_;
    runtime_type runtime_;
    std::shared_ptr<child_source> source_;
    child_source_options options_;
    typename runtime_type::timer_type host_timer_;
    typename runtime_type::timer_type write_timer_;
    std::map<std::uint64_t, write> writes_; ///< under way; their deadlines ascend
    std::uint64_t writes_begun_ = 0;
    bool begun_ = false;
    bool closed_ = false;
};

} // namespace drover::detail
