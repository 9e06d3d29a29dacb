// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "text_of.hpp"

#include <drover/conformance/placement.hpp>
#include <drover/placement/bounded.hpp>
#include <drover/placement/ring.hpp>
#include <drover/placement/uniform.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace {

using drover::candidate;
using drover::candidate_loads;
using drover::uniform;
using drover::conformance::check_placement;
using drover::conformance::suite_options;
namespace placement_law = drover::conformance::placement_law;

template <class Placement>
void check_model(Placement const& placement = {})
{
    auto const found = check_placement(placement);
    INFO(text_of(found));
    CHECK(found.passed());
}

/// The remainder of a division: balanced, and moves nearly everything with every change. As simple as a placement can be.
struct by_remainder {
    static constexpr drover::placement_capabilities capabilities{.agreed = true};

    struct table_type {
        std::vector<std::size_t> shares;
        std::size_t place(std::uint64_t key) const { return shares[key % shares.size()]; }
    };

    table_type build(std::span<candidate const> candidates) const
    {
        table_type table;
        for (std::size_t i = 0; i < candidates.size(); ++i)
            table.shares.insert(table.shares.end(), weight_of(candidates[i]), i);
        return table;
    }
};

enum class fault {
    none,
    out_of_range,
    only_one_left_out,
    instance_matters,
    asking_matters,
    refers_to_names,
    lost_when_moved,
    first_is_favoured,
    weights_ignored,
    weight_zero_is_nobody,
    large_weights_count,
    all_moves,
    update_does_nothing,
    prefers_nobody,
    home_last,
    never_at_home,
    always_at_home,
    load_out_of_range,
    full_accepted,
};

/// `uniform` with one defect.
template <bool ByLoad>
struct faulty_placement {
    static constexpr drover::placement_capabilities capabilities{
        .agreed = !ByLoad, .minimal_moves = true, .voters = false, .by_load = ByLoad};

    fault planted = fault::none;

    class table_type {
    public:
        table_type() = default;
        table_type(table_type const&) = default;
        table_type& operator=(table_type const&) = default;
        ~table_type() = default;
        table_type(table_type&& other) noexcept { *this = std::move(other); }
        table_type& operator=(table_type&& other) noexcept
        {
            table_type const copy{other};
            *this = copy;
            moves_ += has(fault::lost_when_moved) ? 1U : 0U;
            return *this;
        }

        std::size_t place(std::uint64_t key) const
        {
            if (has(fault::out_of_range) && key % 700 == 3)
                return names_.size();
            if (has(fault::only_one_left_out) && names_.size() == 1)
                return key % 2;
            if (has(fault::first_is_favoured) && key % 4 == 0)
                return 0;
            auto const salt = (has(fault::asking_matters) ? asked_++ / 2'000 : 0) + (has(fault::lost_when_moved) ? moves_ / 2 : 0)
                + instance_ + (has(fault::all_moves) ? names_.size() : 0)
                + (has(fault::refers_to_names) ? names_.back().size() + (names_.front().front() == '?' ? 1U : 0U) : 0);
            return table_.place(key ^ (salt == 0 ? 0 : drover::mix64(static_cast<std::uint64_t>(salt))));
        }

        template <class Accepts>
        std::size_t place_where(std::uint64_t key, Accepts&& accepts) const
        {
            if (has(fault::prefers_nobody))
                return table_.place_where(key, [](std::size_t) { return true; });
            if (has(fault::home_last) && accepts((place(key) + 1) % names_.size()))
                return (place(key) + 1) % names_.size();
            auto const home = place(key);
            auto const next = accepts(home) ? home : table_.place_where(key, accepts);
            return accepts(next) ? next : home;
        }

        std::size_t place(std::uint64_t key, candidate_loads const& loads) const requires ByLoad
        {
            auto const home = place(key);
            if (has(fault::load_out_of_range))
                return names_.size();
            if (has(fault::always_at_home))
                return home;
            if (has(fault::never_at_home))
                return table_.place_where(key, [&](std::size_t index) { return index != home && has_room(index, loads); });
            if (has(fault::full_accepted) && loads.total % 10 == 9 && !has_room(home, loads))
                return home;
            return table_.place_where(key, [&](std::size_t index) { return has_room(index, loads); });
        }

        bool has_room(std::size_t index, candidate_loads const& loads) const
        {
            return loads.each[index] < loads.total / names_.size() + 2;
        }

    private:
        friend struct faulty_placement;

        bool has(fault which) const { return planted_ == which; }

        fault planted_ = fault::none;
        uniform::table_type table_;
        std::vector<std::string_view> names_;
        mutable std::uint64_t asked_ = 0;
        std::uint64_t moves_ = 0;
        std::uint64_t instance_ = 0;
    };

    table_type build(std::span<candidate const> candidates) const
    {
        table_type table;
        fill(table, candidates);
        if (planted == fault::instance_matters) {
            static std::uint64_t instances = 0;
            table.instance_ = ++instances % 3;
        }
        return table;
    }

    void update(table_type& table, std::span<candidate const>, std::span<candidate const> after) const
    {
        if (planted != fault::update_does_nothing)
            fill(table, after);
    }

private:
    void fill(table_type& table, std::span<candidate const> candidates) const
    {
        std::vector<candidate> seen(candidates.begin(), candidates.end());
        for (auto& each : seen) {
            if (planted == fault::weights_ignored)
                each.weight = 1;
            if (planted == fault::weight_zero_is_nobody && each.weight == 0)
                each.name = "nobody";
            if (planted == fault::large_weights_count && each.weight > candidate::weight_max)
                each.weight = 2;
        }
        table.planted_ = planted;
        table.table_ = uniform{}.build(seen);
        table.names_.clear();
        for (auto const& each : candidates)
            table.names_.push_back(each.name);
    }
};

using laws = std::vector<std::string_view>;

template <bool ByLoad = false>
void check_fault(fault planted, laws const& expected)
{
    auto const found = check_placement(faulty_placement<ByLoad>{planted}, {1, 3});
    auto broken = found.broken_laws();
    std::vector<std::string> wanted{expected.begin(), expected.end()};
    INFO("fault " << static_cast<int>(planted));
    INFO(text_of(found));
    CHECK(broken == wanted);
    CHECK(found.passed() == expected.empty());
}

} // namespace

TEST_CASE("ring is a Placement", "[conformance]") { check_model<drover::ring>(); }
TEST_CASE("uniform is a Placement", "[conformance]") { check_model<uniform>(); }
TEST_CASE("bounded placements are Placements", "[conformance]")
{
    check_model<drover::bounded<drover::ring>>();
    check_model<drover::bounded<uniform>>();
    check_model(drover::bounded<uniform>{.load_percent_max = 110});
}

TEST_CASE("a placement that promises the least is held to that", "[conformance]")
{
    auto const found = check_placement<by_remainder>();
    INFO(text_of(found));
    CHECK(found.passed());
    CHECK_FALSE(found.holds(placement_law::minimal_moves));
}

TEST_CASE("what is wrong with a placement is told by its law", "[conformance]")
{
    check_fault(fault::none, {});
    check_fault(fault::out_of_range, {placement_law::in_range});
    check_fault(fault::only_one_left_out, {placement_law::in_range});
    check_fault(fault::instance_matters, {placement_law::agreed});
    check_fault(fault::asking_matters, {placement_law::agreed});
    check_fault(fault::refers_to_names, {placement_law::kept});
    check_fault(fault::lost_when_moved, {placement_law::moved});
    check_fault(fault::first_is_favoured, {placement_law::balance, placement_law::weights});
    check_fault(fault::weights_ignored, {placement_law::weights});
    check_fault(fault::weight_zero_is_nobody, {placement_law::clamped});
    check_fault(fault::large_weights_count, {placement_law::clamped});
    check_fault(fault::all_moves, {placement_law::minimal_moves});
    check_fault(fault::update_does_nothing, {placement_law::updated});
    check_fault(fault::prefers_nobody, {placement_law::ranked});
    check_fault(fault::home_last, {placement_law::ranked});
}

TEST_CASE("what is wrong with a placement by load is told by its law", "[conformance]")
{
    check_fault<true>(fault::none, {});
    check_fault<true>(fault::load_out_of_range, {placement_law::load_in_range, placement_law::home});
    check_fault<true>(fault::never_at_home, {placement_law::home});
    check_fault<true>(fault::always_at_home, {placement_law::capacity});
    check_fault<true>(fault::full_accepted, {placement_law::capacity});
}
