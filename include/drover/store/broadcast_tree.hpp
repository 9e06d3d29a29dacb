// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace drover::store {

/// Who passes a write on to whom: for each writer a tree over all nodes, which everybody who knows the same nodes computes alike.
/// Up to `direct_count_max` nodes, the writer sends to all; beyond, each node sends to ceil(log2 nodes) at most. Whoever is
/// missed, because somebody knew other nodes, is found by anti-entropy.
class broadcast_tree {
public:
    static constexpr std::size_t direct_count_max = 16;

    /// The nodes that are up, this one included, in any order.
    void set(std::vector<std::string> names)
    {
        std::sort(names.begin(), names.end());
        names_ = std::move(names);
        fan_out_ = names_.size() <= direct_count_max ? names_.size() : logarithm_of(names_.size());
    }

    [[nodiscard]] bool direct() const { return names_.size() <= direct_count_max; }
    /// Copies of a write that one node sends at most.
    [[nodiscard]] std::size_t fan_out() const { return fan_out_; }

    /// Calls `visit(name)` for those whom `self` sends what `writer` wrote. None when one of them is not known.
    template <class Visit>
    void for_each_child(std::string_view writer, std::string_view self, Visit&& visit) const
    {
        auto const count = names_.size();
        auto const root = place_of(writer);
        auto const own = place_of(self);
        if (root == count || own == count)
            return;
        auto const rank = (own + count - root) % count;
        for (std::size_t child = rank * fan_out_ + 1; child <= rank * fan_out_ + fan_out_ && child < count; ++child)
            visit(names_[(root + child) % count]);
    }

private:
    [[nodiscard]] static std::size_t logarithm_of(std::size_t count)
    {
        std::size_t result = 0;
        while ((std::size_t{1} << result) < count)
            ++result;
        return result;
    }

    /// The number of names when it is not there.
    [[nodiscard]] std::size_t place_of(std::string_view name) const
    {
        auto const at = std::lower_bound(names_.begin(), names_.end(), name);
        return at != names_.end() && *at == name ? static_cast<std::size_t>(at - names_.begin()) : names_.size();
    }

    std::vector<std::string> names_; // sorted
    std::size_t fan_out_ = 0;
};

} // namespace drover::store
