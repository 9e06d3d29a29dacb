// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/child/object.hpp>
#include <drover/completion.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace drover {
namespace detail {

/// A child that is a coroutine: returning is a normal exit, throwing is a failure, stopping is cancellation. It runs on the
/// supervisor's strand, real or virtual. It saves by `child_context::checkpoint`, and starts from `child_context::state`.
///
/// A coroutine that ignores its cancellation past the shutdown deadline is cut off: its context does nothing any more.
class coroutine_instance final : public child_instance {
public:
    using body = std::function<boost::asio::awaitable<void>(child_context)>;

    coroutine_instance(child_context context, body make, boost::asio::any_io_executor executor)
        : context_{std::move(context)}, make_{std::move(make)}, executor_{std::move(executor)},
          cancel_{std::make_shared<boost::asio::cancellation_signal>()}
    {
    }

    ~coroutine_instance() override
    {
        context_.link()->inbox.clear();
        context_.link()->receiver = nullptr;
    }

    void start() override
    {
        auto finished = [context = context_, cancel = cancel_](std::exception_ptr failure) {
            if (failure && !context.link()->stopping)
                context.exit(reason_of(failure));
            else
                context.exit();
        };
        boost::asio::co_spawn(
            executor_, make_(context_), boost::asio::bind_cancellation_slot(cancel_->slot(), std::move(finished)));
    }

    void deliver(child_message message) override
    {
        auto& link = *context_.link();
        if (link.receiver)
            return std::exchange(link.receiver, nullptr)(error_code{}, std::move(message));
        if (link.inbox.size() >= limits::inbox_count_max)
            return message.fail(errc::too_many_operations);
        link.inbox.push_back(std::move(message));
    }

    std::optional<bytes> save() override { return std::nullopt; }

    stop_result stop() override
    {
        cancel_->emit(boost::asio::cancellation_type::all);
        return stop_result::later;
    }

    void regranted(generation_number) override {}

private:
    static std::string reason_of(std::exception_ptr const& failure)
    {
        try {
            std::rethrow_exception(failure);
        } catch (std::exception const& error) {
            return error.what();
        } catch (...) {
            return "an exception that is no std::exception";
        }
    }

    child_context context_;
    body make_;
    boost::asio::any_io_executor executor_;
    std::shared_ptr<boost::asio::cancellation_signal> cancel_;
};

} // namespace detail

template <>
struct child_kind<boost::asio::awaitable<void>> {
    template <class Make, class Executor>
    static std::unique_ptr<child_instance> make(child_context context, Make& make, Executor const& executor)
    {
        return std::make_unique<detail::coroutine_instance>(std::move(context), detail::coroutine_instance::body{make}, executor);
    }
};

} // namespace drover
