// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/function.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/policy/capabilities.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace drover {

/// Who a transport speaks for, and its bounds.
struct transport_options {
    std::string cluster_name;
    node_id self;
    std::string listen;                                 ///< "host:port"; port 0 takes a free one
    std::string advertise;                              ///< what others dial; empty: the address that is listened on
    std::size_t send_queue_size_max = 64 * 1024 * 1024; ///< octets that may wait for one peer
    duration dial_timeout = std::chrono::seconds{3};    ///< connect and handshake together
    duration backoff_min = std::chrono::milliseconds{50};
    duration backoff_max = std::chrono::seconds{5};
};

/// Why a dial did not give a connection.
enum class dial_failure : std::uint8_t {
    refused,     ///< nobody listens there: a process that listened there is gone
    timed_out,   ///< no answer: nothing follows
    unreachable, ///< the network says no, or the name is unknown
    rejected,    ///< the other side answered, and does not want us, or we do not want it
};

/// What a transport tells its user. Called on the runtime's strand, never from within a call to the transport, and never
/// after `stop()`.
class transport_events {
public:
    /// A connection with this peer is up: what is sent from now on arrives in order, until it is down. Called again,
    /// without a `down`, when a connection replaces an older one.
    virtual void on_peer_up(peer const& who) = 0;
    /// The connection was lost. A hint, not a death.
    virtual void on_peer_down(node_id const& who) = 0;
    /// One attempt to reach a dialled address failed; more follow until `undial`. `code` is success unless the handshake
    /// was refused; `sentence` says why, for people.
    virtual void on_dial_failed(std::string_view address, dial_failure why, errc code, std::string_view sentence) = 0;
    /// A frame. The view is valid during the call.
    virtual void on_frame(node_id const& from, bytes_view frame) = 0;
    /// All frames that had arrived together have been handed over.
    virtual void on_batch_end() = 0;

protected:
    ~transport_events() = default;
};

/// A source of time, randomness and turns: one strand on which everything of one node runs. Copies are handles of the same.
// clang-format off
template <class R>
concept runtime = std::copy_constructible<R> && requires(R& r, R const& c, unique_function<void()> turn, std::uint64_t purpose) {
    typename R::executor_type;
    typename R::mutex_type; // Lockable; guards what is read from other threads
    typename R::timer_type; // constructible from R&; expires_at(time_point, unique_function<void()>), cancel()
    { c.get_executor() } -> std::convertible_to<typename R::executor_type>;
    { c.now() } -> std::same_as<time_point>;
    { r.random(purpose) } -> std::same_as<random_stream>;
    { r.new_incarnation() } -> std::same_as<incarnation_number>; // larger than every earlier one of this node name
    r.post(std::move(turn));     // later, on the strand
    r.dispatch(std::move(turn)); // on the strand, at once if we are on it
} && requires(R& r, typename R::timer_type& timer, time_point at, unique_function<void()> turn) {
    requires std::constructible_from<typename R::timer_type, R&>;
    timer.expires_at(at, std::move(turn)); // replaces what was set; a time in the past means as soon as possible
    timer.cancel();                        // the turn will not run
};

/// A runtime that can do blocking work, a commit for example, beside its strand: `work` runs off it, one at a time for all that
/// was given through copies of one `R`, in the order in which it was given; then `done` runs on the strand. When the strand's
/// world ends first, `done` does not run; `work` that has begun is finished.
template <class R>
concept offloading_runtime = runtime<R> && requires(R& r, unique_function<void()> work, unique_function<void()> done) {
    r.offload(std::move(work), std::move(done));
};
// clang-format on

/// Names its runtime. The part of a Transport that a sentence of its own tells about when it is missing.
template <class T>
concept has_runtime = requires
{
    typename T::runtime_type;
}
&&runtime<typename T::runtime_type>;

/// How bytes reach a node, and what is time. See docs/concepts/transport.md.
// clang-format off
template <class T>
concept transport = has_runtime<T>
    && std::constructible_from<T, typename T::runtime_type const&, transport_options>
    && requires(T& t, T const& c, transport_events& events, std::string_view text, bytes frame) {
           { T::capabilities } -> std::convertible_to<transport_capabilities>;
           { t.start(events) } -> std::same_as<errc>;           // listens; success, or why not
           { c.address() } -> std::convertible_to<std::string>; // what others dial; valid once started
           t.dial(text);                              // keep a connection to this address, from now on
           t.undial(text);                            // stop trying; an open connection stays
           // to the peer of this name; false: not connected, or its queue is full
           { t.send(text, std::move(frame)) } -> std::same_as<bool>;
           t.stop();                                  // flushes what it can, closes; nothing is called afterwards
       };
// clang-format on

} // namespace drover
