// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Two and three nodes: placement, handoff, failover, splits. Each test is a story: inputs, and the effects that they have.
#include "core_supervisor_fixture.hpp"

#include <drover/base/random.hpp>

namespace {

using namespace core_test;

/// Three nodes, and child "c" on n2, which has saved "five".
struct three_with_child : cluster {
    explicit three_with_child(supervisor_options options = {}) : cluster{3, std::move(options)}
    {
        pin("c", "n2");
        REQUIRE(start("n1", "c").code == errc::success);
        save("n2", "c", "five");
        REQUIRE(running("c") == "n2/1");
        for (auto const* const name : {"n1", "n2", "n3"})
            (void)log(name);
    }
};

supervisor_options with_policy(drover::conflict_policy policy)
{
    supervisor_options options;
    options.conflict = policy;
    return options;
}

bytes saved_in(test_node const& node, record_table table)
{
    auto const found = node.core->store().find(table, "c");
    return found ? decode_checkpoint_record(found->value)->data : bytes{};
}

ownership::claim claim_on(test_node const& node)
{
    auto const found = node.core->store().find(record_table::owner, "c");
    REQUIRE(found);
    return decode_owner_record(found->value)->claim;
}

} // namespace

TEST_CASE("a child runs where placement says, and every node knows", "[core][cluster]")
{
    cluster all{3};
    all.pin("c", "n3");
    auto const done = all.start("n1", "c");
    CHECK(done.code == errc::success);
    CHECK(done.ref == drover::child_ref{"c", "n3", 1});
    CHECK(all.running("c") == "n3/1");
    for (auto const* const name : {"n1", "n2"}) {
        CHECK(all[name].core->find("c") == drover::child_ref{"c", "n3", 1});
        CHECK(all.status(name, "c") == child_status::running_elsewhere);
        CHECK(all.start(name, "c").code == errc::already_started);
    }
    CHECK(all.running("c") == "n3/1");
}

TEST_CASE("that a child is about to start is on its way before its code runs", "[core][cluster]")
{
    cluster all{3};
    all.pin("c", "n1");
    all.batches.clear();
    all.start("n1", "c");
    auto const with_start = std::find_if(all.batches.begin(), all.batches.end(),
        [](lines const& batch) { return std::find(batch.begin(), batch.end(), "n1: start c/1") != batch.end(); });
    REQUIRE(with_start != all.batches.end());
    CHECK(*with_start == lines{"n1: send n2 store", "n1: send n3 store", "n1: start c/1"});
}

TEST_CASE("nobody is eligible when all that have the type are dead or leaving", "[core][cluster]")
{
    cluster all{1, {}, {"counter"}};
    all["n1"].core->set_types({"other"}, all.now);
    all.add("n2");
    all.settle();
    CHECK(all.start("n1", "c").ref.node == "n2");
    all.crash_and_notice("n2");
    CHECK(all.start("n1", "d").code == errc::no_eligible_node);
    CHECK(all.status("n1", "c") == child_status::claiming);
    all.pass(seconds{30});
    CHECK(all.running("c").empty());
    all["n1"].core->set_types({"counter", "other"}, all.now);
    all.settle();
    CHECK(all.running("c") == "n1/2");
}

TEST_CASE("the children of the dead are claimed with their last checkpoint, once the living have told", "[core][cluster]")
{
    three_with_child all;
    all.pin("c", "n1");
    all.crash("n2");
    all.see("n1", "n2", drover::member_state::dead);
    all.settle();
    all.pass(seconds{3}); // n3 still sees the owner: no claim
    CHECK(all.log("n1").empty());
    CHECK(all.status("n1", "c") == child_status::claiming);
    all.see("n3", "n2", drover::member_state::dead);
    all.settle();
    CHECK(all.log("n1") == lines{"start c/2 from five"});
    CHECK(all.log("n3").empty());
    CHECK(claim_on(all["n3"]) == ownership::claim{{"n1", 1}, 2, {2, true}});
    CHECK(all["n1"].core->counters().failovers == 1);
    all.save("n1", "c", "six");
    CHECK(all["n1"].checkpoints_done.at(all.checkpoint_number) == errc::success);
}

TEST_CASE("what one of the living alone holds is heard before a claim", "[core][cluster]")
{
    three_with_child all;
    // The last checkpoint reaches n3 only.
    all.is_lost = [](test_node const&, std::string const& to, any_message const&) { return to == "n1"; };
    all.save("n2", "c", "six");
    CHECK(all["n2"].checkpoints_done.at(all.checkpoint_number) == errc::success); // n2 and n3 are a majority
    all.is_lost = nullptr;
    all.pin("c", "n1");
    all.crash_and_notice("n2");
    CHECK(all.log("n1") == lines{"start c/2 from six"});
}

TEST_CASE("failures follow a child to the node that takes it over", "[core][cluster]")
{
    supervisor_options options;
    options.intensity = {2, seconds{10}};
    options.backoff = drover::immediate_restarts;
    three_with_child all{options};
    all.fail("n2", "c");
    all.fail("n2", "c");
    CHECK(all.running("c") == "n2/3");
    all.pass(seconds{2});
    all.crash_and_notice("n2");
    CHECK(all.running("c") == "n1/4");
    all.fail("n1", "c");
    CHECK(all.status("n1", "c") == child_status::parked);
}

TEST_CASE("a new node gets what placement now gives it, with the state of the instance that stops", "[core][cluster]")
{
    three_with_child all;
    all.state_when_stopped["c"] = "six";
    all.pin("c", "n4");
    all.add("n4");
    all.stops_are_answered = false;
    all.settle();
    CHECK(all.log("n2") == lines{"stop c/1 and save"});
    CHECK(all.log("n4") == lines{"started"});
    all.pass(seconds{2}); // asked again and again, it is stopped once
    CHECK(all.log("n2").empty());
    all["n2"].instances.erase("c");
    all["n2"].core->on_child_stopped("c", 1, saved_state{1, "six"}, all.now);
    all.settle();
    CHECK(all.log("n4") == lines{"start c/2 from six"});
    CHECK(all.running("c") == "n4/2");
    CHECK(claim_on(all["n1"]) == ownership::claim{{"n4", 1}, 2, {1, true}}); // a handoff keeps the term
    CHECK(all["n2"].core->counters().handoffs_out == 1);
    CHECK(all["n4"].core->counters().handoffs_in == 1);
}

TEST_CASE("a node that placement does not name is not given a child, nor for a generation that is past", "[core][cluster]")
{
    three_with_child all;
    auto const want = [&](drover::generation_number generation) {
        all["n2"].core->on_message({"n3", 1}, encode(want_message{generation, "c"}), all.now);
        all.settle();
        all.pass(seconds{6});
    };
    want(1);
    CHECK(all.log("n2").empty());
    CHECK(all.running("c") == "n2/1");
    all.fail("n2", "c");
    (void)all.log("n2");
    want(1);
    want(99);
    CHECK(all.log("n2").empty());
    CHECK(all.running("c") == "n2/2");
}

TEST_CASE("the two sides of a split run the child, and after it the side that a majority knew of goes on", "[core][cluster]")
{
    three_with_child all;
    all.split({"n2"});
    CHECK(all.running("c") == "n1/2 n2/1");
    CHECK(claim_on(all["n1"]) == ownership::claim{{"n1", 1}, 2, {2, true}});
    all.save("n1", "c", "acknowledged");
    CHECK(all["n1"].checkpoints_done.at(all.checkpoint_number) == errc::success);
    (void)all.log("n2");
    all.pin("c", "n1");
    all.heal({"n2"});
    CHECK(all.log("n2") == lines{"stop c/1"}); // its state is given up
    CHECK(all.running("c") == "n1/2");
    CHECK(all["n2"].core->counters().conflicts_yielded == 1);
    CHECK(saved_in(all["n2"], record_table::checkpoint) == "acknowledged");
    CHECK(all["n2"].core->find("c") == drover::child_ref{"c", "n1", 2});
}

TEST_CASE("a minority takes over provisionally, and gives way to the instance that went on", "[core][cluster]")
{
    three_with_child all;
    all.split({"n1"}); // n2 and n3 are the majority; n1 takes over alone
    CHECK(all.running("c") == "n1/2 n2/1");
    CHECK(claim_on(all["n1"]) == ownership::claim{{"n1", 1}, 2, {1, false}});
    all.save("n1", "c", "provisional");
    CHECK(saved_in(all["n1"], record_table::provisional) == "provisional");
    CHECK(saved_in(all["n1"], record_table::checkpoint) == "five");
    all.save("n2", "c", "acknowledged");
    all.heal({"n1"});
    all.pass(seconds{6});
    CHECK(all.running("c") == "n2/3"); // asserted, in place, above both
    CHECK(claim_on(all["n1"]) == ownership::claim{{"n2", 1}, 3, {3, true}});
    CHECK(saved_in(all["n1"], record_table::checkpoint) == "acknowledged");
    CHECK(all["n2"].core->counters().conflicts_asserted == 1);
    CHECK(all["n1"].core->counters().conflicts_yielded == 1);
    all.save("n2", "c", "seven");
    CHECK(all["n2"].checkpoints_done.at(all.checkpoint_number) == errc::success);
}

TEST_CASE("what a minority saved is never acknowledged, and becomes real when a majority is together again", "[core][cluster]")
{
    three_with_child all;
    all.pin("c", "n1");
    all.crash("n2");
    all.split({"n1"});
    all.see("n1", "n2", drover::member_state::dead);
    all.settle();
    CHECK(all.running("c") == "n1/2");
    all.save("n1", "c", "provisional");
    auto const number = all.checkpoint_number;
    all.pass(supervisor_options{}.operation_timeout);
    CHECK(all["n1"].checkpoints_done.at(number) == errc::not_acknowledged);
    all.fail("n1", "c");
    CHECK(all.log("n1") == lines{"start c/2 from five", "checkpoint done", "start c/3 from provisional"});
    all.crash_and_notice("n3"); // its own provisional instance goes with it
    all.add("n3", 2);
    all.settle();
    all.pass(seconds{6});
    CHECK(all.running("c") == "n1/4");
    CHECK(all.log("n1") == lines{"regrant c/3 as 4"});
    CHECK(claim_on(all["n1"]) == ownership::claim{{"n1", 1}, 4, {4, true}});
    CHECK(saved_in(all["n1"], record_table::checkpoint) == "provisional");
    CHECK(saved_in(all["n1"], record_table::provisional).empty());
    all.save("n1", "c", "seven");
    CHECK(all["n1"].checkpoints_done.at(all.checkpoint_number) == errc::success);
}

TEST_CASE("a minority's branch starts anew from what was acknowledged meanwhile", "[core][cluster]")
{
    three_with_child all;
    all["n3"].core->set_types({"other"}, all.now); // it holds what is saved, and cannot run the child
    all.settle();
    all.split({"n1"});
    CHECK(all.running("c") == "n1/2 n2/1");
    all.save("n1", "c", "provisional");
    all.save("n2", "c", "acknowledged");
    CHECK(all["n2"].checkpoints_done.at(all.checkpoint_number) == errc::success);
    all.crash_and_notice("n2");
    (void)all.log("n1");
    all.heal({"n1"});
    all.pass(seconds{10});
    CHECK(all.log("n1") == lines{"checkpoint done", "stop c/2", "start c/3 from acknowledged"});
    CHECK(all["n1"].checkpoints_done.at(all.checkpoint_number - 1) == errc::not_acknowledged);
    CHECK(claim_on(all["n3"]) == ownership::claim{{"n1", 1}, 3, {3, true}});
    CHECK(saved_in(all["n1"], record_table::checkpoint) == "acknowledged");
}

TEST_CASE("of two provisional branches, the one that has what was acknowledged goes on", "[core][cluster]")
{
    three_with_child all; // keep_placed
    all.split({"n1"});
    all.save("n1", "c", "provisional");
    all.save("n2", "c", "acknowledged");
    all.pin("c", "n1");
    all.crash_and_notice("n2");
    CHECK(all.running("c") == "n1/2 n3/2");
    for (auto const* const name : {"n1", "n3"})
        (void)all.log(name);
    all.heal({"n1"});
    all.pass(seconds{5});
    CHECK(all.log("n3") == lines{"stop c/2 and save"}); // it went on, and is handed over to where it is placed
    CHECK(all.log("n1") == lines{"stop c/2", "checkpoint done", "start c/3 from acknowledged", "regrant c/3 as 4"});
    CHECK(all["n1"].checkpoints_done.at(all.checkpoint_number - 1) == errc::superseded);
    CHECK(saved_in(all["n1"], record_table::checkpoint) == "acknowledged");
    CHECK(saved_in(all["n1"], record_table::provisional).empty());
}

TEST_CASE("between two instances of equal right the policy decides", "[core][cluster]")
{
    using drover::conflict_policy;
    auto const winner = [](conflict_policy policy, std::string const& placed) {
        three_with_child all{with_policy(policy)};
        all.crash("n2");
        for (auto const* const name : {"n1", "n3"})
            all.see(name, "n2", drover::member_state::dead);
        all.split({"n1"}); // each alone, and provisional
        CHECK(all.running("c") == "n1/2 n3/2");
        all.fail("n3", "c"); // the newer one
        CHECK(all.running("c") == "n1/2 n3/3");
        all.pin("c", placed);
        (void)all.log("n1");
        (void)all.log("n3");
        all.heal({"n1"});
        all.pass(seconds{10});
        auto const running = all.running("c");
        REQUIRE(running.size() == 4);
        auto const name = running.substr(0, 2);
        CHECK(all.log(name) == lines{"regrant c/" + std::string{name == "n1" ? "2" : "3"} + " as 4"}); // in place
        CHECK(all.log(name == "n1" ? "n3" : "n1") == lines{name == "n1" ? "stop c/3" : "stop c/2"});
        CHECK(claim_on(all["n1"]).right == ownership::standing{4, true});
        return name;
    };
    CHECK(winner(conflict_policy::keep_placed, "n1") == "n1");
    CHECK(winner(conflict_policy::keep_placed, "n3") == "n3");
    CHECK(winner(conflict_policy::keep_oldest, "n1") == "n1");
    CHECK(winner(conflict_policy::keep_newest, "n3") == "n3");
}

TEST_CASE("a node that leaves hands its children over with their state, and then is not counted", "[core][cluster]")
{
    three_with_child all;
    all.state_when_stopped["c"] = "six";
    all["n2"].core->stop(all.now);
    all.settle();
    CHECK(all.running("c") == "n1/2");
    CHECK(all.log("n1") == lines{"start c/2 from six"});
    CHECK(all.log("n2") == lines{"stop c/1 and save", "stopped"});
    all.crash("n2");
    for (auto const* const name : {"n1", "n3"})
        all.see(name, "n2", drover::member_state::left);
    all.settle();
    // Two members are left, so two are all: the dead would count, those that left do not.
    all.save("n1", "c", "seven");
    CHECK(all["n1"].checkpoints_done.at(all.checkpoint_number) == errc::success);
    all.crash_and_notice("n1");
    CHECK(all.running("c") == "n3/3");
    CHECK(claim_on(all["n3"]).right == ownership::standing{1, false}); // one of two is no majority
}

TEST_CASE("a node that leaves waits until the others hold what it leaves behind", "[core][cluster]")
{
    three_with_child all;
    all.is_lost = [](test_node const& from, std::string const& to, any_message const&) {
        return from.id.name == "n2" && to == "n3";
    };
    all["n2"].core->stop(all.now);
    all.settle();
    CHECK_FALSE(all["n2"].stopped);
    all.is_lost = nullptr;
    all.pass(seconds{1});
    CHECK(all["n2"].stopped);
    CHECK(all.running("c") == "n1/2");
}

TEST_CASE("a node without the scope is not waited for, and not placed on", "[core][cluster]")
{
    cluster all{2};
    auto& n1 = all["n1"];
    drover::view members;
    members.members = {{{"n1", 1}, "n1", {}}, {{"n2", 1}, "n2", {}}, {{"n9", 1}, "n9", {}}};
    n1.sees["n9"] = drover::member_state::left; // nothing is carried to it
    n1.core->on_view(members, all.now);
    all.settle();
    n1.core->on_message({"n9", 1}, encode(no_scope_message{}), all.now);
    all.settle();
    CHECK(all.start("n1", "c").code == errc::success);
    CHECK(n1.core->explain("c").find("have not all answered") == std::string::npos);
}

TEST_CASE("rubbish from a member is counted, and what the dead say is not heard", "[core][cluster]")
{
    three_with_child all;
    auto& core = *all["n1"].core;
    drover::random_stream random{1};
    for (int i = 0; i < 2'000; ++i) {
        bytes data(random.below(40), '\0');
        for (auto& octet : data)
            octet = static_cast<char>(random.next());
        if (!data.empty())
            data[0] = static_cast<char>(random.chance(500'000) ? 200 : 1 + random.below(8)); // no claim of another store
        core.on_message({"n3", 1}, data, all.now);
    }
    CHECK(core.counters().messages_rejected > 1'000);
    auto const before = core.counters().messages_rejected;
    core.on_message({"n8", 1}, "\xff", all.now);
    core.on_message({"n3", 9}, "\xff", all.now);
    CHECK(core.counters().messages_rejected == before);
    all.settle();
    all.pass(seconds{10});
    CHECK(all.running("c") == "n2/1");
    all.pin("d", "n1");
    CHECK(all.start("n3", "d").code == errc::success);
    CHECK(all.running("d") == "n1/1");
}
