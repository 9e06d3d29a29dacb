// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/hash.hpp>
#include <drover/placement/bounded.hpp>
#include <drover/placement/uniform.hpp>
#include <drover/policy/placement.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

/// Placements with one defect each, for the suite to notice. A defect is a value, so that the suite is compiled once for all.
namespace mutants {

enum class defect {
    none,
    out_of_range,         ///< some keys get an index that is one too large
    out_of_range_alone,   ///< a single candidate is not the first
    asks_beyond,          ///< asks the predicate about a candidate that is not there
    own_opinion,          ///< each instance has its own
    asked_before,         ///< the same key twice in a row: another answer
    lost_by_move,         ///< a table that is moved forgets a part of itself
    lost_by_copy,         ///< a table that is copied forgets a part of itself
    keeps_names,          ///< looks at the names later
    zero_is_heavy,        ///< weight 0 counts as the largest
    heavy_is_one,         ///< a weight that is too large counts as 1
    one_more,             ///< weights count for one more than they are
    counts_nodes,         ///< a node more or less changes everything
    counts_weights,       ///< a weight that changes changes everything
    same_size,            ///< as many candidates are the same candidates, for an update
    shared_table,         ///< copies of a table are one table
    other_order,          ///< place_where has an order that does not begin with the place
    second_unasked,       ///< the second in the order is taken unasked
    nobody_is_first,      ///< when nobody is accepted it is candidate 0
    circles,              ///< asks until somebody is accepted
    counts_accepted,      ///< who comes next depends on how many are accepted
    throws,               ///< some keys throw
    loads_out_of_range,   ///< decides for a candidate that is not there when the home is full
    loads_at_home,        ///< decides for the home, also when it is full
    loads_too_far,        ///< gives one child more than there is room
    loads_elsewhere,      ///< decides by an order that does not begin with the home
    loads_emptiest,       ///< away from home it is the emptiest
    loads_full_is_first,  ///< when nobody has room it is candidate 0
    loads_own_opinion,    ///< each instance has an order of its own behind the home
    loads_generous_first, ///< a cluster with few children gives everybody room that it takes away again
};

/// A number for each instance.
class instance_number {
public:
    instance_number() = default;
    [[nodiscard]] std::uint64_t value() const { return value_; }

private:
    std::uint64_t value_ = next_++;
    static inline std::uint64_t next_ = 1;
};

/// Forgets something when it is moved or copied, if it is made so. Assignment keeps it.
struct frail {
    frail() = default;
    explicit frail(defect which) : which_{which} {}
    frail(frail&& other) noexcept : which_{other.which_}, lost_{other.lost_ || which_ == defect::lost_by_move} {}
    frail(frail const& other) : which_{other.which_}, lost_{other.lost_ || which_ == defect::lost_by_copy} {}
    frail& operator=(frail&&) noexcept = default;
    frail& operator=(frail const&) = default;
    ~frail() = default;

    [[nodiscard]] bool lost() const { return lost_; }

private:
    defect which_ = defect::none;
    bool lost_ = false;
};

/// `uniform` with a defect. Updatable, and with an order of all candidates.
struct faulty {
    static constexpr drover::placement_capabilities capabilities{.agreed = true, .minimal_moves = true};

    class table_type;

    explicit faulty(defect which = defect::none) : which_{which} {}

    [[nodiscard]] table_type build(std::span<drover::candidate const> candidates) const;
    void update(table_type& table, std::span<drover::candidate const> before, std::span<drover::candidate const> after) const;

private:
    [[nodiscard]] std::uint64_t salt_of(std::span<drover::candidate const> candidates) const;
    [[nodiscard]] std::uint32_t weight_of(drover::candidate const& who) const;

    defect which_;
    instance_number number_;
};

class faulty::table_type {
public:
    table_type() = default;

    [[nodiscard]] std::size_t place(std::uint64_t key) const
    {
        auto const asked_before = std::exchange(last_key_, key) == key && which_ == defect::asked_before;
        return first_of(asked_before ? ~key : key);
    }

    template <class Accepts>
    [[nodiscard]] std::size_t place_where(std::uint64_t key, Accepts&& accepts) const
    {
        if (beyond(key))
            return count_;
        auto const home = first_of(key);
        auto const accepted = all_accepted(accepts);
        auto const best = [&](std::uint64_t salted) { return accepted.empty() ? home : ranks_->place_where(salted, accepts); };
        switch (which_) {
        case defect::asks_beyond: return accepts(count_) ? count_ : best(key);
        case defect::other_order: return best(~key);
        case defect::second_unasked:
            return accepted.empty() || accepts(home) ? home
                                                     : ranks_->place_where(key, [&](std::size_t index) { return index != home; });
        case defect::nobody_is_first: return accepted.empty() ? 0 : best(key);
        case defect::circles: return accepted.empty() ? circle(accepts) : best(key);
        case defect::counts_accepted: return accepted.empty() || accepts(home) ? home : accepted[key % accepted.size()];
        default: return best(key ^ salt_);
        }
    }

private:
    friend struct faulty;

    [[nodiscard]] std::size_t first_of(std::uint64_t key) const
    {
        if (which_ == defect::throws && key % 8 == 3)
            throw std::runtime_error{"a placement that throws"};
        if (which_ == defect::out_of_range_alone && count_ == 1)
            return 1;
        if (beyond(key))
            return count_;
        if (which_ == defect::keeps_names)
            return drover::uniform{}.build(kept_).place(key);
        return ranks_->place(key ^ salt_ ^ (frail_.lost() ? 0x5555U : 0U));
    }

    [[nodiscard]] bool beyond(std::uint64_t key) const { return which_ == defect::out_of_range && count_ > 1 && key % 32 == 7; }

    template <class Accepts>
    [[nodiscard]] std::size_t circle(Accepts& accepts) const
    {
        std::size_t index = 0;
        while (!accepts(index))
            index = (index + 1) % count_;
        return index;
    }

    template <class Accepts>
    [[nodiscard]] std::vector<std::size_t> all_accepted(Accepts& accepts) const
    {
        std::vector<std::size_t> result;
        for (std::size_t i = 0; i < count_; ++i)
            if (accepts(i))
                result.push_back(i);
        return result;
    }

    defect which_ = defect::none;
    std::uint64_t salt_ = 0;
    std::size_t count_ = 0;
    std::shared_ptr<drover::uniform::table_type> ranks_;
    std::span<drover::candidate const> kept_;
    frail frail_;
    mutable std::uint64_t last_key_ = 0x1234;
};

inline std::uint32_t faulty::weight_of(drover::candidate const& who) const
{
    switch (which_) {
    case defect::zero_is_heavy: return who.weight == 0 ? drover::candidate::weight_max : who.weight;
    case defect::heavy_is_one: return who.weight > drover::candidate::weight_max ? 1 : who.weight;
    case defect::one_more: return drover::weight_of(who) + 1;
    default: return who.weight;
    }
}

inline std::uint64_t faulty::salt_of(std::span<drover::candidate const> candidates) const
{
    std::uint32_t weights = 0;
    std::uint32_t most = 0;
    for (auto const& who : candidates) {
        weights += drover::weight_of(who);
        most = std::max(most, drover::weight_of(who));
    }
    switch (which_) {
    case defect::own_opinion: return drover::mix64(number_.value());
    case defect::counts_nodes: return drover::mix64(candidates.size());
    case defect::counts_weights: return most > 4 ? drover::mix64(weights) : 0; // with small weights it is sound
    default: return 0;
    }
}

inline faulty::table_type faulty::build(std::span<drover::candidate const> candidates) const
{
    std::vector<drover::candidate> counted;
    for (auto const& who : candidates)
        counted.push_back({who.name, weight_of(who)});
    table_type table;
    table.which_ = which_;
    table.salt_ = salt_of(candidates);
    table.count_ = candidates.size();
    table.ranks_ = std::make_shared<drover::uniform::table_type>(drover::uniform{}.build(counted));
    table.kept_ = candidates;
    table.frail_ = frail{which_};
    return table;
}

inline void faulty::update(
    table_type& table, std::span<drover::candidate const> before, std::span<drover::candidate const> after) const
{
    if (which_ == defect::same_size && before.size() == after.size())
        return;
    auto const ranks = table.ranks_;
    table = build(after);
    if (which_ == defect::shared_table) {
        *ranks = *table.ranks_;
        table.ranks_ = ranks;
    }
}

/// `bounded<uniform>` with a defect.
struct faulty_by_load {
    static constexpr drover::placement_capabilities capabilities{.by_load = true};

    class table_type;

    explicit faulty_by_load(defect which = defect::none) : which_{which} {}

    [[nodiscard]] table_type build(std::span<drover::candidate const> candidates) const;

private:
    defect which_;
    instance_number number_;
};

class faulty_by_load::table_type {
public:
    [[nodiscard]] std::size_t place(std::uint64_t key) const { return ranks_.place(key); }

    [[nodiscard]] bool has_room(std::size_t index, drover::candidate_loads const& loads) const
    {
        return bounds_.has_room(index, loads) || (which_ == defect::loads_generous_first && loads.total < 100);
    }

    [[nodiscard]] std::size_t place(std::uint64_t key, drover::candidate_loads const& loads) const
    {
        auto const home = place(key);
        auto const room = [&](std::size_t index) { return has_room(index, loads); };
        auto const home_has_room = room(home);
        auto const full = !home_has_room && ranks_.place_where(key, room) == home;
        switch (which_) {
        case defect::loads_out_of_range: return home_has_room ? home : loads.each.size();
        case defect::loads_at_home: return home;
        case defect::loads_too_far: return too_far(key, loads);
        case defect::loads_elsewhere: return full ? home : ranks_.place_where(~key, room);
        case defect::loads_emptiest: return full || home_has_room ? home : emptiest(loads);
        case defect::loads_full_is_first: return full ? 0 : ranks_.place_where(key, room);
        case defect::loads_own_opinion: return full || home_has_room ? home : ranks_.place_where(key ^ number_, room);
        default: return ranks_.place_where(key, room);
        }
    }

private:
    friend struct faulty_by_load;

    [[nodiscard]] std::size_t too_far(std::uint64_t key, drover::candidate_loads const& loads) const
    {
        std::vector<std::uint32_t> fewer{loads.each.begin(), loads.each.end()};
        for (auto& load : fewer)
            load -= load > 0 ? 1 : 0;
        return ranks_.place_where(key, [&](std::size_t index) { return has_room(index, {fewer, loads.total}); });
    }

    /// The one with room that carries least.
    [[nodiscard]] std::size_t emptiest(drover::candidate_loads const& loads) const
    {
        std::size_t best = loads.each.size();
        for (std::size_t i = 0; i < loads.each.size(); ++i)
            if (has_room(i, loads) && (best == loads.each.size() || loads.each[i] < loads.each[best]))
                best = i;
        return best;
    }

    defect which_ = defect::none;
    std::uint64_t number_ = 0;
    drover::uniform::table_type ranks_;
    drover::bounded<drover::uniform>::table_type bounds_;
};

inline faulty_by_load::table_type faulty_by_load::build(std::span<drover::candidate const> candidates) const
{
    table_type table;
    table.which_ = which_;
    table.number_ = drover::mix64(number_.value());
    table.ranks_ = drover::uniform{}.build(candidates);
    table.bounds_ = drover::bounded<drover::uniform>{}.build(candidates);
    return table;
}

} // namespace mutants
