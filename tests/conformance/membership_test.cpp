// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "membership_mutants.hpp"

#include <drover/conformance/membership.hpp>
#include <drover/membership/static_members.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace conformance = drover::conformance;
using law = conformance::membership_laws;
using laws = std::vector<std::string>;
using factory = std::function<mutants::mutant()>; // one type for all of them: the suite is compiled once

std::set<std::string> all_broken;

/// The laws that this mutant breaks, in the order of the suite. One seed shows all but those that take bad luck.
template <class Mutant>
laws broken_by(std::uint64_t rounds = 1)
{
    auto const found = conformance::check_membership(
        factory{[] { return mutants::mutant{std::make_unique<Mutant>()}; }}, {}, {.rounds = rounds});
    CHECK_FALSE(found.passed());
    auto const broken = found.broken_laws();
    all_broken.insert(broken.begin(), broken.end());
    return broken;
}

/// Promises nothing that it need not.
struct modest : drover::static_members {
    static constexpr drover::membership_capabilities capabilities{};
};

} // namespace

TEST_CASE("static_members keeps the laws of a Membership")
{
    auto const found = conformance::check_membership<drover::static_members>();
    INFO((std::ostringstream{} << found).str());
    CHECK(found.passed());
    for (auto const& each : found.laws())
        CHECK(each.skipped_because.empty()); // it promises all that can be promised
}

TEST_CASE("so does a member that is slow, within bounds of its own")
{
    drover::static_members::options slow;
    slow.heartbeat_interval = std::chrono::seconds{5};
    slow.silence_timeout = std::chrono::seconds{30};
    slow.join_timeout = std::chrono::seconds{90};
    conformance::membership_bounds bounds;
    bounds.agree_max = bounds.notice_max = std::chrono::seconds{60};
    bounds.give_up_max = std::chrono::seconds{120};
    auto const found =
        conformance::check_membership([&] { return drover::static_members{slow}; }, bounds, {.seed = 77, .rounds = 2});
    INFO((std::ostringstream{} << found).str());
    CHECK(found.passed());
}

TEST_CASE("what a model does not promise is skipped")
{
    auto const found = conformance::check_membership<modest>({}, {.rounds = 2});
    CHECK(found.passed());
    laws skipped;
    for (auto const& each : found.laws())
        if (!each.skipped_because.empty())
            skipped.push_back(each.name);
    CHECK(skipped == laws{law::mesh, law::silence, law::one_link});
}

TEST_CASE("each broken membership breaks the law that it is made to break, and every law is broken by one")
{
    using namespace mutants;
    auto const right =
        conformance::check_membership(factory{[] { return mutant{std::make_unique<almost_right>()}; }}, {}, {.rounds = 2});
    CHECK(right.passed());

    CHECK(broken_by<unsorted>() == laws{law::sorted});
    CHECK(broken_by<two_entries_a_name>() == laws{law::sorted});
    CHECK(broken_by<without_itself>() == laws{law::self, law::kept, law::alone, law::own_seed});
    CHECK(broken_by<alive_for_ever>() == laws{law::self});
    CHECK(broken_by<counts_by_two>() == laws{law::number});
    CHECK(broken_by<changes_in_silence>() == laws{law::number});
    CHECK(broken_by<cries_wolf>() == laws{law::number});
    CHECK(broken_by<forgets_the_dead>() == laws{law::kept, law::crash, law::silence});
    CHECK(broken_by<buries_leavers>() == laws{law::kept, law::leaves});
    CHECK(broken_by<restless>() == laws{law::quiet});

    CHECK(broken_by<unforms>() == laws{law::lasting});
    CHECK(broken_by<dials_itself>() == laws{law::effects});
    CHECK(broken_by<dials_strangers>() == laws{law::effects});
    CHECK(broken_by<sends_to_the_lost>() == laws{law::effects});
    CHECK(broken_by<acts_early>() == laws{law::early, law::quiet});
    CHECK(broken_by<counts_early_ones>() == laws{law::early});
    CHECK(broken_by<stays_due>() == laws{law::deadline});
    CHECK(broken_by<wakes_all_the_time>() == laws{law::bounded});
    CHECK(broken_by<answers_everything>() == laws{law::bounded});
    CHECK(broken_by<draws_from_outside>() == laws{law::repeatable});

    CHECK(broken_by<never_alone>() == laws{law::alone});
    CHECK(broken_by<is_no_seed>() == laws{law::own_seed});
    CHECK(broken_by<forms_unasked>() == laws{law::gives_up});
    CHECK(broken_by<never_gives_up>() == laws{law::gives_up});
    CHECK(broken_by<hides_the_reason>() == laws{law::turned_away});
    CHECK(broken_by<does_not_listen>() == laws{law::joins, law::loss});
    CHECK(broken_by<repeats_nothing>(2) == laws{law::loss});
    CHECK(broken_by<dials_seeds_only>() == laws{law::mesh, law::outlived});

    CHECK(broken_by<sees_no_death>() == laws{law::crash, law::silence, law::converges});
    CHECK(broken_by<takes_a_loss_for_a_death>() == laws{law::hint, law::one_link});
    CHECK(broken_by<waits_for_ever>() == laws{law::silence});
    CHECK(broken_by<impatient>() == laws{law::one_link});
    CHECK(broken_by<gives_up_the_dead>() == laws{law::heals, law::outlived});
    CHECK(broken_by<leaves_without_a_word>() == laws{law::leaves});
    CHECK(broken_by<slow_to_believe>() == laws{law::replaced});
    CHECK(broken_by<lives_on>() == laws{law::outlived});
    CHECK(broken_by<dies_for_others>() == laws{law::outlived});
    CHECK(broken_by<believes_rubbish>() == laws{law::rubbish});
    CHECK(broken_by<easily_hurt>() == laws{law::hostile});

    for (auto const& each : right.laws()) {
        INFO(each.name);
        CHECK(all_broken.contains(each.name));
    }
}
