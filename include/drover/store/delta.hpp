// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/limits.hpp>
#include <drover/store/causal_context.hpp>
#include <drover/store/causal_map.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace drover::store {

/// The bounds of one origin's part of a delta: the writes with numbers in (after, upto].
struct delta_range {
    node_id origin;
    sequence_number after = 0;
    sequence_number upto = 0;
};

/// Stamps grow by one with each write; a larger one is not honest, and would make the clocks of all others wrap.
inline constexpr std::uint64_t stamp_max = std::uint64_t{1} << 62;

/// One write of a delta; the views point into the frame.
struct delta_write {
    std::size_t range = 0; ///< index of its origin's range
    record_table table{};
    bytes_view key;
    bytes_view value;
    sequence_number sequence = 0;
    std::uint64_t stamp = 0;
    record_rank rank;
    bool removed = false;
};

/// A decoded delta: what one replica tells another that it has not seen.
///
/// Layout: ranges by ascending origin, each origin once (count; node, after, upto - after), then until the end of the frame
/// one write after the other: flags (table | removed << 3), index of the range when there is more than one, sequence -
/// previous one of the range, stamp - previous stamp (zigzag), rank, key, value.
struct delta {
    std::vector<delta_range> ranges;
    std::vector<delta_write> writes;
};

namespace detail {

[[nodiscard]] constexpr std::uint64_t zigzag(std::uint64_t difference) { return (difference << 1) ^ (0 - (difference >> 63)); }

[[nodiscard]] constexpr std::uint64_t unzigzag(std::uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); }

} // namespace detail

/// Appends what `map` has beyond `known`, within `origins`, to `out`. Returns the number of writes. O(answer).
template <class Map>
std::size_t encode_delta(
    Map const& map, causal_context const& known, std::vector<causal_context::item> const& origins, wire::writer& out)
{
    out.number(origins.size());
    for (auto const& part : origins) {
        auto const after = std::min(known.at(part.origin), part.sequence);
        out.node(*map.origin(part.origin)).number(after).number(part.sequence - after);
    }
    std::size_t count = 0;
    std::uint64_t last_stamp = 0;
    for (std::size_t index = 0; index < origins.size(); ++index) {
        auto last = known.at(origins[index].origin);
        map.for_each_after(origins[index].origin, last, [&](auto const& entry) {
            out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(entry.table) | (entry.removed ? 8U : 0U)));
            if (origins.size() > 1)
                out.number(index);
            out.number(entry.sequence - last).number(detail::zigzag(entry.stamp - last_stamp));
            out.number(entry.rank.major).number(entry.rank.minor).string(*entry.key);
            if (!entry.removed)
                out.string(entry.value);
            last = entry.sequence;
            last_stamp = entry.stamp;
            ++count;
        });
    }
    return count;
}

/// Decodes, and checks all that can be checked without a map: bounds, order of the numbers within a range. None when malformed.
[[nodiscard]] inline std::optional<delta> decode_delta(wire::reader& in)
{
    delta result;
    auto const ranges = in.count(causal_context::origins_count_max, 4);
    result.ranges.reserve(ranges);
    origin_id last_origin = 0;
    for (std::size_t i = 0; i < ranges; ++i) {
        auto origin = in.node();
        if (auto const id = origin_of(origin); std::exchange(last_origin, id) >= id && i > 0)
            in.fail();
        auto const after = in.number();
        auto const length = in.number(~std::uint64_t{0} - after);
        result.ranges.push_back({std::move(origin), after, after + length});
    }
    std::vector<sequence_number> last;
    last.reserve(result.ranges.size());
    for (auto const& range : result.ranges)
        last.push_back(range.after);
    std::uint64_t stamp = 0;
    while (in.ok() && !in.at_end()) {
        delta_write next;
        auto const flags = in.u8();
        next.table = static_cast<record_table>(flags & 7U);
        next.removed = (flags & 8U) != 0;
        next.range = ranges > 1 ? static_cast<std::size_t>(in.number(ranges - 1)) : 0;
        if (flags > 15 || (flags & 7U) >= record_tables_count || next.range >= ranges)
            return std::nullopt;
        auto const& range = result.ranges[next.range];
        auto const step = in.number(range.upto - last[next.range]);
        next.sequence = last[next.range] += step;
        next.stamp = stamp += detail::unzigzag(in.number());
        if (next.stamp > stamp_max)
            return std::nullopt;
        next.rank.major = in.number();
        next.rank.minor = in.number();
        next.key = in.string(limits::child_id_size_max);
        if (!next.removed)
            next.value = in.string(limits::record_size_max);
        if (step == 0 || !in.ok())
            return std::nullopt;
        result.writes.push_back(next);
    }
    if (!in.ok())
        return std::nullopt;
    return result;
}

} // namespace drover::store
