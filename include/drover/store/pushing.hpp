// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/time.hpp>
#include <drover/store/delta.hpp>
#include <drover/store/messages.hpp>
#include <drover/store/peer.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace drover::store {

/// What a replica sends of its records: what was written here, to all, as it is written; and what one peer has not seen.
///
/// Memory for a peer that is slow: `in_flight_max` and a few pieces, however much it lacks.
template <class Replica>
class pushing {
public:
    explicit pushing(Replica& own) : own_{own} {}

    /// Pre: something was written since the last time.
    void push_written(time_point now)
    {
        auto const frames = cut_pushes();
        own_.for_each_child(own_.self.name, [&](peer_state& state) {
            for (auto const& frame : frames)
                push(state, frame);
            if (frames.empty() && state.answered)
                send_missing(state, now);
            state.behind |= frames.empty();
        });
        auto const again_at = now + own_.options.retry_interval * (own_.tree.direct() ? 1 : 2);
        for (auto& [name, state] : own_.peers)
            if (state.up && state.answered && state.push_again_at == never)
                state.push_again_at = again_at;
    }

    /// What was written since the last time, in pieces. None when one piece would lack what another one has replaced: who got
    /// only the first would have seen a write, and hold neither. Then it is to be sent as one delta.
    [[nodiscard]] std::vector<std::shared_ptr<bytes const>> cut_pushes()
    {
        std::vector<std::shared_ptr<bytes const>> frames;
        auto after = std::exchange(own_.flushed, own_.map.version());
        auto lacking = own_.flushed - after;
        auto const* at = own_.map.first_after(own_.map.self(), after);
        do {
            delta_writer piece;
            piece.begin_range(own_.self, after, 0); // what we removed is not forgotten before all have seen it
            for (; at != nullptr && piece.size() < own_.options.piece_size; at = at->newer, --lacking) {
                piece.write(*at);
                after = at->sequence;
            }
            after = at == nullptr ? own_.flushed : after;
            piece.end_range(after);
            wire::writer out;
            out.u8(static_cast<std::uint8_t>(kind::push));
            piece.append_to(out);
            frames.push_back(std::make_shared<bytes const>(out.take()));
        } while (at != nullptr);
        if (frames.size() > 1 && lacking > 0)
            frames.clear();
        return frames;
    }

    void push(peer_state& state, std::shared_ptr<bytes const> const& frame)
    {
        if (!state.answered || state.out
            || state.in_flight + frame->size() > std::max(own_.options.in_flight_max, frame->size())) {
            state.behind = true;
            return;
        }
        state.in_flight += frame->size();
        own_.effects.sends.push_back({state.id.name, frame});
    }

    /// What was not pushed while it was slow, or busy with a large delta.
    void catch_up(peer_state& state, time_point now)
    {
        if (!state.out && std::exchange(state.behind, false) && state.known.at(own_.map.self()) < own_.flushed)
            send_missing(state, now);
    }

    void push_again(peer_state& state, std::size_t& pushes_left, time_point now)
    {
        if (state.known.at(own_.map.self()) >= own_.flushed) {
            state.push_again_at = never;
            return;
        }
        if (pushes_left == 0) {
            state.push_again_at = now + own_.options.retry_interval;
            return;
        }
        state.push_again_at = now + own_.pause(state);
        if (send_missing(state, now))
            --pushes_left;
    }

    /// All that the peer is not known to have seen, of all origins. False: there is nothing.
    bool send_missing(peer_state& state, time_point now)
    {
        if (state.out
            || own_.arriving.complete) // while a large delta is merged, what it replaces is not there, and it is not seen
            return true;
        outgoing_stream stream;
        stream.covered = state.known;
        if (!stream.go_on(own_.map.context()))
            return false;
        stream.number = ++own_.streams_begun;
        state.out = std::move(stream);
        send_pieces(state, now);
        return true;
    }

    /// The first piece goes alone: who is sent the same by another takes no more than that.
    void send_pieces(peer_state& state, time_point now)
    {
        auto& stream = *state.out;
        stream.stalled_at = now + own_.options.stream_timeout;
        if (own_.arriving.complete)
            return; // goes on when it is in
        auto const window = stream.taken == 0 ? 1 : own_.options.pieces_in_flight_max;
        while (!stream.ended() && stream.cut - stream.taken < window) {
            auto const piece = stream.cut_next(own_.map, state.walk, own_.options.piece_size);
            auto const last = stream.ended() && !stream.go_on(own_.map.context());
            wire::writer out;
            if (stream.cut == 0 && last)
                out.u8(static_cast<std::uint8_t>(kind::delta));
            else
                out.u8(static_cast<std::uint8_t>(kind::chunk)).number(stream.number).number(stream.cut).boolean(last);
            piece.append_to(out);
            own_.send(state, out);
            ++stream.cut;
        }
        if (stream.cut == 1 && stream.ended())
            end_stream(state);
    }

    void end_stream(peer_state& state)
    {
        own_.map.end_walk(state.walk);
        state.out.reset();
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
        state.out->stalled_at = now + own_.options.stream_timeout;
        if (!state.out->ended() || state.out->taken < state.out->cut) {
            send_pieces(state, now);
            return true;
        }
        end_stream(state);
        catch_up(state, now);
        return true;
    }

private:
    using kind = message_kind;

    Replica& own_;
};

} // namespace drover::store
