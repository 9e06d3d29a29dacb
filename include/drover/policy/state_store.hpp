// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/policy/capabilities.hpp>

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace drover {

/// The kinds of record. Separate, so that a write of one never revives another. On the wire: append, never renumber.
enum class record_table : std::uint8_t {
    spec = 0,        ///< what should run; written by commands
    owner = 1,       ///< who runs it; written by the node that runs it
    checkpoint = 2,  ///< what it last saved, under a claim that a majority knew of
    provisional = 3, ///< what it last saved, under a claim that only a minority could know of
    roster = 4,      ///< which nodes take part in this scope; each writes its own
    retired = 5,     ///< children of the initial list that were deleted: no node brings them back
};
inline constexpr std::size_t record_tables_count = 6;

/// Orders concurrent writes to one record; the larger wins on every node. Equal ranks are ordered by the store: by its
/// logical clock, then by the node that wrote. What the two numbers mean is up to the table.
struct record_rank {
    std::uint64_t major = 0;
    std::uint64_t minor = 0;

    friend auto operator<=>(record_rank const&, record_rank const&) = default;
};

/// A record as a reader sees it.
struct record_view {
    bytes_view value;
    record_rank rank;
    std::uint64_t stamp = 0; ///< tells writes of one record apart; grows with every write that saw the one before
};

/// Names a local write: acknowledgement is asked by it. Grows with every write; 0 is before the first.
using store_version = std::uint64_t;

/// One life of one node as a writer, in short.
using origin_id = std::uint64_t;

// Mixed first: of short inputs, XXH3 gives the same for seeds that differ as the inputs do.
[[nodiscard]] inline origin_id origin_of(node_id const& node) { return hash64(node.name, mix64(node.incarnation)); }

/// What a store wants done, and what it saw.
struct store_effects {
    struct message {
        std::string to; ///< node name
        std::shared_ptr<bytes const> frame;
    };
    struct change {
        record_table table;
        bytes key;
    };
    std::vector<message> sends;
    std::vector<change> changes;          ///< records that a remote write changed, in the order in which they did
    bool acknowledgement_changed = false; ///< `held_by` or `covers` may answer differently now
};

// clang-format off
// The parts of a StateStore, each with a sentence of its own for whoever misses it.

/// Says what it promises.
template <class S>
concept has_store_capabilities = requires { { S::capabilities } -> std::convertible_to<store_capabilities>; };

/// Keeps records.
template <class S>
concept keeps_records = requires(S& s, S const& c, node_id const& id, record_table table, bytes_view key, record_rank rank,
        bytes value) {
        s.open(id);                                                                   // once, first: who writes here
        { s.put(table, key, rank, std::move(value)) } -> std::same_as<store_version>; // 0: outranked, nothing written
        { s.remove(table, key, rank) } -> std::same_as<store_version>; // 0: outranked, or nothing there; nothing written
        // none: absent or removed; valid until the next call that is not const
        { c.find(table, key) } -> std::same_as<std::optional<record_view>>;
        { c.rank_of(table, key) } -> std::same_as<std::optional<record_rank>>; // also of a removal that is still remembered
        { c.version() } -> std::same_as<store_version>;                        // of the newest local write
    };

/// Talks to the stores of other members.
template <class S>
concept talks_to_peers = requires(S& s, S const& c, node_id const& id, bytes_view frame, time_point now,
        std::span<node_id const> members) {
        s.set_members(members);       // all that count: the living and the dead, not those that left
        s.on_peer_up(id, now);        // can be sent to; is brought level
        s.on_peer_connected(id, now); // what was sent before may not have gone out
        s.on_peer_down(id, now);
        s.on_message(id, frame, now); // from that peer's store; hostile until decoded
        s.on_time(now);
        s.flush(now);                 // sends what was written since the last flush, as one batch
        { c.deadline() } -> std::same_as<time_point>;
        { s.effects() } -> std::same_as<store_effects&>; // the caller empties it
    };

/// Says who holds what.
template <class S>
concept says_who_holds = requires(S& s, S const& c, node_id const& id, origin_id writer, store_version version,
        bytes_view context, std::size_t count) {
        // every local write up to it is held by `count` members, this one included
        { c.held_by(count) } -> std::same_as<store_version>;
        { c.has_seen(writer, version) } -> std::same_as<bool>; // that life's write of this version is known here
        { c.context() } -> std::same_as<bytes>;                // what this replica has seen, encoded
        // has seen all that the peer's context names; asks for it if not
        { s.covers(context, id) } -> std::same_as<bool>;
        { c.acknowledges(context, version) } -> std::same_as<bool>; // that context includes our writes up to this one
        { c.level_with(id) } -> std::same_as<bool>;   // has seen all that this peer is known to have seen
        { c.synchronised(id) } -> std::same_as<bool>; // has been brought level with this peer once since it came up
    };
// clang-format on

/// What should run, who runs it, what it last saved: a replicated map. See docs/concepts/state_store.md.
///
/// Local writes are visible at once and go out with the next `flush`. Nothing here knows what a record means.
template <class S>
concept state_store = std::move_constructible<S> && std::default_initializable<S> && has_store_capabilities<S> && keeps_records<
    S> && talks_to_peers<S> && says_who_holds<S>;

} // namespace drover
