// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// One node: what becomes of its children. Each test is a story: inputs, and the effects that they have.
#include "core_supervisor_fixture.hpp"

namespace {

using namespace core_test;

child_spec with_rule(std::string const& id, drover::restart_rule rule)
{
    auto spec = cluster::spec_of(id);
    spec.restart = rule;
    return spec;
}

bool has_records(cluster& all, std::string const& id)
{
    auto const& store = all["n1"].core->store();
    return store.find(record_table::spec, id) || store.find(record_table::owner, id) || store.find(record_table::checkpoint, id)
        || store.find(record_table::provisional, id);
}

std::string parked_reason(cluster& all)
{
    auto const children = all["n1"].core->which_children(false);
    REQUIRE(children.size() == 1);
    CHECK(children[0].status == child_status::parked);
    return children[0].reason;
}

} // namespace

TEST_CASE("a node alone forms the scope at once", "[core][children]")
{
    cluster all{1};
    CHECK(all["n1"].started);
    CHECK(all.log("n1") == lines{"started"});
    CHECK(all["n1"].core->current_phase() == phase::running);
    CHECK(all["n1"].core->which_children(false).empty());
}

TEST_CASE("a start is answered when the child runs, with its node and generation", "[core][children]")
{
    cluster all{1};
    (void)all.log("n1");
    all.starts_are_answered = false;
    auto const number = all.command("n1", command_kind::start, cluster::spec_of("c"));
    CHECK(all.log("n1") == lines{"start c/1"});
    CHECK(all["n1"].commands_done.empty());
    CHECK(all.status("n1", "c") == child_status::starting);
    all["n1"].core->on_child_started("c", 1, all.now);
    all.settle();
    CHECK(all.log("n1") == lines{"command done"});
    auto const& done = all["n1"].commands_done.at(number);
    CHECK(done.code == errc::success);
    CHECK(done.ref == drover::child_ref{"c", "n1", 1});
    CHECK(all.status("n1", "c") == child_status::running_here);
    CHECK(all["n1"].core->find("c") == drover::child_ref{"c", "n1", 1});
    CHECK(all["n1"].core->spec_of("c") == cluster::spec_of("c"));
    CHECK(all["n1"].core->count_children().active == 1);
}

TEST_CASE("a first start that fails is answered with its reason, and leaves nothing", "[core][children]")
{
    cluster all{1};
    all.starts_succeed = false;
    auto const failed = all.start("n1", "c");
    CHECK(failed.code == errc::start_failed);
    CHECK(failed.reason == "it threw");
    CHECK_FALSE(has_records(all, "c"));
    CHECK(all["n1"].core->which_children(false).empty());
    CHECK(all["n1"].core->count_children().specs == 0);
    CHECK_FALSE(all["n1"].core->find("c"));
    CHECK(all["n1"].core->counters().start_failures == 1);
    all.starts_succeed = true;
    CHECK(all.start("n1", "c").ref.generation == 2); // tokens grow all the same
}

TEST_CASE("what is refused is refused as in OTP", "[core][children]")
{
    cluster all{1};
    using kind = command_kind;
    for (auto const each : {kind::terminate, kind::restart, kind::remove, kind::update})
        CHECK(all.code_of("n1", each, "c") == errc::not_found);
    CHECK(all.start("n1", "c").code == errc::success);
    auto const again = all.start("n1", "c");
    CHECK(again.code == errc::already_started);
    CHECK(again.ref == drover::child_ref{"c", "n1", 1});
    CHECK(all.code_of("n1", kind::restart, "c") == errc::running);
    CHECK(all.code_of("n1", kind::remove, "c") == errc::running);
    CHECK(all.code_of("n1", kind::terminate, "c") == errc::success);
    CHECK(all.code_of("n1", kind::terminate, "c") == errc::success);
    CHECK(all.start("n1", "c").code == errc::already_present);
    CHECK(all.running("c").empty());
    auto const nobodys = all.done("n1", kind::start, {.id = "d", .type = "nobody's"});
    CHECK(nobodys.code == errc::unknown_type);
    auto const invalid = all.done("n1", kind::start, {.id = "d", .type = {}});
    CHECK(invalid.code == errc::invalid_spec);
    CHECK(invalid.reason == "type is empty");
    CHECK(all.code_of("n1", kind::terminate, "") == errc::invalid_spec);
    CHECK(all.code_of("n1", kind::terminate, std::string(256, 'x')) == errc::invalid_spec);
    CHECK(all["n1"].core->which_children(false).size() == 1);
}

TEST_CASE("a restart of a child that is starting or stopping is refused", "[core][children]")
{
    cluster all{1};
    all.starts_are_answered = false;
    all.command("n1", command_kind::start, cluster::spec_of("c"));
    CHECK(all.code_of("n1", command_kind::restart, "c") == errc::restarting);
    all["n1"].instances["c"] = 1;
    all["n1"].core->on_child_started("c", 1, all.now);
    all.stops_are_answered = false;
    all.command("n1", command_kind::terminate, cluster::spec_of("c"));
    CHECK(all.status("n1", "c") == child_status::stopping);
    CHECK(all.code_of("n1", command_kind::restart, "c") == errc::restarting);
    CHECK(all.code_of("n1", command_kind::remove, "c") == errc::running);
}

TEST_CASE("limits on children and operations are kept", "[core][children]")
{
    supervisor_options options;
    options.children_count_max = 2;
    options.operations_count_max = 1;
    cluster all{1, options};
    CHECK(all.start("n1", "a").code == errc::success);
    CHECK(all.start("n1", "b").code == errc::success);
    CHECK(all.start("n1", "c").code == errc::max_children);
    CHECK(all.start("n1", "a").code == errc::already_started);
    all.code_of("n1", command_kind::terminate, "a");
    all.code_of("n1", command_kind::remove, "a");
    all.starts_are_answered = false;
    auto const waiting = all.command("n1", command_kind::start, cluster::spec_of("c"));
    CHECK(all.start("n1", "d").code == errc::too_many_operations);
    all["n1"].core->on_child_started("c", all["n1"].core->find("c")->generation, all.now);
    all.settle();
    CHECK(all["n1"].commands_done.at(waiting).code == errc::success);
}

TEST_CASE("a permanent child is restarted at once, with the next generation and what it last saved", "[core][children]")
{
    cluster all{1};
    all.start("n1", "c");
    all.save("n1", "c", "five");
    CHECK(all["n1"].checkpoints_done.at(1) == errc::success);
    (void)all.log("n1");
    all.fail("n1", "c");
    CHECK(all.log("n1") == lines{"start c/2 from five"});
    all.exit("n1", "c", exit_kind::normal);
    all.pass(supervisor_options{}.backoff.min); // the second in a row
    CHECK(all.log("n1") == lines{"start c/3 from five"});
    CHECK(all["n1"].core->find("c")->generation == 3);
    CHECK(all["n1"].core->counters().restarts == 2);
    CHECK(all["n1"].core->counters().failures == 1);
}

TEST_CASE("a transient child is restarted after a failure, and has done its work after a normal exit", "[core][children]")
{
    cluster all{1};
    all.done("n1", command_kind::start, with_rule("c", drover::restart_rule::transient));
    all.fail("n1", "c");
    CHECK(all.running("c") == "n1/2");
    all.exit("n1", "c", exit_kind::normal);
    CHECK(all.running("c").empty());
    CHECK(all.status("n1", "c") == child_status::ended);
    CHECK_FALSE(all["n1"].core->find("c"));
    all.pass(seconds{30}); // nor does the audit revive it
    CHECK(all.running("c").empty());
    CHECK(all.start("n1", "c").code == errc::already_present);
    CHECK(all.code_of("n1", command_kind::restart, "c") == errc::success);
    CHECK(all.running("c") == "n1/3");
}

TEST_CASE("a temporary child is never restarted, and is forgotten with its records", "[core][children]")
{
    for (auto const how : {exit_kind::normal, exit_kind::failure}) {
        cluster all{1};
        all.done("n1", command_kind::start, with_rule("c", drover::restart_rule::temporary));
        all.save("n1", "c", "five");
        all.exit("n1", "c", how);
        CHECK(all.running("c").empty());
        CHECK_FALSE(has_records(all, "c"));
        CHECK(all["n1"].core->which_children(false).empty());
    }
    cluster all{1};
    all.done("n1", command_kind::start, with_rule("c", drover::restart_rule::temporary));
    CHECK(all.code_of("n1", command_kind::terminate, "c") == errc::success);
    CHECK_FALSE(has_records(all, "c"));
}

TEST_CASE("a child that fails too often is parked, and tried again after a wait that doubles", "[core][children]")
{
    supervisor_options options;
    options.intensity = {2, seconds{5}};
    options.backoff = drover::immediate_restarts;
    options.park_min = seconds{1};
    options.park_max = seconds{3};
    cluster all{1, options};
    all.start("n1", "c");
    all.fail("n1", "c");
    all.fail("n1", "c");
    CHECK(all.running("c") == "n1/3");
    all.fail("n1", "c");
    CHECK(all.running("c").empty());
    CHECK(parked_reason(all) == "it threw");
    CHECK(all["n1"].core->count_children().parked == 1);
    CHECK(all["n1"].core->counters().parked == 1);
    CHECK(all["n1"].core->find("c"));
    all.pass(milliseconds{999});
    CHECK(all.running("c").empty());
    all.pass(milliseconds{1});
    CHECK(all.running("c") == "n1/4");
    for (auto const wait : {milliseconds{2'000}, milliseconds{3'000}, milliseconds{3'000}}) {
        for (int failure = 0; failure < 3; ++failure) // its window began anew
            all.fail("n1", "c");
        (void)parked_reason(all);
        all.pass(wait - milliseconds{1});
        CHECK(all.running("c").empty());
        all.pass(milliseconds{1});
        CHECK_FALSE(all.running("c").empty());
    }
}

TEST_CASE("failures that are far apart do not park a child", "[core][children]")
{
    supervisor_options options;
    options.intensity = {1, seconds{5}};
    options.backoff = drover::immediate_restarts;
    cluster all{1, options};
    all.start("n1", "c");
    for (int i = 0; i < 10; ++i) {
        all.fail("n1", "c");
        CHECK_FALSE(all.running("c").empty());
        all.pass(seconds{5} + milliseconds{1});
    }
}

TEST_CASE("a spec's own intensity goes before the supervisor's", "[core][children]")
{
    cluster all{1};
    auto spec = cluster::spec_of("c");
    spec.intensity = drover::restart_intensity{0, seconds{5}};
    all.done("n1", command_kind::start, spec);
    all.fail("n1", "c");
    CHECK(all.status("n1", "c") == child_status::parked);
}

TEST_CASE("a restart that cannot start counts as a failure, until the child is parked", "[core][children]")
{
    supervisor_options options;
    options.backoff = drover::immediate_restarts;
    cluster all{1, options};
    all.start("n1", "c");
    all.starts_succeed = false;
    all.fail("n1", "c");
    CHECK(parked_reason(all) == "it threw");
    CHECK(all["n1"].core->counters().start_failures == 3); // the failure, and three restarts
    all.starts_succeed = true;
    CHECK(all.code_of("n1", command_kind::restart, "c") == errc::success); // a parked one may be restarted by hand
    CHECK(all.status("n1", "c") == child_status::running_here);
}

TEST_CASE("a terminated child is stopped within its deadline, and is present", "[core][children]")
{
    cluster all{1};
    auto spec = cluster::spec_of("c");
    spec.shutdown = milliseconds{1'234};
    all.done("n1", command_kind::start, spec);
    all.save("n1", "c", "five");
    all.stops_are_answered = false;
    (void)all.log("n1");
    auto const number = all.command("n1", command_kind::terminate, spec);
    CHECK(all.log("n1") == lines{"stop c/1"});
    CHECK_FALSE(all["n1"].commands_done.contains(number));
    all["n1"].instances.clear();
    all["n1"].core->on_child_stopped("c", 1, std::nullopt, all.now);
    all.settle();
    CHECK(all["n1"].commands_done.at(number).code == errc::success);
    CHECK(all.status("n1", "c") == child_status::terminated);
    CHECK_FALSE(all["n1"].core->find("c"));
    all.pass(seconds{30});
    CHECK(all.running("c").empty());
    (void)all.log("n1");
    CHECK(all.code_of("n1", command_kind::restart, "c") == errc::success);
    CHECK(all.log("n1") == lines{"start c/2 from five", "command done"});
}

TEST_CASE("a restart by hand that cannot start leaves the child terminated", "[core][children]")
{
    cluster all{1};
    all.start("n1", "c");
    all.code_of("n1", command_kind::terminate, "c");
    all.starts_succeed = false;
    CHECK(all.code_of("n1", command_kind::restart, "c") == errc::start_failed);
    CHECK(all.status("n1", "c") == child_status::terminated);
    all.starts_succeed = true;
    all.pass(seconds{90});
    CHECK(all.running("c").empty());
}

TEST_CASE("a deleted child is gone with all it saved, and its id can be used again with a larger generation", "[core][children]")
{
    cluster all{1};
    all.start("n1", "c");
    all.save("n1", "c", "five");
    all.fail("n1", "c");
    all.code_of("n1", command_kind::terminate, "c");
    CHECK(all.code_of("n1", command_kind::remove, "c") == errc::success);
    CHECK_FALSE(has_records(all, "c"));
    CHECK(all.code_of("n1", command_kind::remove, "c") == errc::not_found);
    all.pass(seconds{120}); // until the removal itself is forgotten
    (void)all.log("n1");
    CHECK(all.start("n1", "c").code == errc::success);
    CHECK(all.log("n1") == lines{"start c/3", "command done"});
}

TEST_CASE("a child that is terminated while it starts is stopped, and both are answered", "[core][children]")
{
    cluster all{1};
    all.starts_are_answered = false;
    auto const start = all.command("n1", command_kind::start, cluster::spec_of("c"));
    CHECK(all.code_of("n1", command_kind::terminate, "c") == errc::success);
    CHECK(all["n1"].commands_done.at(start).code == errc::superseded);
    CHECK(all.log("n1").back() == "command done");
    all["n1"].core->on_child_started("c", 1, all.now); // too late
    all.settle();
    CHECK(all.status("n1", "c") == child_status::terminated);
}

TEST_CASE("an update replaces a running child in order, with its state and the new spec", "[core][children]")
{
    cluster all{1};
    all.start("n1", "c");
    all.state_when_stopped["c"] = "six";
    (void)all.log("n1");
    auto spec = cluster::spec_of("c");
    spec.arguments = "other";
    auto const done = all.done("n1", command_kind::update, spec);
    CHECK(done.code == errc::success);
    CHECK(done.ref == drover::child_ref{"c", "n1", 2});
    CHECK(all.log("n1") == lines{"stop c/1 and save", "start c/2 from six", "command done"});
    CHECK(all["n1"].core->spec_of("c")->arguments == "other");
    all.code_of("n1", command_kind::terminate, "c");
    spec.arguments = "third";
    CHECK(all.done("n1", command_kind::update, spec).code == errc::success);
    CHECK(all.running("c").empty());
    CHECK(all["n1"].core->spec_of("c")->arguments == "third");
}

TEST_CASE("only the instance that stands may save, and not too much", "[core][children]")
{
    cluster all{1};
    all.start("n1", "c");
    auto& core = *all["n1"].core;
    core.on_checkpoint("c", 7, {1, "of nobody"}, 101, all.now);
    core.on_checkpoint("d", 1, {1, "of nobody"}, 102, all.now);
    core.on_checkpoint("c", 1, {1, bytes(drover::limits::checkpoint_size_max + 1, 'x')}, 103, all.now);
    core.on_checkpoint("c", 1, {1, bytes(drover::limits::checkpoint_size_max, 'x')}, 104, all.now);
    all.settle();
    CHECK(all["n1"].checkpoints_done
        == std::map<std::uint64_t, errc>{
            {101, errc::superseded}, {102, errc::superseded}, {103, errc::message_too_large}, {104, errc::success}});
}

TEST_CASE("what is late from an earlier instance changes nothing", "[core][children]")
{
    cluster all{1};
    all.start("n1", "c");
    all.fail("n1", "c");
    (void)all.log("n1");
    auto& core = *all["n1"].core;
    core.on_child_started("c", 1, all.now);
    core.on_child_start_failed("c", 1, "late", all.now);
    core.on_child_start_failed("c", 2, "it runs", all.now);
    core.on_child_exit("c", 1, exit_kind::failure, "late", all.now);
    core.on_child_stopped("c", 2, std::nullopt, all.now);
    core.on_child_exit("d", 1, exit_kind::failure, "of nobody", all.now);
    all.settle();
    CHECK(all.log("n1").empty());
    CHECK(all.running("c") == "n1/2");
}

TEST_CASE("a call is given to the instance once, and answered once", "[core][children]")
{
    cluster all{1};
    all.start("n1", "c");
    (void)all.log("n1");
    auto& core = *all["n1"].core;
    auto const call = core.call("c", "question", false, all.now);
    auto const cast = core.call("c", "news", true, all.now);
    auto const lost = core.call("d", "question", false, all.now);
    all.settle();
    CHECK(all["n1"].calls_done
        == std::map<std::uint64_t, std::pair<errc, bytes>>{
            {call, {errc::success, "answer to question"}}, {cast, {errc::success, ""}}, {lost, {errc::not_found, ""}}});
}

TEST_CASE("a call to a child that is being restarted waits for it, up to its deadline", "[core][children]")
{
    cluster all{1};
    all.start("n1", "c");
    all.starts_are_answered = false;
    all.fail("n1", "c");
    auto& core = *all["n1"].core;
    auto const first = core.call("c", "first", false, all.now);
    all.pass(seconds{1});
    CHECK_FALSE(all["n1"].calls_done.contains(first));
    all["n1"].instances["c"] = 2;
    core.on_child_started("c", 2, all.now);
    all.pass(milliseconds{10});
    CHECK(all["n1"].calls_done.at(first).first == errc::success);
    all.fail("n1", "c");
    auto const second = core.call("c", "second", false, all.now);
    all.pass(supervisor_options{}.operation_timeout - milliseconds{1});
    CHECK_FALSE(all["n1"].calls_done.contains(second));
    all.pass(milliseconds{1});
    CHECK(all["n1"].calls_done.at(second).first == errc::timed_out);
}

TEST_CASE("a supervisor that is alone leaves once its children have stopped, and is answered once", "[core][children]")
{
    cluster all{1};
    all.start("n1", "c");
    all.stops_are_answered = false;
    (void)all.log("n1");
    auto& core = *all["n1"].core;
    core.stop(all.now);
    core.stop(all.now);
    all.settle();
    CHECK(all.log("n1") == lines{"stop c/1 and save"});
    CHECK_FALSE(all["n1"].stopped);
    CHECK(all.code_of("n1", command_kind::terminate, "c") == errc::shutting_down);
    (void)all.log("n1");
    all["n1"].instances.clear();
    core.on_child_stopped("c", 1, saved_state{1, "six"}, all.now);
    all.settle();
    CHECK(all.log("n1") == lines{"stopped"});
    CHECK(core.deadline() == drover::never);
}

TEST_CASE("a child that does not stop holds a leaving supervisor up to its own deadline only", "[core][children]")
{
    cluster all{1};
    all.start("n1", "c");
    all.stops_are_answered = false;
    all["n1"].core->stop(all.now);
    all.pass(supervisor_options{}.drain_timeout - milliseconds{1});
    CHECK_FALSE(all["n1"].stopped);
    all.pass(milliseconds{1});
    CHECK(all["n1"].stopped);
}
