// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/function.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/child/completion.hpp>
#include <drover/child/message.hpp>
#include <drover/error_code.hpp>
#include <drover/supervision/start_cause.hpp>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace drover {

class child_host;

/// One instance of a child, as it and its supervisor share it. For `child_context` and for those who write a kind of child.
struct child_link {
    child_host* host = nullptr; ///< null once the instance is gone: whatever it does then has no effect
    child_id id;
    std::string node;
    bytes arguments;
    generation_number generation = 0;
    std::uint32_t schema_version = 0;
    start_cause cause{};
    bool stopping = false;
    bool ignored = false;            ///< it said so when it was started: see `start_result`
    std::optional<bytes> state;      ///< what the instance before it saved
    std::uint32_t state_version = 0; ///< the schema that it was saved with

    /// For kinds of child that take their messages when they want them (`async_receive`).
    std::list<child_message> inbox; // most have none, and an empty list costs nothing
    unique_function<void(error_code, child_message)> receiver;
};

namespace limits {

inline constexpr std::size_t inbox_count_max = 1'024;

} // namespace limits

/// What a context asks of the supervisor. All on the supervisor's strand.
class child_host {
public:
    using checkpoint_done = unique_function<void(error_code)>;
    using call_done = unique_function<void(error_code, bytes)>;

    virtual time_point now() const = 0;
    virtual std::uint64_t set_timer(std::shared_ptr<child_link> const& link, duration after, unique_function<void()> turn) = 0;
    virtual void cancel_timer(std::uint64_t timer) = 0;
    virtual void checkpoint(child_link& link, bytes data, checkpoint_done done) = 0;
    virtual void call(child_id target, bytes payload, call_done done) = 0;
    virtual void cast(child_id target, bytes payload) = 0;
    virtual void exit(std::shared_ptr<child_link> const& link, bool normal, std::string reason) = 0;
    virtual void log(child_link const& link, std::string_view text) = 0;
    virtual void post(unique_function<void()> turn) = 0;

protected:
    ~child_host() = default;
};

/// What a child can do. A cheap handle; copies are of the same instance. Once the instance is gone (stopped, or replaced by
/// another one) everything but the reads does nothing, and the handlers of asynchronous operations are dropped uncalled.
/// Use it on the supervisor's strand, where the child runs.
class child_context {
public:
    explicit child_context(std::shared_ptr<child_link> link) : link_{std::move(link)} {}

    [[nodiscard]] child_id const& id() const { return link_->id; }
    /// The fencing token: larger for every instance. Pass it on to whatever the child writes to.
    [[nodiscard]] generation_number generation() const { return link_->generation; }
    [[nodiscard]] std::string const& node() const { return link_->node; }
    /// Why this instance was started: told apart are a crash, a failed start, the death of a node, a planned move, a conflict
    /// and a request.
    [[nodiscard]] start_cause cause() const { return link_->cause; }
    [[nodiscard]] bytes const& arguments() const { return link_->arguments; }
    /// The supervisor has asked this instance to stop, or it is gone.
    [[nodiscard]] bool stopping() const { return link_->stopping || link_->host == nullptr; }

    /// What the instance before this one saved last, if it did.
    [[nodiscard]] std::optional<bytes> const& state() const { return link_->state; }
    [[nodiscard]] std::uint32_t state_version() const { return link_->state_version; }

    /// Time of the runtime: real on sockets, virtual in a simulation.
    [[nodiscard]] time_point now() const { return link_->host != nullptr ? link_->host->now() : time_point{}; }

    /// Calls `turn` once, after that time, unless the instance is gone by then. Returns a number for `cancel`.
    std::uint64_t after(duration wait, unique_function<void()> turn) const
    {
        return link_->host != nullptr ? link_->host->set_timer(link_, wait, std::move(turn)) : 0;
    }

    void cancel(std::uint64_t timer) const
    {
        if (link_->host != nullptr)
            link_->host->cancel_timer(timer);
    }

    /// Waits. Completes with void(error_code): success, or `operation_aborted` when it was cancelled.
    template <class Token>
    auto async_wait(duration wait, Token&& token) const
    {
        return boost::asio::async_initiate<Token, void(error_code)>(
            [link = link_](auto handler, duration time) { start_wait(link, time, std::move(handler)); }, token, wait);
    }

    /// Saves `data` (at most 1 MiB) as the state that the next instance starts with. Completes with void(error_code) once as
    /// many members hold it, or a later one that replaced it, as the supervisor's `acknowledge` says; `errc::not_acknowledged`
    /// when they did not in time, `errc::superseded` when another instance took over, `errc::too_many_operations`.
    template <class Token>
    auto checkpoint(bytes data, Token&& token) const
    {
        return boost::asio::async_initiate<Token, void(error_code)>(
            [link = link_](auto handler, bytes saved) {
                auto done = while_there<error_code>(link, detail::keep_handler<error_code>(std::move(handler)));
                if (link->host == nullptr)
                    return; // the instance is gone, and so is whoever would care
                link->host->checkpoint(*link, std::move(saved), std::move(done));
            },
            token, std::move(data));
    }

    /// Saves `data`, and does not wait.
    void checkpoint(bytes data) const
    {
        if (link_->host != nullptr)
            link_->host->checkpoint(*link_, std::move(data), [](error_code) {});
    }

    /// Takes the next message that was sent to this child. For coroutines; one at a time. Completes with
    /// void(error_code, child_message): success, or `operation_aborted` when it was cancelled.
    template <class Token>
    auto async_receive(Token&& token) const
    {
        return boost::asio::async_initiate<Token, void(error_code, child_message)>(
            [link = link_](auto handler) { start_receive(link, std::move(handler)); }, token);
    }

    /// Calls another child, wherever it runs. Completes with void(error_code, bytes).
    template <class Token>
    auto async_call(child_id target, bytes payload, Token&& token) const
    {
        return boost::asio::async_initiate<Token, void(error_code, bytes)>(
            [link = link_](auto handler, child_id to, bytes request) {
                auto done = while_there<error_code, bytes>(link, detail::keep_handler<error_code, bytes>(std::move(handler)));
                if (link->host != nullptr)
                    link->host->call(std::move(to), std::move(request), std::move(done));
            },
            token, std::move(target), std::move(payload));
    }

    /// Sends to another child, wherever it runs; at most once.
    void cast(child_id target, bytes payload) const
    {
        if (link_->host != nullptr)
            link_->host->cast(std::move(target), std::move(payload));
    }

    /// Ends this instance. The reasons "normal" and "shutdown" are normal exits, as in OTP; every other one is a failure.
    /// Takes effect when the present hook has returned.
    void exit(std::string reason = "normal") const
    {
        auto const normal = reason == "normal" || reason == "shutdown";
        if (link_->host != nullptr)
            link_->host->exit(link_, normal, std::move(reason));
    }

    void log(std::string_view text) const
    {
        if (link_->host != nullptr)
            link_->host->log(*link_, text);
    }

    [[nodiscard]] std::shared_ptr<child_link> const& link() const { return link_; }

private:
    // Nothing of an instance is called once it is gone.
    template <class... Args>
    static unique_function<void(Args...)> while_there(
        std::shared_ptr<child_link> const& link, unique_function<void(Args...)> handler)
    {
        return [link, handler = std::move(handler)](Args... args) mutable {
            if (link->host != nullptr)
                handler(std::move(args)...);
        };
    }

    template <class Handler>
    static void start_receive(std::shared_ptr<child_link> const& link, Handler handler)
    {
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        if (link->host == nullptr)
            return;
        expects(!link->receiver, "a child receives one message at a time");
        link->receiver = detail::keep_handler<error_code, child_message>(std::move(handler));
        if (!link->inbox.empty()) {
            link->host->post([link] { take_message(*link); });
        } else if (slot.is_connected()) {
            slot.assign([link](boost::asio::cancellation_type type) {
                if (type == boost::asio::cancellation_type::none || link->host == nullptr)
                    return;
                link->host->post([link] {
                    if (auto receiver = std::exchange(link->receiver, nullptr))
                        receiver(detail::operation_aborted(), child_message{{}, {}, nullptr});
                });
            });
        }
    }

    static void take_message(child_link& link)
    {
        if (link.inbox.empty() || !link.receiver)
            return;
        auto message = std::move(link.inbox.front());
        link.inbox.pop_front();
        std::exchange(link.receiver, nullptr)(error_code{}, std::move(message));
    }

    template <class Handler>
    static void start_wait(std::shared_ptr<child_link> const& link, duration wait, Handler handler)
    {
        auto slot = boost::asio::get_associated_cancellation_slot(handler);
        if (link->host == nullptr)
            return;
        auto const done =
            std::make_shared<unique_function<void(error_code)>>(detail::keep_handler<error_code>(std::move(handler)));
        auto const timer = link->host->set_timer(link, wait, [done, slot]() mutable {
            if (slot.is_connected())
                slot.clear();
            finish(*done, error_code{});
        });
        if (!slot.is_connected())
            return;
        // The timer owns the handler. The slot may be part of what the handler keeps alive, so it only looks.
        slot.assign([link, timer, seen = std::weak_ptr{done}](boost::asio::cancellation_type type) {
            auto const kept = seen.lock();
            if (type == boost::asio::cancellation_type::none || link->host == nullptr || kept == nullptr)
                return;
            link->host->cancel_timer(timer);
            link->host->post([kept] { finish(*kept, detail::operation_aborted()); });
        });
    }

    static void finish(unique_function<void(error_code)>& handler, error_code code)
    {
        if (auto call = std::exchange(handler, nullptr))
            call(code);
    }

    std::shared_ptr<child_link> link_;
};

} // namespace drover
