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
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace drover {

/// Consistent hashing (Karger et al. 1997): every candidate owns points on a circle of 64 bits, as many as its weight asks
/// for, and a key belongs to the first point at or after it.
///
/// Points depend on names alone, so a node that restarts finds its share again. Among equal points the smallest name comes
/// first. The same answers on every machine, for ever: nodes of different builds share a cluster.
struct ring {
    static constexpr placement_capabilities capabilities{.agreed = true, .minimal_moves = true, .voters = false};

    static constexpr std::uint32_t weight_max = candidate::weight_max;
    static constexpr std::uint32_t points_per_weight_max = 4'096;

    class table_type;

    /// The more points, the better the balance (its spread falls with their square root) and the more memory: 16 to 20
    /// octets a point. Every member must use the same number. Pre: 1 to `points_per_weight_max`.
    std::uint32_t points_per_weight = 128;

    /// O(points) expected. Pre: names are distinct; fewer than 2^32 points in all. Their order has no influence on who gets
    /// which key.
    [[nodiscard]] table_type build(std::span<candidate const> candidates) const;

    /// Makes the table that was built from `before` equal to the one built from `after`: see `updatable_placement`. When few
    /// points come and go this takes some passes over the table that compute nothing, less than a tenth of a build; otherwise it
    /// builds.
    void update(table_type& table, std::span<candidate const> before, std::span<candidate const> after) const;

    /// The place of a candidate's point `index`: SplitMix64, started at the hash of the name.
    [[nodiscard]] static constexpr std::uint64_t point_hash(std::uint64_t name_hash, std::uint32_t index)
    {
        return mix64(name_hash + (std::uint64_t{index} + 1) * 0x9e3779b97f4a7c15ULL);
    }
};

/// A sentence that says what is wrong, or nothing.
[[nodiscard]] inline std::string validate(ring const& placement)
{
    if (placement.points_per_weight < 1 || placement.points_per_weight > ring::points_per_weight_max)
        return "ring::points_per_weight is between 1 and " + std::to_string(ring::points_per_weight_max);
    return {};
}

/// The circle, sorted, with an index: bucket b holds the position of the first point whose top bits are b or more. There are
/// as many buckets as points, to within a factor of two, so a lookup scans one or two points.
class ring::table_type {
public:
    table_type() = default;

    /// The index of the candidate that `key` belongs to. O(1) expected. Pre: the table was built from a candidate.
    [[nodiscard]] std::size_t place(std::uint64_t key) const { return owners_[position_of(key)]; }

    /// The owner of the first point at or after `key`, once around, that `accepts` (see `ranked_placement`). Expected: as many
    /// steps as there are candidates to one that is accepted. When nobody is, it has looked at every point. Pre: as `place`.
    template <class Accepts>
    [[nodiscard]] std::size_t place_where(std::uint64_t key, Accepts&& accepts) const
    {
        auto const home = position_of(key);
        for (std::size_t at = home; at < owners_.size(); ++at)
            if (accepts(std::size_t{owners_[at]}))
                return owners_[at];
        for (std::size_t at = 0; at < home; ++at)
            if (accepts(std::size_t{owners_[at]}))
                return owners_[at];
        return owners_[home];
    }

    [[nodiscard]] std::size_t points_count() const { return owners_.empty() ? 0 : owners_.size() - 1; }

    /// Where point `at` lies, in ascending order. Pre: at < points_count().
    [[nodiscard]] std::uint64_t point(std::size_t at) const
    {
        expects(at < points_count(), "a ring was asked for a point that it does not have");
        return hashes_[at];
    }

    friend bool operator==(table_type const&, table_type const&) = default;

private:
    friend struct ring;

    /// A table is updated when at most one point in so many comes or goes; for more a build is as quick.
    static constexpr std::size_t parts_to_update = 16;

    struct point_entry {
        std::uint64_t hash;
        std::uint32_t owner;
    };

    /// In what two lists of candidates differ. The points are sorted as on the circle.
    struct difference {
        std::vector<std::uint32_t> index_of; ///< for each candidate before: its index after, where it is still there
        std::vector<point_entry> leaving;    ///< owners are indices before
        std::vector<point_entry> coming;     ///< owners are indices after
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

    [[nodiscard]] std::size_t position_of(std::uint64_t key) const
    {
        expects(!owners_.empty(), "a ring without candidates was asked for a place");
        std::size_t at = buckets_[key >> shift_];
        // The sentinel behind the last point is the largest hash, and belongs to the owner of the first: the scan needs no
        // bound, and going round the circle no branch.
        while (hashes_[at] < key)
            ++at;
        return at;
    }

    static std::uint32_t points_of(candidate const& who, std::uint32_t points_each) { return weight_of(who) * points_each; }

    static std::uint64_t points_of(std::span<candidate const> candidates, std::uint32_t points_each)
    {
        std::uint64_t total = 0;
        for (auto const& who : candidates)
            total += points_of(who, points_each);
        expects(total < std::numeric_limits<std::uint32_t>::max(), "a ring holds fewer than 2^32 points");
        return total;
    }

    static unsigned shift_for(std::uint64_t points_count) { return 64 - static_cast<unsigned>(std::bit_width(points_count)); }

    [[nodiscard]] std::size_t bucket_of(std::uint64_t hash) const { return static_cast<std::size_t>(hash >> shift_); }

    void clear_buckets(std::uint64_t points_count)
    {
        shift_ = shift_for(points_count);
        buckets_.assign((std::size_t{1} << (64 - shift_)) + 2, 0);
    }

    void sum_buckets()
    {
        for (std::size_t b = 1; b < buckets_.size(); ++b)
            buckets_[b] += buckets_[b - 1];
    }

    // To build: a bucket sort.

    /// Sizes the buckets and counts what falls into each, then sums up: buckets_[b + 1] is where bucket b begins, for now.
    void count_points(std::span<candidate const> candidates, std::uint32_t points_each)
    {
        clear_buckets(points_of(candidates, points_each));
        for (auto const& who : candidates) {
            auto const name_hash = hash64(who.name);
            for (std::uint32_t i = 0, n = points_of(who, points_each); i < n; ++i)
                ++buckets_[bucket_of(point_hash(name_hash, i)) + 2];
        }
        sum_buckets();
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
                points[buckets_[bucket_of(hash) + 1]++] = {hash, owner};
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
        auto const room = points.size() + points.size() / 16 + 1; // for those who come
        hashes_.reserve(room);
        owners_.reserve(room);
        for (auto const& each : points) {
            hashes_.push_back(each.hash);
            owners_.push_back(each.owner);
        }
        hashes_.push_back(std::numeric_limits<std::uint64_t>::max());
        owners_.push_back(owners_.front());
    }

    // To update: some points out, the rest renumbered, some points in.

    /// Nothing, when more than `points_max` points come or go. Pre: both lists are sorted by name.
    static std::optional<difference> difference_between(
        std::span<candidate const> before, std::span<candidate const> after, std::uint32_t points_each, std::size_t points_max)
    {
        difference found;
        found.index_of.resize(before.size());
        std::size_t changed = 0;
        for (std::uint32_t i = 0, j = 0; i < before.size() || j < after.size();) {
            auto const order = i == before.size() ? 1 : j == after.size() ? -1 : before[i].name.compare(after[j].name);
            auto const points_before = order <= 0 ? points_of(before[i], points_each) : 0;
            auto const points_after = order >= 0 ? points_of(after[j], points_each) : 0;
            changed += std::max(points_before, points_after) - std::min(points_before, points_after);
            if (changed > points_max)
                return {};
            for (auto p = points_after; p < points_before; ++p)
                found.leaving.push_back({point_hash(hash64(before[i].name), p), i});
            for (auto p = points_before; p < points_after; ++p)
                found.coming.push_back({point_hash(hash64(after[j].name), p), j});
            if (order == 0)
                found.index_of[i] = j;
            i += order <= 0;
            j += order >= 0;
        }
        auto const on_circle = [](point_entry const& a, point_entry const& b) {
            return a.hash != b.hash ? a.hash < b.hash : a.owner < b.owner;
        };
        std::sort(found.leaving.begin(), found.leaving.end(), on_circle);
        std::sort(found.coming.begin(), found.coming.end(), on_circle);
        return found;
    }

    void apply(difference const& change)
    {
        take_out(change.leaving);
        for (auto& owner : owners_)
            owner = change.index_of[owner];
        put_in(change.coming);
        owners_.back() = owners_.front();
        if (shift_ != shift_for(points_count()))
            index_again();
    }

    void take_out(std::vector<point_entry> const& leaving)
    {
        auto const positions = positions_of(leaving);
        for (std::size_t i = 0; i < positions.size(); ++i) {
            auto const first = positions[i] + 1;
            auto const last = i + 1 < positions.size() ? positions[i + 1] : hashes_.size();
            shift_points(first, last, positions[i] - i);
        }
        hashes_.resize(hashes_.size() - leaving.size());
        owners_.resize(owners_.size() - leaving.size());
        move_buckets(leaving, std::numeric_limits<std::uint32_t>::max()); // -1
    }

    void put_in(std::vector<point_entry> const& coming)
    {
        auto const positions = positions_of(coming);
        auto last = hashes_.size();
        hashes_.resize(last + coming.size());
        owners_.resize(last + coming.size());
        for (auto i = coming.size(); i-- > 0; last = positions[i]) {
            shift_points(positions[i], last, positions[i] + i + 1);
            hashes_[positions[i] + i] = coming[i].hash;
            owners_[positions[i] + i] = coming[i].owner;
        }
        move_buckets(coming, 1);
    }

    /// Where each of the sorted points is, or would be inserted.
    [[nodiscard]] std::vector<std::size_t> positions_of(std::vector<point_entry> const& points) const
    {
        std::vector<std::size_t> positions;
        positions.reserve(points.size());
        for (auto const& each : points) {
            auto at = position_of(each.hash);
            while (at < points_count() && hashes_[at] == each.hash && owners_[at] < each.owner)
                ++at;
            positions.push_back(at);
        }
        return positions;
    }

    /// Moves the points [first, last) to where the first one shall be.
    void shift_points(std::size_t first, std::size_t last, std::size_t target)
    {
        if (first == last)
            return;
        std::memmove(&hashes_[target], &hashes_[first], (last - first) * sizeof(hashes_[0]));
        std::memmove(&owners_[target], &owners_[first], (last - first) * sizeof(owners_[0]));
    }

    /// Each of the sorted points moves the begin of every later bucket by `step`, modulo 2^32.
    void move_buckets(std::vector<point_entry> const& points, std::uint32_t step)
    {
        std::uint32_t moved_by = 0;
        for (std::size_t i = 0; i < points.size(); ++i) {
            moved_by += step;
            auto const first = bucket_of(points[i].hash) + 1;
            auto const last = i + 1 < points.size() ? bucket_of(points[i + 1].hash) + 1 : buckets_.size();
            for (auto& begin : std::span{buckets_}.subspan(first, last - first))
                begin += moved_by;
        }
    }

    /// The number of buckets has changed.
    void index_again()
    {
        clear_buckets(points_count());
        for (std::size_t at = 0; at < points_count(); ++at)
            ++buckets_[bucket_of(hashes_[at]) + 1];
        sum_buckets();
    }

    unsigned shift_ = 63;
    std::vector<std::uint32_t> buckets_; // positions of points
    std::vector<std::uint64_t> hashes_;  // sorted; one more than there are points
    std::vector<std::uint32_t> owners_;  // indices of candidates; as many as hashes_
};

inline ring::table_type ring::build(std::span<candidate const> candidates) const
{
    expects(validate(*this).empty(), "ring::points_per_weight is between 1 and points_per_weight_max");
    return table_type{candidates, points_per_weight};
}

inline void ring::update(table_type& table, std::span<candidate const> before, std::span<candidate const> after) const
{
    expects(table_type::points_of(before, points_per_weight) == table.points_count(),
        "a ring is updated from the candidates that it was built from");
    auto const points_max = table.points_count() / table_type::parts_to_update;
    auto const change = table_type::difference_between(before, after, points_per_weight, points_max);
    if (change && !before.empty())
        table.apply(*change);
    else
        table = build(after);
}

static_assert(updatable_placement<ring> && ranked_placement<ring>);

} // namespace drover
