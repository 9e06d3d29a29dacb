// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/function.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>

#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

namespace drover::detail {

// Stands for "the strand that we are on" where a handler has no executor of its own.
struct own_strand {};

/// Wraps a handler of a completion token so that it can be kept and called once, on our strand, from outside its initiation.
/// A handler with an executor of its own is dispatched to it.
template <class... Args, class Handler>
[[nodiscard]] unique_function<void(Args...)> keep_handler(Handler&& handler)
{
    using handler_type = std::decay_t<Handler>;
    using executor_type = typename boost::asio::associated_executor<handler_type, own_strand>::type;
    if constexpr (std::is_same_v<executor_type, own_strand>) {
        return
            [kept = handler_type(std::forward<Handler>(handler))](Args... args) mutable { std::move(kept)(std::move(args)...); };
    } else {
        auto const executor = boost::asio::associated_executor<handler_type, own_strand>::get(handler, own_strand{});
        return [executor, kept = handler_type(std::forward<Handler>(handler))](Args... args) mutable {
            boost::asio::dispatch(executor, [kept = std::move(kept), values = std::make_tuple(std::move(args)...)]() mutable {
                std::apply(std::move(kept), std::move(values));
            });
        };
    }
}

} // namespace drover::detail
