// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/identity.hpp>
#include <drover/policy/transport.hpp>

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace drover::link {

/// Names a connection of one node, for as long as the node lives. 0: none.
using connection_id = std::uint64_t;

/// Connect to this address; answer with `on_connected` or `on_connect_failed`.
struct open_connection {
    connection_id connection;
    std::string address;
};

/// Send this frame on a connection that is connected.
struct send_frame {
    connection_id connection;
    bytes frame;
};

/// Let what was sent on the connection go out, then close it; one that still connects is given up. Nothing that comes from
/// it counts from now on, and nothing needs to be reported of it.
struct close_connection {
    connection_id connection;
};

/// From now on the frames of this connection are this peer's, and this peer is sent to on it. When the peer was up on
/// another connection, that one is closed first, without a `peer_down`.
struct peer_up {
    connection_id connection;
    peer who;
};

/// The peer has no connection any more.
struct peer_down {
    node_id who;
};

/// One attempt to reach a wanted address failed.
struct dial_failed {
    std::string address;
    dial_failure why;
    errc code;
    std::string sentence;
};

/// Somebody who called was turned away: for the log. `who` is the name that was given, or empty.
struct caller_refused {
    std::string who;
    std::string sentence;
};

/// What a link table wants done. An interpreter carries it out in order, and before it gives the table its next input.
using link_effect = std::variant<open_connection, send_frame, close_connection, peer_up, peer_down, dial_failed, caller_refused>;
using link_effects = std::vector<link_effect>;

} // namespace drover::link
