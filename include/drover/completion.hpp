// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// Completion tokens and handlers, with the executors that are associated with them. For translation units that call
/// asynchronous operations of Drover and include no transport.

#include <drover/child/completion.hpp>

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>

#include <tuple>
#include <type_traits>
#include <utility>

namespace drover::detail {

// Stands for "the strand that we are on" where a handler has no executor of its own.
struct own_strand {};

template <class Handler, class... Args>
struct handler_keeper {
    [[nodiscard]] static unique_function<void(Args...)> keep(Handler handler)
    {
        using associated = boost::asio::associated_executor<Handler, own_strand>;
        if constexpr (std::is_same_v<typename associated::type, own_strand>) {
            return [kept = std::move(handler)](Args... args) mutable { std::move(kept)(std::move(args)...); };
        } else {
            auto const executor = associated::get(handler, own_strand{});
            return [executor, kept = std::move(handler)](Args... args) mutable {
                boost::asio::dispatch(executor, [kept = std::move(kept), values = std::make_tuple(std::move(args)...)]() mutable {
                    std::apply(std::move(kept), std::move(values));
                });
            };
        }
    }
};

} // namespace drover::detail
