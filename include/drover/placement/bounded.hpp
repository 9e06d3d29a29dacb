// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/policy/capabilities.hpp>
#include <drover/policy/placement.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace drover {

/// Consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam 2016) over another placement: a child goes to the
/// first candidate in its own order of preference that carries less than its capacity, which is `load_percent_max` of the mean,
/// weights considered. So a new child never makes a node the owner of more than that, and the lower the percentage the more
/// children live away from home: about one in five at 125 with many children a node, and more of them move when nodes come and
/// go.
///
/// The answer depends on what is running, so it cannot be a function that all agree on: the child's home, `place(key)`, decides.
template <class Placement>
struct bounded {
    static_assert(ranked_placement<Placement>,
        "drover: the parameter of bounded must be a placement with an order of preference (see docs/concepts/placement.md)");

    static constexpr placement_capabilities capabilities{
        .agreed = false, .minimal_moves = false, .voters = Placement::capabilities.voters, .by_load = true};
    static constexpr std::uint32_t load_percent_least = 101;
    static constexpr std::uint32_t load_percent_most = 10'000;

    class table_type;

    /// Between 101 and 10,000. Every member must use the same number. A lookup takes O(1/e^2) steps for 100 (1 + e) percent.
    std::uint32_t load_percent_max = 125;
    Placement inner{};

    /// As of the inner placement.
    [[nodiscard]] table_type build(std::span<candidate const> candidates) const;

    /// As of the inner placement: see `updatable_placement`.
    void update(table_type& table, std::span<candidate const> before,
        std::span<candidate const> after) const requires updatable_placement<Placement>;
};

/// A sentence that says what is wrong, or nothing.
template <class Placement>
[[nodiscard]] std::string validate(bounded<Placement> const& placement)
{
    using type = bounded<Placement>;
    if (placement.load_percent_max < type::load_percent_least || placement.load_percent_max > type::load_percent_most)
        return "bounded::load_percent_max is between " + std::to_string(type::load_percent_least) + " and "
            + std::to_string(type::load_percent_most);
    if constexpr (requires { std::string{validate(placement.inner)}; })
        return validate(placement.inner);
    else
        return {};
}

/// The inner table, and what each candidate weighs.
template <class Placement>
class bounded<Placement>::table_type {
public:
    table_type() = default;

    /// The child's home, without looking at loads. Pre: as of the inner table.
    [[nodiscard]] std::size_t place(std::uint64_t key) const { return inner_.place(key); }

    /// Where a child goes that is not among the loads: the first in its order of preference with room. Some candidate has room
    /// as long as `loads.total` is what `loads.each` adds up to. Pre: `loads` has a figure for each candidate, and there is one.
    [[nodiscard]] std::size_t place(std::uint64_t key, candidate_loads const& loads) const
    {
        expects(loads.each.size() == weights_.size(), "bounded was asked with the loads of other candidates");
        return inner_.place_where(key, [&](std::size_t index) { return has_room(index, loads.each[index], loads.total); });
    }

    /// How many children the candidate may carry when there are `total` in all, the new one not counted:
    /// ceil(percent / 100 * (total + 1) * weight / weights). Pre: index < the number of candidates.
    [[nodiscard]] std::uint64_t capacity(std::size_t index, std::uint64_t total) const
    {
        expects(index < weights_.size(), "bounded was asked for the capacity of a candidate that it does not have");
        auto const whole = demand(index, total);
        return static_cast<std::uint64_t>((whole + weights_times_hundred_ - 1) / weights_times_hundred_);
    }

    /// The candidate may be given one child more that is not among the loads. Pre: as of `place(key, loads)`.
    [[nodiscard]] bool has_room(std::size_t index, candidate_loads const& loads) const
    {
        expects(index < loads.each.size() && loads.each.size() == weights_.size(),
            "bounded was asked with the loads of other candidates");
        return has_room(index, loads.each[index], loads.total);
    }

    friend bool operator==(table_type const&, table_type const&) = default;

private:
    friend struct bounded;

    __extension__ using wide = unsigned __int128;

    [[nodiscard]] wide demand(std::size_t index, std::uint64_t total) const
    {
        return wide{total + 1} * (std::uint64_t{percent_} * weights_[index]);
    }

    /// load < capacity(index, total), without the division.
    [[nodiscard]] bool has_room(std::size_t index, std::uint32_t load, std::uint64_t total) const
    {
        return wide{load} * weights_times_hundred_ < demand(index, total);
    }

    void weigh(std::span<candidate const> candidates, std::uint32_t percent)
    {
        percent_ = percent;
        weights_.clear();
        weights_times_hundred_ = 0;
        for (auto const& who : candidates) {
            weights_.push_back(weight_of(who));
            weights_times_hundred_ += std::uint64_t{100} * weights_.back();
        }
    }

    typename Placement::table_type inner_;
    std::vector<std::uint32_t> weights_; // indexed as the candidates
    std::uint64_t weights_times_hundred_ = 0;
    std::uint32_t percent_ = 100;
};

template <class Placement>
typename bounded<Placement>::table_type bounded<Placement>::build(std::span<candidate const> candidates) const
{
    expects(validate(*this).empty(), "bounded::load_percent_max is between 101 and 10,000");
    table_type table;
    table.inner_ = inner.build(candidates);
    table.weigh(candidates, load_percent_max);
    return table;
}

template <class Placement>
void bounded<Placement>::update(table_type& table, std::span<candidate const> before,
    std::span<candidate const> after) const requires updatable_placement<Placement>
{
    inner.update(table.inner_, before, after);
    table.weigh(after, load_percent_max);
}

} // namespace drover
