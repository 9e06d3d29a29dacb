// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/hash.hpp>
#include <drover/placement/logarithm.hpp>
#include <drover/policy/capabilities.hpp>
#include <drover/policy/placement.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

namespace drover {

/// Rendezvous hashing, also called highest random weight (Thaler and Ravishankar 1998): for each key every candidate draws a
/// number, and the best draw wins. Shares are as even as chance allows, tables are small, and a lookup looks at everybody.
///
/// With weights, the candidate with the smallest -log2(u) / weight wins, where u is its draw in (0, 1] (Schindelhauer and
/// Schomaker 2005, the logarithmic method): -log2(u) is exponentially distributed, so each wins in proportion to its weight. The
/// logarithms are integers, and their quotients are compared exactly. Equal quotients: the larger draw wins, then the heavier
/// candidate, then the smaller name. The same answers on every machine, for ever: nodes of different builds share a cluster.
struct uniform {
    static constexpr placement_capabilities capabilities{.agreed = true, .minimal_moves = true, .voters = false};
    static constexpr std::uint32_t weight_max = candidate::weight_max;

    class table_type;

    /// O(candidates log candidates), O(candidates) where they are sorted by name and weigh the same. Pre: names are distinct.
    /// Their order has no influence on who gets which key.
    [[nodiscard]] table_type build(std::span<candidate const> candidates) const;

    /// Builds: see `updatable_placement`.
    void update(table_type& table, std::span<candidate const> before, std::span<candidate const> after) const;

    /// What the candidate with this hash of its name draws for a key: `mix64` of their exclusive or, without its first step. That
    /// step is linear over exclusive or, so it would only exchange hashes and keys, which are uniform, for others.
    [[nodiscard]] static constexpr std::uint64_t draw(std::uint64_t name_hash, std::uint64_t key)
    {
        auto value = (name_hash ^ key) * 0xbf58476d1ce4e5b9ULL;
        value ^= value >> 27;
        value *= 0x94d049bb133111ebULL;
        return value ^ (value >> 31);
    }
};

/// The candidates in columns, the heaviest first. Among those of one weight the largest draw wins, whatever logarithms say,
/// because they are monotone; so only the best of each weight are compared by them, and where all weigh the same nobody is.
class uniform::table_type {
public:
    table_type() = default;

    /// The index of the candidate that `key` belongs to. O(candidates), about 1 ns for each, and some 10 ns for each distinct
    /// weight, if there are several. Pre: the table was built from a candidate.
    [[nodiscard]] std::size_t place(std::uint64_t key) const
    {
        return owners_[best_of_all([this, key](auto first, auto const& each) { return best_of(first, each, key); }).at];
    }

    /// The best candidate that `accepts` (see `ranked_placement`). O(candidates); it asks about those only that would be the best
    /// so far, which are some log(candidates) when most are accepted. Pre: as `place`.
    template <class Accepts>
    [[nodiscard]] std::size_t place_where(std::uint64_t key, Accepts&& accepts) const
    {
        auto const best = best_of_all([&](auto first, auto const& each) { return best_accepted_of(first, each, key, accepts); });
        return best.at == nobody ? place(key) : owners_[best.at];
    }

    friend bool operator==(table_type const&, table_type const&) = default;

private:
    friend struct uniform;

    static constexpr std::size_t nobody = std::numeric_limits<std::size_t>::max();

    /// Candidates of one weight: the columns from the last class's end to `end`.
    struct weight_class {
        std::uint32_t weight;
        std::uint32_t end;
        friend bool operator==(weight_class const&, weight_class const&) = default;
    };

    struct contender {
        std::size_t at = nobody;
        std::uint64_t draw = 0;
        std::uint32_t weight = 1;
    };

    explicit table_type(std::span<candidate const> candidates)
    {
        expects(candidates.size() < std::numeric_limits<std::uint32_t>::max(), "there are fewer than 2^32 candidates");
        auto const before = [candidates](std::uint32_t a, std::uint32_t b) {
            auto const weight_a = weight_of(candidates[a]);
            auto const weight_b = weight_of(candidates[b]);
            return weight_a != weight_b ? weight_a > weight_b : candidates[a].name < candidates[b].name;
        };
        owners_.resize(candidates.size());
        for (std::uint32_t i = 0; i < owners_.size(); ++i)
            owners_[i] = i;
        if (!std::is_sorted(owners_.begin(), owners_.end(), before))
            std::sort(owners_.begin(), owners_.end(), before);
        hashes_.reserve(owners_.size());
        for (auto const owner : owners_)
            append(candidates[owner]);
    }

    void append(candidate const& who)
    {
        hashes_.push_back(hash64(who.name));
        if (classes_.empty() || classes_.back().weight != weight_of(who))
            classes_.push_back({weight_of(who), 0});
        classes_.back().end = static_cast<std::uint32_t>(hashes_.size());
    }

    template <class BestOfClass>
    [[nodiscard]] contender best_of_all(BestOfClass best_of_class) const
    {
        expects(!classes_.empty(), "a rendezvous without candidates was asked for a place");
        contender best;
        std::size_t first = 0;
        for (auto const& each : classes_) {
            contender const challenger = best_of_class(first, each);
            if (challenger.at != nobody && (best.at == nobody || beats(challenger, best)))
                best = challenger;
            first = each.end;
        }
        return best;
    }

    /// The largest draw of one class, the first of equal ones. Free of branches that would depend on the draws: which one wins is
    /// what a processor cannot foresee.
    [[nodiscard]] contender best_of(std::size_t first, weight_class const& each, std::uint64_t key) const
    {
        auto const* const hashes = hashes_.data();
        contender best{first, draw(hashes[first], key), each.weight};
        for (std::size_t at = first + 1, end = each.end; at < end; ++at) {
            auto const drawn = draw(hashes[at], key);
            best.at = drawn > best.draw ? at : best.at;
            best.draw = drawn > best.draw ? drawn : best.draw;
        }
        return best;
    }

    /// The same among those that are accepted, or nobody.
    template <class Accepts>
    [[nodiscard]] contender best_accepted_of(
        std::size_t first, weight_class const& each, std::uint64_t key, Accepts& accepts) const
    {
        contender best{nobody, 0, each.weight};
        for (std::size_t at = first; at < each.end; ++at) {
            auto const drawn = draw(hashes_[at], key);
            if ((drawn > best.draw || best.at == nobody) && accepts(std::size_t{owners_[at]})) {
                best.at = at;
                best.draw = drawn;
            }
        }
        return best;
    }

    /// Whether the lighter one has the smaller quotient; equal ones go to the larger draw. Bounds of the logarithms decide nearly
    /// always. No product overflows: a logarithm is at most 64 * 2^48, and a weight 1,000.
    static bool beats(contender const& lighter, contender const& heavier)
    {
        auto const lighter_above = detail::negative_log2_above(lighter.draw);
        auto const heavier_above = detail::negative_log2_above(heavier.draw);
        auto const below = [](std::uint64_t above) {
            return above > detail::negative_log2_slack ? above - detail::negative_log2_slack : 0;
        };
        if (lighter_above * heavier.weight < below(heavier_above) * lighter.weight)
            return true;
        if (below(lighter_above) * heavier.weight > heavier_above * lighter.weight)
            return false;
        auto const quotient = detail::negative_log2(lighter.draw) * heavier.weight; // each times both weights
        auto const other = detail::negative_log2(heavier.draw) * lighter.weight;
        return quotient != other ? quotient < other : lighter.draw > heavier.draw;
    }

    static_assert((std::uint64_t{64} << detail::logarithm_fraction_bits)
        <= std::numeric_limits<std::uint64_t>::max() / candidate::weight_max);

    std::vector<std::uint64_t> hashes_; // of names; the heaviest first, then by name
    std::vector<std::uint32_t> owners_; // indices of candidates; as many as hashes_
    std::vector<weight_class> classes_;
};

inline uniform::table_type uniform::build(std::span<candidate const> candidates) const { return table_type{candidates}; }

inline void uniform::update(table_type& table, std::span<candidate const>, std::span<candidate const> after) const
{
    table = build(after);
}

static_assert(updatable_placement<uniform> && ranked_placement<uniform>);

} // namespace drover
