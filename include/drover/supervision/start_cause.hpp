// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstdint>

namespace drover {

/// Why an instance is started. Only `crash` and `failed_start` count against the child.
enum class start_cause : std::uint8_t {
    first = 0,        ///< it was asked for, by a user or by the initial list
    request = 1,      ///< restarted or updated by a user
    crash = 2,        ///< the instance before it failed, or ended although it is permanent
    failed_start = 3, ///< the start before it failed
    sibling = 4,      ///< another child of its group failed, or its supervisor was restarted on this node
    node_death = 5,   ///< its node died
    move = 6,         ///< it was handed over by another node, as planned
    conflict = 7,     ///< another instance existed, and had more right to what it saved
    retry = 8,        ///< it was parked or in quarantine, and its time has come
};

[[nodiscard]] constexpr char const* to_string(start_cause cause)
{
    switch (cause) {
    case start_cause::first: return "first start";
    case start_cause::request: return "by request";
    case start_cause::crash: return "after a crash";
    case start_cause::failed_start: return "after a failed start";
    case start_cause::sibling: return "with its siblings";
    case start_cause::node_death: return "after the death of its node";
    case start_cause::move: return "moved";
    case start_cause::conflict: return "after a conflict";
    case start_cause::retry: return "tried again";
    }
    return "?";
}

} // namespace drover
