// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/store/causal_context.hpp>
#include <drover/store/delta.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace drover::store {

/// What a peer holds of our writes, and what it had seen when it said so.
struct acknowledgement {
    causal_context seen;
    sequence_number version = 0;
};

/// A delta on its way to a peer, in pieces when it is large: they are cut as the peer takes them, so that it costs the memory of
/// a few pieces, whatever its size. What is written meanwhile may replace what was to be sent: so it goes on until it has all
/// that there is when its last piece is cut.
struct outgoing_stream {
    std::uint64_t number = 0;
    causal_context covered;                    ///< what the peer knew, and what has been cut
    std::vector<causal_context::item> origins; ///< what is to be covered next
    std::size_t part = 0;                      ///< index of the origin that is walked along
    bool walking = false;
    sequence_number after = 0;
    std::uint64_t cut = 0;   ///< pieces
    std::uint64_t taken = 0; ///< pieces
    time_point stalled_at{}; ///< when it is given up, unless another piece is taken

    [[nodiscard]] bool ended() const { return part == origins.size(); }

    /// Goes on with what is beyond. False: nothing is. O(origins).
    bool go_on(causal_context const& seen)
    {
        origins.clear();
        part = 0;
        for (auto const& item : seen.items())
            if (covered.at(item.origin) < item.sequence)
                origins.push_back(item);
        return !origins.empty();
    }

    /// The next piece, of `size` octets or one record more. O(piece). `walk`: number of a walk of the map that is this stream's.
    template <class Map>
    [[nodiscard]] delta_writer cut_next(Map& map, std::size_t walk, std::size_t size)
    {
        delta_writer piece;
        for (; !ended() && piece.size() < size; ++part, walking = false) {
            auto const& [origin, upto] = origins[part];
            if (!std::exchange(walking, true)) {
                after = covered.at(origin);
                map.begin_walk(walk, origin, after);
            }
            piece.begin_range(*map.origin(origin), after, map.forgotten(origin));
            for (; before(map, walk, upto) && piece.size() < size; map.walk_on(walk)) {
                piece.write(*map.walk_at(walk));
                after = map.walk_at(walk)->sequence;
            }
            if (before(map, walk, upto)) {
                piece.end_range(after);
                break;
            }
            piece.end_range(upto);
            covered.raise(origin, upto);
            map.end_walk(walk);
        }
        return piece;
    }

private:
    template <class Map>
    [[nodiscard]] static bool before(Map const& map, std::size_t walk, sequence_number upto)
    {
        return map.walk_at(walk) != nullptr && map.walk_at(walk)->sequence <= upto;
    }
};

/// All that a replica knows of another one.
struct peer_state {
    node_id id;
    std::size_t walk = 0; ///< number of its walk along the map
    bool up = false;
    bool answered = false;     ///< has told its context: deltas can be cut for it
    bool synchronised = false; ///< was level with it at least once

    causal_context known;                   ///< what it is known to have seen
    sequence_number confirmed = 0;          ///< our writes that it holds, and did not see outranked
    std::optional<acknowledgement> waiting; ///< counts once we have seen what it had seen
    std::optional<acknowledgement> latest;  ///< the newest behind `waiting`

    time_point ask_again_at = never;  ///< while a question is under way
    time_point ask_later_at = never;  ///< while it has something that we lack, and were not sent by others yet
    time_point push_again_at = never; ///< while it has not told that it has seen our writes
    unsigned attempts = 0;            ///< since it last said anything
    std::size_t in_flight = 0;        ///< octets pushed since it last told its context
    std::size_t passed_on = 0;        ///< octets that it passed on to us since we last told it ours
    bool behind = false;              ///< something was not pushed to it
    bool answer_due = false;          ///< it is told once more of what it wrote is held

    std::optional<outgoing_stream> out;
};

} // namespace drover::store
