// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>

#include <cstdint>
#include <string>

namespace drover {

/// What happened, for logs and for watchers: what moved, why, and what was refused.
enum class event_kind : std::uint8_t {
    supervisor_started,
    supervisor_stopped,
    member_joined,
    member_died,
    member_left,
    regrouped,      ///< all members that are alive have told what they know
    child_starting, ///< an instance is about to start here
    child_started,
    child_start_failed,
    child_exited,
    child_stopped,
    child_delayed,       ///< failed, and waits before it is started again
    child_parked,        ///< failed too often; tried again later
    child_suspected,     ///< nodes die with it: it is put in quarantine, or started as its isolated type
    siblings_restarting, ///< with a child that failed, by the strategy of their group
    child_claimed,       ///< its owner died: this node takes it over
    child_handed_over,   ///< this node stopped it, and the other goes on with its state
    child_yielded,       ///< a second instance was stopped here, because another one goes on
    child_asserted,      ///< a second instance exists elsewhere; this one goes on, under a larger generation
    child_deleted,
    command_refused,
    supervisor_restarting, ///< its children on this node restart: one that escalates has spent its budget
    supervisor_gave_up,    ///< it stops on every node
    message_rejected,      ///< a peer sent what makes no sense
    journal_failed,        ///< the disk refused a write: it is tried again, and nothing is acknowledged meanwhile
    journal_recovered,     ///< the disk took it
    source_followed,       ///< this node reads a source of children from now on
    source_failed,         ///< it could not be read: nothing changes, and it is tried again
    source_entry_refused,  ///< one entry of its list, which is left out, or what it asked for
    source_applied,        ///< its list and the children differed, and do no more
    audit_repaired,        ///< the audit found that this child had been missed: without faults, a defect
};

[[nodiscard]] constexpr char const* to_string(event_kind kind)
{
    switch (kind) {
    case event_kind::supervisor_started: return "supervisor started";
    case event_kind::supervisor_stopped: return "supervisor stopped";
    case event_kind::member_joined: return "member joined";
    case event_kind::member_died: return "member died";
    case event_kind::member_left: return "member left";
    case event_kind::regrouped: return "regrouped";
    case event_kind::child_starting: return "child starting";
    case event_kind::child_started: return "child started";
    case event_kind::child_start_failed: return "child start failed";
    case event_kind::child_exited: return "child exited";
    case event_kind::child_stopped: return "child stopped";
    case event_kind::child_delayed: return "child delayed";
    case event_kind::child_suspected: return "child suspected";
    case event_kind::siblings_restarting: return "siblings restarting";
    case event_kind::supervisor_restarting: return "supervisor restarting";
    case event_kind::supervisor_gave_up: return "supervisor gave up";
    case event_kind::child_parked: return "child parked";
    case event_kind::child_claimed: return "child claimed";
    case event_kind::child_handed_over: return "child handed over";
    case event_kind::child_yielded: return "child yielded";
    case event_kind::child_asserted: return "child asserted";
    case event_kind::child_deleted: return "child deleted";
    case event_kind::command_refused: return "command refused";
    case event_kind::message_rejected: return "message rejected";
    case event_kind::journal_failed: return "journal failed";
    case event_kind::journal_recovered: return "journal recovered";
    case event_kind::source_followed: return "source followed";
    case event_kind::source_failed: return "source failed";
    case event_kind::source_entry_refused: return "source entry refused";
    case event_kind::source_applied: return "source applied";
    case event_kind::audit_repaired: return "audit repaired";
    }
    return "?";
}

struct event {
    event_kind kind{};
    std::string subject; ///< the child's id, or the node's name
    generation_number generation = 0;
    std::string reason; ///< for people; may be empty
};

/// One line: "child claimed: sensor-7, generation 3 (its owner n2 is dead)".
[[nodiscard]] inline std::string to_string(event const& what)
{
    std::string line = to_string(what.kind);
    if (!what.subject.empty())
        line += ": " + what.subject;
    if (what.generation != 0)
        line += ", generation " + std::to_string(what.generation);
    if (!what.reason.empty())
        line += " (" + what.reason + ")";
    return line;
}

/// Totals since the start of one supervisor on one node.
struct counters {
    std::uint64_t starts = 0; ///< instances started here
    std::uint64_t start_failures = 0;
    std::uint64_t failures = 0;  ///< instances that ended with a failure
    std::uint64_t restarts = 0;  ///< in place, after a failure or an exit
    std::uint64_t failovers = 0; ///< children taken over from the dead
    std::uint64_t handoffs_out = 0;
    std::uint64_t handoffs_in = 0;
    std::uint64_t conflicts_yielded = 0;
    std::uint64_t conflicts_asserted = 0;
    std::uint64_t delays = 0; ///< restarts that waited
    std::uint64_t parked = 0;
    std::uint64_t suspected = 0; ///< put in quarantine, or isolated
    std::uint64_t stops_by_request = 0;
    std::uint64_t sibling_restarts = 0;    ///< children restarted because of another
    std::uint64_t supervisor_restarts = 0; ///< on this node, before it gives up
    std::uint64_t commands = 0;            ///< carried out here, for whomever
    std::uint64_t commands_refused = 0;
    std::uint64_t messages_rejected = 0;
    std::uint64_t journal_failures = 0; ///< commits that the disk refused; each is tried again
    std::uint64_t source_readings = 0;  ///< of sources of children, by this node
    std::uint64_t source_failures = 0;  ///< readings that failed; each is tried again
    std::uint64_t source_refusals = 0;  ///< entries that were refused, or whose operation failed
    std::uint64_t audit_repairs = 0;    ///< what the audit found that an event had missed
};

} // namespace drover
