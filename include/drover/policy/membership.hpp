// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/policy/capabilities.hpp>
#include <drover/policy/transport.hpp>
#include <drover/policy/view.hpp>

#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

/// What a membership machine wants done, in this order: dials, undials, sends.
struct membership_effects {
    struct message {
        std::string to; ///< node name
        bytes frame;
    };
    std::vector<std::string> dials;
    std::vector<std::string> undials;
    std::vector<message> sends;
    bool view_changed = false;

    void clear()
    {
        dials.clear();
        undials.clear();
        sends.clear();
        view_changed = false;
    }
};

/// Who a membership machine speaks for.
struct membership_identity {
    peer self;
    std::vector<std::string> seeds; ///< addresses; empty, or this node's own among them: the node may form a cluster alone
    std::uint64_t random_seed = 0;
};

/// Says what it promises. The part of a Membership that a sentence of its own tells about when it is missing.
template <class M>
concept has_membership_capabilities = requires
{
    {
        M::capabilities
        } -> std::convertible_to<membership_capabilities>;
};

/// Who is alive: a pure machine. It sees inputs with the time at which they came, and answers with effects; it has one
/// deadline, and a wake-up before it changes nothing. See docs/concepts/membership.md.
// clang-format off
template <class M>
concept membership = std::move_constructible<M> && std::default_initializable<M> && has_membership_capabilities<M>
    && requires(M& m, M const& c, membership_identity identity, peer const& who, node_id const& id, bytes_view frame,
        std::string_view address, dial_failure why, errc code, time_point now, membership_effects& out) {
           m.start(identity, now, out);                   // once, first
           m.on_peer_up(who, now, out);                   // a connection came up
           m.on_peer_down(id, now, out);                  // a connection was lost: a hint
           m.on_dial_failed(address, why, code, now, out);// an attempt failed
           m.on_message(id, frame, now, out);             // from the peer's membership; hostile until decoded
           m.on_time(now, out);
           m.leave(now, out);                             // say goodbye
           { c.deadline() } -> std::same_as<time_point>;  // `never` when there is nothing to wait for
           { c.current_view() } -> std::same_as<view const&>;
           { c.formed() } -> std::same_as<bool>;          // the view is the cluster's, not only our own wish
           { c.failure() } -> std::same_as<errc>;         // why joining was given up; success while it was not
       };
// clang-format on

} // namespace drover
