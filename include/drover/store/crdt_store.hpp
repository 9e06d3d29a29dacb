// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/planted_fault.hpp>
#include <drover/policy/journal.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/store/causal_context.hpp>
#include <drover/store/causal_map.hpp>
#include <drover/store/crdt_store_options.hpp>
#include <drover/store/journaling.hpp>
#include <drover/store/listing_exchange.hpp>
#include <drover/store/messages.hpp>
#include <drover/store/peer.hpp>
#include <drover/store/pushing.hpp>
#include <drover/store/replica.hpp>
#include <drover/store/taking.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace drover {

/// The embedded replicated map: `store::causal_map` plus the conversation that keeps replicas level.
///
///  - A flush pushes what was written here since the last one, as one delta, to every peer that is up; among many, along a
///    `store::broadcast_tree`.
///  - A replica that misses something before a delta does not take it: it tells its context, and gets exactly what it lacks, in
///    pieces when that is much.
///  - Every push is answered to its writer with the context of the receiver: the acknowledgement. It counts once this replica has
///    itself seen all that the receiver had seen, so that an acknowledged write was not outranked unnoticed by its holders.
///  - What a peer has from others is on its way from them as a rule, and asked for only when it does not come in time.
///  - What is not answered is sent again; once a `sync_interval` contexts are compared with one peer, in turn.
///  - Who was away while removals were forgotten asks for a listing, and drops what is not in it, before it counts as level.
///
/// With a journal, what was seen counts as held once it is on stable storage: nothing is acknowledged before. After a restart
/// it is a new life of the node, with what the journal had; what others have seen meanwhile outranks it.
///
/// Memory for a peer that is slow: `in_flight_max` and a few pieces, however much it lacks.
///
/// A pure machine. Loss, duplication and reordering of messages delay it, and do no harm. `put` and `remove` take the time of the
/// last call that was told one.
template <class Journal = no_journal>
class crdt_store {
    static_assert(journal<Journal>, "drover: the parameter of crdt_store must be a Journal (see docs/concepts/journal.md)");

    using sequence_number = store::sequence_number;
    using peer_state = store::peer_state;
    using kind = store::message_kind;
    using wanted = store::wanted;

public:
    using journal_type = Journal;

    static constexpr store_capabilities capabilities{
        .replicated = true, .durable = Journal::durable, .linearizable = false, .ordered = true};

    crdt_store() : crdt_store{crdt_store_options{}} {}
    explicit crdt_store(crdt_store_options options) : crdt_store{Journal{}, options} {}
    explicit crdt_store(Journal journal, crdt_store_options options = {}) : own_{std::move(journal), options} {}

    void open(node_id const& self)
    {
        own_.self = self;
        own_.map.open(self);
        own_.journal.open(own_.map);
        own_.tree.set({self.name});
    }

    store_version put(record_table table, bytes_view key, record_rank rank, bytes value)
    {
        return own_.map.write_local(table, key, rank, false, std::move(value));
    }

    store_version remove(record_table table, bytes_view key, record_rank rank)
    {
        return own_.map.write_local(table, key, rank, true, {});
    }

    [[nodiscard]] std::optional<record_view> find(record_table table, bytes_view key) const
    {
        auto const* const entry = own_.map.find(table, key);
        if (entry == nullptr || entry->removed)
            return std::nullopt;
        return record_view{entry->value, entry->rank, entry->stamp};
    }

    [[nodiscard]] std::optional<record_rank> rank_of(record_table table, bytes_view key) const
    {
        auto const* const entry = own_.map.find(table, key);
        return entry == nullptr ? std::nullopt : std::optional{entry->rank};
    }

    /// Who counts for acknowledgement and for forgetting removals.
    void set_members(std::span<node_id const> members)
    {
        own_.members.assign(members.begin(), members.end());
        own_.effects.acknowledgement_changed = true;
    }

    void on_peer_up(node_id const& id, time_point now)
    {
        own_.note_time(now);
        auto& state = own_.peer_of(id.name);
        if (state.up && state.id == id)
            return;
        auto const walk = state.walk;
        own_.map.end_walk(walk);
        state = peer_state{};
        state.walk = walk;
        state.id = id;
        state.up = true;
        own_.set_tree();
        own_.ask(state, now);
    }

    void on_peer_connected(node_id const& id, time_point now)
    {
        own_.note_time(now);
        if (auto* const state = own_.find_up(id))
            own_.ask(*state, now);
    }

    void on_peer_down(node_id const& id, time_point)
    {
        auto* const state = own_.find_up(id);
        if (state == nullptr)
            return;
        state->up = false;
        pushing().end_stream(*state);
        if (own_.arriving.from == id && !own_.arriving.complete)
            own_.arriving = {};
        own_.set_tree();
        own_.effects.acknowledgement_changed = true;
    }

    void on_message(node_id const& from, bytes_view frame, time_point now)
    {
        own_.note_time(now);
        auto& state = own_.peer_of(from.name);
        if (!state.up || state.id != from)
            on_peer_up(from, now);
        wire::reader in{frame};
        auto understood = false;
        switch (static_cast<kind>(in.u8())) {
        case kind::context: understood = taking().on_context(state, in, now); break;
        case kind::push: understood = taking().on_push(state, in, frame, now); break;
        case kind::delta: understood = taking().on_delta(state, in, now); break;
        case kind::chunk: understood = taking().on_chunk(state, in, now); break;
        case kind::taken: understood = pushing().on_taken(state, in, now); break;
        case kind::list: understood = listings().on_list(state, in); break;
        case kind::listing: understood = listings().on_listing(state, in, now); break;
        }
        own_.rejected_count += understood ? 0U : 1U;
    }

    void on_time(time_point now)
    {
        own_.note_time(now);
        auto pushes_left = own_.tree.direct() ? own_.peers.size() : own_.tree.fan_out();
        for (auto& [name, state] : own_.peers) {
            if (!state.up)
                continue;
            if (std::min(state.ask_again_at, state.ask_later_at) <= now)
                own_.ask(state, now);
            if (state.out && state.out->stalled_at <= now) {
                pushing().end_stream(state);
                state.push_again_at = now + own_.pause(state);
            }
            if (state.push_again_at <= now)
                pushing().push_again(state, pushes_left, now);
        }
        if (own_.taking_at <= now)
            taking().take_piece(now);
        if (own_.listing_at <= now)
            listings().ask_for_listing(now);
        if (sync_at_ <= now)
            compare_with_next(now);
    }

    void flush(time_point now)
    {
        own_.note_time(now);
        if (sync_at_ == never && own_.map.version() != 0)
            sync_at_ = now + own_.options.sync_interval;
        if (own_.flushed != own_.map.version())
            pushing().push_written(now);
    }

    [[nodiscard]] time_point deadline() const
    {
        auto earliest = std::min({sync_at_, own_.listing_at, own_.taking_at});
        for (auto const& [name, state] : own_.peers)
            if (state.up)
                earliest = std::min({earliest, state.ask_again_at, state.ask_later_at, state.push_again_at,
                    state.out ? state.out->stalled_at : never});
        return earliest;
    }

    [[nodiscard]] store_effects& effects() { return own_.effects; }
    [[nodiscard]] store_version version() const { return own_.map.version(); }

    /// O(members log members).
    [[nodiscard]] store_version held_by(std::size_t count) const
    {
        auto const own = own_.held().at(own_.map.self());
        if (count <= 1)
            return own;
        std::vector<sequence_number> versions{own};
        for (auto const& id : own_.members)
            if (auto const found = own_.peers.find(id.name);
                found != own_.peers.end() && found->second.up && found->second.id == id)
                versions.push_back(found->second.confirmed);
        if (versions.size() < count)
            return 0;
        std::sort(versions.begin(), versions.end(), std::greater<>{});
        return versions[count - 1];
    }

    [[nodiscard]] bool has_seen(origin_id writer, store_version version) const { return own_.held().at(writer) >= version; }

    [[nodiscard]] bytes context() const
    {
        wire::writer out;
        own_.map.context().encode(out);
        return out.take();
    }

    [[nodiscard]] bool covers(bytes_view encoded, node_id const& from)
    {
        wire::reader in{encoded};
        auto const told = store::causal_context::decode(in);
        if (!told)
            return false;
        if (own_.has_all(*told))
            return true;
        if (auto const found = own_.peers.find(from.name); found != own_.peers.end() && found->second.id == from) {
            found->second.known.merge(*told);
            if (found->second.up && found->second.ask_again_at == never && !own_.map.context().includes(*told))
                found->second.ask_again_at = time_point::min(); // at once
        }
        return false;
    }

    [[nodiscard]] bool acknowledges(bytes_view encoded, store_version version) const
    {
        wire::reader in{encoded};
        auto const told = store::causal_context::decode(in);
        return told && told->at(own_.map.self()) >= version;
    }

    [[nodiscard]] bool level_with(node_id const& id) const
    {
        auto const found = own_.peers.find(id.name);
        return found != own_.peers.end() && found->second.id == id && own_.has_all(found->second.known);
    }

    [[nodiscard]] bool synchronised(node_id const& id) const
    {
        auto const found = own_.peers.find(id.name);
        return found != own_.peers.end() && found->second.id == id && found->second.synchronised;
    }

    // ---- the journal -------------------------------------------------------------------------------------------------

    [[nodiscard]] std::shared_ptr<Journal> journal() const { return own_.journal.journal(); }

    /// What makes no sense is left out, and counted as rejected. O(contents log contents).
    void restore(journal_contents contents)
    {
        own_.rejected_count += own_.journal.restore(own_.map, std::move(contents), own_.effects.changes);
        own_.flushed = own_.map.version();
    }

    /// While a listing is awaited there is none: the journal would look as if the listing had been there. Nor while a large delta
    /// is merged: what was seen may have lost against what does not count as seen.
    [[nodiscard]] std::optional<journal_batch> take_batch()
    {
        return own_.is_whole() ? own_.journal.take_batch(own_.map) : std::nullopt;
    }

    void on_committed(std::uint64_t number, time_point now)
    {
        own_.note_time(now);
        if (!own_.journal.on_committed(number))
            return;
        own_.effects.acknowledgement_changed = true;
        for (auto& [name, state] : own_.peers)
            if (state.up && state.answer_due)
                own_.tell_context(state, wanted::nothing);
    }

    // ---- for tests and metrics ---------------------------------------------------------------------------------------

    /// Messages that made no sense, or asked for too much; and what made no sense in the journal.
    [[nodiscard]] std::uint64_t rejected_count() const { return own_.rejected_count; }
    /// Comparisons with a peer that had seen the same and held something else: never, unless a file or a program is broken.
    [[nodiscard]] std::uint64_t divergences_count() const { return own_.divergences_count; }
    /// Records that were dropped because a listing did not have them.
    [[nodiscard]] std::uint64_t dropped_count() const { return own_.dropped_count; }
    /// Times that nobody was there who could tell a listing, so that what was removed may have stayed.
    [[nodiscard]] std::uint64_t listings_missed_count() const { return own_.listings_missed_count; }
    /// Records and markers of removals that are held.
    [[nodiscard]] std::size_t size() const { return own_.map.size(); }
    [[nodiscard]] std::size_t removals_count() const { return own_.map.removals().size(); }
    [[nodiscard]] std::uint64_t digest() const { return own_.map.digest(); }
    /// Copies of a write that one node sends at most, while nothing is lost.
    [[nodiscard]] std::size_t fan_out() const { return own_.tree.fan_out(); }

private:
    using replica = store::replica<Journal>;

    [[nodiscard]] store::pushing<replica> pushing() { return store::pushing<replica>{own_}; }
    [[nodiscard]] store::taking<replica> taking() { return store::taking<replica>{own_}; }
    [[nodiscard]] store::listing_exchange<replica> listings() { return store::listing_exchange<replica>{own_}; }

    void compare_with_next(time_point now)
    {
        sync_at_ = now + own_.options.sync_interval;
        forget_old_removals(now);
        auto next = own_.peers.upper_bound(compared_last_);
        for (std::size_t tried = 0; tried < own_.peers.size(); ++tried, ++next) {
            if (next == own_.peers.end())
                next = own_.peers.begin();
            if (!next->second.up)
                continue;
            compared_last_ = next->first;
            own_.tell_context(next->second, wanted::all);
            return;
        }
    }

    // A removal that all members have seen cannot be undone by a write that is under way. It is kept for a while all the same:
    // commands may be under way that were given before it.
    void forget_old_removals(time_point now)
    {
        own_.map.note_removals(now);
        while (!own_.listing_wanted && !own_.map.removals().empty() && may_be_forgotten(own_.map.removals().front(), now))
            own_.map.forget_removal();
    }

    [[nodiscard]] bool may_be_forgotten(store::causal_map::removal const& oldest, time_point now) const
    {
        if (planted(planted_fault::removal_forgotten))
            return true;
        return now - oldest.noted_at >= own_.options.removal_retention && own_.map.context().at(oldest.origin) >= oldest.sequence
            && seen_by_all(oldest.origin, oldest.sequence);
    }

    // Every member has seen it, and this replica has seen all that they had by then: an older write of the same key that is
    // still under way, however late, was seen here already.
    [[nodiscard]] bool seen_by_all(store::origin_id origin, sequence_number sequence) const
    {
        return std::all_of(own_.members.begin(), own_.members.end(), [&](node_id const& id) {
            if (store::origin_of(id) == own_.map.self())
                return true;
            auto const found = own_.peers.find(id.name);
            return found != own_.peers.end() && found->second.id == id && found->second.known.at(origin) >= sequence
                && own_.map.context().includes(found->second.known);
        });
    }

    replica own_;
    std::string compared_last_;
    time_point sync_at_ = never;
};

} // namespace drover
