// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// A Placement of one's own, written from docs/concepts/placement.md: main machines, and spare ones.

#include <drover/base/hash.hpp>
#include <drover/policy/placement.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace own {

/// Children run on the heaviest nodes only, which share them evenly. The others are spare: they run children when no heavier node
/// is alive.
///
/// Each key draws a number for each of the heaviest, and the largest wins (rendezvous hashing, Thaler and Ravishankar 1998). So
/// who comes, or grows, only takes: from its equals their share, or everything from the lighter. Complexity: `place` is linear in
/// the number of the heaviest.
struct heaviest_placement {
    static constexpr drover::placement_capabilities capabilities{.agreed = true, .minimal_moves = true};

    class table_type {
    public:
        [[nodiscard]] std::size_t place(std::uint64_t key) const
        {
            auto const draws_less = [key](entrant const& one, entrant const& other) {
                return drover::mix64(one.hash ^ key) < drover::mix64(other.hash ^ key);
            };
            return std::max_element(entrants_.begin(), entrants_.end(), draws_less)->index;
        }

    private:
        friend heaviest_placement;
        struct entrant {
            std::uint64_t hash; ///< of its name
            std::size_t index;
        };
        std::vector<entrant> entrants_;
    };

    [[nodiscard]] table_type build(std::span<drover::candidate const> candidates) const
    {
        std::uint32_t largest = 0;
        for (auto const& each : candidates)
            largest = std::max(largest, drover::weight_of(each));
        table_type table;
        for (std::size_t i = 0; i < candidates.size(); ++i)
            if (drover::weight_of(candidates[i]) == largest)
                table.entrants_.push_back({drover::hash64(candidates[i].name), i});
        return table;
    }
};

} // namespace own
