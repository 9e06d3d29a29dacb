// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include "process_stage.hpp"

#include <drover/simulation.hpp>

#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <vector>

namespace {

using namespace process_stage;
using namespace std::chrono_literals;
using drover::child_context;
using drover::errc;
using drover::event_kind;
using drover::process_child;

// Starts a child that ends by itself, and says why it did.
std::string reason_of(process_child what)
{
    station node{only(std::move(what))};
    REQUIRE_FALSE(node.start(spec_of("a")));
    return node.exit_reason();
}

// Why a child does not start.
std::string start_failure_of(process_child what)
{
    station node{only(std::move(what))};
    CHECK(node.start(spec_of("a")) == errc::start_failed);
    auto const reasons = node.reasons(event_kind::child_start_failed);
    return reasons.empty() ? "" : reasons.front();
}

// All that a process has written when it has ended.
std::vector<std::string> lines_of(process_child what)
{
    station node{only(std::move(what))};
    REQUIRE_FALSE(node.start(spec_of("a")));
    node.exit_reason();
    return node.lines();
}

std::ptrdiff_t descriptors_open()
{
    std::filesystem::directory_iterator const open{"/proc/self/fd"};
    return std::distance(begin(open), end(open));
}

bool has_no_zombie()
{
    siginfo_t any{};
    return waitid(P_ALL, 0, &any, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
}

TEST_CASE("the end of a process is the reason of the child's exit")
{
    CHECK(reason_of({.command = "true"}) == "normal");
    CHECK(reason_of(shell("exit 3")) == "exit status 3");
    CHECK(reason_of(shell("kill -KILL $$")) == "signal 9 (SIGKILL)");
    CHECK(reason_of(shell("ulimit -c 0; kill -SEGV $$")) == "signal 11 (SIGSEGV)");
    CHECK(reason_of(shell("kill -TERM $$")) == "signal 15 (SIGTERM)");
}

TEST_CASE("what cannot be run fails its start, with a sentence")
{
    CHECK(start_failure_of({.command = "no-such-command"}) == "cannot run 'no-such-command': No such file or directory");
    CHECK(start_failure_of({.command = "/etc"}) == "cannot run '/etc': Permission denied");
    CHECK(start_failure_of({.command = "true", .working_directory = "/no/such"})
        == "cannot enter '/no/such': No such file or directory");
    CHECK(start_failure_of({.command = "true", .working_directory = "/dev/null"}) == "cannot enter '/dev/null': Not a directory");
    CHECK(start_failure_of({}) == "command is empty");
}

TEST_CASE("lines are captured one by one: with any end, and with none")
{
    CHECK(lines_of(shell("printf 'one\\n\\nthree'")) == std::vector<std::string>{"one", "", "three"});
    CHECK(lines_of(shell("printf 'first\\n'; printf 'second\\n' >&2")).size() == 2);
    auto long_line = shell("printf '0123456789\\n01234\\n'");
    long_line.line_size_max = 4;
    CHECK(lines_of(long_line) == std::vector<std::string>{"0123", "4567", "89", "0123", "4"});
}

TEST_CASE("standard output and error have a handler each; one that throws fails the child, and its process ends")
{
    folder files;
    auto what = shell("echo $$ > number; echo out; echo bad >&2; exec sleep 1000");
    what.working_directory = files.path();
    station* seen = nullptr;
    what.on_output = [&](child_context& context, drover::bytes_view line) {
        seen->note(context.id() + " wrote " + std::string{line});
    };
    what.on_error = [](child_context const&, drover::bytes_view line) { throw std::runtime_error{std::string{line}}; };
    station node{only(what)};
    seen = &node;
    REQUIRE_FALSE(node.start(spec_of("a")));
    CHECK(node.exit_reason() == "bad");
    CHECK(ends(files.number("number")));
}

TEST_CASE("a flood of output is read at the pace of its reader, and does not keep the node from anything")
{
    std::atomic<std::size_t> octets = 0;
    std::atomic<std::size_t> longest = 0;
    auto what = process_child{.command = "cat", .arguments = {"/dev/zero"}};
    what.line_size_max = 100;
    what.on_output = [&](child_context const&, drover::bytes_view line) {
        octets += line.size();
        longest = std::max(longest.load(), line.size());
    };
    auto lines = process_child{.command = "yes"};
    lines.on_output = [&](child_context const&, drover::bytes_view line) { octets += line.size(); };
    station node{{{"flood", [=](auto const&) { return what; }}, {"lines", [=](auto const&) { return lines; }},
        {"process", [](auto const&) { return process_child{.command = "cat"}; }}}};
    REQUIRE_FALSE(node.start({.id = "flood", .type = "flood"}));
    REQUIRE_FALSE(node.start({.id = "lines", .type = "lines"}));
    REQUIRE_FALSE(node.start(spec_of("another")));
    CHECK(within(30s, [&] { return octets > 1'000'000; }));
    CHECK(node.stop("another"));
    CHECK(node.stop("flood"));
    CHECK(node.stop("lines"));
    CHECK(longest == 100);
}

TEST_CASE("a process is given its arguments, its environment and its directory, and what it is called")
{
    folder files;
    auto what =
        shell("echo \"$0 $1\"; pwd -P; echo \"$ADDED $HOME\"; echo \"$DROVER_CHILD_ID at $DROVER_NODE: $DROVER_ARGUMENTS\"; "
              "echo \"token $DROVER_GENERATION\"");
    what.arguments.insert(what.arguments.end(), {"zero", "one two"});
    what.environment = {{"ADDED", "yes"}, {"HOME", "elsewhere"}};
    what.working_directory = files.path();
    station node{only(what)};
    auto spec = spec_of("a");
    spec.arguments = "some text";
    REQUIRE_FALSE(node.start(spec));
    CHECK(node.exit_reason() == "normal");
    auto const here = std::filesystem::canonical(files.path()).string();
    CHECK(node.lines() == std::vector<std::string>{"zero one two", here, "yes elsewhere", "a at n1: some text", "token 1"});

    auto bare = process_child{.command = "env", .environment = {{"ONLY", "this"}}, .inherit_environment = false};
    auto const lines = lines_of(bare);
    CHECK(lines
        == std::vector<std::string>{
            "DROVER_ARGUMENTS=", "DROVER_CHILD_ID=a", "DROVER_GENERATION=1", "DROVER_NODE=n1", "ONLY=this"});
}

TEST_CASE("a process starts as a program expects: no descriptor of the node, no signal blocked or ignored, a group of its own")
{
    folder files;
    auto const lines = lines_of(shell("ls /proc/self/fd | tr '\\n' ' '; echo; grep -E '^Sig(Blk|Ign)' /proc/self/status"));
    REQUIRE(lines.size() == 3);
    CHECK(lines[0] == "0 1 2 3 "); // 3 is the folder that ls reads
    CHECK(lines[1] == "SigBlk:\t0000000000000000");
    CHECK(lines[2] == "SigIgn:\t0000000000000000");
}

TEST_CASE("a cast is a line on standard input, within a bound; a call is not answered")
{
    station node{{{"process", [](auto const&) { return process_child{.command = "cat"}; }},
        {"deaf", [](auto const&) { return shell("echo ready; exec sleep 1000"); }},
        {"none", [](auto const&) { return process_child{.command = "cat", .input = drover::process_input::none}; }}}};
    REQUIRE_FALSE(node.start(spec_of("a")));
    node->cast("a", "hello");
    CHECK(node.says("hello"));
    auto refused = node->async_call("a", "x", boost::asio::use_future([](drover::error_code code, auto const&) { return code; }));
    CHECK(refused.get() == errc::no_such_message);

    REQUIRE_FALSE(node.start({.id = "deaf", .type = "deaf"}));
    for (int i = 0; i < 10; ++i)
        node->cast("deaf", std::string(100 * 1024, 'x'));
    CHECK(node.says("a message was dropped: the process does not read its standard input"));

    REQUIRE_FALSE(node.start({.id = "none", .type = "none", .restart = drover::restart_rule::temporary}));
    CHECK(node.exit_reason() == "normal"); // at the end of its input at once
}

TEST_CASE("a process that no longer reads its input does not harm the node")
{
    station node{only(shell("exec <&-; echo closed; exec sleep 1000"))};
    REQUIRE_FALSE(node.start(spec_of("a")));
    REQUIRE(node.says("closed"));
    for (int i = 0; i < 10; ++i)
        node->cast("a", "nobody reads this");
    CHECK(node.stop("a")); // the node lives: no SIGPIPE
}

TEST_CASE("stopping is SIGTERM, and SIGKILL at the deadline, also of who is stopped")
{
    folder files;
    station node{
        {{"polite", [](auto const&) { return shell("trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 1; done"); }},
            {"rude", [](auto const&) { return shell("trap '' TERM; echo rude; while :; do sleep 1; done"); }},
            {"frozen", [](auto const&) { return shell("trap 'echo thawed; exit' TERM; echo $$; kill -STOP $$; sleep 1000"); }}}};
    REQUIRE_FALSE(node.start({.id = "polite", .type = "polite", .shutdown = 60s}));
    REQUIRE(node.says("ready"));
    CHECK(node.stop("polite"));
    CHECK(node.says("bye"));

    REQUIRE_FALSE(node.start({.id = "rude", .type = "rude", .shutdown = 100ms}));
    REQUIRE(node.says("rude"));
    CHECK(node.stop("rude"));

    REQUIRE_FALSE(node.start({.id = "frozen", .type = "frozen", .shutdown = 60s}));
    CHECK(node.stop("frozen"));
}

TEST_CASE("what descends from a process ends with it: in its group, in a session of its own, and orphaned")
{
    folder files;
    auto what = shell("(trap '' TERM; sh -c 'echo $$ > group; exec sleep 1000') & "
                      "setsid sh -c 'echo $$ > session; exec sleep 1000' & "
                      "(setsid sh -c 'trap \"\" TERM; (sh -c \"echo \\$\\$ > daemon; exec sleep 1000\" &)' &) ; "
                      "while ! [ -s group -a -s session -a -s daemon ]; do :; done; echo $$ > itself; $LAST");
    what.working_directory = files.path();
    what.kill_grace = 100ms;
    auto const all_end = [&] {
        for (auto const* name : {"itself", "group", "session", "daemon"}) {
            CHECK(files.number(name) != 0);
            CHECK(ends(files.number(name)));
        }
    };
    SECTION("when it is stopped")
    {
        what.environment = {{"LAST", "sleep 1000"}};
        station node{only(what)};
        auto spec = spec_of("a");
        spec.shutdown = 1s;
        REQUIRE_FALSE(node.start(spec));
        REQUIRE(within(30s, [&] { return files.number("itself") != 0; }));
        CHECK(node.stop("a"));
        all_end();
    }
    SECTION("when it is killed at once")
    {
        what.environment = {{"LAST", "sleep 1000"}};
        station node{only(what)};
        auto spec = spec_of("a");
        spec.shutdown = drover::brutal_kill;
        REQUIRE_FALSE(node.start(spec));
        REQUIRE(within(30s, [&] { return files.number("itself") != 0; }));
        CHECK(node.stop("a"));
        all_end();
    }
    SECTION("when it ends by itself: the child exits when all of them have ended")
    {
        what.environment = {{"LAST", "exit 7"}};
        station node{only(what)};
        REQUIRE_FALSE(node.start(spec_of("a")));
        CHECK(node.exit_reason() == "exit status 7");
        for (auto const* name : {"itself", "group", "session", "daemon"})
            CHECK(is_gone(files.number(name)));
    }
    SECTION("when the supervisor is destroyed")
    {
        what.environment = {{"LAST", "sleep 1000"}};
        station node{only(what)};
        REQUIRE_FALSE(node.start(spec_of("a")));
        REQUIRE(within(30s, [&] { return files.number("itself") != 0; }));
        node.die();
        all_end();
    }
}

TEST_CASE("when its keeper is killed, the process ends, and the child has failed")
{
    folder files;
    auto what = shell("echo $PPID > keeper; echo $$ > itself; exec sleep 1000");
    what.working_directory = files.path();
    station node{only(what)};
    REQUIRE_FALSE(node.start(spec_of("a")));
    REQUIRE(within(30s, [&] { return files.number("itself") != 0; }));
    ::kill(files.number("keeper"), SIGKILL);
    CHECK(ends(files.number("itself")));
    CHECK(node.exit_reason() == "its keeper was killed");
}

TEST_CASE("a strand that is stuck for longer than the keeper bears ends the process; then it starts again")
{
    folder files;
    auto what = shell("echo $$ > $DROVER_GENERATION; exec sleep 1000");
    what.working_directory = files.path();
    what.keeper_deadline = 500ms;
    station node{only(what)};
    REQUIRE_FALSE(node.start(spec_of("a", drover::restart_rule::permanent)));
    REQUIRE(within(30s, [&] { return files.number("1") != 0; }));
    auto const first = files.number("1");
    std::atomic<bool> ended = false;
    boost::asio::post(node->get_executor(), [&] { ended = ends(first); });
    REQUIRE(within(30s, [&] { return files.number("2") != 0; }));
    CHECK(ended);
    CHECK(node.exit_reason() == "ended by its keeper: the node gave no sign of life for keeper_deadline");
    CHECK(node.stop("a"));
}

TEST_CASE("a process that crashes is started again, under a larger generation")
{
    folder files;
    auto what =
        shell("ulimit -c 0; echo $$ > $DROVER_GENERATION; [ $DROVER_GENERATION -ge 3 ] && exec sleep 1000; kill -SEGV $$");
    what.working_directory = files.path();
    station node{only(what)};
    REQUIRE_FALSE(node.start(spec_of("a", drover::restart_rule::permanent)));
    REQUIRE(within(30s, [&] { return files.number("3") != 0; }));
    CHECK(is_gone(files.number("1")));
    CHECK(is_gone(files.number("2")));
    CHECK(node.reasons(event_kind::child_exited) == std::vector<std::string>(2, "signal 11 (SIGSEGV)"));
    CHECK(node->find("a")->generation == 3);
}

TEST_CASE("a hundred starts and stops leave no descriptor and no zombie behind")
{
    station node{only(process_child{.command = "cat"})};
    auto const once = [&] {
        REQUIRE_FALSE(node.start(spec_of("a")));
        REQUIRE(node.stop("a"));
    };
    once();
    auto const before = descriptors_open();
    for (int i = 0; i < 100; ++i)
        once();
    CHECK(descriptors_open() == before);
    CHECK(has_no_zombie());
}

TEST_CASE("nodes of several threads start processes at once, and none holds on to what is another's")
{
    std::vector<std::unique_ptr<station>> nodes;
    for (int i = 0; i < 3; ++i)
        nodes.push_back(std::make_unique<station>(only(shell("ls /proc/self/fd | tr '\\n' ' '; echo; exec cat"))));
    constexpr int count = 15;
    std::vector<std::future<drover::error_code>> starts;
    for (int i = 0; i < count; ++i)
        for (auto& node : nodes)
            starts.push_back((*node)->async_start_child(
                spec_of(std::to_string(i)), boost::asio::use_future([](drover::error_code code, auto const&) { return code; })));
    for (auto& each : starts)
        CHECK_FALSE(each.get());
    for (auto& node : nodes) {
        REQUIRE(within(30s, [&] { return node->lines().size() == count; }));
        for (auto const& line : node->lines())
            CHECK(line == "0 1 2 3 ");
    }
}

TEST_CASE("an execution context may be destroyed while processes run")
{
    folder files;
    auto what = shell("echo $$ > number; yes");
    what.working_directory = files.path();
    {
        boost::asio::io_context io;
        supervisor node{io, drover::node_options{.name = "n1"}, drover::supervisor_options{}};
        node.add_child_type("process", [&](child_context const&) { return what; });
        node.async_start(
            [&](drover::error_code) { node.async_start_child(spec_of("a"), [](drover::error_code, auto const&) {}); });
        // One at a time: while there is always more to read, poll does not return.
        REQUIRE(within(30s, [&] { return io.poll_one(), files.number("number") != 0; }));
    }
    CHECK(ends(files.number("number")));
}

TEST_CASE("children that are stuck stop side by side, and keep nobody else")
{
    folder files;
    auto what = shell("trap '' TERM; echo $$ > $DROVER_CHILD_ID; while :; do sleep 1; done");
    what.working_directory = files.path();
    station node{
        {{"stuck", [=](auto const&) { return what; }}, {"process", [](auto const&) { return process_child{.command = "cat"}; }}}};
    constexpr int count = 20;
    for (int i = 0; i < count; ++i)
        REQUIRE_FALSE(node.start({.id = std::to_string(i), .type = "stuck", .shutdown = 3s}));
    REQUIRE_FALSE(node.start(spec_of("good")));
    for (int i = 0; i < count; ++i)
        REQUIRE(within(30s, [&] { return files.number(std::to_string(i)) != 0; }));
    auto const begin = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i)
        node->async_terminate_child(std::to_string(i), [](drover::error_code, drover::child_ref const&) {});
    CHECK(node.stop("good"));
    CHECK(std::chrono::steady_clock::now() - begin < 3s);
    for (int i = 0; i < count; ++i)
        CHECK(ends(files.number(std::to_string(i))));
    CHECK(std::chrono::steady_clock::now() - begin < 20s); // one after the other is a minute
}

TEST_CASE("in a simulation a process child does not start, and says why")
{
    drover::simulation::world world{1};
    drover::distributed_supervisor<drover::in_memory_transport> node{world, {.name = "n1", .listen = "n1"}, {}};
    node.add_child_type("process", [](child_context const&) { return process_child{.command = "true"}; });
    std::string reason;
    node.events([&](drover::event const& what) {
        if (what.kind == event_kind::child_start_failed)
            reason = what.reason;
    });
    drover::error_code refused;
    node.async_start([&](drover::error_code) {
        node.async_start_child(spec_of("a"), [&](drover::error_code code, drover::child_ref const&) { refused = code; });
    });
    world.run_for(10s);
    CHECK(refused == errc::start_failed);
    CHECK(reason == "a process child needs the real world: there are no processes in a simulation");
}

} // namespace
