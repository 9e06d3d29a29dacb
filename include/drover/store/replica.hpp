// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>
#include <drover/base/planted_fault.hpp>
#include <drover/base/time.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/store/broadcast_tree.hpp>
#include <drover/store/causal_context.hpp>
#include <drover/store/causal_map.hpp>
#include <drover/store/crdt_store_options.hpp>
#include <drover/store/delta.hpp>
#include <drover/store/journaling.hpp>
#include <drover/store/listing.hpp>
#include <drover/store/messages.hpp>
#include <drover/store/peer.hpp>
#include <drover/wire/writer.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drover::store {

/// A large delta that comes in pieces. They are kept until all are here, and then merged one a turn: what is in one may lack what
/// another one has replaced, so nothing of it counts as seen before all of it is in.
struct arriving_stream {
    node_id from{};
    std::uint64_t number = 0;
    std::vector<bytes> pieces{};
    std::vector<delta_range> ranges{};
    causal_context upto{}; ///< where the pieces end
    bool complete = false; ///< they are being merged
    std::size_t taken = 0;
    std::size_t size = 0; ///< octets
    time_point until{};   ///< for so long, nobody else is asked for a large delta
};

/// All that a replica of a `crdt_store` knows. What it does with it is in `pushing`, `taking` and `listing_exchange`, which are
/// ways to work on it.
template <class Journal>
struct replica {
    static constexpr bool durable = Journal::durable;

    replica(Journal keeper, crdt_store_options configuration) : options{configuration}, journal{std::move(keeper)} {}

    crdt_store_options options;
    node_id self;
    causal_map map;
    journaling<Journal> journal;
    broadcast_tree tree;
    std::map<std::string, peer_state, std::less<>> peers; ///< by node name
    std::vector<node_id> members;
    store_effects effects;
    sequence_number flushed = 0;
    time_point first_time = never;

    std::uint64_t streams_begun = 0;
    arriving_stream arriving;
    causal_context whole; ///< what was seen when it began to be merged
    time_point taking_at = never;

    bool listing_wanted = false;  ///< we may hold records whose removal nobody remembers
    causal_context listing_needs; ///< who has seen this can tell
    listing_position listing_from;
    std::optional<listing> listing_piece; ///< waits until we have seen what its sender had seen
    std::string listing_of;
    std::uint64_t listing_number = 0;
    time_point listing_at = never;
    time_point listing_until = never; ///< then it goes on without

    std::uint64_t rejected_count = 0;
    std::uint64_t divergences_count = 0;
    std::uint64_t dropped_count = 0;
    std::uint64_t listings_missed_count = 0;

    // ---- who is there ------------------------------------------------------------------------------------------------

    [[nodiscard]] peer_state& peer_of(std::string const& name)
    {
        auto const [place, added] = peers.try_emplace(name);
        if (added) {
            place->second.walk = peers.size() - 1;
            map.begin_walk(place->second.walk, map.self(), map.version()); // at its end: a place of its own
        }
        return place->second;
    }

    [[nodiscard]] peer_state* find_up(node_id const& id)
    {
        auto const found = peers.find(id.name);
        return found != peers.end() && found->second.up && found->second.id == id ? &found->second : nullptr;
    }

    void set_tree()
    {
        std::vector<std::string> names{self.name};
        for (auto const& [name, state] : peers)
            if (state.up)
                names.push_back(name);
        tree.set(std::move(names));
    }

    template <class Visit>
    void for_each_child(std::string const& writer, Visit&& visit)
    {
        tree.for_each_child(writer, self.name, [&](std::string const& name) {
            if (auto const found = peers.find(name); found != peers.end() && found->second.up)
                visit(found->second);
        });
    }

    // The physical part of stamps: the wall clock at the start of this life (its incarnation), moved on by the monotonic clock.
    void note_time(time_point now)
    {
        if (first_time == never)
            first_time = now;
        auto const passed = std::chrono::duration_cast<std::chrono::microseconds>(now - first_time).count();
        map.set_time(std::min(self.incarnation, stamp_max / 4) + static_cast<std::uint64_t>(std::max<std::int64_t>(0, passed)));
    }

    // What would still be here after a loss of power.
    [[nodiscard]] causal_context const& held() const
    {
        if constexpr (durable)
            return planted(planted_fault::acknowledged_uncommitted) ? map.context() : journal.committed();
        else
            return map.context();
    }

    // What is vouched for: while a large delta is being merged, what was seen may have lost against what does not count as seen.
    [[nodiscard]] causal_context vouched() const { return arriving.complete ? causal_context::common(held(), whole) : held(); }

    [[nodiscard]] bool has_all(causal_context const& told) const { return !listing_wanted && map.context().includes(told); }

    // What is held is what follows from what was seen: no more, and no less.
    [[nodiscard]] bool is_whole() const { return !listing_wanted && !arriving.complete; }

    // A large delta comes, from somebody.
    [[nodiscard]] bool is_streaming(time_point now) const
    {
        return arriving.complete || (!arriving.pieces.empty() && now < arriving.until);
    }

    [[nodiscard]] bool is_streaming_from_other(peer_state const& state, time_point now) const
    {
        return is_streaming(now) && arriving.from != state.id;
    }

    // Doubles with every attempt that is not answered.
    [[nodiscard]] duration pause(peer_state& state) const
    {
        auto const factor = std::int64_t{1} << std::min(state.attempts, 16U);
        ++state.attempts;
        return std::min(options.retry_interval * factor, std::max(options.retry_interval, options.retry_interval_max));
    }

    void send(peer_state const& state, wire::writer& out)
    {
        effects.sends.push_back({state.id.name, std::make_shared<bytes const>(out.take())});
    }

    void tell_context(peer_state& state, wanted wants)
    {
        wire::writer out;
        out.u8(static_cast<std::uint8_t>(message_kind::context));
        auto const less = durable || arriving.complete ? std::optional{vouched()} : std::nullopt;
        auto const digest = wants != wanted::nothing && is_whole() ? std::optional{map.digest()} : std::nullopt;
        told_context::encode(out, wants, digest, map.context(), less && *less != map.context() ? &*less : nullptr);
        state.passed_on = 0;
        auto const theirs = origin_of(state.id);
        state.answer_due = less && less->at(theirs) < map.context().at(theirs);
        send(state, out);
    }

    // While one peer sends much, others are asked what they have only: it may be the same.
    void ask(peer_state& state, time_point now)
    {
        tell_context(state, is_streaming_from_other(state, now) ? wanted::context : wanted::all);
        state.ask_again_at = now + pause(state);
        state.ask_later_at = never;
    }

    void brought_level(peer_state& state)
    {
        state.ask_again_at = state.ask_later_at = never;
        if (listing_wanted)
            return;
        if (!state.synchronised)
            effects.acknowledgement_changed = true;
        state.synchronised = true;
    }

    void confirm(peer_state& state)
    {
        while (state.waiting && map.context().includes(state.waiting->seen)) {
            state.confirmed = std::max(state.confirmed, state.waiting->version);
            state.waiting = std::exchange(state.latest, std::nullopt);
            effects.acknowledgement_changed = true;
        }
    }
};

} // namespace drover::store
