// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Checkpoints that come faster than they can be acknowledged. Each test is a story.
#include "core_supervisor_fixture.hpp"

namespace {

using namespace core_test;
using drover::acknowledge;

bool lose_all(test_node const&, std::string const&, any_message const&) { return true; }

/// The child saves so many times in one turn: "1", "2", ... Returns the number of the first.
std::uint64_t save_often(cluster& all, std::string_view at, std::string const& id, int count)
{
    auto& node = all[at];
    auto const first = all.checkpoint_number + 1;
    for (int i = 1; i <= count; ++i)
        node.core->on_checkpoint(id, node.instances.at(id), {7, std::to_string(i)}, ++all.checkpoint_number, all.now);
    return first;
}

/// How many of these were answered so.
std::size_t answers(cluster& all, std::string_view at, std::uint64_t first, errc code)
{
    std::size_t count = 0;
    for (auto number = first; number <= all.checkpoint_number; ++number)
        if (auto const found = all[at].checkpoints_done.find(number); found != all[at].checkpoints_done.end())
            count += found->second == code ? 1U : 0U;
    return count;
}

std::string last_start(cluster& all, std::string_view at)
{
    std::string result;
    for (auto const& line : all[at].log)
        if (line.starts_with("start "))
            result = line;
    return result;
}

local_child const& local(cluster& all, std::string_view at, std::string_view id)
{
    return *all[at].core->state().children.find(id)->local;
}

} // namespace

TEST_CASE("ten thousand checkpoints in one turn are a handful of writes, and each is answered", "[core][checkpoints]")
{
    for (auto const level : {acknowledge::majority, acknowledge::local, acknowledge::all})
        for (auto const nodes : {1, 3}) {
            supervisor_options options;
            options.acknowledge = level;
            cluster all{static_cast<std::size_t>(nodes), options};
            all.pin("c", "n1");
            REQUIRE(all.start("n1", "c").code == errc::success);
            auto const before = all["n1"].core->store().version();
            auto const first = save_often(all, "n1", "c", 10'000);
            CHECK(all["n1"].core->store().version() == before + 1);
            all.settle();
            CHECK(all["n1"].core->store().version() <= before + 3);
            CHECK(answers(all, "n1", first, errc::success) == 10'000);
            CHECK(local(all, "n1", "c").checkpoints == nullptr);
            all.pass(milliseconds{10});
            all.fail("n1", "c");
            CHECK(last_start(all, "n1") == "start c/2 from 10000");
        }
}

TEST_CASE("answers come in the order of the checkpoints", "[core][checkpoints]")
{
    cluster all{3};
    all.pin("c", "n1");
    REQUIRE(all.start("n1", "c").code == errc::success);
    save_often(all, "n1", "c", 5);
    std::vector<std::uint64_t> order;
    for (int turn = 0; turn < 3; ++turn) {
        all["n1"].core->flush(all.now);
        auto effects = std::exchange(all["n1"].core->effects(), {});
        for (auto& each : effects)
            if (auto const* const send = std::get_if<send_effect>(&each)) {
                all[send->to].core->on_message(
                    all["n1"].id, send->for_store ? encode(store_message{*send->frame}) : *send->frame, all.now);
                all[send->to].core->flush(all.now);
                for (auto& answer : std::exchange(all[send->to].core->effects(), {}))
                    if (auto const* const back = std::get_if<send_effect>(&answer); back != nullptr && back->to == "n1")
                        all["n1"].core->on_message(
                            all[send->to].id, back->for_store ? encode(store_message{*back->frame}) : *back->frame, all.now);
            } else if (auto const* const done = std::get_if<checkpoint_done_effect>(&each)) {
                order.push_back(done->number);
            }
    }
    CHECK(order == std::vector<std::uint64_t>{1, 2, 3, 4, 5});
}

TEST_CASE("while nobody answers, one is on its way and one waits", "[core][checkpoints]")
{
    cluster all{3};
    all.pin("c", "n1");
    REQUIRE(all.start("n1", "c").code == errc::success);
    all.is_lost = lose_all;
    auto const before = all["n1"].core->store().version();
    auto const first = save_often(all, "n1", "c", 100);
    all.settle();
    CHECK(all["n1"].core->store().version() == before + 1);
    CHECK(local(all, "n1", "c").checkpoints->waiting->data == "100");
    CHECK(all["n1"].checkpoints_done.empty());

    SECTION("until it is known to be held")
    {
        all.is_lost = nullptr;
        all.pass(milliseconds{500});
        CHECK(answers(all, "n1", first, errc::success) == 100);
        CHECK(all["n1"].core->store().version() == before + 2);
        CHECK(local(all, "n1", "c").checkpoints == nullptr);
    }
    SECTION("and another one goes out when the first has been on its way for long")
    {
        all.pass(milliseconds{200});
        save_often(all, "n1", "c", 100);
        CHECK(all["n1"].core->store().version() == before + 2);
        all.pass(milliseconds{199});
        save_often(all, "n1", "c", 100);
        CHECK(all["n1"].core->store().version() == before + 2);
        all.is_lost = nullptr;
        all.pass(milliseconds{500});
        CHECK(answers(all, "n1", first, errc::success) == 300);
        CHECK(local(all, "n1", "c").checkpoints == nullptr);
    }
    SECTION("and each is given up in the end")
    {
        all.pass(seconds{10});
        CHECK(answers(all, "n1", first, errc::not_acknowledged) == 1);
        CHECK(all["n1"].core->store().version() == before + 2); // what waited went out
        all.pass(seconds{10});
        CHECK(answers(all, "n1", first, errc::not_acknowledged) == 100);
        CHECK(local(all, "n1", "c").checkpoints == nullptr);
    }
    SECTION("and the next instance starts from the newest, acknowledged or not")
    {
        all.fail("n1", "c");
        CHECK(last_start(all, "n1") == "start c/2 from 100");
    }
}

TEST_CASE("what waits goes along when the child moves, and gives way to what it saves when it stops", "[core][checkpoints]")
{
    for (auto const saves : {false, true}) {
        cluster all{3};
        all.pin("c", "n1");
        REQUIRE(all.start("n1", "c").code == errc::success);
        all.pin("c", "n2");
        if (saves)
            all.state_when_stopped["c"] = "stopped";
        auto const first = save_often(all, "n1", "c", 100);
        all["n1"].core->stop(all.now);
        all.settle();
        all.pass(seconds{1});
        CHECK(all.running("c") == "n2/2");
        CHECK(last_start(all, "n2") == (saves ? "start c/2 from stopped" : "start c/2 from 100"));
        CHECK(answers(all, "n1", first, errc::success) + answers(all, "n1", first, errc::superseded) == 100);
    }
}

TEST_CASE("what waits when the child is taken away is answered, and leaves nothing", "[core][checkpoints]")
{
    cluster all{3};
    all.pin("c", "n1");
    REQUIRE(all.start("n1", "c").code == errc::success);
    auto const first = save_often(all, "n1", "c", 100);
    CHECK(all.code_of("n1", command_kind::terminate, "c") == errc::success);
    CHECK(all.code_of("n1", command_kind::remove, "c") == errc::success);
    all.pass(seconds{1});
    CHECK(answers(all, "n1", first, errc::success) + answers(all, "n1", first, errc::superseded) == 100);
    CHECK_FALSE(all["n1"].core->store().find(record_table::checkpoint, "c"));
    REQUIRE(all.start("n1", "c").code == errc::success);
    CHECK(last_start(all, "n1").find(" from ") == std::string::npos);
}

TEST_CASE("an instance that lost its child cannot save, and hears so for each", "[core][checkpoints]")
{
    cluster all{3};
    all.pin("c", "n1");
    REQUIRE(all.start("n1", "c").code == errc::success);
    all.split({"n1"});
    auto const first = save_often(all, "n1", "c", 100);
    all.settle();
    save_often(all, "n2", "c", 10); // the child as the majority runs it
    all.settle();
    all.heal({"n1"});
    all.pass(seconds{12});
    auto const where = all.running("c");
    CHECK(where.starts_with("n"));
    CHECK(where.find(' ') == std::string::npos);
    for (auto number = first; number < first + 100; ++number) {
        REQUIRE(all["n1"].checkpoints_done.contains(number));
        CHECK(all["n1"].checkpoints_done.at(number) != errc::success); // others went on from what this branch did not have
    }
}

TEST_CASE("checkpoints that wait are bounded, and so is each", "[core][checkpoints]")
{
    supervisor_options options;
    options.operations_count_max = 10;
    cluster all{3, options};
    all.pin("c", "n1");
    REQUIRE(all.start("n1", "c").code == errc::success);
    auto const first = save_often(all, "n1", "c", 20);
    all.settle();
    CHECK(answers(all, "n1", first, errc::success) == 11);
    CHECK(answers(all, "n1", first, errc::too_many_operations) == 9);
    auto& node = all["n1"];
    node.core->on_checkpoint("c", 1, {1, bytes(drover::limits::checkpoint_size_max + 1, 'x')}, ++all.checkpoint_number, all.now);
    all.settle();
    CHECK(node.checkpoints_done.at(all.checkpoint_number) == errc::message_too_large);
    node.core->on_checkpoint("c", 9, {1, "of another generation"}, ++all.checkpoint_number, all.now);
    all.settle();
    CHECK(node.checkpoints_done.at(all.checkpoint_number) == errc::superseded);
}
