// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// One machine, rule by rule: state and input, then state and effects.
#include "membership_messages_fixture.hpp"

#include <drover/membership/static_members.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace wire = drover::heartbeat_messages;
using drover::bytes;
using drover::dial_failure;
using drover::duration;
using drover::errc;
using drover::member_state;
using drover::membership_effects;
using drover::node_id;
using drover::peer;
using drover::static_members;
using drover::static_members_options;
using drover::time_point;
using strings = std::vector<std::string>;

peer const self{{"me", 5}, "me:1"};
peer const ann{{"ann", 1}, "ann:1"};
peer const bob{{"bob", 1}, "bob:1"};
peer const cat{{"cat", 1}, "cat:1"};

wire::report alive(peer const& who, std::uint64_t counter) { return {who.id, who.address, member_state::alive, counter}; }
wire::report dead(peer const& who, std::uint64_t counter) { return {who.id, who.address, member_state::dead, counter}; }
wire::report left(peer const& who) { return {who.id, who.address, member_state::left, 0}; }

/// A machine, its time, and what it did last.
struct bench {
    explicit bench(strings seeds = {}, static_members_options options = {}) : machine{options}
    {
        machine.start({self, std::move(seeds), 0}, now, out);
    }

    void up(peer const& who) { out.clear(), machine.on_peer_up(who, now, out); }
    void down(peer const& who) { out.clear(), machine.on_peer_down(who.id, now, out); }
    void refused(peer const& who) { failed(who, dial_failure::refused); }
    void failed(peer const& who, dial_failure why, errc code = errc::success)
    {
        out.clear(), machine.on_dial_failed(who.address, why, code, now, out);
    }
    template <class Message>
    void hear(peer const& from, Message const& told)
    {
        out.clear(), machine.on_message(from.id, encode(told), now, out);
    }
    void tick() { out.clear(), now = machine.deadline(), machine.on_time(now, out); }
    void run_until(time_point at)
    {
        while (machine.deadline() <= at)
            tick();
        now = at;
    }

    member_state state(peer const& who)
    {
        auto const* const found = machine.current_view().find(who.id.name);
        REQUIRE(found != nullptr);
        return found->state;
    }
    bool knows(peer const& who) { return machine.current_view().find(who.id.name) != nullptr; }

    /// What was sent to this peer, decoded.
    std::vector<membership_test::message> sent_to(peer const& who)
    {
        std::vector<membership_test::message> messages;
        for (auto const& each : out.sends)
            if (each.to == who.id.name)
                messages.push_back(membership_test::decode(each.frame, 4'096).value());
        return messages;
    }
    wire::heartbeat heartbeat_to(peer const& who) { return std::get<wire::heartbeat>(sent_to(who).at(0)); }

    time_point now{10s};
    membership_effects out;
    static_members machine;
};

/// A list that makes a joining node a member.
wire::members cluster_of(std::vector<wire::report> reports)
{
    return {.complete = true, .formed = true, .reports = std::move(reports)};
}

} // namespace

TEST_CASE("options are judged in a sentence", "[membership][static_members]")
{
    auto const right = [](static_members_options const& options) { return validate(options).empty(); };
    CHECK(right({}));
    CHECK_FALSE(right({.heartbeat_interval = 0ms}));
    CHECK_FALSE(right({.heartbeat_interval = 200ms, .silence_timeout = 399ms}));
    CHECK(right({.heartbeat_interval = 200ms, .silence_timeout = 400ms}));
    CHECK_FALSE(right({.join_timeout = 0s}));
    CHECK_FALSE(right({.join_timeout = 1s, .form_alone_after = 2s}));
    CHECK_FALSE(right({.form_alone_after = -1s}));
    CHECK_FALSE(right({.members_count_max = 0}));
    CHECK_FALSE(right({.members_count_max = drover::limits::members_count_max + 1}));
}

TEST_CASE("a node without seeds forms a cluster at once", "[membership][static_members]")
{
    for (auto const& seeds : {strings{}, strings{self.address}}) {
        bench node{seeds};
        CHECK(node.machine.formed());
        CHECK(node.out.view_changed);
        CHECK(node.out.dials.empty());
        CHECK(node.machine.current_view().members == std::vector<drover::member>{{self.id, self.address, member_state::alive}});
        CHECK(node.machine.current_view().number == 1);
        CHECK(node.machine.deadline() == node.now + 200ms);
    }
}

TEST_CASE("a machine that was not started waits for nothing", "[membership][static_members]")
{
    static_members machine;
    membership_effects out;
    machine.on_time(time_point{1h}, out);
    machine.on_peer_up(ann, time_point{1h}, out);
    CHECK(machine.deadline() == drover::never);
    CHECK(out.sends.empty());
    CHECK_FALSE(machine.formed());
}

TEST_CASE("seeds are dialled, each once, without this node's own address", "[membership][static_members]")
{
    bench node{{"b:1", self.address, "a:1", "b:1"}};
    CHECK(node.out.dials == strings{"a:1", "b:1"});
    CHECK_FALSE(node.machine.formed());
    CHECK(node.machine.failure() == errc::success);
}

TEST_CASE("a node whose own address is a seed forms alone after a while", "[membership][static_members]")
{
    bench node{{"a:1", self.address}};
    auto const begin = node.now;
    node.run_until(begin + 999ms);
    CHECK_FALSE(node.machine.formed());
    node.run_until(begin + 1s);
    CHECK(node.machine.formed());
    node.run_until(begin + 30s);
    CHECK(node.machine.failure() == errc::success);
}

TEST_CASE("a node whose seeds do not answer gives up, and keeps no dials", "[membership][static_members]")
{
    bench node{{"a:1", "b:1"}};
    auto const begin = node.now;
    node.run_until(begin + 9'999ms);
    CHECK(node.machine.failure() == errc::success);
    node.run_until(begin + 10s);
    CHECK(node.machine.failure() == errc::seeds_unreachable);
    CHECK_FALSE(node.machine.formed());
    CHECK(node.out.undials == strings{"a:1", "b:1"});
    CHECK(node.machine.deadline() == drover::never);
    node.up(ann);
    CHECK(node.out.sends.empty());
    CHECK_FALSE(node.out.view_changed);
}

TEST_CASE("a node that was turned away says why", "[membership][static_members]")
{
    for (auto const code : {errc::cluster_mismatch, errc::version_mismatch, errc::name_in_use}) {
        bench node{{ann.address, bob.address}};
        node.failed(ann, dial_failure::rejected, code);
        node.failed(bob, dial_failure::refused);
        node.failed(ann, dial_failure::timed_out);
        CHECK(node.machine.failure() == errc::success); // another seed may still answer
        node.run_until(node.now + 10s);
        CHECK(node.machine.failure() == code);
    }
}

TEST_CASE("a joining node forms with the complete list of a node that belongs to a cluster", "[membership][static_members]")
{
    bench node{{ann.address}};
    node.up(ann);
    CHECK_FALSE(node.machine.formed());

    SECTION("part of a list is not enough")
    {
        node.hear(ann, wire::members{.complete = false, .formed = true, .reports = {alive(ann, 9), alive(bob, 9)}});
        CHECK(node.knows(bob));
        CHECK_FALSE(node.machine.formed());
    }
    SECTION("nor is that of a seed that still joins")
    {
        node.hear(ann, wire::members{.complete = true, .formed = false, .reports = {alive(ann, 9)}});
        CHECK_FALSE(node.machine.formed());
        auto const begin = node.now;
        node.hear(ann, wire::members{.complete = true, .formed = false, .reports = {alive(ann, 10)}});
        node.run_until(begin + 999ms);
        CHECK_FALSE(node.machine.formed());
        node.run_until(begin + 1s);
        CHECK(node.machine.formed());
    }
    SECTION("unless we are its seed as well")
    {
        node.hear(ann, wire::members{.complete = true, .formed = false, .you_are_a_seed = true, .reports = {alive(ann, 9)}});
        CHECK(node.machine.formed());
    }
    SECTION("a stranger that still joins does not count, seed of whom we may be")
    {
        node.up(bob);
        node.hear(bob, wire::members{.complete = true, .formed = false, .you_are_a_seed = true, .reports = {alive(bob, 9)}});
        CHECK_FALSE(node.machine.formed());
        node.run_until(node.now + 2s);
        CHECK_FALSE(node.machine.formed());
    }
    SECTION("a seed known under another address does count, once it belongs to a cluster")
    {
        node.up(bob);
        node.hear(bob, cluster_of({alive(bob, 9)}));
        CHECK(node.machine.formed());
    }
    SECTION("and dials all that it learns of")
    {
        node.hear(ann, cluster_of({alive(ann, 9), alive(bob, 9), dead(cat, 12), alive(self, 1)}));
        CHECK(node.machine.formed());
        CHECK(node.out.dials == strings{bob.address, cat.address});
        CHECK(node.out.undials.empty());
        CHECK(node.state(bob) == member_state::alive);
        CHECK(node.state(cat) == member_state::dead);
        CHECK(node.machine.current_view().members.size() == 4);
        node.run_until(node.now + 15s);
        CHECK(node.machine.failure() == errc::success);
    }
}

TEST_CASE("a peer that comes up is told all, and the others are told of it", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    REQUIRE(node.sent_to(ann).size() == 1);
    auto const first = std::get<wire::members>(node.sent_to(ann)[0]);
    CHECK(first.complete);
    CHECK(first.formed);
    CHECK(first.reports == std::vector<wire::report>{alive(self, 1)});
    CHECK(node.out.view_changed);
    CHECK(node.out.dials == strings{ann.address});

    node.up(bob);
    REQUIRE(node.sent_to(bob).size() == 1);
    CHECK(std::get<wire::members>(node.sent_to(bob)[0]).reports.size() == 2);
    REQUIRE(node.sent_to(ann).size() == 1);
    auto const news = std::get<wire::members>(node.sent_to(ann)[0]);
    CHECK_FALSE(news.complete);
    CHECK(news.reports == std::vector<wire::report>{alive(bob, 0)});

    node.up(bob); // the connection was replaced: no news
    CHECK_FALSE(node.out.view_changed);
    CHECK(node.sent_to(ann).empty());
    CHECK(node.sent_to(bob).size() == 1);
}

TEST_CASE("the view is sorted and its number grows with each change", "[membership][static_members]")
{
    bench node;
    node.up(cat);
    node.up(ann);
    node.up(bob);
    auto const& seen = node.machine.current_view();
    CHECK(seen.number == 4);
    REQUIRE(seen.members.size() == 4);
    CHECK(seen.members[0].id == ann.id);
    CHECK(seen.members[1].id == bob.id);
    CHECK(seen.members[2].id == cat.id);
    CHECK(seen.members[3].id == self.id);
}

TEST_CASE("each interval one heartbeat to each peer carries the counters of all that are alive", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.up(bob);
    node.hear(ann, wire::heartbeat{7, {{wire::fingerprint(ann.id), 41}}});
    auto const begin = node.now;
    node.tick();
    CHECK(node.now == begin + 200ms);
    auto const told = node.heartbeat_to(bob);
    CHECK(told.pulses
        == std::vector<wire::pulse>{
            {wire::fingerprint(ann.id), 41}, {wire::fingerprint(bob.id), 0}, {wire::fingerprint(self.id), 2}});
    CHECK(node.sent_to(bob).size() == 1);
    node.tick();
    CHECK(node.now == begin + 400ms);
    CHECK(node.heartbeat_to(bob).pulses[2].counter == 3);
    CHECK(node.machine.current_view().number == 3);
}

TEST_CASE("one whose view differs is sent the whole list at the next beat, one whose view is equal is not",
    "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.tick();
    auto const ours = node.heartbeat_to(ann).digest;
    node.hear(ann, wire::heartbeat{ours, {}});
    node.tick();
    CHECK(node.sent_to(ann).size() == 1);
    node.hear(ann, wire::heartbeat{ours + 1, {}});
    CHECK(node.out.sends.empty());
    node.tick();
    REQUIRE(node.sent_to(ann).size() == 2);
    CHECK(std::get<wire::members>(node.sent_to(ann)[1]).complete);
    node.hear(ann, wire::heartbeat{wire::undecided, {}}); // it still joins
    node.tick();
    CHECK(node.sent_to(ann).size() == 2);
}

TEST_CASE("an early wake-up changes nothing", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    auto const due = node.machine.deadline();
    auto const number = node.machine.current_view().number;
    node.out.clear();
    for (auto at = node.now; at < due; at += 10ms)
        node.machine.on_time(at, node.out);
    node.machine.on_time(due - 1ns, node.out);
    CHECK(node.out.sends.empty());
    CHECK_FALSE(node.out.view_changed);
    CHECK(node.machine.deadline() == due);
    CHECK(node.machine.current_view().number == number);
    node.machine.on_time(due, node.out);
    CHECK(node.out.sends.size() == 1);
    CHECK(std::get<wire::heartbeat>(node.sent_to(ann)[0]).pulses[1].counter == 2); // counted once, not once a wake-up
}

TEST_CASE("silent members die together, at the timeout and in one change", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.up(bob);
    auto const begin = node.now;
    auto const number = node.machine.current_view().number;
    node.run_until(begin + 1'200ms - 1ns);
    CHECK(node.state(ann) == member_state::alive);
    node.run_until(begin + 1'200ms);
    CHECK(node.state(ann) == member_state::dead);
    CHECK(node.state(bob) == member_state::dead);
    CHECK(node.machine.current_view().number == number + 1);
    CHECK(node.out.undials.empty()); // they may come back
}

TEST_CASE("a growing counter is life, whoever tells it; the same one again is not", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.hear(ann, wire::members{.reports = {alive(bob, 10)}});
    auto const begin = node.now;
    auto const ann_says = [&](duration at, std::uint64_t counter) {
        node.run_until(begin + at);
        node.hear(ann, wire::heartbeat{0, {{wire::fingerprint(bob.id), counter}}});
    };
    ann_says(1'100ms, 11);
    ann_says(2'200ms, 12);
    CHECK(node.state(bob) == member_state::alive);
    ann_says(3'300ms, 12);
    node.run_until(begin + 3'399ms);
    CHECK(node.state(bob) == member_state::alive);
    node.run_until(begin + 3'400ms);
    CHECK(node.state(bob) == member_state::dead);
    CHECK(node.state(ann) == member_state::alive);
}

TEST_CASE("what a member itself sends is life too, whatever it says", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    for (int i = 0; i < 10; ++i) {
        node.run_until(node.now + 1s);
        node.hear(ann, wire::heartbeat{0, {}});
    }
    CHECK(node.state(ann) == member_state::alive);
    node.run_until(node.now + 1'200ms);
    CHECK(node.state(ann) == member_state::dead);
    node.hear(ann, wire::heartbeat{0, {}});
    CHECK(node.state(ann) == member_state::alive);
}

TEST_CASE("a lost connection means nothing until the next dial is refused", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.up(bob);
    node.down(ann);
    CHECK_FALSE(node.out.view_changed);
    CHECK(node.out.sends.empty());
    SECTION("a refused dial is a death, and all are told")
    {
        node.refused(ann);
        CHECK(node.state(ann) == member_state::dead);
        CHECK(node.out.undials.empty());
        REQUIRE(node.out.sends.size() == 1);
        CHECK(std::get<wire::obituary>(node.sent_to(bob).at(0)).id == ann.id);
        node.refused(ann); // the next attempt is no news
        CHECK(node.out.sends.empty());
        CHECK_FALSE(node.out.view_changed);
    }
    SECTION("any other failure is not")
    {
        node.failed(ann, dial_failure::timed_out);
        node.failed(ann, dial_failure::unreachable);
        node.failed(ann, dial_failure::rejected, errc::name_in_use);
        CHECK(node.state(ann) == member_state::alive);
    }
    SECTION("nor is a refusal while a connection is open")
    {
        node.up(ann);
        node.refused(ann);
        CHECK(node.state(ann) == member_state::alive);
    }
    SECTION("the loss of an older life's connection is none of the new one's")
    {
        peer const reborn{{"ann", 2}, ann.address};
        node.up(reborn);
        node.down(ann);
        node.refused(ann);
        CHECK(node.machine.current_view().alive(reborn.id));
    }
}

TEST_CASE("an obituary is believed by those without a connection", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.up(bob);
    node.hear(ann, wire::obituary{bob.id, 100});
    CHECK(node.state(bob) == member_state::alive);
    node.down(bob);
    node.hear(ann, wire::obituary{{"bob", 0}, 100});
    node.hear(ann, wire::obituary{{"bob", 2}, 100});
    node.hear(ann, wire::obituary{{"nobody", 1}, 100});
    CHECK(node.state(bob) == member_state::alive);
    node.hear(ann, wire::obituary{bob.id, 100});
    CHECK(node.state(bob) == member_state::dead);
    CHECK(node.out.sends.empty()); // who heard it from others does not pass it on

    SECTION("only a larger counter than the obituary's is life again")
    {
        node.hear(ann, wire::heartbeat{0, {{wire::fingerprint(bob.id), 100}}});
        CHECK(node.state(bob) == member_state::dead);
        node.hear(ann, wire::heartbeat{0, {{wire::fingerprint(bob.id), 101}}});
        CHECK(node.state(bob) == member_state::alive);
    }
    SECTION("or itself")
    {
        node.up(bob);
        CHECK(node.state(bob) == member_state::alive);
    }
}

TEST_CASE("counters that were on their way when a member died do not revive it", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.up(bob);
    node.hear(bob, wire::heartbeat{0, {{wire::fingerprint(bob.id), 10}}});
    node.down(bob);
    node.refused(bob);
    for (std::uint64_t const counter : {11u, 12u, 13u}) {
        node.hear(ann, wire::heartbeat{0, {{wire::fingerprint(bob.id), counter}}});
        CHECK(node.state(bob) == member_state::dead);
    }
    node.hear(ann, wire::heartbeat{0, {{wire::fingerprint(bob.id), 14}}});
    CHECK(node.state(bob) == member_state::alive);
}

TEST_CASE("the death of one that others go on hearing is undone, and refusals of it mean nothing from then on",
    "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.hear(ann, wire::members{.reports = {alive(bob, 10)}});
    node.refused(bob);
    CHECK(node.state(bob) == member_state::dead);
    auto const death_counter = 10 + drover::member_table::counters_in_flight;
    CHECK(std::get<wire::obituary>(node.sent_to(ann).at(0)).counter == death_counter);
    node.hear(ann, wire::heartbeat{0, {{wire::fingerprint(bob.id), death_counter}}});
    CHECK(node.state(bob) == member_state::dead);
    node.hear(ann, wire::members{.reports = {alive(bob, death_counter + 1)}});
    CHECK(node.state(bob) == member_state::alive);
    node.refused(bob);
    CHECK(node.state(bob) == member_state::alive);
    node.up(bob); // it can be reached: from now on they mean something again
    node.down(bob);
    node.refused(bob);
    CHECK(node.state(bob) == member_state::dead);
}

TEST_CASE("reports are merged: the newer life, then left, then the larger counter", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    auto const told = [&](wire::report const& report) {
        node.hear(ann, wire::members{.reports = {report}});
        return node.machine.current_view().find(report.id.name);
    };
    peer const reborn{{"bob", 2}, "bob:2"};
    told(alive(bob, 10));
    CHECK(told(dead(bob, 9))->state == member_state::alive);
    CHECK(told(dead(bob, 10))->state == member_state::dead);
    CHECK(told(alive(bob, 10))->state == member_state::dead);
    CHECK(told(dead(bob, 20))->state == member_state::dead);
    CHECK(told(alive(bob, 20))->state == member_state::dead);
    CHECK(told(alive(bob, 21))->state == member_state::alive);
    CHECK(told(left(bob))->state == member_state::left);
    CHECK(told(alive(bob, 99))->state == member_state::left);
    CHECK(told(dead(bob, 99))->state == member_state::left);
    node.hear(ann, wire::heartbeat{0, {{wire::fingerprint(bob.id), 100}}});
    CHECK(node.state(bob) == member_state::left);
    CHECK(told(alive(reborn, 1))->state == member_state::alive);
    CHECK(node.out.dials == strings{"bob:2"});
    CHECK(told(left(bob))->state == member_state::alive); // the old life
    CHECK(told(alive({{"bob", 1}, "bob:1"}, 999))->id.incarnation == 2);
    CHECK(told(dead({{"bob", 3}, "bob:3"}, 4))->state == member_state::dead);
    CHECK(node.out.undials == strings{"bob:2"});
}

TEST_CASE("a new life of a name replaces the old one at once", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.up(bob);
    peer const reborn{{"bob", 2}, "bob:7"};
    node.up(reborn); // before the loss of the old connection
    CHECK(node.machine.current_view().alive(reborn.id));
    CHECK(node.out.dials == strings{"bob:7"});
    CHECK(node.out.undials == strings{"bob:1"});
    CHECK(std::get<wire::members>(node.sent_to(ann).at(0)).reports == std::vector<wire::report>{alive(reborn, 0)});
    node.up(bob); // late news of the old life
    CHECK(node.machine.current_view().alive(reborn.id));
    auto const rejected = node.machine.rejected_count();
    node.hear(bob, wire::heartbeat{0, {}});
    CHECK(node.machine.rejected_count() == rejected + 1);
}

TEST_CASE("a member that is met at another address is dialled there", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.up({ann.id, "ann:2"});
    CHECK(node.out.view_changed);
    CHECK(node.machine.current_view().find("ann")->address == "ann:2");
    CHECK(node.out.dials == strings{"ann:2"});
    CHECK(node.out.undials == strings{"ann:1"});
}

TEST_CASE("a node that still joins agrees with nobody, and goes on asking", "[membership][static_members]")
{
    bench node{{ann.address}};
    node.up(ann);
    node.tick();
    CHECK(node.sent_to(ann).size() == 1);
    CHECK(node.heartbeat_to(ann).digest == wire::undecided);
    node.hear(ann, wire::heartbeat{wire::undecided, {}}); // neither does the other
    node.tick();
    REQUIRE(node.sent_to(ann).size() == 2);
    CHECK(std::get<wire::members>(node.sent_to(ann)[1]).you_are_a_seed);
    node.hear(ann, cluster_of({alive(ann, 1)}));
    node.tick();
    CHECK(node.heartbeat_to(ann).digest != wire::undecided);
}

TEST_CASE("who is called dead raises its counter over what was said", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.up(bob);
    SECTION("in a list") { node.hear(ann, wire::members{.reports = {dead(self, 50)}}); }
    SECTION("in an obituary") { node.hear(ann, wire::obituary{self.id, 50}); }
    CHECK(node.state(self) == member_state::alive);
    for (auto const& who : {ann, bob})
        CHECK(std::get<wire::members>(node.sent_to(who).at(0)).reports == std::vector<wire::report>{alive(self, 51)});
    node.hear(ann, wire::obituary{self.id, 50}); // the counter is over it already
    CHECK(node.out.sends.empty());
    node.hear(ann, wire::obituary{{"me", 4}, 500}); // an earlier life
    CHECK(node.out.sends.empty());
    node.hear(ann, wire::members{.reports = {left(self), alive(self, 900), alive({{"me", 6}, "me:2"}, 1)}});
    CHECK(node.machine.current_view().alive(self.id));
    node.tick();
    CHECK(node.heartbeat_to(ann).pulses.back().counter == 52);
}

TEST_CASE("a member that comes back is told that it was called dead", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.down(ann);
    node.refused(ann);
    node.up(ann);
    CHECK(node.state(ann) == member_state::alive);
    auto const told = std::get<wire::members>(node.sent_to(ann).at(0));
    CHECK(told.reports.at(0) == dead(ann, drover::member_table::counters_in_flight));
}

TEST_CASE("one that says that it leaves has left, and is dialled no more", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.up(bob);
    node.hear(ann, wire::members{.reports = {left(ann)}});
    CHECK(node.state(ann) == member_state::left);
    CHECK(node.out.undials == strings{ann.address});
    CHECK(node.out.sends.empty());
    node.up(ann);
    node.hear(ann, wire::heartbeat{0, {}});
    CHECK(node.state(ann) == member_state::left);
    node.down(ann);
    node.refused(ann);
    CHECK(node.state(ann) == member_state::left);
    node.tick();
    CHECK(node.sent_to(ann).empty());
}

TEST_CASE("one that leaves says so to all its peers, and is done", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.up(bob);
    node.out.clear();
    node.machine.leave(node.now, node.out);
    for (auto const& who : {ann, bob}) {
        auto const told = std::get<wire::members>(node.sent_to(who).at(0));
        REQUIRE(told.reports.size() == 1);
        CHECK(told.reports[0].id == self.id);
        CHECK(told.reports[0].state == member_state::left);
    }
    CHECK(node.out.undials == strings{ann.address, bob.address});
    CHECK(node.state(self) == member_state::left);
    CHECK(node.machine.deadline() == drover::never);
    CHECK(node.machine.formed());
    node.up(cat);
    node.hear(ann, wire::obituary{bob.id, 1});
    CHECK(node.out.sends.empty());
    CHECK_FALSE(node.out.view_changed);
    node.out.clear();
    node.machine.leave(node.now, node.out);
    CHECK(node.out.sends.empty());
}

TEST_CASE("a seed stays dialled though its member has left", "[membership][static_members]")
{
    bench node{{ann.address}};
    node.up(ann);
    node.hear(ann, cluster_of({alive(ann, 1), alive(bob, 1)}));
    node.hear(ann, wire::members{.reports = {left(ann), left(bob)}});
    CHECK(node.state(ann) == member_state::left);
    CHECK(node.out.undials == strings{bob.address});
}

TEST_CASE("a late wake-up is this node's own pause, not the silence of others", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.run_until(node.now + 600ms);
    node.out.clear();
    node.now = node.machine.deadline() + 10s;
    node.machine.on_time(node.now, node.out);
    CHECK(node.state(ann) == member_state::alive);
    CHECK(node.sent_to(ann).size() == 1); // what was missed is not made up for
    CHECK(node.machine.deadline() == node.now + 200ms);
    node.run_until(node.now + 1'200ms); // but its silence from now on does count
    CHECK(node.state(ann) == member_state::dead);
}

TEST_CASE("members over the limit are turned away and counted", "[membership][static_members]")
{
    bench node{{}, {.members_count_max = 2}};
    node.up(ann);
    node.up(bob);
    CHECK_FALSE(node.knows(bob));
    CHECK(node.machine.rejected_count() == 1);
    node.hear(ann, wire::members{.reports = {alive(cat, 1), alive(ann, 5)}});
    CHECK_FALSE(node.knows(cat));
    CHECK(node.machine.rejected_count() == 2);
    peer const reborn{{"ann", 2}, ann.address};
    node.up(reborn);
    CHECK(node.machine.current_view().alive(reborn.id));
}

TEST_CASE("strangers and peers out of bounds are ignored and counted", "[membership][static_members]")
{
    bench node;
    node.hear(ann, wire::members{.reports = {alive(bob, 1)}});
    node.hear(self, wire::members{.reports = {alive(bob, 1)}});
    CHECK_FALSE(node.knows(bob));
    node.up({{"", 1}, "x:1"});
    node.up({{std::string(256, 'n'), 1}, "x:1"});
    node.up({{"x", 1}, ""});
    node.up({{"x", 1}, std::string(512, 'a')});
    CHECK(node.machine.rejected_count() == 6);
    node.up({{"me", 9}, "me:2"});
    CHECK(node.machine.current_view().members.size() == 1);
}

TEST_CASE("rubbish is ignored and counted", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    node.up(bob);
    drover::random_stream random{20'26};
    std::vector<bytes> const valid{encode(wire::members{.complete = true, .reports = {alive(ann, 3), dead(cat, 4), left(bob)}}),
        encode(wire::heartbeat{1, {{wire::fingerprint(ann.id), 3}, {2, 3}}}), encode(wire::obituary{bob.id, 9})};

    SECTION("valid messages cut short at every length")
    {
        auto const view_before = node.machine.current_view().members;
        std::uint64_t cuts = 0;
        for (auto const& whole : valid)
            for (std::size_t size = 0; size < whole.size(); ++size, ++cuts)
                node.machine.on_message(ann.id, whole.substr(0, size), node.now, node.out);
        CHECK(node.machine.rejected_count() == cuts);
        CHECK(node.machine.current_view().members == view_before);
    }
    SECTION("random octets, and valid messages with octets changed")
    {
        std::uint64_t accepted = 0;
        for (int i = 0; i < 100'000; ++i) {
            bytes frame = random.chance(500'000) ? valid[random.below(valid.size())] : bytes(random.below(60), '\0');
            bool const fresh = frame.find_first_not_of('\0') == bytes::npos;
            for (auto& octet : frame)
                if (fresh || random.chance(50'000))
                    octet = static_cast<char>(random.next());
            bool const valid_frame = membership_test::decode(frame, drover::limits::members_count_max).has_value();
            accepted += valid_frame;
            auto const rejected = node.machine.rejected_count();
            node.out.clear();
            node.machine.on_message(ann.id, frame, node.now, node.out);
            if (!valid_frame) {
                REQUIRE(node.machine.rejected_count() == rejected + 1);
                REQUIRE_FALSE(node.out.view_changed);
                REQUIRE(node.out.sends.empty());
            }
            if (i % 1'000 == 0)
                node.run_until(node.now + 50ms);
        }
        CHECK(accepted > 1'000); // the fuzz reaches behind the decoder
        CHECK(node.machine.current_view().alive(self.id));
        CHECK(node.machine.current_view().members.size() <= drover::limits::members_count_max);
    }
}

TEST_CASE("a machine can be moved and goes on", "[membership][static_members]")
{
    bench node;
    node.up(ann);
    static_members moved{std::move(node.machine)};
    membership_effects out;
    moved.on_time(moved.deadline(), out);
    CHECK(out.sends.size() == 1);
    CHECK(moved.current_view().alive(ann.id));
}
