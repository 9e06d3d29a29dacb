// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/store/causal_context.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace drover::store {

/// Where a listing goes on: behind this number of this origin.
struct listing_position {
    origin_id origin = 0;
    sequence_number sequence = 0;

    friend bool operator==(listing_position const&, listing_position const&) = default;
};

/// Of one origin: these of its writes with numbers in (after, upto] are still there; the others were replaced or removed.
struct listing_part {
    origin_id origin = 0;
    sequence_number after = 0;
    sequence_number upto = 0;
    std::vector<sequence_number> present; ///< ascending
};

/// A piece of what a replica holds, without keys and values: one or two octets a record. Who has seen all that this replica had
/// seen (`seen`), and holds what is not listed, holds what was removed.
///
/// Layout: context; parts by ascending origin (count; origin, after, upto - after, number of records, differences); where it goes
/// on, if it does.
struct listing {
    causal_context seen;
    std::vector<listing_part> parts;
    std::optional<listing_position> next;

    static constexpr std::size_t records_count_max = 32'768; ///< of one piece

    void encode(wire::writer& out) const
    {
        seen.encode(out);
        out.number(parts.size());
        for (auto const& part : parts) {
            out.fixed64(part.origin).number(part.after).number(part.upto - part.after).number(part.present.size());
            auto last = part.after;
            for (auto const sequence : part.present)
                out.number(sequence - std::exchange(last, sequence));
        }
        out.boolean(next.has_value());
        if (next)
            out.fixed64(next->origin).number(next->sequence);
    }

    [[nodiscard]] static std::optional<listing> decode(wire::reader& in)
    {
        listing result;
        auto seen = causal_context::decode(in);
        if (!seen)
            return std::nullopt;
        result.seen = std::move(*seen);
        auto const count = in.count(causal_context::origins_count_max, 11);
        std::size_t records = 0;
        for (std::size_t i = 0; i < count && in.ok(); ++i) {
            listing_part part;
            part.origin = in.fixed64();
            part.after = in.number();
            part.upto = part.after + in.number(~sequence_number{0} - part.after);
            auto const present = in.count(records_count_max);
            if ((records += present) > records_count_max || (i > 0 && result.parts.back().origin >= part.origin)
                || part.upto > result.seen.at(part.origin))
                in.fail();
            auto last = part.after;
            for (std::size_t k = 0; k < present && in.ok(); ++k) {
                auto const step = in.number(part.upto - last);
                if (step == 0)
                    in.fail();
                part.present.push_back(last += step);
            }
            result.parts.push_back(std::move(part));
        }
        if (in.boolean()) {
            auto const origin = in.fixed64();
            result.next = listing_position{origin, in.number()};
        }
        if (!in.complete())
            return std::nullopt;
        return result;
    }
};

/// The piece of a map's listing that begins behind `from`. O(piece), and the way to where it begins.
template <class Map>
[[nodiscard]] listing list_from(Map const& map, listing_position from)
{
    listing result;
    result.seen = map.context();
    std::size_t records = 0;
    for (auto const& item : result.seen.items()) {
        if (item.origin < from.origin)
            continue;
        auto const after = item.origin == from.origin ? std::min(from.sequence, item.sequence) : 0;
        listing_part part{item.origin, after, item.sequence, {}};
        auto const* at = map.first_after(item.origin, after);
        for (; at != nullptr && records < listing::records_count_max; at = at->newer, ++records)
            part.present.push_back(at->sequence);
        if (at != nullptr)
            part.upto = part.present.empty() ? after : part.present.back();
        if (part.upto > part.after)
            result.parts.push_back(std::move(part));
        if (at != nullptr) {
            result.next = listing_position{item.origin, result.parts.empty() ? after : result.parts.back().upto};
            break;
        }
    }
    return result;
}

/// What this map holds within a piece, and the piece does not list. O(what it holds there, and the way to it).
/// Pre: `map` has seen all that the piece says was seen.
template <class Map>
[[nodiscard]] std::vector<typename Map::key_type> not_listed(Map const& map, listing const& piece)
{
    std::vector<typename Map::key_type> result;
    for (auto const& part : piece.parts) {
        auto listed = part.present.begin();
        for (auto const* at = map.first_after(part.origin, part.after); at != nullptr && at->sequence <= part.upto;
             at = at->newer) {
            while (listed != part.present.end() && *listed < at->sequence)
                ++listed;
            if (listed == part.present.end() || *listed != at->sequence)
                result.push_back({at->table, *at->key});
        }
    }
    return result;
}

} // namespace drover::store
