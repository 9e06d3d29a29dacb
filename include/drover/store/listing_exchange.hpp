// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/time.hpp>
#include <drover/store/delta.hpp>
#include <drover/store/listing.hpp>
#include <drover/store/messages.hpp>
#include <drover/store/peer.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace drover::store {

/// How a replica that was no member while removals were forgotten finds out which of its records were removed: it asks a peer
/// for a listing, piece by piece, and drops what is not listed. Until then it is level with nobody.
template <class Replica>
class listing_exchange {
public:
    explicit listing_exchange(Replica& own) : own_{own} {}

    void note_forgotten(delta_range const& range, time_point now)
    {
        auto const origin = origin_of(range.origin);
        if (range.forgotten <= range.after)
            return;
        if (own_.map.context().at(origin) < range.forgotten) {
            own_.listing_needs.raise(origin, range.forgotten);
            own_.listing_from = {};
            if (!std::exchange(own_.listing_wanted, true))
                own_.listing_at = now;
        }
        own_.map.raise_forgotten(origin, range.forgotten);
    }

    /// One after the other: any peer that has seen what was forgotten can tell.
    void ask_for_listing(time_point now)
    {
        own_.listing_at = now + own_.options.retry_interval;
        own_.listing_piece.reset();
        auto next = own_.peers.upper_bound(own_.listing_of);
        for (std::size_t tried = 0; tried < own_.peers.size(); ++tried, ++next) {
            if (next == own_.peers.end())
                next = own_.peers.begin();
            auto const& state = next->second;
            if (!state.up || !state.answered || !state.known.includes(own_.listing_needs))
                continue;
            own_.listing_of = next->first;
            return ask_for_piece(state);
        }
    }

    bool on_list(peer_state& state, wire::reader& in)
    {
        auto const number = in.number();
        auto const origin = in.fixed64();
        listing_position const from{origin, in.number()};
        if (!in.complete())
            return false;
        if (!own_.is_whole())
            return true; // somebody else knows
        wire::writer out;
        out.u8(static_cast<std::uint8_t>(kind::listing)).number(number);
        list_from(own_.map, from).encode(out);
        own_.send(state, out);
        return true;
    }

    bool on_listing(peer_state& state, wire::reader& in, time_point now)
    {
        auto const number = in.number();
        auto piece = listing::decode(in);
        if (!piece)
            return false;
        if (!own_.listing_wanted || number != own_.listing_number || state.id.name != own_.listing_of
            || !piece->seen.includes(own_.listing_needs))
            return true;
        own_.listing_piece = std::move(*piece);
        if (own_.map.context().includes(own_.listing_piece->seen)) {
            apply_listing(now);
        } else {
            state.known.merge(own_.listing_piece->seen);
            own_.ask(state, now);
        }
        return true;
    }

    /// Pre: we have seen all that the piece says was seen.
    void apply_listing(time_point now)
    {
        auto const piece = std::move(*std::exchange(own_.listing_piece, std::nullopt));
        for (auto& stale : not_listed(own_.map, piece)) {
            own_.map.drop(stale.table, stale.key);
            ++own_.dropped_count;
            own_.effects.changes.push_back({stale.table, std::move(stale.key)});
        }
        auto const found = own_.peers.find(own_.listing_of);
        if (piece.next && found != own_.peers.end()) {
            own_.listing_from = *piece.next;
            own_.listing_at = now + own_.options.retry_interval;
            return ask_for_piece(found->second);
        }
        own_.listing_wanted = false;
        own_.listing_at = never;
        own_.listing_needs = {};
        own_.effects.acknowledgement_changed = true;
        for (auto& [name, state] : own_.peers)
            if (state.up && state.answered && own_.map.context().includes(state.known))
                own_.brought_level(state);
    }

private:
    using kind = message_kind;

    void ask_for_piece(peer_state const& state)
    {
        wire::writer out;
        out.u8(static_cast<std::uint8_t>(kind::list)).number(++own_.listing_number);
        out.fixed64(own_.listing_from.origin).number(own_.listing_from.sequence);
        own_.send(state, out);
    }

    Replica& own_;
};

} // namespace drover::store
