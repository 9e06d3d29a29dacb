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
    /// Above `after`: removals up to it may be missing here, because they are forgotten. What they removed may still be held by
    /// whoever has not seen them.
    sequence_number forgotten = 0;
};

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
/// Layout: ranges by ascending origin, each origin once (count; node, after, upto - after, forgotten - after or 0, number of its
/// writes), then until the end of the frame the writes of one range after the other: flags (table | removed << 3), sequence -
/// previous one of the range, stamp - previous stamp (zigzag), rank, key, value.
struct delta {
    std::vector<delta_range> ranges;
    std::vector<delta_write> writes;
};

namespace detail {

[[nodiscard]] constexpr std::uint64_t zigzag(std::uint64_t difference) { return (difference << 1) ^ (0 - (difference >> 63)); }

[[nodiscard]] constexpr std::uint64_t unzigzag(std::uint64_t value) { return (value >> 1) ^ (0 - (value & 1)); }

} // namespace detail

/// Puts a delta together, range by range.
class delta_writer {
public:
    /// Ranges come by ascending origin.
    void begin_range(node_id const& origin, sequence_number after, sequence_number forgotten)
    {
        ranges_.push_back({origin, after, after, forgotten});
        counts_.push_back(0);
        last_ = after;
    }

    /// Writes of a range ascend.
    template <class Entry>
    void write(Entry const& entry)
    {
        body_.u8(static_cast<std::uint8_t>(static_cast<unsigned>(entry.table) | (entry.removed ? 8U : 0U)));
        body_.number(entry.sequence - last_).number(detail::zigzag(entry.stamp - last_stamp_));
        body_.number(entry.rank.major).number(entry.rank.minor).string(*entry.key);
        if (!entry.removed)
            body_.string(entry.value);
        last_ = entry.sequence;
        last_stamp_ = entry.stamp;
        ++counts_.back();
    }

    /// `upto`: all up to it that there is has been written.
    void end_range(sequence_number upto) { ranges_.back().upto = upto; }

    [[nodiscard]] bool empty() const { return ranges_.empty(); }
    /// Octets of the writes.
    [[nodiscard]] std::size_t size() const { return body_.size(); }
    [[nodiscard]] std::vector<delta_range> const& ranges() const { return ranges_; }

    void append_to(wire::writer& out) const
    {
        out.number(ranges_.size());
        for (std::size_t i = 0; i < ranges_.size(); ++i) {
            auto const& range = ranges_[i];
            out.node(range.origin).number(range.after).number(range.upto - range.after);
            auto const forgotten = std::min(range.forgotten, range.upto);
            out.number(forgotten > range.after ? forgotten - range.after : 0).number(counts_[i]);
        }
        out.raw(body_.view());
    }

private:
    std::vector<delta_range> ranges_;
    std::vector<std::size_t> counts_;
    wire::writer body_;
    sequence_number last_ = 0;
    std::uint64_t last_stamp_ = 0;
};

/// Appends what `map` has beyond `known`, within `origins`, to `out`. Returns the number of writes. O(answer).
template <class Map>
std::size_t encode_delta(
    Map const& map, causal_context const& known, std::vector<causal_context::item> const& origins, wire::writer& out)
{
    delta_writer writer;
    std::size_t count = 0;
    for (auto const& part : origins) {
        auto const after = std::min(known.at(part.origin), part.sequence);
        writer.begin_range(*map.origin(part.origin), after, map.forgotten(part.origin));
        map.for_each_after(part.origin, after, [&](auto const& entry) {
            writer.write(entry);
            ++count;
        });
        writer.end_range(part.sequence);
    }
    writer.append_to(out);
    return count;
}

/// Decodes, and checks all that can be checked without a map: bounds, order of the numbers within a range. None when malformed.
[[nodiscard]] inline std::optional<delta> decode_delta(wire::reader& in)
{
    delta result;
    auto const ranges = in.count(causal_context::origins_count_max, 6);
    result.ranges.reserve(ranges);
    std::vector<std::uint64_t> counts;
    counts.reserve(ranges);
    origin_id last_origin = 0;
    for (std::size_t i = 0; i < ranges; ++i) {
        auto origin = in.node();
        if (auto const id = origin_of(origin); std::exchange(last_origin, id) >= id && i > 0)
            in.fail();
        auto const after = in.number();
        auto const length = in.number(~std::uint64_t{0} - after);
        auto const forgotten = in.number(length);
        result.ranges.push_back({std::move(origin), after, after + length, forgotten == 0 ? 0 : after + forgotten});
        counts.push_back(in.number());
    }
    std::uint64_t stamp = 0;
    for (std::size_t index = 0; index < ranges && in.ok(); ++index) {
        auto const& range = result.ranges[index];
        auto last = range.after;
        for (std::uint64_t left = counts[index]; left > 0; --left) {
            delta_write next;
            auto const flags = in.u8();
            next.table = static_cast<record_table>(flags & 7U);
            next.removed = (flags & 8U) != 0;
            next.range = index;
            if (flags > 15 || (flags & 7U) >= record_tables_count)
                return std::nullopt;
            auto const step = in.number(range.upto - last);
            next.sequence = last += step;
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
    }
    if (!in.complete())
        return std::nullopt;
    return result;
}

} // namespace drover::store
