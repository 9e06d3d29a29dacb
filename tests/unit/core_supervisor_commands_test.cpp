// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Commands, acknowledgements and calls across nodes that lose messages and die. Each test is a story.
#include "core_supervisor_fixture.hpp"

namespace {

using namespace core_test;
using drover::acknowledge;

constexpr auto timeout = std::chrono::seconds{10}; // of an operation, by default

supervisor_options with_level(acknowledge level)
{
    supervisor_options options;
    options.acknowledge = level;
    return options;
}

template <class Message>
bool holds(any_message const& message)
{
    return std::holds_alternative<Message>(message);
}

/// Loses the next messages of one kind between any two nodes.
template <class Message>
auto lose_next(int count)
{
    return [count](test_node const&, std::string const&, any_message const& message) mutable {
        return holds<Message>(message) && count-- > 0;
    };
}

std::size_t starts_on(cluster& all, std::string_view name)
{
    auto const done = all.log(name);
    return static_cast<std::size_t>(
        std::count_if(done.begin(), done.end(), [](auto const& line) { return line.starts_with("start c"); }));
}

/// The command is not answered until its deadline, and then so.
errc code_at_deadline(cluster& all, std::string_view name, std::uint64_t number)
{
    all.pass(timeout - milliseconds{1});
    CHECK_FALSE(all[name].commands_done.contains(number));
    all.pass(milliseconds{1});
    REQUIRE(all[name].commands_done.contains(number));
    return all[name].commands_done.at(number).code;
}

} // namespace

TEST_CASE("a command whose message or answer is lost is given again, and carried out once", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    SECTION("the message") { all.is_lost = lose_next<command_message>(2); }
    SECTION("the answer") { all.is_lost = lose_next<reply_message>(2); }
    auto const number = all.command("n1", command_kind::start, cluster::spec_of("c"));
    CHECK_FALSE(all["n1"].commands_done.contains(number));
    all.pass(seconds{1});
    CHECK(all["n1"].commands_done.at(number).code == errc::success);
    CHECK(all["n1"].commands_done.at(number).ref == drover::child_ref{"c", "n2", 1});
    CHECK(starts_on(all, "n2") == 1);
}

TEST_CASE("a restart, a delete and an update whose answers are lost are carried out once", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.start("n1", "c");
    auto const again = [&](command_kind kind, child_spec spec) {
        all.is_lost = lose_next<reply_message>(2);
        auto const number = all.command("n1", kind, std::move(spec));
        CHECK_FALSE(all["n1"].commands_done.contains(number));
        all.pass(seconds{1});
        return all["n1"].commands_done.at(number);
    };
    auto spec = cluster::spec_of("c");
    spec.arguments = "other";
    CHECK(again(command_kind::update, spec).ref.generation == 2);
    CHECK(again(command_kind::terminate, spec).code == errc::success);
    CHECK(again(command_kind::restart, spec).ref.generation == 3);
    CHECK(starts_on(all, "n2") == 3);
    CHECK(again(command_kind::terminate, spec).code == errc::success);
    CHECK(again(command_kind::remove, spec).code == errc::success);
    CHECK(all.code_of("n1", command_kind::remove, "c") == errc::not_found);
}

TEST_CASE("a command whose target dies before it is carried out goes to the next at once", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.crash("n2");
    auto const number = all.command("n1", command_kind::start, cluster::spec_of("c"));
    CHECK_FALSE(all["n1"].commands_done.contains(number));
    all.crash_and_notice("n2");
    CHECK(all["n1"].commands_done.at(number).ref == drover::child_ref{"c", "n1", 2}); // 1 may have been claimed by the dead
}

TEST_CASE("a command whose target dies after it was carried out is answered by whoever takes the child over", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.is_lost = lose_next<reply_message>(1'000);
    auto const number = all.command("n1", command_kind::start, cluster::spec_of("c"));
    CHECK(all.running("c") == "n2/1");
    all.is_lost = nullptr;
    all.crash_and_notice("n2");
    all.pass(seconds{1});
    CHECK(all.running("c") == "n1/2");
    CHECK(all["n1"].commands_done.at(number).code == errc::success);
    CHECK(all["n1"].commands_done.at(number).ref == drover::child_ref{"c", "n1", 2});
}

TEST_CASE("a start that comes again after its child was deleted does not bring it back", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    std::optional<command_message> late;
    all.is_lost = [&](test_node const&, std::string const&, any_message const& message) {
        if (holds<command_message>(message))
            late = std::get<command_message>(message);
        return false;
    };
    all.start("n1", "c");
    all.is_lost = nullptr;
    REQUIRE(late);
    auto const start = *late;
    all.code_of("n1", command_kind::terminate, "c");
    all.code_of("n1", command_kind::remove, "c");
    (void)all.log("n2");
    all["n2"].core->on_message({"n1", 1}, encode(start), all.now);
    all.settle();
    CHECK(all.log("n2").empty());
    CHECK(all["n1"].core->which_children(false).empty());
    CHECK(all.start("n1", "c").code == errc::success); // a new one does
    CHECK(all.running("c") == "n2/2");
}

TEST_CASE("an id that was deleted can be used again at any time after, and all know of it", "[core][commands]")
{
    // The removal is forgotten after half a minute, by each node at a time of its own.
    for (int tenths = 0; tenths < 360; tenths += tenths < 300 ? 50 : 2) {
        cluster all{1};
        for (auto const* const name : {"n2", "n3"}) {
            all.pass(milliseconds{330});
            all.add(name);
            all.settle();
        }
        all.pin("c", tenths % 4 == 0 ? "n1" : "n2");
        all.start("n1", "c");
        all.code_of("n1", command_kind::terminate, "c");
        all.code_of("n1", command_kind::remove, "c");
        all.pass(milliseconds{100} * tenths);
        REQUIRE(all.start("n1", "c").code == errc::success);
        for (auto const* const name : {"n1", "n2", "n3"})
            REQUIRE(all[name].core->find("c") == all["n1"].core->find("c"));
        REQUIRE(all["n3"].core->find("c"));
    }
}

TEST_CASE("a target that does not answer in time leaves it open whether the command was carried out", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.is_lost = lose_next<command_message>(1'000);
    auto const number = all.command("n1", command_kind::start, cluster::spec_of("c"));
    CHECK(code_at_deadline(all, "n1", number) == errc::timed_out);
}

TEST_CASE("a start is acknowledged once as many members as asked hold it", "[core][commands]")
{
    // n3 has fallen silent, and nobody has noticed: three members, of which two can hold.
    auto const code = [](acknowledge level, std::string const& placed) {
        cluster all{3, with_level(level)};
        all.pin("c", placed);
        all.crash("n3");
        auto const number = all.command("n1", command_kind::start, cluster::spec_of("c"));
        CHECK(all.running("c") == placed + "/1");
        if (all["n1"].commands_done.contains(number))
            return all["n1"].commands_done.at(number).code;
        return code_at_deadline(all, "n1", number);
    };
    for (auto const* const placed : {"n1", "n2"}) {
        CHECK(code(acknowledge::local, placed) == errc::success);
        CHECK(code(acknowledge::majority, placed) == errc::success);
        CHECK(code(acknowledge{2}, placed) == errc::success);
        CHECK(code(acknowledge{3}, placed) == errc::not_acknowledged);
        CHECK(code(acknowledge::all, placed) == errc::not_acknowledged);
    }
}

TEST_CASE("that all hold a write is told to the requester, and a lost word of it is a late answer", "[core][commands]")
{
    cluster all{3, with_level(acknowledge::all)};
    all.pin("c", "n2");
    CHECK(all.start("n1", "c").code == errc::success);
    all.pin("d", "n2");
    all.is_lost = lose_next<held_message>(1'000);
    auto const number = all.command("n1", command_kind::start, cluster::spec_of("d"));
    CHECK(code_at_deadline(all, "n1", number) == errc::not_acknowledged);
    CHECK(all["n1"].commands_done.at(number).ref == drover::child_ref{"d", "n2", 1});
}

TEST_CASE("the dead count: a minority cannot acknowledge alone", "[core][commands]")
{
    cluster all{3};
    all.crash_and_notice("n2");
    CHECK(all.start("n1", "b").code == errc::success);
    all.crash_and_notice("n3");
    auto const number = all.command("n1", command_kind::start, cluster::spec_of("c"));
    CHECK(all.running("c") == "n1/1");
    CHECK(code_at_deadline(all, "n1", number) == errc::not_acknowledged);
}

TEST_CASE("a checkpoint that too few hold is not acknowledged at its deadline", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n1");
    all.start("n1", "c");
    all.is_lost = [](test_node const&, std::string const&, any_message const& message) { return holds<store_message>(message); };
    all.save("n1", "c", "five");
    all.pass(timeout - milliseconds{1});
    CHECK(all["n1"].checkpoints_done.empty());
    all.pass(milliseconds{1});
    CHECK(all["n1"].checkpoints_done.at(all.checkpoint_number) == errc::not_acknowledged);
    all.is_lost = nullptr;
    all.save("n1", "c", "six");
    all.pass(seconds{1});
    CHECK(all["n1"].checkpoints_done.at(all.checkpoint_number) == errc::success);
}

TEST_CASE("a command that takes longer than its retry interval is carried out once, and answered once", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.start("n1", "c");
    all.stops_are_answered = false;
    auto const terminate = all.command("n1", command_kind::terminate, cluster::spec_of("c"));
    auto const another = all.command("n3", command_kind::terminate, cluster::spec_of("c"));
    all.pass(seconds{3});
    CHECK(all["n1"].commands_done.empty() == false); // the start
    CHECK_FALSE(all["n1"].commands_done.contains(terminate));
    all.answer_stop("n2", "c");
    CHECK(all["n1"].commands_done.at(terminate).code == errc::success);
    CHECK(all["n3"].commands_done.at(another).code == errc::success);
    auto const restart = all.command("n1", command_kind::restart, cluster::spec_of("c"));
    REQUIRE(all["n1"].commands_done.at(restart).code == errc::success);
    auto const update = all.command("n1", command_kind::update, cluster::spec_of("c"));
    all.pass(seconds{3});
    all.answer_stop("n2", "c");
    CHECK(all["n1"].commands_done.at(update).code == errc::success);
    CHECK(all["n2"].core->counters().starts == 3);
}

TEST_CASE("commands given before the scope has formed, or while it leaves, are refused at once", "[core][commands]")
{
    cluster all{3};
    all.is_lost = [](test_node const&, std::string const&, any_message const&) { return true; };
    all.add("n4");
    all.settle();
    CHECK_FALSE(all["n4"].started);
    CHECK(all.start("n4", "c").code == errc::not_started);
    all.is_lost = nullptr;
    all.pass(seconds{1});
    CHECK(all["n4"].started);
    all.pin("c", "n4");
    all.starts_are_answered = false;
    auto const waiting = all.command("n4", command_kind::start, cluster::spec_of("c"));
    all["n4"].core->stop(all.now);
    all.settle();
    CHECK(all["n4"].commands_done.at(waiting).code == errc::outcome_unknown); // its start was under way
    CHECK(all.start("n4", "d").code == errc::shutting_down);
}

TEST_CASE("a first start that fails elsewhere is answered with its reason, and nobody knows the child", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.starts_succeed = false;
    auto const failed = all.start("n1", "c");
    CHECK(failed.code == errc::start_failed);
    CHECK(failed.reason == "it threw");
    CHECK(failed.ref.node == "n2");
    for (auto const* const name : {"n1", "n2", "n3"})
        CHECK(all[name].core->which_children(false).empty());
}

TEST_CASE("a call goes to wherever the child runs", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.start("n1", "c");
    (void)all.log("n2");
    auto const call = all["n1"].core->call("c", "question", false, all.now);
    auto const cast = all["n3"].core->call("c", "news", true, all.now);
    all.settle();
    CHECK(all["n1"].calls_done.at(call) == std::pair{errc::success, bytes{"answer to question"}});
    CHECK(all["n3"].calls_done.at(cast) == std::pair{errc::success, bytes{}});
    auto delivered = all.log("n2");
    std::sort(delivered.begin(), delivered.end());
    CHECK(delivered == lines{"deliver c/1 news", "deliver c/1 question"});
}

TEST_CASE("a call that was under way to a node that died may have run", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.start("n1", "c");
    all.is_lost = lose_next<answer_message>(1'000);
    auto const lost = all["n1"].core->call("c", "question", false, all.now);
    all.settle();
    CHECK_FALSE(all["n1"].calls_done.contains(lost));
    all.is_lost = nullptr;
    all.crash("n2");
    all.see("n1", "n2", drover::member_state::dead);
    all.settle();
    CHECK(all["n1"].calls_done.at(lost).first == errc::owner_lost);
    auto const next = all["n1"].core->call("c", "again", false, all.now); // waits until it is taken over
    all.settle();
    CHECK_FALSE(all["n1"].calls_done.contains(next));
    all.see("n3", "n2", drover::member_state::dead);
    all.pass(seconds{1});
    CHECK(all["n1"].calls_done.at(next) == std::pair{errc::success, bytes{"answer to again"}});
}

TEST_CASE("a call to a child on the move reaches the next instance, once", "[core][commands]")
{
    cluster all{3};
    all.pin("c", "n2");
    all.start("n1", "c");
    all.pin("c", "n4");
    all.stops_are_answered = false;
    all.add("n4");
    all.settle();
    (void)all.log("n2");
    auto const call = all["n1"].core->call("c", "question", false, all.now);
    all.pass(milliseconds{50});
    CHECK_FALSE(all["n1"].calls_done.contains(call));
    all["n2"].instances.erase("c");
    all["n2"].core->on_child_stopped("c", 1, std::nullopt, all.now);
    all.pass(milliseconds{50});
    CHECK(all["n1"].calls_done.at(call).first == errc::success);
    CHECK(all.log("n2").empty());
    CHECK(all.log("n4") == lines{"started", "start c/2", "deliver c/2 question"});
}
