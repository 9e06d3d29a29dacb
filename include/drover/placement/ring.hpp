// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/hash.hpp>
#include <drover/policy/capabilities.hpp>
#include <drover/policy/placement.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

namespace drover {

/// Consistent hashing (Karger et al. 1997): every candidate owns points on a circle of 64 bits, as many as its weight asks
/// for, and a key belongs to the first point at or after it.
///
/// Points depend on names alone, so a node that restarts finds its share again. Among equal points the smallest name comes
/// first. The same answers on every machine, for ever: nodes of different builds share a cluster.
struct ring {
    static constexpr placement_capabilities capabilities{.agreed = true, .minimal_moves = true, .voters = false};

    /// A heavier candidate counts as one of this weight, and one without weight as one of weight 1.
    static constexpr std::uint32_t weight_max = 1'000;
    static constexpr std::uint32_t points_per_weight_max = 4'096;

    class table_type;

    /// The more points, the better the balance (its spread falls with their square root) and the more memory: 16 to 20
    /// octets a point. Every member must use the same number. Pre: 1 to `points_per_weight_max`.
    std::uint32_t points_per_weight = 128;

    /// O(points) expected. Pre: names are distinct; fewer than 2^32 points in all. Their order has no influence on who gets
    /// which key.
    [[nodiscard]] table_type build(std::span<candidate const> candidates) const;

    /// The place of a candidate's point `index`: SplitMix64, started at the hash of the name.
    [[nodiscard]] static constexpr std::uint64_t point_hash(std::uint64_t name_hash, std::uint32_t index)
    {
        return mix64(name_hash + (std::uint64_t{index} + 1) * 0x9e3779b97f4a7c15ULL);
    }
};

/// The circle, sorted, with an index: bucket b holds the position of the first point whose top bits are b or more. There are
/// as many buckets as points, to within a factor of two, so a lookup scans one or two points.
class ring::table_type {
public:
    table_type() = default;

    /// The index of the candidate that `key` belongs to. O(1) expected. Pre: the table was built from a candidate.
    [[nodiscard]] std::size_t place(std::uint64_t key) const
    {
        expects(!owners_.empty(), "a ring without candidates was asked for a place");
        std::size_t at = buckets_[key >> shift_];
        // The sentinel behind the last point is the largest hash, and belongs to the owner of the first: the scan needs no
        // bound, and going round the circle no branch.
        while (hashes_[at] < key)
            ++at;
        return owners_[at];
    }

    [[nodiscard]] std::size_t points_count() const { return owners_.empty() ? 0 : owners_.size() - 1; }

    /// Where point `at` lies, in ascending order. Pre: at < points_count().
    [[nodiscard]] std::uint64_t point(std::size_t at) const
    {
        expects(at < points_count(), "a ring was asked for a point that it does not have");
        return hashes_[at];
    }

private:
    friend struct ring;

    struct point_entry {
        std::uint64_t hash;
        std::uint32_t owner;
    };

    table_type(std::span<candidate const> candidates, std::uint32_t points_each)
    {
        if (candidates.empty())
            return;
        count_points(candidates, points_each);
        auto points = scatter_points(candidates, points_each);
        sort_buckets(points, candidates);
        keep(points);
    }

    static std::uint32_t points_of(candidate const& who, std::uint32_t points_each)
    {
        return std::clamp<std::uint32_t>(who.weight, 1, weight_max) * points_each;
    }

    /// Sizes the buckets and counts what falls into each, then sums up: buckets_[b + 1] is where bucket b begins, for now.
    void count_points(std::span<candidate const> candidates, std::uint32_t points_each)
    {
        std::uint64_t total = 0;
        for (auto const& who : candidates)
            total += points_of(who, points_each);
        expects(total < std::numeric_limits<std::uint32_t>::max(), "a ring holds fewer than 2^32 points");
        auto const bits = static_cast<unsigned>(std::bit_width(total));
        shift_ = 64 - bits;
        buckets_.assign((std::size_t{1} << bits) + 2, 0);
        for (auto const& who : candidates) {
            auto const name_hash = hash64(who.name);
            for (std::uint32_t i = 0, n = points_of(who, points_each); i < n; ++i)
                ++buckets_[(point_hash(name_hash, i) >> shift_) + 2];
        }
        for (std::size_t b = 1; b < buckets_.size(); ++b)
            buckets_[b] += buckets_[b - 1];
    }

    /// Puts every point into its bucket. Each entry is moved on to its bucket's end, which is where the next one begins: so
    /// buckets_[b] is then the begin of bucket b.
    std::vector<point_entry> scatter_points(std::span<candidate const> candidates, std::uint32_t points_each)
    {
        std::vector<point_entry> points(buckets_.back());
        for (std::uint32_t owner = 0; owner < candidates.size(); ++owner) {
            auto const name_hash = hash64(candidates[owner].name);
            for (std::uint32_t i = 0, n = points_of(candidates[owner], points_each); i < n; ++i) {
                auto const hash = point_hash(name_hash, i);
                points[buckets_[(hash >> shift_) + 1]++] = {hash, owner};
            }
        }
        return points;
    }

    void sort_buckets(std::vector<point_entry>& points, std::span<candidate const> candidates) const
    {
        auto const before = [candidates](point_entry const& a, point_entry const& b) {
            return a.hash != b.hash ? a.hash < b.hash : candidates[a.owner].name < candidates[b.owner].name;
        };
        for (std::size_t b = 0; b + 2 < buckets_.size(); ++b) {
            auto const first = points.begin() + buckets_[b];
            auto const last = points.begin() + buckets_[b + 1];
            if (last - first > 1)
                std::sort(first, last, before);
        }
    }

    void keep(std::vector<point_entry> const& points)
    {
        hashes_.reserve(points.size() + 1);
        owners_.reserve(points.size() + 1);
        for (auto const& each : points) {
            hashes_.push_back(each.hash);
            owners_.push_back(each.owner);
        }
        hashes_.push_back(std::numeric_limits<std::uint64_t>::max());
        owners_.push_back(owners_.front());
    }

    unsigned shift_ = 63;
    std::vector<std::uint32_t> buckets_; // positions of points
    std::vector<std::uint64_t> hashes_;  // sorted; one more than there are points
    std::vector<std::uint32_t> owners_;  // indices of candidates; as many as hashes_
};

inline ring::table_type ring::build(std::span<candidate const> candidates) const
{
    expects(points_per_weight >= 1 && points_per_weight <= points_per_weight_max,
        "ring::points_per_weight is between 1 and points_per_weight_max");
    return table_type{candidates, points_per_weight};
}

static_assert(placement<ring>);

} // namespace drover
