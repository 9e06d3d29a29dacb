// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "lottery.hpp"
#include "placement_mutants.hpp"
#include "text_of.hpp"

#include <drover/conformance/placement.hpp>
#include <drover/placement/bounded.hpp>
#include <drover/placement/ring.hpp>
#include <drover/placement/uniform.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using drover::bounded;
using drover::ring;
using drover::uniform;
using mutants::defect;
namespace conformance = drover::conformance;
namespace law = drover::conformance::placement_law;
using laws = std::vector<std::string>;

/// With this defect, the laws that are broken, in the order of the suite.
template <class Mutant>
laws broken_by(defect which)
{
    auto const found = conformance::check_placement([which] { return Mutant{which}; }, {}, {.rounds = 3});
    CHECK(found.passed() == found.broken_laws().empty());
    return found.broken_laws();
}

laws as_strings(std::initializer_list<std::string_view> names) { return {names.begin(), names.end()}; }

/// Says that it looks at loads, and has nothing to look at them with.
struct by_load_in_name_only : uniform {
    static constexpr drover::placement_capabilities capabilities{.by_load = true};
};

struct agreed_and_by_load : bounded<uniform> {
    static constexpr drover::placement_capabilities capabilities{.agreed = true, .by_load = true};
};

/// No more than the concept asks for: it is moved only, and so are its tables. Everything is the first one's.
struct least {
    static constexpr drover::placement_capabilities capabilities{};

    least() = default;
    least(least&&) = default;

    struct table_type {
        table_type() = default;
        table_type(table_type&&) = default;
        table_type& operator=(table_type&&) = default;

        [[nodiscard]] static std::size_t place(std::uint64_t) { return 0; }
    };

    [[nodiscard]] static table_type build(std::span<drover::candidate const>) { return {}; }
};

} // namespace

TEMPLATE_TEST_CASE("every model is a Placement", "[conformance]", ring, uniform, bounded<ring>, bounded<uniform>)
{
    auto const found = conformance::check_placement<TestType>();
    INFO(text_of(found));
    CHECK(found.passed());
}

TEST_CASE("the simplest placement keeps every law", "[conformance]")
{
    auto const found = conformance::check_placement<models::lottery>({.share_deviation = 0});
    INFO(text_of(found));
    CHECK(found.passed());
}

TEST_CASE("the simplest placement answers the same for ever", "[conformance]")
{
    std::vector<drover::candidate> const candidates{{"alpha", 1}, {"bravo", 2}, {"charlie", 1}};
    auto const table = models::lottery{}.build(candidates);
    std::string names;
    for (std::uint64_t i = 0; i < 24; ++i)
        names += candidates[table.place(drover::mix64(i))].name.front();
    CHECK(names == "aaabbcbbbbccbcbbbaccbbab");
}

TEST_CASE("a placement with options of its own is given as it is, and held to its own spread", "[conformance]")
{
    auto const fine = conformance::check_placement(ring{512}, {.share_deviation = 0.045});
    INFO(text_of(fine));
    CHECK(fine.passed());
    CHECK(conformance::check_placement(ring{4}, {.share_deviation = 0.5}).passed());
    CHECK(conformance::check_placement<uniform>({.share_deviation = 0}).passed());
    CHECK(conformance::check_placement(bounded<ring>{101}).passed());
    CHECK(conformance::check_placement(bounded<uniform>{300}, {.share_deviation = 0}, {.seed = 50, .rounds = 2}).passed());
    CHECK(conformance::check_placement([] { return ring{256}; }, {.share_deviation = 0.063}, {.seed = 3, .rounds = 2}).passed());
}

TEST_CASE("shares that stray more than is expected are noticed", "[conformance]")
{
    CHECK(conformance::check_placement(ring{4}).broken_laws() == as_strings({law::balance}));
    CHECK(conformance::check_placement(ring{}, {.share_deviation = 0}).broken_laws() == as_strings({law::balance}));
    CHECK(conformance::check_placement<least>().broken_laws() == as_strings({law::weights, law::balance}));
}

TEST_CASE("what a placement does not promise is skipped", "[conformance]")
{
    auto const found = conformance::check_placement<least>({.share_deviation = std::nullopt});
    INFO(text_of(found));
    CHECK(found.passed());
    laws looked_at;
    for (auto const& each : found.laws())
        if (each.skipped_because.empty())
            looked_at.push_back(each.name);
    CHECK(looked_at
        == as_strings(
            {law::capabilities, law::in_range, law::alone, law::repeatable, law::moved, law::keeps_nothing, law::weight_range}));
}

TEST_CASE("capabilities that contradict each other are noticed", "[conformance]")
{
    CHECK(conformance::check_placement<by_load_in_name_only>().broken_laws() == as_strings({law::capabilities}));
    CHECK(conformance::check_placement<agreed_and_by_load>().broken_laws() == as_strings({law::capabilities}));
}

TEST_CASE("each broken placement breaks the law that it is made to break, and no other", "[conformance]")
{
    CHECK(broken_by<mutants::faulty>(defect::none).empty());
    std::pair<defect, laws> const rows[]{
        {defect::out_of_range, as_strings({law::in_range})},
        {defect::asks_beyond, as_strings({law::in_range})},
        {defect::own_opinion, as_strings({law::agreed})},
        {defect::asked_before, as_strings({law::repeatable})},
        {defect::lost_by_move, as_strings({law::moved})},
        {defect::lost_by_copy, as_strings({law::moved})},
        {defect::keeps_names, as_strings({law::keeps_nothing})},
        {defect::zero_is_heavy, as_strings({law::weight_range})},
        {defect::heavy_is_one, as_strings({law::weight_range})},
        {defect::one_more, as_strings({law::weights})},
        {defect::counts_nodes, as_strings({law::moves})},
        {defect::counts_weights, as_strings({law::weight_moves})},
        {defect::same_size, as_strings({law::updates})},
        {defect::shared_table, as_strings({law::in_range, law::updated_copy})}, // with more candidates than there were
        {defect::other_order, as_strings({law::first_of_all})},
        {defect::second_unasked, as_strings({law::accepted})},
        {defect::nobody_is_first, as_strings({law::nobody_accepted})},
        {defect::circles, as_strings({law::nobody_accepted})},
        {defect::counts_accepted, as_strings({law::order})},
        {defect::out_of_range_alone, as_strings({law::alone})},
    };
    for (auto const& [which, expected] : rows) {
        CAPTURE(static_cast<int>(which));
        CHECK(broken_by<mutants::faulty>(which) == expected);
    }
}

TEST_CASE("each broken placement by load breaks the law that it is made to break, and no other", "[conformance]")
{
    CHECK(broken_by<mutants::faulty_by_load>(defect::none).empty());
    std::pair<defect, laws> const rows[]{
        {defect::loads_out_of_range, as_strings({law::in_range})},
        {defect::loads_at_home, as_strings({law::room})},
        {defect::loads_too_far, as_strings({law::room})},
        {defect::loads_elsewhere, as_strings({law::home_first})},
        {defect::loads_emptiest, as_strings({law::load_order})},
        {defect::loads_full_is_first, as_strings({law::full})},
        {defect::loads_own_opinion, as_strings({law::equal_loads})},
        {defect::loads_generous_first, as_strings({law::stays})},
    };
    for (auto const& [which, expected] : rows) {
        CAPTURE(static_cast<int>(which));
        CHECK(broken_by<mutants::faulty_by_load>(which) == expected);
    }
}

TEST_CASE("a placement that throws is told, and does not end the suite", "[conformance]")
{
    auto const found =
        conformance::check_placement([] { return mutants::faulty{defect::throws}; }, {}, {.rounds = 1}).broken_laws();
    CHECK(std::find(found.begin(), found.end(), law::in_range) != found.end());
}

TEST_CASE("a breach tells what was seen, and equal options give equal reports", "[conformance]")
{
    auto const tell = [] { return text_of(conformance::check_placement(ring{4}, {}, {.seed = 9, .rounds = 2})); };
    CHECK(tell().find("BROKEN: no share strays further than expected: of ") != std::string::npos);
    CHECK(tell().find("(seed ") != std::string::npos);
    CHECK(tell() == tell());
}
