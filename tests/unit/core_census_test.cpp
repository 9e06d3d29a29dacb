// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// What a node says of a child: its state in the census, and why it is where it is. Each test is a story.
#include "core_supervisor_fixture.hpp"

#include <set>

namespace {

using namespace core_test;

std::string explained(cluster& all, std::string_view at, std::string_view id) { return all[at].core->explain(id); }

bool says(std::string const& text, std::string_view part)
{
    INFO(text);
    CHECK(text.find(part) != std::string::npos);
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("each state of the census has a name of its own", "[core]")
{
    std::set<std::string> names;
    for (int value = 0; value <= static_cast<int>(child_status::unassigned); ++value)
        CHECK(names.insert(to_string(static_cast<child_status>(value))).second);
    CHECK_FALSE(names.contains("?"));
    CHECK(std::string{to_string(static_cast<child_status>(255))} == "?");
}

TEST_CASE("a running child is explained by its owner and by placement, on every node", "[core]")
{
    cluster all{3};
    all.pin("c", "n2");
    REQUIRE(all.start("n1", "c").code == errc::success);
    CHECK(says(explained(all, "n2", "c"), "c is running here"));
    auto const text = explained(all, "n1", "c");
    CHECK(says(text, "c is running elsewhere; its recorded owner is n2, generation 1"));
    CHECK(says(text, "placement names n2 among the members that have type counter"));
    CHECK(explained(all, "n1", "other") == "no child of this id is known on this node");
}

TEST_CASE(
    "while the members have not all told what they know, the child of a dead node is being claimed, and it is said why", "[core]")
{
    cluster all{3};
    all.pin("c", "n2");
    REQUIRE(all.start("n1", "c").code == errc::success);
    all.is_lost = [](test_node const&, std::string const&, any_message const&) { return true; };
    all.crash_and_notice("n2");
    all.settle();
    CHECK(all.status("n1", "c") == child_status::claiming);
    auto const text = explained(all, "n1", "c");
    CHECK(says(text, "c is claiming"));
    CHECK(says(text, "which is not alive in this node's view"));
    CHECK(says(text, "the members have not all answered since the view changed, so nothing is taken over yet"));
}

TEST_CASE("a child that failed too often is parked, with its reason, for every node to read", "[core]")
{
    cluster all{2};
    all.pin("c", "n2");
    REQUIRE(all.start("n1", "c").code == errc::success);
    for (int failures = 0; all.status("n2", "c") != child_status::parked; ++failures) {
        REQUIRE(failures < 10);
        all.pass(milliseconds{1'000}); // restarts wait, after the first
        REQUIRE(all["n2"].instances.contains("c"));
        all.fail("n2", "c");
    }
    for (auto const* const name : {"n1", "n2"}) {
        INFO(name);
        CHECK(all.status(name, "c") == child_status::parked);
        CHECK(says(explained(all, name, "c"), "c is parked"));
        CHECK(says(explained(all, name, "c"), "reason: "));
    }
}

TEST_CASE("a child that was terminated, and one whose work is done, are listed as that", "[core]")
{
    cluster all{2};
    all.pin("c", "n2");
    all.pin("d", "n2");
    REQUIRE(all.start("n1", "c").code == errc::success);
    auto spec = cluster::spec_of("d");
    spec.restart = drover::restart_rule::transient;
    REQUIRE(all.done("n1", command_kind::start, spec).code == errc::success);

    CHECK(all.code_of("n1", command_kind::terminate, "c") == errc::success);
    CHECK(all.status("n1", "c") == child_status::terminated);
    CHECK(all.status("n2", "c") == child_status::terminated);
    CHECK(says(explained(all, "n1", "c"), "c is terminated"));

    all.exit("n2", "d", drover::supervision::exit_kind::normal);
    CHECK(all.status("n1", "d") == child_status::ended);
    CHECK(all.status("n2", "d") == child_status::ended);
}

TEST_CASE("what no node accounts for is counted, with the age of the oldest, until somebody takes it over", "[core][census]")
{
    cluster all{3};
    for (auto const* const id : {"a", "b", "gone"})
        all.pin(id, "n2");
    for (auto const* const id : {"a", "b", "gone", "elsewhere"})
        REQUIRE(all.start("n1", id).code == errc::success);
    REQUIRE(all.code_of("n1", command_kind::terminate, "gone") == errc::success);
    all.pass(seconds{100});
    for (auto const* const name : {"n1", "n2", "n3"})
        CHECK(all[name].core->unaccounted(all.now).count == 0);

    all.is_lost = [](test_node const&, std::string const&, any_message const&) { return true; };
    all.crash_and_notice("n2");
    all.pass(seconds{3});
    for (auto const* const name : {"n1", "n3"}) {
        auto const lost = all[name].core->unaccounted(all.now);
        CHECK(lost.count == 2);
        CHECK(lost.oldest_age == seconds{3});
        auto const counts = all[name].core->count_children();
        CHECK(counts.specs == 4);
        CHECK(counts.in(child_status::claiming) == 2);
        CHECK(counts.in(child_status::terminated) == 1);
        CHECK(counts.in(child_status::running_here) + counts.in(child_status::running_elsewhere) == 1);
    }
    all.is_lost = nullptr;
    all.pass(seconds{1});
    for (auto const* const name : {"n1", "n3"}) {
        CHECK(all[name].core->unaccounted(all.now).count == 0);
        CHECK(all[name].core->unaccounted(all.now).oldest_age == seconds{0});
        CHECK(all[name].core->counters().audit_repairs == 0);
    }
}

TEST_CASE("a spec whose owner's record has not come yet has an age of its own", "[core][census]")
{
    cluster all{1};
    spec_record record;
    record.creation = 1 << 20;
    record.spec = cluster::spec_of("c");
    auto& core = *all["n1"].core;
    auto& state = const_cast<core_state<pinned, drover::crdt_store<>>&>(core.state());
    state.input_time = all.now;
    auto& child = state.children.get("c");
    state.take_spec(child, record);
    CHECK(core.unaccounted(all.now + seconds{7}).count == 1);
    CHECK(core.unaccounted(all.now + seconds{7}).oldest_age == seconds{7});
    CHECK(core.count_children().in(child_status::unassigned) == 1);
    CHECK(core.inconsistency().empty());
    child.terminated = true;
    state.count(child);
    CHECK(core.unaccounted(all.now + seconds{7}).count == 0);
    CHECK(core.inconsistency().empty());
}

TEST_CASE("books that do not add up are noticed", "[core][census]")
{
    cluster all{2};
    all.pin("c", "n1");
    all.pin("d", "n2");
    REQUIRE(all.start("n1", "c").code == errc::success);
    REQUIRE(all.start("n1", "d").code == errc::success);
    auto const& core = *all["n1"].core;
    REQUIRE(core.inconsistency().empty());
    auto& state = const_cast<core_state<pinned, drover::crdt_store<>>&>(core.state());
    auto& child = *state.children.find("c");
    auto& other = *state.children.find("d");
    SECTION("an instance too many") { ++state.instances_count; }
    SECTION("a start too many") { ++state.starting_count; }
    SECTION("a significant child too many") { ++state.significant_count; }
    SECTION("a wrong load") { ++state.nodes[state.own].load; }
    SECTION("a child that comes from nowhere") { ++state.nodes[state.own].coming; }
    SECTION("a lost list") { state.nodes[state.own].owned = nullptr; }
    SECTION("what runs has no spec") { child.present = false; }
    SECTION("what runs has been terminated") { child.terminated = true; }
    SECTION("what runs elsewhere has no owner") { other.owned = false; }
    SECTION("what has ended counts as load") { other.status = owner_status::ended; }
    SECTION("somebody waits to be looked at") { state.dirty.push_back(&child); }
    CHECK_FALSE(core.inconsistency().empty());
}
