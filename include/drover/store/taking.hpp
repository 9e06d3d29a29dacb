// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/time.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/store/causal_context.hpp>
#include <drover/store/causal_map.hpp>
#include <drover/store/delta.hpp>
#include <drover/store/listing_exchange.hpp>
#include <drover/store/messages.hpp>
#include <drover/store/peer.hpp>
#include <drover/store/pushing.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace drover::store {

/// What a replica does with what peers tell: contexts, and deltas, in one piece or in many.
template <class Replica>
class taking {
public:
    explicit taking(Replica& own) : own_{own} {}

    bool on_context(peer_state& state, wire::reader& in, time_point now)
    {
        auto const content = told_context::decode(in);
        if (!content)
            return false;
        state.answered = true;
        state.attempts = 0;
        state.in_flight = 0;
        note_acknowledgement(state, content->seen, content->held.at(own_.map.self()));
        if (content->digest && own_.is_whole() && content->seen == own_.map.context() && *content->digest != own_.map.digest())
            ++own_.divergences_count;
        // A peer that lost a delta on the way says so here: what it tells is all that it has.
        auto const told = std::exchange(state.known, content->seen);
        if (content->wants == wanted::context
            || (content->wants == wanted::all && !pushing<Replica>{own_}.send_missing(state, now)))
            own_.tell_context(state, wanted::nothing);
        if (content->wants == wanted::nothing)
            state.known.merge(told);
        pushing<Replica>{own_}.catch_up(state, now);
        if (own_.map.context().includes(content->seen))
            own_.brought_level(state);
        else if (content->wants != wanted::nothing ? state.ask_again_at == never
                                                   : !state.synchronised && !own_.is_streaming_from_other(state, now))
            own_.ask(state, now);
        else if (state.ask_again_at == never && state.ask_later_at == never)
            state.ask_later_at = now + own_.options.retry_interval; // what it has from others is on its way to us too, as a rule
        return true;
    }

    bool on_push(peer_state& state, wire::reader& in, bytes_view frame, time_point now)
    {
        auto const incoming = decode_delta(in);
        if (!incoming || incoming->ranges.size() != 1 || incoming->ranges.front().forgotten != 0)
            return false; // nothing is forgotten before all have seen it
        auto const& range = incoming->ranges.front();
        auto const is_new = own_.map.context().at(origin_of(range.origin)) < range.upto;
        auto const result = take(state, *incoming, now);
        if (result == outcome::rejected)
            return false;
        if (is_new)
            pass_on(state, range, frame);
        auto* const writer = own_.find_up(range.origin);
        if (result == outcome::taken && writer != nullptr)
            answer(*writer);
        if (writer != &state && (state.passed_on += frame.size()) > own_.options.in_flight_max / 2)
            own_.tell_context(state, wanted::nothing);
        return true;
    }

    bool on_delta(peer_state& state, wire::reader& in, time_point now)
    {
        auto const incoming = decode_delta(in);
        if (!incoming)
            return false;
        auto const result = take(state, *incoming, now);
        if (result == outcome::taken)
            own_.tell_context(state, wanted::nothing);
        return result != outcome::rejected;
    }

    bool on_chunk(peer_state& state, wire::reader& in, time_point now)
    {
        auto const number = in.number();
        auto const index = in.number();
        auto const last = in.boolean();
        bytes piece{in.remainder()};
        wire::reader inner{piece};
        auto const incoming = decode_delta(inner);
        if (!in.ok() || !incoming || !acceptable(*incoming))
            return false;
        if (index == 0 && !own_.is_streaming(now) && !own_.arriving.complete)
            own_.arriving = {state.id, number, {}, {}, {}, false};
        if (own_.arriving.complete || own_.arriving.from != state.id || own_.arriving.number != number
            || own_.arriving.pieces.size() != index)
            return true; // a stream that is not wanted, or a piece of it is missing: what is asked for again is cut anew
        for (auto const& range : incoming->ranges) {
            auto const origin = origin_of(range.origin);
            if (std::max(own_.map.context().at(origin), own_.arriving.upto.at(origin)) < range.after)
                return own_.arriving = {}, own_.ask(state, now), true;
            own_.arriving.upto.raise(origin, range.upto);
        }
        own_.arriving.size += piece.size();
        if (own_.arriving.size > own_.options.delta_size_max)
            return own_.arriving = {}, false;
        own_.arriving.pieces.push_back(std::move(piece));
        own_.arriving.until = now + own_.options.stream_timeout;
        if (last)
            begin_taking(now);
        else
            tell_taken(state, number, index);
        if (state.ask_again_at != never)
            state.ask_again_at = now + own_.options.stream_timeout; // it is coming
        return true;
    }

    void take_piece(time_point now)
    {
        wire::reader in{own_.arriving.pieces[own_.arriving.taken]};
        auto const incoming = *decode_delta(in);
        merge(incoming, now);
        own_.arriving.ranges.insert(own_.arriving.ranges.end(), incoming.ranges.begin(), incoming.ranges.end());
        own_.arriving.pieces[own_.arriving.taken] = {};
        own_.taking_at = now + duration{1}; // others have a turn in between
        auto* const from = own_.find_up(own_.arriving.from);
        if (++own_.arriving.taken < own_.arriving.pieces.size()) {
            if (from != nullptr)
                tell_taken(*from, own_.arriving.number, own_.arriving.pieces.size() - 2); // the last one is under way
            return;
        }
        own_.taking_at = never;
        auto const done = std::exchange(own_.arriving, {});
        see(from, done.ranges, now);
        if (from != nullptr) {
            own_.tell_context(*from, wanted::nothing);
            tell_taken(*from, done.number, done.pieces.size() - 1);
        }
        for (auto& [name, state] : own_.peers) {
            if (state.up && &state != from && state.answer_due)
                own_.tell_context(state, wanted::nothing);
            if (state.out)
                pushing<Replica>{own_}.send_pieces(state, now);
            if (state.up && !own_.map.context().includes(state.known)) // what others have beyond it can be asked for now
                state.ask_later_at = std::min(state.ask_later_at, now + own_.options.retry_interval / 10);
        }
    }

private:
    using kind = message_kind;

    enum class outcome : std::uint8_t { rejected, gap, taken };

    void note_acknowledgement(peer_state& state, causal_context const& seen, sequence_number version)
    {
        if (version > state.confirmed) {
            auto& place = state.waiting ? state.latest : state.waiting;
            if (!place || place->version <= version)
                place = acknowledgement{seen, version};
            own_.confirm(state);
        }
        if (seen.at(own_.map.self()) >= own_.flushed)
            state.push_again_at = never;
    }

    void pass_on(peer_state const& from, delta_range const& range, bytes_view frame)
    {
        std::shared_ptr<bytes const> copy;
        auto const origin = origin_of(range.origin);
        own_.for_each_child(range.origin.name, [&](peer_state& child) {
            if (&child == &from || child.known.at(origin) >= range.upto)
                return;
            if (copy == nullptr)
                copy = std::make_shared<bytes const>(frame);
            pushing<Replica>{own_}.push(child, copy);
        });
    }

    // To the writer. With a journal it is told once all is on stable storage; but at once when it says so again.
    void answer(peer_state& writer)
    {
        auto const at_once = !Replica::durable && !own_.arriving.complete;
        if (at_once || std::exchange(writer.answer_due, true))
            own_.tell_context(writer, wanted::nothing);
    }

    void tell_taken(peer_state const& state, std::uint64_t number, std::size_t index)
    {
        wire::writer out;
        out.u8(static_cast<std::uint8_t>(kind::taken)).number(number).number(index);
        own_.send(state, out);
    }

    // All pieces are here: they are merged one a turn, and count as seen when all of them are in, for each may lack what another
    // one has replaced.
    void begin_taking(time_point now)
    {
        own_.arriving.complete = true;
        own_.whole = own_.map.context();
        own_.taking_at = now;
    }

    outcome take(peer_state& state, delta const& incoming, time_point now)
    {
        if (!acceptable(incoming))
            return outcome::rejected;
        for (auto const& range : incoming.ranges) {
            if (own_.map.context().at(origin_of(range.origin)) < range.after) {
                ask_for_gap(state, now);
                return outcome::gap;
            }
        }
        merge(incoming, now);
        see(&state, incoming.ranges, now);
        return outcome::taken;
    }

    // What came before is on its way, or lost.
    void ask_for_gap(peer_state& state, time_point now)
    {
        if (own_.is_streaming(now))
            state.ask_later_at = std::min(state.ask_later_at, now + own_.options.stream_timeout);
        else
            own_.ask(state, now);
    }

    // All that this peer had up to there is in.
    void see(peer_state* from, std::vector<delta_range> const& ranges, time_point now)
    {
        for (auto const& range : ranges) {
            listing_exchange<Replica>{own_}.note_forgotten(range, now);
            auto const origin = origin_of(range.origin);
            // Also when all of it was outranked, and nothing else changes: `covers` may answer differently now.
            own_.effects.acknowledgement_changed |= own_.map.context().at(origin) < range.upto;
            own_.map.see(origin, range.upto);
            if (from != nullptr)
                from->known.raise(origin, range.upto);
        }
        for (auto& [name, peer] : own_.peers)
            if (peer.up)
                own_.confirm(peer);
        if (own_.listing_piece && own_.map.context().includes(own_.listing_piece->seen))
            listing_exchange<Replica>{own_}.apply_listing(now);
        if (from != nullptr && from->answered
            && own_.map.context().includes(from->known)) // before it answers, we know not what it has
            own_.brought_level(*from);
    }

    [[nodiscard]] bool acceptable(delta const& incoming)
    {
        for (auto const& range : incoming.ranges) {
            if (origin_of(range.origin) == own_.map.self()) {
                if (range.upto > own_.map.version())
                    return false; // nobody has seen more of our writes than we made
            } else if (!own_.map.learn_origin(range.origin)) {
                return false;
            }
        }
        return true;
    }

    void merge(delta const& incoming, time_point now)
    {
        for (auto const& next : incoming.writes) {
            // Whoever sees the number of our write has it, or what replaces it.
            if (own_.flushed != own_.map.version())
                if (auto const* const present = own_.map.find(next.table, next.key);
                    present != nullptr && present->origin == own_.map.self() && present->sequence > own_.flushed)
                    pushing<Replica>{own_}.push_written(now);
            causal_map::write write{origin_of(incoming.ranges[next.range].origin), next.sequence, next.stamp, next.rank,
                next.removed, bytes{next.value}};
            if (own_.map.merge(next.table, next.key, std::move(write)))
                own_.effects.changes.push_back({next.table, bytes{next.key}});
        }
    }

    Replica& own_;
};

} // namespace drover::store
