// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include "core_supervisor_fixture.hpp"

#include <catch2/catch_test_macros.hpp>

using namespace core_test;
using drover::start_cause;

namespace {

supervisor_options without_jitter()
{
    supervisor_options options;
    options.backoff = {milliseconds{100}, milliseconds{400}, 0, seconds{2}};
    options.intensity = {100, seconds{600}};
    return options;
}

supervisor_options with_group(drover::restart_strategy strategy)
{
    supervisor_options options;
    options.groups = {{"pair", strategy}, {"other", drover::restart_strategy::one_for_all}};
    return options;
}

child_spec in_group(std::string const& id, std::string group = "pair")
{
    auto spec = cluster::spec_of(id);
    spec.group = std::move(group);
    return spec;
}

child_spec escalating(std::string const& id, std::uint32_t restarts)
{
    auto spec = cluster::spec_of(id);
    spec.on_exhausted = drover::exhaustion::escalate;
    spec.intensity = drover::restart_intensity{restarts, seconds{60}};
    spec.backoff = drover::immediate_restarts;
    return spec;
}

drover::child_info info_of(cluster& all, std::string_view at, std::string const& id)
{
    for (auto& each : all[at].core->which_children(false))
        if (each.id == id)
            return each;
    FAIL("no child " << id << " on " << at);
    return {};
}

/// A child on n2 that starts, and takes n2 down, then whatever node takes it over, so many times.
void kill_nodes_with(cluster& all, std::vector<std::string> const& nodes)
{
    for (auto const& name : nodes) {
        REQUIRE(all[name].instances.contains("c"));
        all.crash_and_notice(name);
    }
}

} // namespace

// ---- backoff ---------------------------------------------------------------------------------------------------------

TEST_CASE("the first restart is immediate, and the next ones wait longer and longer, up to a bound", "[core][failures]")
{
    cluster all{2, without_jitter()};
    all.pin("c", "n2");
    all.start("n1", "c");
    all.fail("n2", "c");
    CHECK(all.running("c") == "n2/2");
    for (auto const wait : {100, 200, 400, 400}) {
        all.fail("n2", "c");
        CHECK(all.running("c").empty());
        CHECK(all.status("n2", "c") == child_status::restarting);
        CHECK(all.status("n1", "c") == child_status::running_elsewhere);
        all.pass(milliseconds{wait} - milliseconds{1});
        CHECK(all.running("c").empty());
        all.pass(milliseconds{1});
        CHECK_FALSE(all.running("c").empty());
    }
    CHECK(all["n2"].core->counters().delays == 4);
    CHECK(info_of(all, "n1", "c").failures_in_row == 5);
    all.pass(seconds{2}); // a stable run
    all.fail("n2", "c");
    CHECK_FALSE(all.running("c").empty());
    CHECK(info_of(all, "n2", "c").failures_in_row == 1);
}

TEST_CASE("a spec's own backoff goes before the supervisor's, and OTP's immediate restarts are one", "[core][failures]")
{
    cluster all{1, without_jitter()};
    auto spec = cluster::spec_of("c");
    spec.backoff = drover::immediate_restarts;
    all.done("n1", command_kind::start, spec);
    for (int i = 0; i < 20; ++i)
        all.fail("n1", "c");
    CHECK(all.running("c") == "n1/21");
}

TEST_CASE("a child that waits for its restart can be terminated, deleted, updated and moved", "[core][failures]")
{
    cluster all{2, without_jitter()};
    all.pin("c", "n1");
    all.start("n1", "c");
    all.fail("n1", "c");
    all.fail("n1", "c");
    REQUIRE(all.status("n1", "c") == child_status::restarting);
    CHECK(all.code_of("n2", command_kind::restart, "c") == errc::restarting);
    CHECK(all.code_of("n2", command_kind::remove, "c") == errc::running);
    SECTION("terminated")
    {
        CHECK(all.code_of("n2", command_kind::terminate, "c") == errc::success);
        all.pass(seconds{10});
        CHECK(all.running("c").empty());
        CHECK(all.code_of("n2", command_kind::remove, "c") == errc::success);
        CHECK_FALSE(all["n1"].core->spec_of("c"));
    }
    SECTION("updated")
    {
        auto spec = cluster::spec_of("c");
        spec.arguments = "new";
        CHECK(all.done("n2", command_kind::update, spec).code == errc::success);
        CHECK(all.running("c") == "n1/4");
        CHECK(all["n1"].causes["c"] == start_cause::request);
    }
    SECTION("its node leaves")
    {
        all["n1"].core->stop(all.now);
        all.settle();
        CHECK(all.running("c").starts_with("n2/"));
        CHECK(info_of(all, "n2", "c").failures_in_row == 2);
        CHECK(all["n1"].stopped);
    }
    SECTION("its node dies")
    {
        all.crash_and_notice("n1");
        CHECK(all.running("c").starts_with("n2/"));
        all.fail("n2", "c"); // the third in a row: what counts against it came along
        CHECK(all.running("c").empty());
        all.pass(milliseconds{199});
        CHECK(all.running("c").empty());
        all.pass(milliseconds{1});
        CHECK(all.running("c").starts_with("n2/"));
    }
}

TEST_CASE("jitter spreads what failed together", "[core][failures]")
{
    auto options = without_jitter();
    options.backoff.jitter_percent = 50;
    cluster all{1, options};
    for (int i = 0; i < 40; ++i) {
        auto const id = "c" + std::to_string(i);
        all.start("n1", id);
        all.fail("n1", id);
        all.fail("n1", id);
    }
    all.pass(milliseconds{49});
    CHECK(all["n1"].instances.empty());
    all.pass(milliseconds{25});
    CHECK(all["n1"].instances.size() > 5);
    CHECK(all["n1"].instances.size() < 35);
    all.pass(milliseconds{26});
    CHECK(all["n1"].instances.size() == 40);
}

// ---- failures told apart -----------------------------------------------------------------------------------------------

TEST_CASE("an instance is told why it was started", "[core][failures]")
{
    supervisor_options options;
    options.park_min = seconds{1};
    cluster all{3, options};
    all.pin("c", "n2");
    all.start("n1", "c");
    CHECK(all["n2"].causes["c"] == start_cause::first);
    all.fail("n2", "c");
    CHECK(all["n2"].causes["c"] == start_cause::crash);
    all.failing = {"c"};
    all.fail("n2", "c");
    all.pass(milliseconds{100});
    all.failing.clear();
    all.pass(milliseconds{200});
    CHECK(all["n2"].causes["c"] == start_cause::failed_start);
    all.crash_and_notice("n2");
    CHECK(all["n1"].causes["c"] == start_cause::node_death);
    all.fail("n1", "c"); // over its budget
    CHECK(all.status("n1", "c") == child_status::parked);
    all.pass(seconds{1});
    CHECK(all["n1"].causes["c"] == start_cause::retry);
    all.code_of("n1", command_kind::terminate, "c");
    all.code_of("n1", command_kind::restart, "c");
    CHECK(all["n1"].causes["c"] == start_cause::request);
    all.pin("d", "n3");
    all.start("n1", "d");
    all.pin("d", "n4");
    all.add("n4");
    all.pass(seconds{10});
    CHECK(all["n4"].causes["d"] == start_cause::move);
}

TEST_CASE("only crashes and failing starts count against a child", "[core][failures]")
{
    supervisor_options options;
    options.intensity = {0, seconds{3'600}};
    cluster all{3, options};
    all.pin("c", "n3");
    all.start("n1", "c");
    all.pass(seconds{20});
    all.crash_and_notice("n3"); // the death of its node
    CHECK(all.running("c").starts_with("n1/"));
    all.code_of("n1", command_kind::terminate, "c"); // a stop by request
    all.code_of("n1", command_kind::restart, "c");
    all.pin("c", "n2");
    all["n1"].core->stop(all.now); // a planned move
    all.settle();
    CHECK(all.running("c").starts_with("n2/"));
    CHECK(info_of(all, "n2", "c").failures_in_row == 0);
    CHECK(all["n1"].core->counters().stops_by_request == 1);
    all.fail("n2", "c");
    CHECK(all.status("n2", "c") == child_status::parked);
}

TEST_CASE("what counts against a child follows it from node to node, and a parked one stays parked", "[core][failures]")
{
    supervisor_options options;
    options.intensity = {1, seconds{600}};
    options.backoff = drover::immediate_restarts;
    options.park_min = options.park_max = seconds{60};
    cluster all{3, options};
    all.pin("c", "n3");
    all.start("n1", "c");
    all.fail("n3", "c");
    all.fail("n3", "c");
    REQUIRE(all.status("n3", "c") == child_status::parked);
    all.crash_and_notice("n3");
    CHECK(all.running("c").empty());
    CHECK(all.status("n1", "c") == child_status::parked);
    CHECK(info_of(all, "n2", "c").reason == "it threw");
    all.pass(seconds{60});
    CHECK(all.running("c").starts_with("n1/"));
    CHECK(all["n1"].causes["c"] == start_cause::retry);
}

TEST_CASE("a start that says ignore is a success, after which nothing runs, and its spec stays", "[core][failures]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.ignoring = {"c", "once"};
    auto const said = all.start("n1", "c");
    CHECK(said.code == errc::success);
    CHECK(said.ref.generation == 0);
    CHECK(all.status("n1", "c") == child_status::ended);
    auto temporary = cluster::spec_of("once");
    temporary.restart = drover::restart_rule::temporary;
    CHECK(all.done("n1", command_kind::start, temporary).code == errc::success);
    CHECK_FALSE(all["n1"].core->spec_of("once"));
    all.crash_and_notice("n2"); // what does not run is not taken over
    CHECK(all.running("c").empty());
    all.ignoring.clear();
    CHECK(all.code_of("n1", command_kind::restart, "c") == errc::success);
    CHECK(all.running("c").starts_with("n1/"));
}

// ---- groups ------------------------------------------------------------------------------------------------------------

TEST_CASE("one_for_all restarts the group, from the last to the first, and starts it in order", "[core][failures][groups]")
{
    cluster all{1, with_group(drover::restart_strategy::one_for_all)};
    for (auto const* const id : {"b", "a", "c"})
        all.done("n1", command_kind::start, in_group(id));
    all.done("n1", command_kind::start, in_group("x", "other"));
    all.start("n1", "alone");
    (void)all.log("n1");
    all.fail("n1", "a");
    CHECK(all.log("n1") == lines{"stop c/1 and save", "stop b/1 and save", "start b/2", "start a/2", "start c/2"});
    CHECK(all.running("x") == "n1/1");
    CHECK(all.running("alone") == "n1/1");
    CHECK(all["n1"].causes["a"] == start_cause::crash);
    CHECK(all["n1"].causes["b"] == start_cause::sibling);
    CHECK(all["n1"].core->counters().sibling_restarts == 2);
    CHECK(info_of(all, "n1", "b").failures_in_row == 0);
}

TEST_CASE("rest_for_one restarts those that were started later", "[core][failures][groups]")
{
    cluster all{1, with_group(drover::restart_strategy::rest_for_one)};
    for (auto const* const id : {"b", "a", "d", "c"})
        all.done("n1", command_kind::start, in_group(id));
    (void)all.log("n1");
    all.fail("n1", "a");
    CHECK(all.log("n1") == lines{"stop c/1 and save", "stop d/1 and save", "start a/2", "start d/2", "start c/2"});
    CHECK(all.running("b") == "n1/1");
}

TEST_CASE("one_for_one restarts nobody else", "[core][failures][groups]")
{
    cluster all{1, with_group(drover::restart_strategy::one_for_one)};
    all.done("n1", command_kind::start, in_group("a"));
    all.done("n1", command_kind::start, in_group("b"));
    (void)all.log("n1");
    all.fail("n1", "a");
    CHECK(all.log("n1") == lines{"start a/2"});
}

TEST_CASE("a group restart takes what happens meanwhile", "[core][failures][groups]")
{
    cluster all{1, with_group(drover::restart_strategy::one_for_all)};
    for (auto const* const id : {"a", "b", "c", "d"})
        all.done("n1", command_kind::start, in_group(id));
    all.stops_are_answered = false;
    all.fail("n1", "b");
    (void)all.log("n1");
    SECTION("another one fails")
    {
        all.fail("n1", "a");
        all.answer_stop("n1", "d");
        all.answer_stop("n1", "c");
        CHECK(all.log("n1") == lines{"stop c/1 and save", "start a/2", "start b/2", "start c/2", "start d/2"});
    }
    SECTION("one is terminated before it is stopped, one while it is, and one that waits")
    {
        auto const first = all.command("n1", command_kind::terminate, cluster::spec_of("a"));
        auto const last = all.command("n1", command_kind::terminate, cluster::spec_of("d"));
        CHECK(all.code_of("n1", command_kind::terminate, "b") == errc::success);
        all.answer_stop("n1", "a");
        all.answer_stop("n1", "d");
        CHECK(all["n1"].commands_done.at(first).code == errc::success);
        CHECK(all["n1"].commands_done.at(last).code == errc::success);
        all.answer_stop("n1", "c");
        CHECK(all.running("c") == "n1/2");
        CHECK(all["n1"].instances.size() == 1);
    }
    SECTION("one is updated, and starts by its new spec")
    {
        auto spec = in_group("b");
        spec.arguments = "new";
        auto const number = all.command("n1", command_kind::update, spec);
        for (auto const* const id : {"d", "c", "a"})
            all.answer_stop("n1", id);
        CHECK(all["n1"].commands_done.at(number).code == errc::success);
        CHECK(all["n1"].instances.size() == 4);
    }
    SECTION("the supervisor stops")
    {
        all["n1"].core->stop(all.now);
        for (auto const* const id : {"a", "c", "d"})
            all.answer_stop("n1", id);
        CHECK(all["n1"].stopped);
    }
}

TEST_CASE("a member that spends its budget in a group restart stays parked", "[core][failures][groups]")
{
    auto options = with_group(drover::restart_strategy::one_for_all);
    options.intensity = {0, seconds{5}};
    options.park_min = options.park_max = seconds{50};
    cluster all{1, options};
    all.done("n1", command_kind::start, in_group("a"));
    for (auto const* const id : {"b", "c"}) {
        auto spec = in_group(id);
        spec.intensity = drover::restart_intensity{5, seconds{5}};
        all.done("n1", command_kind::start, spec);
    }
    all.stops_are_answered = false;
    all.fail("n1", "b");
    all.fail("n1", "a");
    all.answer_stop("n1", "c");
    all.pass(seconds{1});
    CHECK(all.status("n1", "a") == child_status::parked);
    CHECK(all.running("b") == "n1/2");
    CHECK(all.running("c") == "n1/2");
}

TEST_CASE("a group runs on one node, and moves as one", "[core][failures][groups]")
{
    cluster all{3, with_group(drover::restart_strategy::one_for_all)};
    all.pin_group("pair", "n3");
    for (auto const* const id : {"a", "b", "c"})
        CHECK(all.done("n1", command_kind::start, in_group(id)).ref.node == "n3");
    all.crash_and_notice("n3");
    CHECK(all["n1"].instances.size() == 3);
    all.fail("n1", "b");
    CHECK(all["n1"].causes["a"] == start_cause::sibling);
}

// ---- escalation --------------------------------------------------------------------------------------------------------

TEST_CASE("a child past its budget harms nobody else", "[core][failures][escalation]")
{
    supervisor_options options;
    options.backoff = drover::immediate_restarts;
    cluster all{1, options};
    for (int i = 0; i < 30; ++i)
        all.start("n1", "healthy" + std::to_string(i));
    all.start("n1", "c");
    (void)all.log("n1");
    for (int i = 0; i < 4; ++i)
        all.fail("n1", "c");
    CHECK(all.status("n1", "c") == child_status::parked);
    CHECK(all.log("n1") == lines{"start c/2", "start c/3", "start c/4"});
}

TEST_CASE("escalation: the children of the node restart once, then the supervisor stops on every node", "[core][escalation]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.pin("d", "n2");
    all.done("n1", command_kind::start, escalating("c", 1));
    all.start("n1", "d");
    all.start("n1", "elsewhere");
    all.fail("n2", "c");
    CHECK(all.running("c") == "n2/2");
    CHECK(all.running("d") == "n2/1");
    (void)all.log("n2");
    all.fail("n2", "c");
    CHECK(all.log("n2") == lines{"stop d/1 and save", "start c/3", "start d/2"});
    CHECK(all["n2"].core->counters().supervisor_restarts == 1);
    CHECK(all.running("elsewhere") == "n1/1");
    auto const pending = [&] {
        all.starts_are_answered = false;
        auto const number = all.command("n3", command_kind::start, cluster::spec_of("pending"));
        all.starts_are_answered = true;
        return number;
    }();
    all.fail("n2", "c");
    CHECK_FALSE(all["n2"].stopped);
    all.fail("n2", "c");
    CHECK(all["n3"].stopped);
    all.pass(supervisor_options{}.drain_timeout); // the start that never ends
    for (auto const* const name : {"n1", "n2", "n3"}) {
        CHECK(all[name].stopped);
        CHECK(all[name].stopped_because == "child 'c' has spent its budget: it threw");
    }
    CHECK(all.running("c").empty());
    CHECK(all.running("elsewhere").empty());
    CHECK(all["n3"].commands_done.at(pending).code == errc::outcome_unknown);
    auto const later = all["n1"].core->command(command_kind::start, cluster::spec_of("e"), all.now);
    all.settle();
    CHECK(all["n1"].commands_done.at(later).code == errc::shutting_down);
}

TEST_CASE("what happens to a child that waits does not start the others of a supervisor restart", "[core][escalation]")
{
    cluster all{1};
    all.done("n1", command_kind::start, escalating("a", 0));
    all.start("n1", "b");
    all.start("n1", "c");
    all.stops_are_answered = false;
    all.fail("n1", "a"); // b and c are being stopped, a waits
    all.command("n1", command_kind::terminate, cluster::spec_of("a"));
    CHECK(all["n1"].instances.size() == 2);
    all.answer_stop("n1", "b");
    all.answer_stop("n1", "c");
    CHECK(all.running("b") == "n1/2");
    CHECK(all.running("c") == "n1/2");
}

TEST_CASE("an escalation long after the last restores locally again", "[core][escalation]")
{
    cluster all{1};
    all.done("n1", command_kind::start, escalating("c", 0));
    for (int i = 0; i < 5; ++i) {
        all.fail("n1", "c");
        CHECK_FALSE(all["n1"].stopped);
        CHECK_FALSE(all.running("c").empty());
        all.pass(2 * supervisor_options{}.intensity.max_seconds + milliseconds{1});
    }
    CHECK(all["n1"].core->counters().supervisor_restarts == 5);
}

TEST_CASE("who is cut off while the supervisor gives up goes on", "[core][escalation]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.pin("far", "n3");
    all.done("n1", command_kind::start, escalating("c", 0));
    all.start("n1", "far");
    all.split({"n3"});
    all.fail("n2", "c");
    all.fail("n2", "c");
    CHECK(all["n1"].stopped);
    CHECK_FALSE(all["n3"].stopped);
    CHECK_FALSE(all.running("far").empty());
}

TEST_CASE("a supervisor that starts after others gave up is not stopped by that", "[core][escalation]")
{
    cluster all{2};
    all.pin("c", "n2");
    all.done("n1", command_kind::start, escalating("c", 0));
    all.stops_are_answered = false; // n1 is slow to stop
    all.start("n1", "slow");
    all.fail("n2", "c");
    all.fail("n2", "c");
    all.pass(seconds{1});
    all.add("n3");
    all.pass(seconds{1});
    CHECK_FALSE(all["n3"].stopped);
}

TEST_CASE("OTP's intensity: all children share one budget, and past it their supervisor has failed", "[core][escalation]")
{
    supervisor_options options;
    options.intensity_counts = drover::intensity_scope::per_supervisor;
    options.intensity = {2, seconds{60}};
    options.backoff = drover::immediate_restarts;
    cluster all{1, options};
    for (auto const* const id : {"a", "b", "c"})
        all.start("n1", id);
    (void)all.log("n1");
    for (auto const* const id : {"a", "b"})
        all.fail("n1", id);
    CHECK(all["n1"].core->counters().supervisor_restarts == 0);
    all.fail("n1", "c");
    CHECK(all["n1"].core->counters().supervisor_restarts == 1);
    CHECK(all["n1"].instances.size() == 3);
    for (auto const* const id : {"a", "b", "c"})
        all.fail("n1", id);
    CHECK(all["n1"].stopped);
    CHECK(all["n1"].stopped_because == "child 'c' has spent its budget: it threw");
}

TEST_CASE("auto_shutdown: the supervisor stops when significant children have ended by themselves", "[core][escalation]")
{
    supervisor_options options;
    options.auto_shutdown = drover::auto_shutdown::any_significant;
    auto significant = [](std::string const& id) {
        auto spec = cluster::spec_of(id);
        spec.restart = drover::restart_rule::transient;
        spec.significant = true;
        return spec;
    };
    SECTION("any")
    {
        cluster all{2, options};
        all.pin("a", "n2");
        all.done("n1", command_kind::start, significant("a"));
        all.done("n1", command_kind::start, significant("b"));
        all.start("n1", "c");
        all.code_of("n1", command_kind::terminate, "b"); // not by itself
        CHECK_FALSE(all["n1"].stopped);
        all.exit("n2", "a", exit_kind::normal);
        CHECK(all["n1"].stopped_because == "shutdown: significant child 'a' has ended");
        CHECK(all["n2"].stopped_because == "shutdown: significant child 'a' has ended");
    }
    SECTION("all")
    {
        options.auto_shutdown = drover::auto_shutdown::all_significant;
        cluster all{2, options};
        all.pin("a", "n2");
        all.done("n1", command_kind::start, significant("a"));
        all.done("n1", command_kind::start, significant("b"));
        all.exit("n2", "a", exit_kind::normal);
        CHECK_FALSE(all["n2"].stopped);
        all.fail("n1", "b");
        CHECK_FALSE(all["n1"].stopped);
        all.exit("n1", "b", exit_kind::normal);
        CHECK(all["n1"].stopped_because == "shutdown: significant child 'b' has ended");
        CHECK(all["n2"].stopped);
    }
    SECTION("off")
    {
        cluster all{1};
        CHECK(all.done("n1", command_kind::start, significant("a")).reason.starts_with("significant"));
    }
}

// ---- suspicion ---------------------------------------------------------------------------------------------------------

TEST_CASE("a child that takes its nodes down is put in quarantine after two of them", "[core][failures][suspicion]")
{
    supervisor_options options;
    options.quarantine_time = seconds{600};
    cluster all{5, options};
    all.pin("c", "n5");
    all.start("n1", "healthy");
    all.pass(seconds{20});
    all.start("n1", "c");
    kill_nodes_with(all, {"n5", "n1"});
    CHECK(all.running("c").empty());
    CHECK(all.status("n2", "c") == child_status::parked);
    CHECK(info_of(all, "n2", "c").reason == "quarantine: 2 nodes in a row died when it had just started on them");
    CHECK(info_of(all, "n3", "c").node_deaths == 2);
    CHECK(all.running("healthy").starts_with("n2/"));
    CHECK(all["n2"].core->counters().suspected == 1);
    CHECK(all["n2"].core->explain("c").find("2 nodes in a row died") != std::string::npos);
    SECTION("another death does not set it free")
    {
        all.crash_and_notice("n2");
        CHECK(all.running("c").empty());
        CHECK(all.status("n3", "c") == child_status::parked);
        CHECK(all.running("healthy").starts_with("n3/"));
    }
    SECTION("it is tried again after a long while")
    {
        all.pass(seconds{599});
        CHECK(all.running("c").empty());
        all.pass(seconds{1});
        CHECK(all.running("c").starts_with("n2/"));
        all.crash_and_notice("n2"); // the third
        CHECK(all.running("c").empty());
    }
    SECTION("restart_child revives it, with a clean record")
    {
        CHECK(all.code_of("n3", command_kind::restart, "c") == errc::success);
        all.pass(seconds{30});
        all.crash_and_notice("n2");
        CHECK(all.running("c").starts_with("n3/"));
    }
}

TEST_CASE("a suspect with an isolated type is started as that from then on", "[core][failures][suspicion]")
{
    cluster all{5, {}, {"counter", "counter process"}};
    auto spec = cluster::spec_of("c");
    spec.isolated_type = "counter process";
    all.pin("c", "n5");
    all.done("n1", command_kind::start, spec);
    CHECK(all["n5"].types["c"] == "counter");
    kill_nodes_with(all, {"n5", "n1"});
    CHECK(all["n2"].types["c"] == "counter process");
    all.pass(seconds{60});
    all.fail("n2", "c");
    CHECK(all["n2"].types["c"] == "counter process");
    CHECK(all.code_of("n3", command_kind::terminate, "c") == errc::success);
    CHECK(all.code_of("n3", command_kind::restart, "c") == errc::success);
    CHECK(all["n1"].core->counters().suspected == 0);
}

TEST_CASE("a claim that is heard of only after the death of its node counts", "[core][failures][suspicion]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.starts_are_answered = false;
    all.is_lost = [](test_node const& from, std::string const& to, any_message const& message) {
        return from.id.name == "n2" && to == "n1" && std::holds_alternative<store_message>(message);
    };
    all.command("n3", command_kind::start, cluster::spec_of("c"));
    all.pass(milliseconds{20});
    all.crash("n2");
    all.see("n1", "n2", drover::member_state::dead);
    all.now += milliseconds{2};
    all.see("n3", "n2", drover::member_state::dead);
    all.is_lost = nullptr;
    all.settle();
    all.pass(milliseconds{500});
    CHECK(info_of(all, "n1", "c").node_deaths == 1);
}

TEST_CASE("a node that dies long after a child started does not make it a suspect", "[core][failures][suspicion]")
{
    cluster all{4};
    all.pin("c", "n4");
    all.start("n1", "c");
    all.pass(seconds{2});
    all.crash_and_notice("n4");
    all.pass(seconds{2});
    all.crash_and_notice("n1");
    all.pass(seconds{2});
    all.crash_and_notice("n2");
    CHECK(all.running("c").starts_with("n3/"));
}

TEST_CASE("a stable run between two deaths, and a planned end of a node, clear a suspect", "[core][failures][suspicion]")
{
    cluster all{5};
    all.pin("c", "n5");
    all.start("n1", "c");
    all.crash_and_notice("n5"); // one
    CHECK(info_of(all, "n2", "c").node_deaths == 1);
    all.pass(seconds{2});
    all.crash_and_notice("n1"); // it had run for a while
    CHECK(info_of(all, "n2", "c").node_deaths == 0);
    all.crash_and_notice("n2"); // one again
    CHECK(all.running("c").starts_with("n3/"));
}

TEST_CASE("the death of a node that had just been given many children says nothing about any of them", "[core][suspicion]")
{
    cluster all{4};
    for (int i = 0; i < 60; ++i) {
        all.pin("c" + std::to_string(i), "n4");
        all.start("n1", "c" + std::to_string(i));
    }
    all.crash_and_notice("n4");
    all.crash_and_notice("n1");
    all.crash_and_notice("n2");
    CHECK(all["n3"].instances.size() == 60);
}

TEST_CASE("one suspect among many that moved with it is found", "[core][suspicion]")
{
    cluster all{5};
    for (int i = 0; i < 60; ++i) {
        all.pin("c" + std::to_string(i), "n5");
        all.start("n1", "c" + std::to_string(i));
    }
    all.pass(seconds{2});
    all.pin("c", "n5");
    all.start("n1", "c");
    all.crash_and_notice("n5");
    all.crash_and_notice("n1"); // all 61 had just started there
    CHECK(all.status("n2", "c") == child_status::parked);
    CHECK(all["n2"].instances.size() == 60);
    all.crash_and_notice("n2");
    CHECK(all["n3"].instances.size() == 60);
}

// ---- order -------------------------------------------------------------------------------------------------------------

TEST_CASE("failover starts children by priority, then in the order of their specs, so many at once", "[core][failures][order]")
{
    supervisor_options options;
    options.starts_at_once_max = 2;
    cluster all{3, options};
    for (auto const* const id : {"e", "b", "d", "a", "c", "f"}) {
        all.pin(id, "n3");
        auto spec = cluster::spec_of(id);
        spec.priority = id == std::string{"a"} ? 5 : id == std::string{"e"} ? -1 : 0;
        all.done("n1", command_kind::start, spec);
    }
    all.starts_are_answered = false;
    (void)all.log("n1");
    all.crash_and_notice("n3");
    CHECK(all.log("n1") == lines{"start a/2", "start b/2"});
    CHECK(all.status("n1", "d") == child_status::starting);
    auto const started = [&](std::string const& id) {
        all["n1"].instances[id] = 2;
        all["n1"].core->on_child_started(id, 2, all.now);
        all.settle();
    };
    started("b");
    CHECK(all.log("n1") == lines{"start d/2"});
    CHECK(all.code_of("n1", command_kind::terminate, "c") == errc::success); // while it waits
    started("a");
    CHECK(all.log("n1") == lines{"command done", "start f/2"});
    started("d");
    CHECK(all.log("n1") == lines{"start e/2"});
}

// ---- the initial list, and forming -------------------------------------------------------------------------------------

TEST_CASE("the initial children start once in the cluster, in order, whoever comes first", "[core][initial]")
{
    supervisor_options options;
    options.children = {cluster::spec_of("b"), cluster::spec_of("a"), cluster::spec_of("c")};
    cluster all{3, options};
    all.pass(seconds{1});
    for (auto const* const id : {"a", "b", "c"})
        CHECK(all.running(id) == "n1/1");
    CHECK(all["n1"].log == lines{"started", "start b/1", "start a/1", "start c/1"});
    all.add("n4");
    all.pass(seconds{30});
    for (auto const* const id : {"a", "b", "c"})
        CHECK(all.running(id) == "n1/1"); // adopted, not restarted
    CHECK(all["n4"].core->counters().commands_refused == 0);
    all.code_of("n2", command_kind::terminate, "a");
    all.code_of("n2", command_kind::terminate, "b");
    all.code_of("n2", command_kind::remove, "b");
    all.add("n5");
    all.pass(seconds{30});
    CHECK(all.running("a").empty()); // stays terminated
    CHECK(all.status("n5", "a") == child_status::terminated);
    CHECK_FALSE(all["n5"].core->spec_of("b")); // stays deleted
    all.crash_and_notice("n1");
    CHECK(all.running("c") == "n2/2");
    CHECK(all.running("a").empty()); // and does not start when it would move
}

TEST_CASE("an initial child whose start fails is parked and tried again", "[core][initial]")
{
    supervisor_options options;
    options.children = {cluster::spec_of("a"), cluster::spec_of("b")};
    options.park_min = seconds{1};
    cluster all{0, options};
    all.failing = {"a"};
    all.add("n1");
    all.pass(seconds{1});
    CHECK(all["n1"].started);
    CHECK(all.running("b") == "n1/1");
    CHECK(all.status("n1", "a") == child_status::parked);
    CHECK(all["n1"].core->counters().start_failures == 4);
    all.failing.clear();
    all.pass(seconds{2});
    CHECK_FALSE(all.running("a").empty());
}

TEST_CASE("an initial child that no node can run yet starts when one comes that can", "[core][initial]")
{
    supervisor_options options;
    options.children = {cluster::spec_of("a")};
    options.children[0].type = "rare";
    cluster all{2, options};
    all.pass(seconds{30});
    CHECK(all.running("a").empty());
    all["n2"].core->set_types({"counter", "rare"}, all.now);
    all.pass(seconds{30});
    CHECK(all.running("a") == "n2/1");
}

TEST_CASE("placement waits until the cluster has formed, or for a time", "[core][initial]")
{
    supervisor_options options;
    options.form_members = 3;
    options.form_timeout = seconds{5};
    options.children = {cluster::spec_of("a")};
    cluster all{2, options};
    all.pass(seconds{4});
    CHECK_FALSE(all["n1"].started);
    CHECK(all.running("a").empty());
    CHECK(all.start("n1", "c").code == errc::not_started);
    SECTION("formed")
    {
        all.add("n3");
        all.pass(milliseconds{200});
        for (auto const* const name : {"n1", "n2", "n3"})
            CHECK(all[name].started);
        CHECK(all.running("a") == "n1/1");
        all.crash_and_notice("n2"); // it has formed for good
        CHECK(all.start("n1", "c").code == errc::success);
    }
    SECTION("a time")
    {
        all.pass(seconds{1});
        CHECK(all["n1"].started);
        CHECK(all["n2"].started);
        CHECK(all.running("a") == "n1/1");
    }
}

TEST_CASE("an id that a user made and deleted is not brought back by the initial list", "[core][initial]")
{
    supervisor_options options;
    cluster all{2, options};
    all.start("n1", "x");
    all.crash("n2"); // what is deleted is remembered as long as n2 may return
    all.see("n1", "n2", drover::member_state::dead);
    all.settle();
    all.command("n1", command_kind::terminate, cluster::spec_of("x"));
    all.command("n1", command_kind::remove, cluster::spec_of("x"));
    all.pass(seconds{12});
    options.children = {cluster::spec_of("x")};
    all.configure(options);
    all.add("n3");
    all.settle();
    (void)all.log("n1");
    (void)all.log("n3");
    all.pass(seconds{60});
    for (auto const* const name : {"n1", "n3"})
        for (auto const& line : all.log(name))
            CHECK_FALSE(line.starts_with("start x"));
}

TEST_CASE("who comes to a cluster that has formed need not wait for it to form", "[core][initial]")
{
    supervisor_options options;
    options.form_members = 3;
    cluster all{1, options};
    all.pass(seconds{31});
    REQUIRE(all["n1"].started);
    all.pin("c", "n2");
    all.add("n2");
    all.pass(seconds{1});
    CHECK(all["n2"].started);
    CHECK(all.start("n1", "c").ref.node == "n2");
}

// ---- what a review found -------------------------------------------------------------------------------------------------

TEST_CASE("a child whose claim lost against a removal is claimed again, and not lost", "[core][failures]")
{
    for (int skipped = 0; skipped < 12; ++skipped) { // until the creation of the minority wins
        cluster all{3};
        all.pin("c", "n1");
        all.split({"n1"});
        for (auto const kind : {command_kind::start, command_kind::terminate, command_kind::remove})
            all.done("n2", kind, cluster::spec_of("c"));
        for (int i = 0; i < skipped; ++i)
            all.command("n1", command_kind::terminate, cluster::spec_of("none"));
        all.command("n1", command_kind::start, cluster::spec_of("c"));
        all.heal({"n1"});
        all.pass(seconds{20});
        if (!all["n1"].core->spec_of("c"))
            continue;
        CHECK(all["n2"].core->find("c"));
        auto spec = cluster::spec_of("c");
        spec.arguments = "new";
        CHECK(all.done("n1", command_kind::update, spec).code == errc::success);
        all.fail("n1", "c");
        all.pass(seconds{60});
        CHECK_FALSE(all.running("c").empty());
        return;
    }
    FAIL("the creation of the minority never wins");
}

TEST_CASE("a temporary child is not started again before its last instance has stopped", "[core][commands]")
{
    cluster all{1};
    auto spec = cluster::spec_of("t");
    spec.restart = drover::restart_rule::temporary;
    all.done("n1", command_kind::start, spec);
    all.stops_are_answered = false;
    auto const terminate = all.command("n1", command_kind::terminate, spec);
    auto const again = all.command("n1", command_kind::start, spec);
    CHECK(all.running("t") == "n1/1");
    all.answer_stop("n1", "t");
    all.pass(seconds{1});
    CHECK(all["n1"].commands_done.at(terminate).code == errc::success);
    CHECK(all["n1"].commands_done.at(again).code == errc::success);
    CHECK(all.running("t") == "n1/2");
}

TEST_CASE("a restart by hand that fails does not end what was to run", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.start("n1", "c");
    all.is_lost = [](test_node const&, std::string const&, any_message const& message) {
        return std::holds_alternative<regrouped_message>(message);
    };
    all.crash_and_notice("n2");
    all.starts_succeed = false;
    all.command("n1", command_kind::restart, cluster::spec_of("c"));
    all.is_lost = nullptr;
    all.pass(seconds{20});
    all.starts_succeed = true;
    all.pass(seconds{200});
    CHECK_FALSE(all.running("c").empty());
}

TEST_CASE("who is revived by hand has a new budget", "[core][failures]")
{
    cluster all{1};
    all.start("n1", "c");
    for (int i = 0; i < 4; ++i) {
        if (all.running("c").empty())
            all.pass(milliseconds{450});
        all.fail("n1", "c");
    }
    REQUIRE(all.status("n1", "c") == child_status::parked);
    all.pass(seconds{1});
    all.fail("n1", "c"); // tried once more, in vain
    REQUIRE(all.status("n1", "c") == child_status::parked);
    REQUIRE(all.code_of("n1", command_kind::restart, "c") == errc::success);
    all.fail("n1", "c");
    CHECK(all.running("c").starts_with("n1/"));
}

TEST_CASE("a deadline may be infinite", "[core][commands]")
{
    supervisor_options options;
    options.drain_timeout = options.operation_timeout = options.quarantine_time = drover::infinity;
    cluster all{2, options};
    all.pin("c", "n1");
    all.start("n1", "c");
    all.stops_are_answered = false;
    all["n1"].core->stop(all.now);
    all.settle();
    all.pass(seconds{100});
    CHECK_FALSE(all["n1"].stopped);
    all.answer_stop("n1", "c");
    CHECK(all["n1"].stopped);
    CHECK(all.running("c").starts_with("n2/"));
}

// ---- specs that are refused --------------------------------------------------------------------------------------------

TEST_CASE("wrong specs are refused at once, with a sentence that names the field", "[core][commands]")
{
    cluster all{1, with_group(drover::restart_strategy::one_for_all)};
    auto const refused = [&](std::string_view field, auto change) {
        auto spec = cluster::spec_of("c");
        change(spec);
        auto const said = all.done("n1", command_kind::start, spec);
        CHECK(said.code == errc::invalid_spec);
        CHECK(said.reason.starts_with(field));
    };
    refused("max_seconds", [](auto& spec) { spec.intensity = drover::restart_intensity{1, seconds{0}}; });
    refused("significant", [](auto& spec) { spec.significant = true; });
    refused("significant", [](auto& spec) {
        spec.significant = true;
        spec.restart = drover::restart_rule::temporary;
    });
    refused("group is 'unknown'", [](auto& spec) { spec.group = "unknown"; });
    refused("arguments have", [](auto& spec) { spec.arguments.assign(drover::limits::arguments_size_max + 1, 'x'); });
    refused("backoff.max", [](auto& spec) { spec.backoff = drover::restart_backoff{seconds{2}, seconds{1}}; });
    auto spec = cluster::spec_of("c");
    spec.type = "unheard of";
    CHECK(all.done("n1", command_kind::start, spec).code == errc::unknown_type);
}
