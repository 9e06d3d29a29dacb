// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/function.hpp>
#include <drover/base/time.hpp>
#include <drover/policy/transport.hpp>

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace drover::conformance {

/// Where a Transport is tried: what the suite cannot know about the world that a transport belongs to.
///
/// - `transport_type`: the Transport.
/// - `make_runtime(host)`: a runtime as a node of this name would have it. A name is used twice only to see that
///   incarnations go on growing.
/// - `listen_address(host)`: what `transport_options::listen` is on this host, free at this time: "127.0.0.1:0".
/// - `address_of_nobody()`: an address of the right form at which nobody listens, and nobody will.
/// - `malformed_address()`: a text that is no address.
/// - `run_until(done, bound)`: lets everything run until `done()` holds, and says whether it does. Asks before it runs, and
///   gives up when `bound` has passed: virtual time in a simulation, real time on sockets. `done` is called on the thread
///   that calls, while no turn runs.
///
/// An environment may have more, and then more laws are looked at:
/// - `break_connection(one, other)`: the connection between these hosts breaks, for both.
/// - `kill(host)`: the process on this host ends, without a `stop()`.
/// - `silent_address(host)`: an address at which dials from this host get no answer, not even a refusal.
// clang-format off
template <class E>
concept transport_environment = transport<typename E::transport_type>
    && requires(E& e, std::string const& host, std::function<bool()> const& done, duration bound) {
           { e.make_runtime(host) } -> std::same_as<typename E::transport_type::runtime_type>;
           { e.listen_address(host) } -> std::convertible_to<std::string>;
           { e.address_of_nobody() } -> std::convertible_to<std::string>;
           { e.malformed_address() } -> std::convertible_to<std::string>;
           { e.run_until(done, bound) } -> std::same_as<bool>;
       };
// clang-format on

/// How long the suite waits for what must come. Only a law that does not hold takes so long.
inline constexpr duration transport_patience = std::chrono::seconds{10};

/// Lets everything run until `done` holds; false when it does not come.
template <transport_environment E, class Predicate>
bool wait_until(E& environment, Predicate const& done)
{
    std::function<bool()> const holds{done};
    return environment.run_until(holds, transport_patience) || done();
}

/// Runs `what` as a turn on the strand of this runtime, and waits for it. False: it did not run, and will not any more.
template <transport_environment E, class What>
bool run_on_strand(E& environment, typename E::transport_type::runtime_type& runtime, What&& what)
{
    auto const waiting = std::make_shared<std::function<void()>>(std::forward<What>(what));
    runtime.post([waiting] {
        if (auto const turn = std::exchange(*waiting, nullptr))
            turn();
    });
    bool const ran = wait_until(environment, [&] { return !*waiting; });
    *waiting = nullptr;
    return ran;
}

} // namespace drover::conformance
