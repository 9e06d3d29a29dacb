// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstdint>

namespace drover {

/// Why an operation did not succeed. The first group has the meanings of Erlang/OTP's `supervisor`, the second is what a
/// cluster adds. The values are on the wire: append, never renumber.
enum class errc : std::uint8_t {
    success = 0,
    // as in OTP
    already_started = 1, ///< a child of this id runs, here or elsewhere
    already_present = 2, ///< a child of this id is known, and is terminated
    running = 3,         ///< refused, because the child runs
    restarting = 4,      ///< refused, because the child is being restarted
    not_found = 5,       ///< nobody knows a child of this id
    start_failed = 6,    ///< the child's own start failed; nothing is left behind
    max_children = 7,    ///< the supervisor has as many children as it may
    // specs and arguments
    invalid_spec = 16,      ///< `validate(spec)` gives the sentence
    invalid_options = 17,   ///< `validate(options)` gives the sentence
    unknown_type = 18,      ///< no member of the cluster has registered the child's type
    message_too_large = 19, ///< over a named limit
    // the cluster
    no_eligible_node = 32,    ///< members have the type, but none of them is alive and staying
    no_quorum = 33,           ///< the authority's majority cannot be reached
    not_acknowledged = 34,    ///< done here, but not held by as many members as asked, in time
    shutting_down = 35,       ///< the supervisor or the node is leaving
    not_started = 36,         ///< the supervisor has not been started
    timed_out = 37,           ///< no answer in time: it may or may not have been done
    superseded = 38,          ///< another instance of the child has taken over
    owner_lost = 39,          ///< the child's node died with the call under way: it may or may not have run
    no_such_message = 40,     ///< the child does not answer calls
    too_many_operations = 41, ///< more operations in flight than the limit
    child_failed = 42,        ///< the child threw while it answered
    already_running = 43,     ///< the supervisor or node has been started already
    outcome_unknown = 44,     ///< the supervisor stopped before the answer came: it may or may not have been done
    quarantined = 45,         ///< nodes died as soon as they started the child: it is listed, and kept from starting
    gave_up = 46,             ///< the supervisor ended, because its children failed more often than it allows
    owned_by_source = 47,     ///< the child is one of a source that lists its children: change it there
    source_failed = 48,       ///< the source that owns the id did not take the change: nothing was done
    // joining and links
    address_in_use = 64,      ///< the port is taken
    invalid_address = 65,     ///< not of the form host:port
    seeds_unreachable = 66,   ///< no seed answered in time
    cluster_mismatch = 67,    ///< the other side belongs to another cluster
    version_mismatch = 68,    ///< no wire version in common
    name_in_use = 69,         ///< a live node has this name
    scope_in_use = 70,        ///< this node already has a supervisor of this name
    permission_denied = 71,   ///< the operating system refused the address
    address_unavailable = 72, ///< the address is not one of this machine
    // the journal: what a node keeps on disk
    journal_in_use = 80,     ///< another process has it open
    journal_unreadable = 81, ///< it is there, and cannot be read: permissions, or the disk
    journal_unwritable = 82, ///< it cannot be made or written: permissions, a directory that is not there, a read-only disk
    journal_corrupt = 83,    ///< its octets make no sense
    journal_foreign = 84,    ///< it belongs to another node, another supervisor, or another program
    journal_newer = 85,      ///< it was written by a later version
    journal_full = 86,       ///< there is no room on the disk
};

/// One English sentence without a full stop, for people.
[[nodiscard]] constexpr char const* describe(errc code)
{
    switch (code) {
    case errc::success: return "success";
    case errc::already_started: return "a child of this id runs already";
    case errc::already_present: return "a child of this id is present and terminated";
    case errc::running: return "the child is running";
    case errc::restarting: return "the child is being restarted";
    case errc::not_found: return "no child of this id is known";
    case errc::start_failed: return "the child failed to start";
    case errc::max_children: return "the supervisor has as many children as it may have";
    case errc::invalid_spec: return "the child spec is invalid";
    case errc::invalid_options: return "the options are invalid";
    case errc::unknown_type: return "no member of the cluster has registered this child type";
    case errc::message_too_large: return "the message is over its size limit";
    case errc::no_eligible_node: return "no member that could run this child is alive and staying";
    case errc::no_quorum: return "no majority of the voters can be reached";
    case errc::not_acknowledged: return "not held by as many members as asked within the time limit";
    case errc::shutting_down: return "the supervisor is shutting down";
    case errc::not_started: return "the supervisor has not been started";
    case errc::timed_out: return "no answer within the time limit, so it may or may not have been done";
    case errc::superseded: return "another instance of the child has taken over";
    case errc::owner_lost: return "the child's node was lost while the call was under way, so it may or may not have run";
    case errc::no_such_message: return "the child does not answer calls";
    case errc::too_many_operations: return "too many operations are in flight";
    case errc::child_failed: return "the child threw while it answered";
    case errc::already_running: return "started already";
    case errc::outcome_unknown: return "the supervisor stopped before the answer came, so it may or may not have been done";
    case errc::quarantined: return "nodes died when they had just started the child, so it is in quarantine";
    case errc::gave_up: return "the supervisor gave up, because its children failed too often";
    case errc::owned_by_source: return "the child belongs to a source of children, which is where to change it";
    case errc::source_failed: return "the source that the child belongs to did not take the change";
    case errc::address_in_use: return "the address to listen on is in use";
    case errc::invalid_address: return "the address is not of the form host:port";
    case errc::seeds_unreachable: return "no seed answered within the time limit";
    case errc::cluster_mismatch: return "the other side belongs to another cluster";
    case errc::version_mismatch: return "the two sides have no wire version in common";
    case errc::name_in_use: return "a live member of the cluster has this node's name";
    case errc::scope_in_use: return "this node already has a supervisor of this name";
    case errc::permission_denied: return "the operating system refused to listen on this address";
    case errc::address_unavailable: return "the address to listen on is not one of this machine";
    case errc::journal_in_use: return "the journal is in use by another process";
    case errc::journal_unreadable: return "the journal cannot be read";
    case errc::journal_unwritable: return "the journal cannot be written";
    case errc::journal_corrupt: return "the journal is damaged";
    case errc::journal_foreign: return "the journal belongs to another node, another supervisor or another program";
    case errc::journal_newer: return "the journal was written by a later version";
    case errc::journal_full: return "there is no room on the disk for the journal";
    }
    return "unknown error";
}

} // namespace drover
