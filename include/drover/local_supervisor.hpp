// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/child/completion.hpp>
#include <drover/child/context.hpp>
#include <drover/child/object.hpp>
#include <drover/child/supervisor_child.hpp>
#include <drover/core/census.hpp>
#include <drover/core/effects.hpp>
#include <drover/core/events.hpp>
#include <drover/error_code.hpp>
#include <drover/local_supervisor_shell.hpp>
#include <drover/policy/transport.hpp>
#include <drover/supervision/local_options.hpp>

#include <boost/asio/async_result.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace drover {

/// Supervision in one process, by the rules of Erlang/OTP: no cluster, no transport, nothing on a disk. Types of children, specs
/// and operations are those of `distributed_supervisor`.
///
/// `Runtime` is where time and turns come from: `net::local_supervisor` and `simulation::local_supervisor` name it. What each
/// rule says, and where it departs from OTP, is in docs/supervision.md.
///
/// Threads: operations may be called from any thread, and take effect on the supervisor's strand; completion handlers run on
/// their associated executor, or on the strand; reads may be called from any thread. Registration of child types and of
/// watchers belongs before `async_start`. Children run on the strand.
template <class Runtime>
class local_supervisor {
    static_assert(runtime<Runtime>,
        "drover: the parameter of local_supervisor must be a runtime: clock, timers, randomness and strand (see "
        "docs/concepts/transport.md)");

public:
    using runtime_type = Runtime;
    using executor_type = typename runtime_type::executor_type;

    /// `context`: a runtime, an executor or an execution context, or a `simulation::world`, in which the supervisor is then a
    /// host of its own, by the name of its options.
    template <class Context>
    explicit local_supervisor(Context&& context, local_supervisor_options options = {})
        : shell_{std::make_shared<shell_type>(runtime_of(std::forward<Context>(context), options.name), std::move(options))}
    {
    }

    local_supervisor(local_supervisor&&) noexcept = default;
    local_supervisor& operator=(local_supervisor&&) = delete;

    /// Ends at once what was not stopped: children are destroyed, the last started first; operations complete with
    /// `errc::shutting_down`.
    ~local_supervisor()
    {
        if (shell_)
            shell_->runtime().dispatch([shell = shell_] { shell->close(); });
    }

    // ---- types of children -------------------------------------------------------------------------------------------

    /// Registers an object type (see child/object.hpp for its hooks) under `child_type_name<T>()`.
    template <class T>
    void add_child_type()
    {
        add_child_type<T>(std::string{child_type_name<T>()});
    }

    template <class T>
    void add_child_type(std::string name)
    {
        shell_->add_type(std::move(name), make_object_factory<T>(get_executor()));
    }

    /// Registers a factory: a callable that takes a `child_context` and returns the child: an object with hooks, an
    /// `awaitable<void>` (`drover/coroutine.hpp`), a `supervisor_child`, or a `std::unique_ptr<child_instance>`.
    template <class Factory>
    void add_child_type(std::string name, Factory factory)
    {
        shell_->add_type(std::move(name), make_child_factory(std::move(factory), get_executor()));
    }

    // ---- life --------------------------------------------------------------------------------------------------------

    /// Starts `options.children`, left to right. Completes with void(error_code): success; `start_failed`, after those that had
    /// started were stopped, right to left; `invalid_options`, `invalid_spec`, `unknown_type`, `already_running`,
    /// `shutting_down`.
    template <class Token>
    auto async_start(Token&& token)
    {
        return initiate<void(error_code)>([](shell_type& shell, auto done) { shell.start(std::move(done)); }, token);
    }

    /// Stops all children, as `options.stop_order` says, each within its own deadline. Completes with void(error_code), success.
    template <class Token>
    auto async_stop(Token&& token)
    {
        return initiate<void(error_code)>([](shell_type& shell, auto done) { shell.stop(std::move(done)); }, token);
    }

    /// Waits for the end of the supervisor. Completes with void(error_code, std::string reason): success and "shutdown" when it
    /// was stopped, or its significant children were done; `gave_up` and "shutdown"; or why it did not start.
    template <class Token>
    auto async_wait(Token&& token)
    {
        return initiate<void(error_code, std::string)>([](shell_type& shell, auto done) { shell.wait(std::move(done)); }, token);
    }

    // ---- commands ----------------------------------------------------------------------------------------------------
    // Each completes exactly once, with void(error_code, child_ref). All: `not_started`, `shutting_down`.

    /// Starts a child. Completes when it runs, or has said `ignore` (then with generation 0). Errors: `already_started`,
    /// `already_present` (it does not run), `start_failed` (nothing is left behind), `invalid_spec`, `unknown_type`,
    /// `max_children`.
    template <class Token>
    auto async_start_child(child_spec spec, Token&& token)
    {
        return command(supervision::command_kind::start, std::move(spec), token);
    }

    /// Stops a child; its spec stays, and it does not run until `async_restart_child`, or until its group is restarted. A
    /// temporary child is forgotten. When this completes, nothing of the child runs any more. Errors: `not_found`.
    template <class Token>
    auto async_terminate_child(child_id id, Token&& token)
    {
        return command(supervision::command_kind::terminate, only_id(std::move(id)), token);
    }

    /// Starts a child again that does not run, or is parked. Errors: `not_found`, `running`, `restarting`, `start_failed`.
    template <class Token>
    auto async_restart_child(child_id id, Token&& token)
    {
        return command(supervision::command_kind::restart, only_id(std::move(id)), token);
    }

    /// Forgets a child that does not run, with its state. Errors: `not_found`, `running`, `restarting`.
    template <class Token>
    auto async_delete_child(child_id id, Token&& token)
    {
        return command(supervision::command_kind::remove, only_id(std::move(id)), token);
    }

    /// Replaces the spec of a child, where it stands; a running instance is stopped, and started again with its state under the
    /// new spec. Errors: `not_found`, `invalid_spec`, `unknown_type`, `start_failed` (it stays, and does not run).
    template <class Token>
    auto async_update_child(child_spec spec, Token&& token)
    {
        return command(supervision::command_kind::update, std::move(spec), token);
    }

    // ---- messages ----------------------------------------------------------------------------------------------------

    /// Calls a child. Completes with void(error_code, bytes). Errors: `not_found` (or it does not run), `restarting`,
    /// `owner_lost` (it ended before it answered: the call may have run), `no_such_message`, `child_failed`,
    /// `message_too_large`, `shutting_down`.
    template <class Token>
    auto async_call(child_id id, bytes request, Token&& token)
    {
        return initiate<void(error_code, bytes)>(
            [](shell_type& shell, auto done, child_id to, bytes payload) {
                shell.ask(std::move(to), std::move(payload), std::move(done));
            },
            token, std::move(id), std::move(request));
    }

    /// Sends to a child. Nobody hears of a failure.
    void cast(child_id id, bytes message)
    {
        shell_->runtime().dispatch([shell = shell_, id = std::move(id), message = std::move(message)]() mutable {
            shell->cast_to(std::move(id), std::move(message));
        });
    }

    // ---- reads, from any thread --------------------------------------------------------------------------------------

    /// A child that runs or is about to. O(1).
    [[nodiscard]] std::optional<child_ref> find(child_id const& id) const { return shell_->find(id); }

    /// In the order of their start. O(children).
    [[nodiscard]] std::vector<child_info> which_children() const { return shell_->which_children(); }

    /// O(1).
    [[nodiscard]] child_counts count_children() const { return shell_->count_children(); }

    [[nodiscard]] std::optional<child_spec> child_spec_of(child_id const& id) const { return shell_->child_spec_of(id); }

    // ---- hooks -------------------------------------------------------------------------------------------------------

    /// Calls `watcher` on the strand for all that happens, and for what was refused, with the reason. Costs nothing while nobody
    /// watches. Before `async_start`.
    void events(std::function<void(event const&)> watcher) { shell_->watch(std::move(watcher)); }

    /// Where `child_context::log` goes. Before `async_start`.
    void log_to(std::function<void(child_id const&, std::string_view)> sink) { shell_->log_to(std::move(sink)); }

    [[nodiscard]] std::string const& node_name() const { return shell_->name(); }
    [[nodiscard]] executor_type get_executor() const { return shell_->runtime().get_executor(); }

private:
    using shell_type = detail::local_supervisor_shell<Runtime>;

    template <class Context>
    static Runtime runtime_of(Context&& context, std::string const& name)
    {
        if constexpr (std::is_same_v<std::remove_cvref_t<Context>, Runtime>)
            return context;
        else
            return Runtime{std::forward<Context>(context), name};
    }

    static child_spec only_id(child_id id)
    {
        child_spec spec;
        spec.id = std::move(id);
        return spec;
    }

    template <class Signature>
    struct keep;
    template <class... Args>
    struct keep<void(Args...)> {
        template <class Handler>
        static auto handler(Handler&& handler)
        {
            return detail::keep_handler<Args...>(std::forward<Handler>(handler));
        }
    };

    // Runs `operation` on the strand, in a turn of its own: no handler is called from within its initiation.
    template <class Signature, class Operation, class Token, class... Args>
    auto initiate(Operation operation, Token&& token, Args&&... args)
    {
        return boost::asio::async_initiate<Token, Signature>(
            [shell = shell_, operation = std::move(operation)](auto handler, auto&&... values) {
                shell->runtime().post([shell, operation, done = keep<Signature>::handler(std::move(handler)),
                                          ... values = std::forward<decltype(values)>(values)]() mutable {
                    operation(*shell, std::move(done), std::move(values)...);
                });
            },
            token, std::forward<Args>(args)...);
    }

    template <class Token>
    auto command(supervision::command_kind kind, child_spec&& spec, Token&& token)
    {
        return initiate<void(error_code, child_ref)>(
            [kind](
                shell_type& shell, auto done, child_spec&& wanted) { shell.command(kind, std::move(wanted), std::move(done)); },
            token, std::move(spec));
    }

    std::shared_ptr<shell_type> shell_;
};

} // namespace drover
