// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/planted_fault.hpp>
#include <drover/policy/journal.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/store/broadcast_tree.hpp>
#include <drover/store/causal_context.hpp>
#include <drover/store/causal_map.hpp>
#include <drover/store/delta.hpp>
#include <drover/store/journaling.hpp>
#include <drover/store/listing.hpp>
#include <drover/store/messages.hpp>
#include <drover/store/peer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace drover {

/// How often a `crdt_store` repeats itself, and how much it sends at once.
struct crdt_store_options {
    duration retry_interval = std::chrono::milliseconds{100}; ///< until what was sent is sent again; doubles without an answer
    duration retry_interval_max = std::chrono::seconds{2};
    duration sync_interval = std::chrono::seconds{1};      ///< between comparisons with one peer, in turn
    duration stream_timeout = std::chrono::seconds{1};     ///< for one piece of a large delta to be taken
    duration removal_retention = std::chrono::seconds{30}; ///< for which the marker of a removal is kept at least
    std::size_t piece_size = 64 * 1024;                    ///< octets of a piece of a large delta, or one record more
    std::size_t delta_size_max = 1024 * 1024 * 1024;       ///< octets of all pieces of one delta that are taken from a peer
    std::size_t pieces_in_flight_max = 8;                  ///< to one peer
    std::size_t in_flight_max = 1024 * 1024; ///< octets pushed to a peer that does not answer; the rest follows once it does
};

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
    explicit crdt_store(Journal journal, crdt_store_options options = {}) : options_{options}, journal_{std::move(journal)} {}

    void open(node_id const& self)
    {
        self_ = self;
        map_.open(self);
        journal_.open(map_);
        tree_.set({self.name});
    }

    store_version put(record_table table, bytes_view key, record_rank rank, bytes value)
    {
        return map_.write_local(table, key, rank, false, std::move(value));
    }

    store_version remove(record_table table, bytes_view key, record_rank rank)
    {
        return map_.write_local(table, key, rank, true, {});
    }

    [[nodiscard]] std::optional<record_view> find(record_table table, bytes_view key) const
    {
        auto const* const entry = map_.find(table, key);
        if (entry == nullptr || entry->removed)
            return std::nullopt;
        return record_view{entry->value, entry->rank, entry->stamp};
    }

    [[nodiscard]] std::optional<record_rank> rank_of(record_table table, bytes_view key) const
    {
        auto const* const entry = map_.find(table, key);
        return entry == nullptr ? std::nullopt : std::optional{entry->rank};
    }

    /// Who counts for acknowledgement and for forgetting removals.
    void set_members(std::span<node_id const> members)
    {
        members_.assign(members.begin(), members.end());
        effects_.acknowledgement_changed = true;
    }

    void on_peer_up(node_id const& id, time_point now)
    {
        note_time(now);
        auto& state = peer_of(id.name);
        if (state.up && state.id == id)
            return;
        auto const walk = state.walk;
        map_.end_walk(walk);
        state = peer_state{};
        state.walk = walk;
        state.id = id;
        state.up = true;
        set_tree();
        ask(state, now);
    }

    void on_peer_connected(node_id const& id, time_point now)
    {
        note_time(now);
        if (auto* const state = find_up(id))
            ask(*state, now);
    }

    void on_peer_down(node_id const& id, time_point)
    {
        auto* const state = find_up(id);
        if (state == nullptr)
            return;
        state->up = false;
        end_stream(*state);
        if (arriving_.from == id && !arriving_.complete)
            arriving_ = {};
        set_tree();
        effects_.acknowledgement_changed = true;
    }

    void on_message(node_id const& from, bytes_view frame, time_point now)
    {
        note_time(now);
        auto& state = peer_of(from.name);
        if (!state.up || state.id != from)
            on_peer_up(from, now);
        wire::reader in{frame};
        auto understood = false;
        switch (static_cast<kind>(in.u8())) {
        case kind::context: understood = on_context(state, in, now); break;
        case kind::push: understood = on_push(state, in, frame, now); break;
        case kind::delta: understood = on_delta(state, in, now); break;
        case kind::chunk: understood = on_chunk(state, in, now); break;
        case kind::taken: understood = on_taken(state, in, now); break;
        case kind::list: understood = on_list(state, in); break;
        case kind::listing: understood = on_listing(state, in, now); break;
        }
        rejected_count_ += understood ? 0U : 1U;
    }

    void on_time(time_point now)
    {
        note_time(now);
        auto pushes_left = tree_.direct() ? peers_.size() : tree_.fan_out();
        for (auto& [name, state] : peers_) {
            if (!state.up)
                continue;
            if (std::min(state.ask_again_at, state.ask_later_at) <= now)
                ask(state, now);
            if (state.out && state.out->stalled_at <= now) {
                end_stream(state);
                state.push_again_at = now + pause(state);
            }
            if (state.push_again_at <= now)
                push_again(state, pushes_left, now);
        }
        if (taking_at_ <= now)
            take_piece(now);
        if (listing_at_ <= now)
            ask_for_listing(now);
        if (sync_at_ <= now)
            compare_with_next(now);
    }

    void flush(time_point now)
    {
        note_time(now);
        if (flushed_ == map_.version())
            return;
        if (sync_at_ == never)
            sync_at_ = now + options_.sync_interval;
        auto const frames = cut_pushes();
        for_each_child(self_.name, [&](peer_state& state) {
            for (auto const& frame : frames)
                push(state, frame);
        });
        auto const again_at = now + options_.retry_interval * (tree_.direct() ? 1 : 2);
        for (auto& [name, state] : peers_)
            if (state.up && state.answered && state.push_again_at == never)
                state.push_again_at = again_at;
    }

    [[nodiscard]] time_point deadline() const
    {
        auto earliest = std::min({sync_at_, listing_at_, taking_at_});
        for (auto const& [name, state] : peers_)
            if (state.up)
                earliest = std::min({earliest, state.ask_again_at, state.ask_later_at, state.push_again_at,
                    state.out ? state.out->stalled_at : never});
        return earliest;
    }

    [[nodiscard]] store_effects& effects() { return effects_; }
    [[nodiscard]] store_version version() const { return map_.version(); }

    /// O(members log members).
    [[nodiscard]] store_version held_by(std::size_t count) const
    {
        auto const own = held().at(map_.self());
        if (count <= 1)
            return own;
        std::vector<sequence_number> versions{own};
        for (auto const& id : members_)
            if (auto const found = peers_.find(id.name); found != peers_.end() && found->second.up && found->second.id == id)
                versions.push_back(found->second.confirmed);
        if (versions.size() < count)
            return 0;
        std::sort(versions.begin(), versions.end(), std::greater<>{});
        return versions[count - 1];
    }

    [[nodiscard]] bool has_seen(origin_id writer, store_version version) const { return held().at(writer) >= version; }

    [[nodiscard]] bytes context() const
    {
        wire::writer out;
        map_.context().encode(out);
        return out.take();
    }

    [[nodiscard]] bool covers(bytes_view encoded, node_id const& from)
    {
        wire::reader in{encoded};
        auto const told = store::causal_context::decode(in);
        if (!told)
            return false;
        if (has_all(*told))
            return true;
        if (auto const found = peers_.find(from.name); found != peers_.end() && found->second.id == from) {
            found->second.known.merge(*told);
            if (found->second.up && found->second.ask_again_at == never && !map_.context().includes(*told))
                found->second.ask_again_at = time_point::min(); // at once
        }
        return false;
    }

    [[nodiscard]] bool acknowledges(bytes_view encoded, store_version version) const
    {
        wire::reader in{encoded};
        auto const told = store::causal_context::decode(in);
        return told && told->at(map_.self()) >= version;
    }

    [[nodiscard]] bool level_with(node_id const& id) const
    {
        auto const found = peers_.find(id.name);
        return found != peers_.end() && found->second.id == id && has_all(found->second.known);
    }

    [[nodiscard]] bool synchronised(node_id const& id) const
    {
        auto const found = peers_.find(id.name);
        return found != peers_.end() && found->second.id == id && found->second.synchronised;
    }

    // ---- the journal -------------------------------------------------------------------------------------------------

    [[nodiscard]] std::shared_ptr<Journal> journal() const { return journal_.journal(); }

    /// What makes no sense is left out, and counted as rejected. O(contents log contents).
    void restore(journal_contents contents)
    {
        rejected_count_ += journal_.restore(map_, std::move(contents), effects_.changes);
        flushed_ = map_.version();
    }

    /// While a listing is awaited there is none: the journal would look as if the listing had been there.
    [[nodiscard]] std::optional<journal_batch> take_batch() { return listing_wanted_ ? std::nullopt : journal_.take_batch(map_); }

    void on_committed(std::uint64_t number, time_point now)
    {
        note_time(now);
        if (!journal_.on_committed(number))
            return;
        effects_.acknowledgement_changed = true;
        for (auto& [name, state] : peers_)
            if (state.up && std::exchange(state.answer_due, false))
                tell_context(state, wanted::nothing);
    }

    // ---- for tests and metrics ---------------------------------------------------------------------------------------

    /// Messages that made no sense, or asked for too much; and what made no sense in the journal.
    [[nodiscard]] std::uint64_t rejected_count() const { return rejected_count_; }
    /// Comparisons with a peer that had seen the same and held something else: never, unless a file or a program is broken.
    [[nodiscard]] std::uint64_t divergences_count() const { return divergences_count_; }
    /// Records that were dropped because a listing did not have them.
    [[nodiscard]] std::uint64_t dropped_count() const { return dropped_count_; }
    /// Records and markers of removals that are held.
    [[nodiscard]] std::size_t size() const { return map_.size(); }
    [[nodiscard]] std::size_t removals_count() const { return map_.removals().size(); }
    [[nodiscard]] std::uint64_t digest() const { return map_.digest(); }
    /// Copies of a write that one node sends at most, while nothing is lost.
    [[nodiscard]] std::size_t fan_out() const { return tree_.fan_out(); }

private:
    // A large delta that comes in pieces.
    struct arriving_stream {
        node_id from{};
        std::uint64_t number = 0;
        std::vector<bytes> pieces{};
        std::vector<store::delta_range> ranges{};
        store::causal_context upto{}; // where the pieces end
        bool complete = false;        // they are being merged
        std::size_t taken = 0;
        std::size_t size = 0;
        time_point until{};
    };

    // ---- who is there ------------------------------------------------------------------------------------------------

    peer_state& peer_of(std::string const& name)
    {
        auto const [place, added] = peers_.try_emplace(name);
        if (added) {
            place->second.walk = peers_.size() - 1;
            map_.begin_walk(place->second.walk, map_.self(), map_.version()); // at its end: a place of its own
        }
        return place->second;
    }

    [[nodiscard]] peer_state* find_up(node_id const& id)
    {
        auto const found = peers_.find(id.name);
        return found != peers_.end() && found->second.up && found->second.id == id ? &found->second : nullptr;
    }

    void set_tree()
    {
        std::vector<std::string> names{self_.name};
        for (auto const& [name, state] : peers_)
            if (state.up)
                names.push_back(name);
        tree_.set(std::move(names));
    }

    template <class Visit>
    void for_each_child(std::string const& writer, Visit&& visit)
    {
        tree_.for_each_child(writer, self_.name, [&](std::string const& name) {
            if (auto const found = peers_.find(name); found != peers_.end() && found->second.up)
                visit(found->second);
        });
    }

    // The physical part of stamps: the wall clock at the start of this life (its incarnation), moved on by the monotonic clock.
    void note_time(time_point now)
    {
        if (first_time_ == never)
            first_time_ = now;
        auto const passed = std::chrono::duration_cast<std::chrono::microseconds>(now - first_time_).count();
        map_.set_clock(
            std::min(self_.incarnation, store::stamp_max / 4) + static_cast<std::uint64_t>(std::max<std::int64_t>(0, passed)));
    }

    // What would still be here after a loss of power.
    [[nodiscard]] store::causal_context const& held() const
    {
        if constexpr (Journal::durable)
            return journal_.committed();
        else
            return map_.context();
    }

    // What is vouched for: while a large delta is being merged, what was seen may have lost against what does not count as seen.
    [[nodiscard]] store::causal_context vouched() const
    {
        return arriving_.complete ? store::causal_context::common(held(), whole_) : held();
    }

    [[nodiscard]] bool has_all(store::causal_context const& told) const
    {
        return !listing_wanted_ && map_.context().includes(told);
    }

    // What is held is what follows from what was seen: no more, and no less.
    [[nodiscard]] bool is_whole() const { return !listing_wanted_ && !arriving_.complete; }

    // A large delta comes, from somebody.
    [[nodiscard]] bool is_streaming(time_point now) const
    {
        return arriving_.complete || (!arriving_.pieces.empty() && now < arriving_.until);
    }

    // Doubles with every attempt that is not answered.
    [[nodiscard]] duration pause(peer_state& state) const
    {
        auto const factor = std::int64_t{1} << std::min(state.attempts, 16U);
        ++state.attempts;
        return std::min(options_.retry_interval * factor, std::max(options_.retry_interval, options_.retry_interval_max));
    }

    // ---- sending -----------------------------------------------------------------------------------------------------

    void send(peer_state const& state, wire::writer& out)
    {
        effects_.sends.push_back({state.id.name, std::make_shared<bytes const>(out.take())});
    }

    void tell_context(peer_state& state, wanted wants)
    {
        wire::writer out;
        out.u8(static_cast<std::uint8_t>(kind::context));
        auto const less = Journal::durable || arriving_.complete ? std::optional{vouched()} : std::nullopt;
        auto const digest = wants != wanted::nothing && is_whole() ? std::optional{map_.digest()} : std::nullopt;
        store::told_context::encode(out, wants, digest, map_.context(), less && *less != map_.context() ? &*less : nullptr);
        state.passed_on = 0;
        send(state, out);
    }

    // While one peer sends much, others are asked what they have only: it may be the same.
    void ask(peer_state& state, time_point now)
    {
        tell_context(state, is_streaming(now) && arriving_.from != state.id ? wanted::context : wanted::all);
        state.ask_again_at = now + pause(state);
        state.ask_later_at = never;
    }

    // What was written since the last flush, in pieces.
    [[nodiscard]] std::vector<std::shared_ptr<bytes const>> cut_pushes()
    {
        std::vector<std::shared_ptr<bytes const>> frames;
        auto after = std::exchange(flushed_, map_.version());
        auto const* at = map_.first_after(map_.self(), after);
        do {
            store::delta_writer piece;
            piece.begin_range(self_, after, 0); // what we removed is not forgotten before all have seen it
            for (; at != nullptr && piece.size() < options_.piece_size; at = at->newer) {
                piece.write(*at);
                after = at->sequence;
            }
            after = at == nullptr ? flushed_ : after;
            piece.end_range(after);
            wire::writer out;
            out.u8(static_cast<std::uint8_t>(kind::push));
            piece.append_to(out);
            frames.push_back(std::make_shared<bytes const>(out.take()));
        } while (at != nullptr);
        return frames;
    }

    void push(peer_state& state, std::shared_ptr<bytes const> const& frame)
    {
        if (!state.answered || state.out || state.in_flight + frame->size() > std::max(options_.in_flight_max, frame->size())) {
            state.behind = true;
            return;
        }
        state.in_flight += frame->size();
        effects_.sends.push_back({state.id.name, frame});
    }

    // What was not pushed while it was slow, or busy with a large delta.
    void catch_up(peer_state& state, time_point now)
    {
        if (!state.out && std::exchange(state.behind, false) && state.known.at(map_.self()) < flushed_)
            send_missing(state, now);
    }

    void push_again(peer_state& state, std::size_t& pushes_left, time_point now)
    {
        if (state.known.at(map_.self()) >= flushed_) {
            state.push_again_at = never;
            return;
        }
        if (pushes_left == 0) {
            state.push_again_at = now + options_.retry_interval;
            return;
        }
        state.push_again_at = now + pause(state);
        if (send_missing(state, now))
            --pushes_left;
    }

    // All that the peer is not known to have seen, of all origins. False: there is nothing.
    bool send_missing(peer_state& state, time_point now)
    {
        if (state.out)
            return true;
        store::outgoing_stream stream;
        stream.covered = state.known;
        if (!stream.go_on(map_.context()))
            return false;
        stream.number = ++streams_begun_;
        state.out = std::move(stream);
        send_pieces(state, now);
        return true;
    }

    // The first piece goes alone: who is sent the same by another takes no more than that.
    void send_pieces(peer_state& state, time_point now)
    {
        auto& stream = *state.out;
        stream.stalled_at = now + options_.stream_timeout;
        auto const window = stream.taken == 0 ? 1 : options_.pieces_in_flight_max;
        while (!stream.ended() && stream.cut - stream.taken < window) {
            auto const piece = stream.cut_next(map_, state.walk, options_.piece_size);
            auto const last = stream.ended() && !stream.go_on(map_.context());
            wire::writer out;
            if (stream.cut == 0 && last)
                out.u8(static_cast<std::uint8_t>(kind::delta));
            else
                out.u8(static_cast<std::uint8_t>(kind::chunk)).number(stream.number).number(stream.cut).boolean(last);
            piece.append_to(out);
            send(state, out);
            ++stream.cut;
        }
        if (stream.cut == 1 && stream.ended())
            end_stream(state);
    }

    void end_stream(peer_state& state)
    {
        map_.end_walk(state.walk);
        state.out.reset();
    }

    void compare_with_next(time_point now)
    {
        sync_at_ = now + options_.sync_interval;
        forget_old_removals(now);
        auto next = peers_.upper_bound(compared_last_);
        for (std::size_t tried = 0; tried < peers_.size(); ++tried, ++next) {
            if (next == peers_.end())
                next = peers_.begin();
            if (!next->second.up)
                continue;
            compared_last_ = next->first;
            tell_context(next->second, wanted::all);
            return;
        }
    }

    // ---- receiving: contexts -----------------------------------------------------------------------------------------

    bool on_context(peer_state& state, wire::reader& in, time_point now)
    {
        auto const content = store::told_context::decode(in);
        if (!content)
            return false;
        state.answered = true;
        state.attempts = 0;
        state.in_flight = 0;
        note_acknowledgement(state, content->seen, content->held.at(map_.self()));
        if (content->digest && is_whole() && content->seen == map_.context() && *content->digest != map_.digest())
            ++divergences_count_;
        // A peer that lost a delta on the way says so here: what it tells is all that it has.
        auto const told = std::exchange(state.known, content->seen);
        if (content->wants == wanted::context || (content->wants == wanted::all && !send_missing(state, now)))
            tell_context(state, wanted::nothing);
        if (content->wants == wanted::nothing)
            state.known.merge(told);
        catch_up(state, now);
        if (map_.context().includes(content->seen))
            brought_level(state);
        else if (content->wants != wanted::nothing ? state.ask_again_at == never : !state.synchronised)
            ask(state, now);
        else if (state.ask_again_at == never && state.ask_later_at == never)
            state.ask_later_at = now + options_.retry_interval; // what it has from others is on its way to us too, as a rule
        return true;
    }

    void brought_level(peer_state& state)
    {
        state.ask_again_at = state.ask_later_at = never;
        if (listing_wanted_)
            return;
        if (!state.synchronised)
            effects_.acknowledgement_changed = true;
        state.synchronised = true;
    }

    void note_acknowledgement(peer_state& state, store::causal_context const& seen, sequence_number version)
    {
        if (version > state.confirmed) {
            auto& place = state.waiting ? state.latest : state.waiting;
            if (!place || place->version <= version)
                place = store::acknowledgement{seen, version};
            confirm(state);
        }
        if (seen.at(map_.self()) >= flushed_)
            state.push_again_at = never;
    }

    void confirm(peer_state& state)
    {
        while (state.waiting && map_.context().includes(state.waiting->seen)) {
            state.confirmed = std::max(state.confirmed, state.waiting->version);
            state.waiting = std::exchange(state.latest, std::nullopt);
            effects_.acknowledgement_changed = true;
        }
    }

    // ---- receiving: deltas -------------------------------------------------------------------------------------------

    enum class outcome : std::uint8_t { rejected, gap, taken };

    bool on_push(peer_state& state, wire::reader& in, bytes_view frame, time_point now)
    {
        auto const incoming = store::decode_delta(in);
        if (!incoming || incoming->ranges.size() != 1)
            return false;
        auto const& range = incoming->ranges.front();
        auto const is_new = map_.context().at(store::origin_of(range.origin)) < range.upto;
        auto const result = take(state, *incoming, now);
        if (result == outcome::rejected)
            return false;
        if (is_new)
            pass_on(state, range, frame);
        auto* const writer = find_up(range.origin);
        if (result == outcome::taken && writer != nullptr)
            answer(*writer);
        if (writer != &state && (state.passed_on += frame.size()) > options_.in_flight_max / 2)
            tell_context(state, wanted::nothing);
        return true;
    }

    void pass_on(peer_state const& from, store::delta_range const& range, bytes_view frame)
    {
        std::shared_ptr<bytes const> copy;
        auto const origin = store::origin_of(range.origin);
        for_each_child(range.origin.name, [&](peer_state& child) {
            if (&child == &from || child.known.at(origin) >= range.upto)
                return;
            if (copy == nullptr)
                copy = std::make_shared<bytes const>(frame);
            push(child, copy);
        });
    }

    // To the writer. With a journal it is told once all is on stable storage; but at once when it says so again.
    void answer(peer_state& writer)
    {
        auto const at_once = !Journal::durable && !arriving_.complete;
        if (at_once || std::exchange(writer.answer_due, true))
            tell_context(writer, wanted::nothing);
    }

    bool on_delta(peer_state& state, wire::reader& in, time_point now)
    {
        auto const incoming = store::decode_delta(in);
        if (!incoming)
            return false;
        auto const result = take(state, *incoming, now);
        if (result == outcome::taken)
            tell_context(state, wanted::nothing);
        return result != outcome::rejected;
    }

    bool on_chunk(peer_state& state, wire::reader& in, time_point now)
    {
        auto const number = in.number();
        auto const index = in.number();
        auto const last = in.boolean();
        bytes piece{in.remainder()};
        wire::reader inner{piece};
        auto const incoming = store::decode_delta(inner);
        if (!in.ok() || !incoming || !acceptable(*incoming))
            return false;
        if (index == 0 && !is_streaming(now) && !arriving_.complete)
            arriving_ = {state.id, number, {}, {}, {}, false};
        if (arriving_.complete || arriving_.from != state.id || arriving_.number != number || arriving_.pieces.size() != index)
            return true; // a stream that is not wanted, or a piece of it is missing: what is asked for again is cut anew
        for (auto const& range : incoming->ranges) {
            auto const origin = store::origin_of(range.origin);
            if (std::max(map_.context().at(origin), arriving_.upto.at(origin)) < range.after)
                return arriving_ = {}, ask(state, now), true;
            arriving_.upto.raise(origin, range.upto);
        }
        arriving_.size += piece.size();
        if (arriving_.size > options_.delta_size_max)
            return arriving_ = {}, false;
        arriving_.pieces.push_back(std::move(piece));
        arriving_.until = now + options_.stream_timeout;
        if (last)
            begin_taking(now);
        else
            tell_taken(state, number, index);
        if (state.ask_again_at != never)
            state.ask_again_at = now + options_.stream_timeout; // it is coming
        return true;
    }

    void tell_taken(peer_state const& state, std::uint64_t number, std::size_t index)
    {
        wire::writer out;
        out.u8(static_cast<std::uint8_t>(kind::taken)).number(number).number(index);
        send(state, out);
    }

    // All pieces are here: they are merged one a turn, and count as seen when all of them are in, for each may lack what another
    // one has replaced.
    void begin_taking(time_point now)
    {
        arriving_.complete = true;
        whole_ = map_.context();
        taking_at_ = now;
    }

    void take_piece(time_point now)
    {
        wire::reader in{arriving_.pieces[arriving_.taken]};
        auto const incoming = *store::decode_delta(in);
        merge(incoming);
        arriving_.ranges.insert(arriving_.ranges.end(), incoming.ranges.begin(), incoming.ranges.end());
        arriving_.pieces[arriving_.taken] = {};
        taking_at_ = now + duration{1}; // others have a turn in between
        auto* const from = find_up(arriving_.from);
        if (++arriving_.taken < arriving_.pieces.size()) {
            if (from != nullptr)
                tell_taken(*from, arriving_.number, arriving_.pieces.size() - 2); // the last one is under way
            return;
        }
        taking_at_ = never;
        auto const done = std::exchange(arriving_, {});
        see(from, done.ranges, now);
        if (from != nullptr) {
            tell_context(*from, wanted::nothing);
            tell_taken(*from, done.number, done.pieces.size() - 1);
        }
        for (auto& [name, state] : peers_) {
            if (state.up && &state != from && std::exchange(state.answer_due, Journal::durable && state.answer_due))
                tell_context(state, wanted::nothing);
            if (state.up && !map_.context().includes(state.known)) // what others have beyond it can be asked for now
                state.ask_later_at = std::min(state.ask_later_at, now + options_.retry_interval / 10);
        }
    }

    bool on_taken(peer_state& state, wire::reader& in, time_point now)
    {
        auto const number = in.number();
        auto const index = in.number();
        if (!in.complete())
            return false;
        if (!state.out || state.out->number != number || index >= state.out->cut)
            return true;
        state.out->taken = std::max(state.out->taken, index + 1);
        state.out->stalled_at = now + options_.stream_timeout;
        if (!state.out->ended() || state.out->taken < state.out->cut) {
            send_pieces(state, now);
            return true;
        }
        end_stream(state);
        catch_up(state, now);
        return true;
    }

    outcome take(peer_state& state, store::delta const& incoming, time_point now)
    {
        if (!acceptable(incoming))
            return outcome::rejected;
        for (auto const& range : incoming.ranges) {
            if (map_.context().at(store::origin_of(range.origin)) < range.after) {
                ask_for_gap(state, now);
                return outcome::gap;
            }
        }
        merge(incoming);
        see(&state, incoming.ranges, now);
        return outcome::taken;
    }

    // What came before is on its way, or lost.
    void ask_for_gap(peer_state& state, time_point now)
    {
        if (is_streaming(now))
            state.ask_later_at = std::min(state.ask_later_at, now + options_.stream_timeout);
        else
            ask(state, now);
    }

    // All that this peer had up to there is in.
    void see(peer_state* from, std::vector<store::delta_range> const& ranges, time_point now)
    {
        for (auto const& range : ranges) {
            note_forgotten(range, now);
            auto const origin = store::origin_of(range.origin);
            // Also when all of it was outranked, and nothing else changes: `covers` may answer differently now.
            effects_.acknowledgement_changed |= map_.context().at(origin) < range.upto;
            map_.see(origin, range.upto);
            if (from != nullptr)
                from->known.raise(origin, range.upto);
        }
        for (auto& [name, peer] : peers_)
            if (peer.up)
                confirm(peer);
        if (listing_piece_ && map_.context().includes(listing_piece_->seen))
            apply_listing(now);
        if (from != nullptr && from->answered
            && map_.context().includes(from->known)) // before it answers, we know not what it has
            brought_level(*from);
    }

    [[nodiscard]] bool acceptable(store::delta const& incoming)
    {
        for (auto const& range : incoming.ranges) {
            if (store::origin_of(range.origin) == map_.self()) {
                if (range.upto > map_.version())
                    return false; // nobody has seen more of our writes than we made
            } else if (!map_.learn_origin(range.origin)) {
                return false;
            }
        }
        return true;
    }

    void merge(store::delta const& incoming)
    {
        for (auto const& next : incoming.writes) {
            store::causal_map::write write{store::origin_of(incoming.ranges[next.range].origin), next.sequence, next.stamp,
                next.rank, next.removed, bytes{next.value}};
            if (map_.merge(next.table, next.key, std::move(write)))
                effects_.changes.push_back({next.table, bytes{next.key}});
        }
    }

    // ---- what was forgotten while we were away -----------------------------------------------------------------------

    void note_forgotten(store::delta_range const& range, time_point now)
    {
        auto const origin = store::origin_of(range.origin);
        if (range.forgotten <= range.after)
            return;
        if (map_.context().at(origin) < range.forgotten) {
            listing_needs_.raise(origin, range.forgotten);
            listing_from_ = {};
            if (!std::exchange(listing_wanted_, true))
                listing_at_ = now;
        }
        map_.raise_forgotten(origin, range.forgotten);
    }

    // One after the other: any peer that has seen what was forgotten can tell.
    void ask_for_listing(time_point now)
    {
        listing_at_ = now + options_.retry_interval;
        listing_piece_.reset();
        auto next = peers_.upper_bound(listing_of_);
        for (std::size_t tried = 0; tried < peers_.size(); ++tried, ++next) {
            if (next == peers_.end())
                next = peers_.begin();
            auto const& state = next->second;
            if (!state.up || !state.answered || !state.known.includes(listing_needs_))
                continue;
            listing_of_ = next->first;
            return ask_for_piece(state);
        }
    }

    void ask_for_piece(peer_state const& state)
    {
        wire::writer out;
        out.u8(static_cast<std::uint8_t>(kind::list)).number(++listing_number_);
        out.fixed64(listing_from_.origin).number(listing_from_.sequence);
        send(state, out);
    }

    bool on_list(peer_state& state, wire::reader& in)
    {
        auto const number = in.number();
        auto const origin = in.fixed64();
        store::listing_position const from{origin, in.number()};
        if (!in.complete())
            return false;
        if (listing_wanted_)
            return true; // somebody else knows
        wire::writer out;
        out.u8(static_cast<std::uint8_t>(kind::listing)).number(number);
        store::list_from(map_, from).encode(out);
        send(state, out);
        return true;
    }

    bool on_listing(peer_state& state, wire::reader& in, time_point now)
    {
        auto const number = in.number();
        auto piece = store::listing::decode(in);
        if (!piece)
            return false;
        if (!listing_wanted_ || number != listing_number_ || state.id.name != listing_of_
            || !piece->seen.includes(listing_needs_))
            return true;
        listing_piece_ = std::move(*piece);
        if (map_.context().includes(listing_piece_->seen)) {
            apply_listing(now);
        } else {
            state.known.merge(listing_piece_->seen);
            ask(state, now);
        }
        return true;
    }

    // Pre: we have seen all that the piece says was seen.
    void apply_listing(time_point now)
    {
        auto const piece = std::move(*std::exchange(listing_piece_, std::nullopt));
        for (auto& stale : store::not_listed(map_, piece)) {
            map_.drop(stale.table, stale.key);
            ++dropped_count_;
            effects_.changes.push_back({stale.table, std::move(stale.key)});
        }
        auto const found = peers_.find(listing_of_);
        if (piece.next && found != peers_.end()) {
            listing_from_ = *piece.next;
            listing_at_ = now + options_.retry_interval;
            return ask_for_piece(found->second);
        }
        listing_wanted_ = false;
        listing_at_ = never;
        listing_needs_ = {};
        effects_.acknowledgement_changed = true;
        for (auto& [name, state] : peers_)
            if (state.up && state.answered && map_.context().includes(state.known))
                brought_level(state);
    }

    // A removal that all members have seen cannot be undone by a write that is under way. It is kept for a while all the same:
    // commands may be under way that were given before it.
    void forget_old_removals(time_point now)
    {
        map_.note_removals(now);
        while (!listing_wanted_ && !map_.removals().empty() && may_be_forgotten(map_.removals().front(), now))
            map_.forget_removal();
    }

    [[nodiscard]] bool may_be_forgotten(store::causal_map::removal const& oldest, time_point now) const
    {
        if (planted(planted_fault::removal_forgotten))
            return true;
        return now - oldest.noted_at >= options_.removal_retention && map_.context().at(oldest.origin) >= oldest.sequence
            && seen_by_all(oldest.origin, oldest.sequence);
    }

    // Every member has seen it, and this replica has seen all that they had by then: an older write of the same key that is
    // still under way, however late, was seen here already.
    [[nodiscard]] bool seen_by_all(store::origin_id origin, sequence_number sequence) const
    {
        return std::all_of(members_.begin(), members_.end(), [&](node_id const& id) {
            if (store::origin_of(id) == map_.self())
                return true;
            auto const found = peers_.find(id.name);
            return found != peers_.end() && found->second.id == id && found->second.known.at(origin) >= sequence
                && map_.context().includes(found->second.known);
        });
    }

    crdt_store_options options_;
    node_id self_;
    store::causal_map map_;
    store::journaling<Journal> journal_;
    store::broadcast_tree tree_;
    std::map<std::string, peer_state, std::less<>> peers_; // by node name
    std::vector<node_id> members_;
    store_effects effects_;
    sequence_number flushed_ = 0;
    time_point first_time_ = never;
    time_point sync_at_ = never;
    std::string compared_last_;

    std::uint64_t streams_begun_ = 0;
    arriving_stream arriving_;    // nobody else is asked for a large delta meanwhile
    store::causal_context whole_; // what was seen when it began to be merged
    time_point taking_at_ = never;

    bool listing_wanted_ = false;         // we may hold records whose removal nobody remembers
    store::causal_context listing_needs_; // who has seen this can tell
    store::listing_position listing_from_;
    std::optional<store::listing> listing_piece_; // waits until we have seen what its sender had seen
    std::string listing_of_;
    std::uint64_t listing_number_ = 0;
    time_point listing_at_ = never;

    std::uint64_t rejected_count_ = 0;
    std::uint64_t divergences_count_ = 0;
    std::uint64_t dropped_count_ = 0;
};

} // namespace drover
