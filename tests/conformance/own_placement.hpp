// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/policy/placement.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace models {

/// As simple as a placement can be: the remainder of a division, over a list that names each candidate as often as it weighs.
struct by_remainder {
    static constexpr drover::placement_capabilities capabilities{.agreed = true};

    class table_type {
    public:
        std::size_t place(std::uint64_t key) const { return shares_[key % shares_.size()]; }

    private:
        friend struct by_remainder;
        std::vector<std::size_t> shares_; // indices, not names: nothing of the candidates is kept
    };

    table_type build(std::span<drover::candidate const> candidates) const
    {
        table_type table;
        for (std::size_t i = 0; i < candidates.size(); ++i)
            table.shares_.insert(table.shares_.end(), weight_of(candidates[i]), i);
        return table;
    }
};

} // namespace models
