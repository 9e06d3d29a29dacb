// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/policy/state_store.hpp>

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drover {

/// Whose journal it is: one that was written by another node, or for another supervisor, is refused.
struct journal_identity {
    std::string node;  ///< name
    std::string scope; ///< name of the supervisor
};

/// One record as a journal keeps it: the newest write of a key in a table. `removed`: the marker of a removal.
struct journal_record {
    record_table table{};
    bytes key;
    std::uint64_t origin = 0; ///< id of the `journal_origin` that wrote it
    std::uint64_t sequence = 0;
    std::uint64_t stamp = 0;
    record_rank rank;
    bool removed = false;
    bytes value;

    friend bool operator==(journal_record const&, journal_record const&) = default;
};

/// One life of one node as a writer, and what the journal has of it.
struct journal_origin {
    std::uint64_t id = 0;
    node_id node;
    std::uint64_t seen = 0;      ///< all its writes up to this one are in
    std::uint64_t forgotten = 0; ///< markers of its removals up to this one may have been forgotten

    friend bool operator==(journal_origin const&, journal_origin const&) = default;
};

/// One transaction: all of it, or nothing.
struct journal_batch {
    std::uint64_t number = 0;
    std::vector<journal_record> records;                ///< each replaces what is there of its table and key
    std::vector<std::pair<record_table, bytes>> erased; ///< what is there of them goes; may be absent
    std::vector<journal_origin> origins;                ///< each replaces what is there of its id
    std::vector<std::uint64_t> origins_erased;          ///< ids
};

/// All that is in a journal, in no order.
struct journal_contents {
    std::vector<journal_record> records;
    std::vector<journal_origin> origins;
};

/// Why a journal could not do what it was asked: a code of the group `journal_...`, and a sentence for people that names the
/// file. Success when there is none.
struct journal_failure {
    errc code = errc::success;
    std::string reason{};

    explicit operator bool() const { return code != errc::success; }
};

// clang-format off
/// Keeps on stable storage what a store must not lose. See docs/concepts/journal.md.
///
/// Its calls block, come one at a time, and may come from any thread: never on a node's strand.
///  - `open`, first: gives all that was committed. "Could not read" is a failure, never an empty journal.
///  - `commit`: what is in the batch survives a loss of power once this has returned success. After a failure nothing of it is
///    there, and the same batch may be tried again.
///  - `close`: another process may open it afterwards. The destructor closes as well.
template <class J>
concept journal = requires(J& j, journal_identity const& who, journal_contents& contents, journal_batch const& batch) {
    { J::durable } -> std::convertible_to<bool>;
    { j.open(who, contents) } -> std::same_as<journal_failure>;
    { j.commit(batch) } -> std::same_as<journal_failure>;
    j.close();
};

/// A StateStore that has its records kept by a journal. The store names it and never calls it: whoever runs the store does,
/// off the strand.
template <class S>
concept keeps_a_journal = requires(S& s, S const& c, journal_contents contents, std::uint64_t number, time_point now) {
    requires static_cast<bool>(S::journal_type::durable);
    requires journal<typename S::journal_type>;
    { s.journal() } -> std::same_as<std::shared_ptr<typename S::journal_type>>;
    s.restore(std::move(contents));                                // once, after `open` and before everything else
    { s.take_batch() } -> std::same_as<std::optional<journal_batch>>; // none: nothing to do, or the last one is not committed
    s.on_committed(number, now);                                   // that batch is on stable storage
};
// clang-format on

} // namespace drover
