// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/planted_fault.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/store/causal_context.hpp>
#include <drover/store/causal_map.hpp>
#include <drover/store/delta.hpp>

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

/// How often a `crdt_store` repeats itself.
struct crdt_store_options {
    duration retry_interval = std::chrono::milliseconds{100}; ///< until what was sent is sent again
    duration sync_interval = std::chrono::seconds{1};         ///< between comparisons with one peer, in turn
    duration large_interval = std::chrono::seconds{2};        ///< until a delta of many parts is sent to one peer again
    duration removal_retention = std::chrono::seconds{30};    ///< for which the marker of a removal is kept at least
    std::size_t part_size_max = 4 * 1024 * 1024;              ///< octets of one frame of a large delta
    std::size_t delta_size_max = 1024 * 1024 * 1024;          ///< octets of a whole delta that are taken from a peer
};

/// A journal that keeps nothing: the store lives in memory, and a restart is a loss.
struct no_journal {
    static constexpr bool durable = false;
};

/// The embedded replicated map: `store::causal_map` plus the conversation that keeps replicas level.
///
///  - A flush pushes what was written here since the last one, as one delta, to every peer that is up.
///  - A replica that misses something before a delta does not take it: it tells its context, and gets exactly what it lacks.
///  - Every delta is answered with the context of the receiver: the acknowledgement. It counts once this replica has itself
///    seen all that the receiver had seen, so that an acknowledged write was not outranked unnoticed by its holders.
///  - What a peer has from others is on its way from them as a rule, and asked for only when it does not come in time.
///  - What is not answered is sent again; once a `sync_interval` contexts are compared with one peer, in turn.
///
/// A pure machine. Loss, duplication and reordering of messages delay it, and do no harm.
template <class Journal = no_journal>
class crdt_store {
    using sequence_number = store::sequence_number;

public:
    static constexpr store_capabilities capabilities{
        .replicated = true, .durable = Journal::durable, .linearizable = false, .ordered = true};

    crdt_store() = default;
    explicit crdt_store(crdt_store_options options) : options_{options} {}

    void open(node_id const& self) { map_.open(self); }

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
        auto& state = peers_[id.name];
        if (state.up && state.id == id)
            return;
        state = peer_state{};
        state.id = id;
        state.up = true;
        ask(state, now);
    }

    void on_peer_connected(node_id const& id, time_point now)
    {
        if (auto const found = peers_.find(id.name); found != peers_.end() && found->second.up && found->second.id == id)
            ask(found->second, now);
    }

    void on_peer_down(node_id const& id, time_point)
    {
        auto const found = peers_.find(id.name);
        if (found == peers_.end() || found->second.id != id || !found->second.up)
            return;
        found->second.up = false;
        found->second.parts.clear();
        effects_.acknowledgement_changed = true;
    }

    void on_message(node_id const& from, bytes_view frame, time_point now)
    {
        auto& state = peers_[from.name];
        if (!state.up || state.id != from)
            on_peer_up(from, now);
        wire::reader in{frame};
        switch (static_cast<message_kind>(in.u8())) {
        case message_kind::context: return on_context(state, in, now);
        case message_kind::delta: return on_delta(state, in, now);
        case message_kind::part: return on_part(state, in, now);
        }
        ++rejected_count_;
    }

    void on_time(time_point now)
    {
        for (auto& [name, state] : peers_) {
            if (!state.up)
                continue;
            if (std::min(state.ask_again_at, state.ask_later_at) <= now)
                ask(state, now);
            if (state.push_again_at <= now)
                push_from(state, now);
        }
        if (sync_at_ <= now)
            compare_with_next(now);
    }

    void flush(time_point now)
    {
        if (flushed_ == map_.version())
            return;
        if (sync_at_ == never)
            sync_at_ = now + options_.sync_interval;
        store::causal_context known;
        known.raise(map_.self(), flushed_);
        flushed_ = map_.version();
        std::shared_ptr<bytes const> frame;
        for (auto& [name, state] : peers_) {
            if (!state.up || !state.answered)
                continue;
            if (frame == nullptr)
                frame = encode(known, {{map_.self(), flushed_}});
            send(state, frame);
            if (state.push_again_at == never)
                state.push_again_at = now + options_.retry_interval;
        }
    }

    [[nodiscard]] time_point deadline() const
    {
        auto earliest = sync_at_;
        for (auto const& [name, state] : peers_)
            if (state.up)
                earliest = std::min({earliest, state.ask_again_at, state.ask_later_at, state.push_again_at});
        return earliest;
    }

    [[nodiscard]] store_effects& effects() { return effects_; }
    [[nodiscard]] store_version version() const { return map_.version(); }

    /// O(members log members).
    [[nodiscard]] store_version held_by(std::size_t count) const
    {
        if (count <= 1)
            return map_.version();
        std::vector<sequence_number> held;
        for (auto const& id : members_)
            if (auto const found = peers_.find(id.name); found != peers_.end() && found->second.up && found->second.id == id)
                held.push_back(found->second.confirmed);
        if (held.size() + 1 < count)
            return 0;
        std::sort(held.begin(), held.end(), std::greater<>{});
        return held[count - 2];
    }

    [[nodiscard]] bool has_seen(origin_id writer, store_version version) const { return map_.context().at(writer) >= version; }

    [[nodiscard]] bytes context() const
    {
        wire::writer out;
        map_.context().encode(out);
        return out.take();
    }

    [[nodiscard]] bool covers(bytes_view encoded, node_id const& from)
    {
        wire::reader in{encoded};
        auto const wanted = store::causal_context::decode(in);
        if (!wanted)
            return false;
        if (map_.context().includes(*wanted))
            return true;
        if (auto const found = peers_.find(from.name); found != peers_.end() && found->second.id == from) {
            found->second.known.merge(*wanted);
            if (found->second.up && found->second.ask_again_at == never)
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
        return found != peers_.end() && found->second.id == id && map_.context().includes(found->second.known);
    }

    [[nodiscard]] bool synchronised(node_id const& id) const
    {
        auto const found = peers_.find(id.name);
        return found != peers_.end() && found->second.id == id && found->second.synchronised;
    }

    /// Messages that made no sense, or asked for too much.
    [[nodiscard]] std::uint64_t rejected_count() const { return rejected_count_; }
    /// Records and markers of removals that are held.
    [[nodiscard]] std::size_t size() const { return map_.size(); }
    [[nodiscard]] std::size_t removals_count() const { return map_.removals().size(); }

private:
    enum class message_kind : std::uint8_t {
        context = 1, ///< wants an answer (boolean), context: what the sender has seen
        delta = 2,   ///< what the sender believes that the receiver has not seen
        part = 3,    ///< number of the delta, index, count: a piece of a delta that is too large for one frame
    };

    struct acknowledgement {
        store::causal_context context;
        sequence_number version = 0;
    };

    struct peer_state {
        node_id id;
        bool up = false;
        bool answered = false;       // has told its context: deltas can be cut for it
        bool synchronised = false;   // was level with it at least once
        store::causal_context known; // what it is known to have seen
        sequence_number confirmed = 0;
        std::optional<acknowledgement> waiting; // counts once we have seen what it had seen
        std::optional<acknowledgement> latest;  // the newest behind `waiting`
        time_point ask_again_at = never;        // while a question is under way
        time_point ask_later_at = never;        // while it has something that we lack, and were not sent by others yet
        time_point push_again_at = never;
        time_point large_under_way_until = time_point::min();
        std::uint64_t parts_number = 0;
        std::vector<bytes> parts;
        std::size_t parts_size = 0;
    };

    // ---- sending -----------------------------------------------------------------------------------------------------

    void send(peer_state const& state, std::shared_ptr<bytes const> frame)
    {
        if (frame->size() <= options_.part_size_max) {
            effects_.sends.push_back({state.id.name, std::move(frame)});
            return;
        }
        auto const number = ++parts_sent_;
        auto const count = (frame->size() + options_.part_size_max - 1) / options_.part_size_max;
        for (std::size_t index = 0; index < count; ++index) {
            wire::writer out;
            out.u8(static_cast<std::uint8_t>(message_kind::part)).number(number).number(index).number(count);
            out.raw(bytes_view{*frame}.substr(index * options_.part_size_max, options_.part_size_max));
            effects_.sends.push_back({state.id.name, std::make_shared<bytes const>(out.take())});
        }
    }

    [[nodiscard]] std::shared_ptr<bytes const> encode(
        store::causal_context const& known, std::vector<store::causal_context::item> const& origins)
    {
        wire::writer out;
        out.u8(static_cast<std::uint8_t>(message_kind::delta));
        store::encode_delta(map_, known, origins, out);
        return std::make_shared<bytes const>(out.take());
    }

    void tell_context(peer_state const& state, bool wants_answer)
    {
        wire::writer out;
        out.u8(static_cast<std::uint8_t>(message_kind::context)).boolean(wants_answer);
        map_.context().encode(out);
        effects_.sends.push_back({state.id.name, std::make_shared<bytes const>(out.take())});
    }

    void ask(peer_state& state, time_point now)
    {
        tell_context(state, true);
        state.ask_again_at = now + options_.retry_interval;
        state.ask_later_at = never;
    }

    // All that the peer is not known to have seen, of all origins.
    bool send_missing(peer_state& state, time_point now)
    {
        std::vector<store::causal_context::item> origins;
        for (auto const& part : map_.context().items())
            if (state.known.at(part.origin) < part.sequence)
                origins.push_back(part);
        if (origins.empty())
            return false;
        if (now < state.large_under_way_until)
            return true;
        auto frame = encode(state.known, origins);
        if (frame->size() > options_.part_size_max)
            state.large_under_way_until = now + options_.large_interval;
        send(state, std::move(frame));
        return true;
    }

    void push_from(peer_state& state, time_point now)
    {
        if (state.known.at(map_.self()) >= flushed_) {
            state.push_again_at = never;
            return;
        }
        send_missing(state, now);
        state.push_again_at = now + options_.retry_interval;
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
            tell_context(next->second, true);
            return;
        }
    }

    // ---- receiving ---------------------------------------------------------------------------------------------------

    void on_context(peer_state& state, wire::reader& in, time_point now)
    {
        auto const wants_answer = in.boolean();
        auto const context = store::causal_context::decode(in);
        if (!context || !in.complete()) {
            ++rejected_count_;
            return;
        }
        state.answered = true;
        note_acknowledgement(state, *context);
        // A peer that lost a delta on the way says so here: what it tells is all that it has.
        auto const told = std::exchange(state.known, *context);
        if (wants_answer && !send_missing(state, now))
            tell_context(state, false);
        if (!wants_answer)
            state.known.merge(told);
        if (map_.context().includes(*context))
            brought_level(state);
        else if (wants_answer ? state.ask_again_at == never : !state.synchronised)
            ask(state, now);
        else if (state.ask_again_at == never && state.ask_later_at == never)
            state.ask_later_at = now + options_.retry_interval; // what it has from others is on its way to us too, as a rule
    }

    void on_delta(peer_state& state, wire::reader& in, time_point now)
    {
        auto const incoming = store::decode_delta(in);
        if (!incoming || !acceptable(*incoming)) {
            ++rejected_count_;
            return;
        }
        for (auto const& range : incoming->ranges) {
            if (map_.context().at(store::origin_of(range.origin)) < range.after) {
                ask(state, now); // a gap: what came before is on its way, or lost
                return;
            }
        }
        merge(*incoming);
        for (auto const& range : incoming->ranges) {
            auto const origin = store::origin_of(range.origin);
            // Also when all of it was outranked, and nothing else changes: `covers` may answer differently now.
            effects_.acknowledgement_changed |= map_.context().at(origin) < range.upto;
            map_.see(origin, range.upto);
            state.known.raise(origin, range.upto);
        }
        tell_context(state, false);
        confirm_all();
        if (state.answered && map_.context().includes(state.known)) // before it answers, we know not what it has
            brought_level(state);
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

    void on_part(peer_state& state, wire::reader& in, time_point now)
    {
        auto const number = in.number();
        auto const index = in.number();
        auto const count = in.number(options_.delta_size_max / 1024);
        auto const piece = in.remainder();
        if (!in.ok() || index >= count) {
            ++rejected_count_;
            return;
        }
        if (index == 0) {
            state.parts.clear();
            state.parts_size = 0;
            state.parts_number = number;
        }
        if (state.parts_number != number || state.parts.size() != index
            || state.parts_size + piece.size() > options_.delta_size_max) {
            state.parts.clear(); // one is missing: what is asked for again comes whole
            return;
        }
        state.parts_size += piece.size();
        state.parts.emplace_back(piece);
        if (state.ask_again_at != never)
            state.ask_again_at = now + options_.retry_interval; // it is coming
        if (state.parts.size() < count)
            return;
        bytes whole;
        whole.reserve(state.parts_size);
        for (auto const& part : state.parts)
            whole += part;
        state.parts.clear();
        wire::reader joined{whole};
        if (joined.u8() == static_cast<std::uint8_t>(message_kind::delta))
            on_delta(state, joined, now);
        else
            ++rejected_count_;
    }

    void brought_level(peer_state& state)
    {
        state.ask_again_at = state.ask_later_at = never;
        if (!state.synchronised)
            effects_.acknowledgement_changed = true;
        state.synchronised = true;
    }

    // ---- acknowledgement ---------------------------------------------------------------------------------------------

    void note_acknowledgement(peer_state& state, store::causal_context const& context)
    {
        auto const version = context.at(map_.self());
        if (version > state.confirmed) {
            auto& place = state.waiting ? state.latest : state.waiting;
            if (!place || place->version <= version)
                place = acknowledgement{context, version};
            confirm(state);
        }
        if (version >= flushed_)
            state.push_again_at = never;
    }

    void confirm(peer_state& state)
    {
        while (state.waiting && map_.context().includes(state.waiting->context)) {
            state.confirmed = std::max(state.confirmed, state.waiting->version);
            state.waiting = std::exchange(state.latest, std::nullopt);
            effects_.acknowledgement_changed = true;
        }
    }

    void confirm_all()
    {
        for (auto& [name, state] : peers_)
            if (state.up)
                confirm(state);
    }

    // A removal that all members have seen cannot be undone by a write that is under way. It is kept for a while all the same:
    // commands may be under way that were given before it.
    void forget_old_removals(time_point now)
    {
        map_.note_removals(now);
        while (!map_.removals().empty() && may_be_forgotten(map_.removals().front(), now))
            map_.forget_removal();
    }

    [[nodiscard]] bool may_be_forgotten(store::causal_map::removal const& oldest, time_point now) const
    {
        if (planted(planted_fault::removal_forgotten))
            return true;
        return now - oldest.noted_at >= options_.removal_retention && seen_by_all(oldest.origin, oldest.sequence);
    }

    // Every member has seen it, and this replica has seen all that they had by then: an older write of the same key that is
    // still under way, however late, was seen here already.
    [[nodiscard]] bool seen_by_all(store::origin_id origin, sequence_number sequence) const
    {
        for (auto const& id : members_) {
            if (store::origin_of(id) == map_.self())
                continue;
            auto const found = peers_.find(id.name);
            if (found == peers_.end() || found->second.id != id || found->second.known.at(origin) < sequence
                || !map_.context().includes(found->second.known))
                return false;
        }
        return true;
    }

    crdt_store_options options_;
    store::causal_map map_;
    std::map<std::string, peer_state, std::less<>> peers_; // by node name
    std::vector<node_id> members_;
    store_effects effects_;
    sequence_number flushed_ = 0;
    std::uint64_t parts_sent_ = 0;
    std::uint64_t rejected_count_ = 0;
    std::string compared_last_;
    time_point sync_at_ = never;
};

} // namespace drover
