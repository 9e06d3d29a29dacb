// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include <drover/process/end_reason.hpp>
#include <drover/process/launch_plan.hpp>
#include <drover/process/process_child.hpp>

#include <catch2/catch_test_macros.hpp>

#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using drover::process_child;
using drover::validate;

// What is wrong with a child that is fine but for one change.
template <class Change>
std::string wrong(Change&& change)
{
    process_child child{.command = "true", .arguments = {"one", ""}, .environment = {{"NAME", "value"}}};
    REQUIRE(validate(child).empty());
    change(child);
    return validate(child);
}

TEST_CASE("a description says what is wrong with it, by the name of the field")
{
    CHECK(wrong([](auto& child) { child.command = ""; }) == "command is empty");
    CHECK(wrong([](auto& child) { child.command = "a\0b"s; }) == "command holds a NUL");
    CHECK(wrong([](auto& child) { child.arguments.push_back("a\0b"s); }) == "arguments hold a NUL");
    CHECK(wrong([](auto& child) { child.arguments.resize(5'000); }) == "there are 5000 arguments, more than 4096");
    auto const name = "environment has a name that is empty, or holds '=' or a NUL";
    CHECK(wrong([](auto& child) { child.environment[""] = "x"; }) == name);
    CHECK(wrong([](auto& child) { child.environment["A=B"] = "x"; }) == name);
    CHECK(wrong([](auto& child) { child.environment["A\0B"s] = "x"; }) == name);
    CHECK(wrong([](auto& child) { child.environment["A"] = "x\0y"s; }) == "environment has a value that holds a NUL: A");
    CHECK(wrong([](auto& child) { child.working_directory = "/\0"s; }) == "working_directory holds a NUL");
    CHECK(
        wrong([](auto& child) { child.input = static_cast<drover::process_input>(7); }) == "input is not one of messages, none");
    CHECK(wrong([](auto& child) { child.line_size_max = 0; }) == "line_size_max is between 1 and 1048576, not 0");
    CHECK(wrong([](auto& child) { child.input_size_max = 1u << 30; }) == "input_size_max is 1073741824, more than 16777216");
    CHECK(wrong([](auto& child) { child.kill_grace = -1ns; }) == "kill_grace is negative, or more than a day");
    CHECK(wrong([](auto& child) { child.keeper_deadline = 99ms; }) == "keeper_deadline is less than 100 ms, or more than a day");
    CHECK(wrong([](auto& child) { child.keeper_deadline = 25h; }) == "keeper_deadline is less than 100 ms, or more than a day");
}

drover::child_context context_of(std::string arguments)
{
    auto link = std::make_shared<drover::child_link>();
    link->id = "a";
    link->node = "n1";
    link->arguments = std::move(arguments);
    link->generation = 7;
    return drover::child_context{std::move(link)};
}

std::vector<std::string> strings(char* const* at)
{
    std::vector<std::string> result;
    for (; *at != nullptr; ++at)
        result.emplace_back(*at);
    return result;
}

TEST_CASE("what a process is given is made before it is")
{
    process_child child{.command = "tool", .arguments = {"one", "two words"}, .inherit_environment = false};
    SECTION("the command is its first argument, and its environment says whose it is")
    {
        drover::detail::launch_plan const plan{child, context_of("some text")};
        CHECK(strings(plan.arguments()) == std::vector<std::string>{"tool", "one", "two words"});
        CHECK(strings(plan.environment())
            == std::vector<std::string>{
                "DROVER_ARGUMENTS=some text", "DROVER_CHILD_ID=a", "DROVER_GENERATION=7", "DROVER_NODE=n1"});
        CHECK(plan.directory() == nullptr);
        REQUIRE(plan.paths_count() == 3);
        CHECK(plan.path(1) == "/usr/bin/tool"s);
    }
    SECTION("arguments that no environment can hold are left out")
    {
        drover::detail::launch_plan const plan{child, context_of("a\0b"s)};
        CHECK(strings(plan.environment()).size() == 3);
    }
    SECTION("a name is searched in the PATH that the process is given; an empty entry is the directory where it runs")
    {
        child.environment["PATH"] = "/a::/b";
        drover::detail::launch_plan const plan{child, context_of({})};
        REQUIRE(plan.paths_count() == 3);
        CHECK(plan.path(0) == "/a/tool"s);
        CHECK(plan.path(1) == "./tool"s);
        CHECK(plan.path(2) == "/b/tool"s);
    }
    SECTION("a path is taken as it is")
    {
        child.command = "bin/tool";
        drover::detail::launch_plan const plan{child, context_of({})};
        REQUIRE(plan.paths_count() == 1);
        CHECK(plan.path(0) == "bin/tool"s);
    }
}

TEST_CASE("how a process ended, in words")
{
    using drover::detail::exit_reason;
    constexpr int dumped = 0x80;
    CHECK(exit_reason(0) == "normal");
    CHECK(exit_reason(3 << 8) == "exit status 3");
    CHECK(exit_reason(SIGSEGV) == "signal 11 (SIGSEGV)");
    CHECK(exit_reason(SIGABRT | dumped) == "signal 6 (SIGABRT), core dumped");
    CHECK(exit_reason(SIGRTMIN) == "signal " + std::to_string(SIGRTMIN));
    CHECK(exit_reason({drover::detail::keeper_said::ended, {}, drover::detail::end_cause::order, SIGKILL}) == "shutdown");
}

} // namespace
