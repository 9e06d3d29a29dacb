// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/policy/state_store.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace drover::store {

using drover::origin_id; // short enough to be in every acknowledgement
using drover::origin_of;

/// Counts the writes of one origin, from 1.
using sequence_number = std::uint64_t;

/// Which writes a replica has seen: of each origin, all up to a number. A version vector (Parker et al. 1983); contiguous by
/// construction, because what would leave a gap is not merged.
class causal_context {
public:
    static constexpr std::size_t origins_count_max = 65'536;

    struct item {
        origin_id origin;
        sequence_number sequence;

        friend bool operator==(item const&, item const&) = default;
    };

    /// 0 when nothing was seen. O(log origins).
    [[nodiscard]] sequence_number at(origin_id origin) const
    {
        auto const found = lower_bound(origin);
        return found != items_.end() && found->origin == origin ? found->sequence : 0;
    }

    /// Never goes back.
    void raise(origin_id origin, sequence_number sequence)
    {
        auto const found = lower_bound(origin);
        if (found == items_.end() || found->origin != origin)
            items_.insert(found, item{origin, sequence});
        else if (auto& known = items_[static_cast<std::size_t>(found - items_.begin())].sequence; known < sequence)
            known = sequence;
    }

    void merge(causal_context const& other)
    {
        for (auto const& entry : other.items_)
            raise(entry.origin, entry.sequence);
    }

    /// Everything that `other` has seen, this has. O(origins).
    [[nodiscard]] bool includes(causal_context const& other) const
    {
        auto mine = items_.begin();
        for (auto const& wanted : other.items_) {
            while (mine != items_.end() && mine->origin < wanted.origin)
                ++mine;
            if (wanted.sequence > 0
                && (mine == items_.end() || mine->origin != wanted.origin || mine->sequence < wanted.sequence))
                return false;
        }
        return true;
    }

    /// What both have seen. O(origins log origins).
    [[nodiscard]] static causal_context common(causal_context const& left, causal_context const& right)
    {
        causal_context result;
        for (auto const& entry : left.items_)
            if (auto const sequence = std::min(entry.sequence, right.at(entry.origin)); sequence > 0)
                result.items_.push_back({entry.origin, sequence});
        return result;
    }

    [[nodiscard]] std::vector<item> const& items() const { return items_; }

    void encode(wire::writer& out) const
    {
        out.number(items_.size());
        for (auto const& entry : items_)
            out.fixed64(entry.origin).number(entry.sequence);
    }

    [[nodiscard]] static std::optional<causal_context> decode(wire::reader& in)
    {
        causal_context result;
        auto const count = in.count(origins_count_max, 9);
        result.items_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            auto const origin = in.fixed64();
            auto const sequence = in.number();
            if (!result.items_.empty() && result.items_.back().origin >= origin)
                in.fail();
            result.items_.push_back({origin, sequence});
        }
        if (!in.ok())
            return std::nullopt;
        return result;
    }

    friend bool operator==(causal_context const&, causal_context const&) = default;

private:
    [[nodiscard]] std::vector<item>::const_iterator lower_bound(origin_id origin) const
    {
        return std::lower_bound(
            items_.begin(), items_.end(), origin, [](item const& entry, origin_id wanted) { return entry.origin < wanted; });
    }

    std::vector<item> items_; // sorted by origin
};

} // namespace drover::store
