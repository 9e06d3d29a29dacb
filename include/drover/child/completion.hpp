// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/function.hpp>

#include <type_traits>
#include <utility>

namespace drover::detail {

/// Keeps handlers of this type; `drover/completion.hpp` defines it, for all of them. Here it is only named, because it needs
/// Asio's executors, which cost a compiler as much as all of the standard library that Drover uses.
template <class Handler, class... Args>
struct handler_keeper;

/// Wraps a handler of a completion token so that it can be kept and called once, on our strand, from outside its initiation.
/// A handler with an executor of its own is dispatched to it.
template <class... Args, class Handler>
[[nodiscard]] unique_function<void(Args...)> keep_handler(Handler&& handler)
{
    using keeper = handler_keeper<std::decay_t<Handler>, Args...>;
    static_assert(
        requires { sizeof(keeper); },
        "drover: completion handlers need #include <drover/completion.hpp>, which drover/net.hpp, drover/simulation.hpp and "
        "drover/coroutine.hpp bring along");
    return keeper::keep(std::forward<Handler>(handler));
}

} // namespace drover::detail
