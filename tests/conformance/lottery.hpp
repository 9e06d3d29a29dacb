// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/hash.hpp>
#include <drover/policy/placement.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace models {

/// The simplest Placement that keeps every law: a candidate has as many tickets as it weighs, each ticket draws a number for the
/// key, and the largest number wins.
struct lottery {
    static constexpr drover::placement_capabilities capabilities{.agreed = true, .minimal_moves = true};

    struct table_type {
        struct ticket {
            std::uint64_t hash;
            std::size_t owner;
        };

        [[nodiscard]] std::size_t place(std::uint64_t key) const
        {
            auto best = tickets.front();
            for (auto const& each : tickets)
                if (drover::mix64(each.hash ^ key) > drover::mix64(best.hash ^ key))
                    best = each;
            return best.owner;
        }

        std::vector<ticket> tickets;
    };

    [[nodiscard]] table_type build(std::span<drover::candidate const> candidates) const
    {
        table_type table;
        for (std::size_t i = 0; i < candidates.size(); ++i)
            for (std::uint32_t number = 0; number < drover::weight_of(candidates[i]); ++number)
                table.tickets.push_back({drover::mix64(drover::hash64(candidates[i].name) + number), i});
        return table;
    }
};

} // namespace models
