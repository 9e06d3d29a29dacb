// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// What becomes of the processes of a node that is no more: killed, or stopped for longer than their keepers bear.

#include "process_stage.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <memory>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

using namespace process_stage;
using namespace std::chrono_literals;

// A node as a process of its own (process_node.cc), which does not outlive its handle.
class node_process {
public:
    explicit node_process(std::vector<std::string> words)
    {
        words.insert(words.begin(), "process_node");
        std::vector<char*> pointers;
        for (auto& word : words)
            pointers.push_back(word.data());
        pointers.push_back(nullptr);
        std::array<int, 2> input{};
        std::array<int, 2> output{};
        REQUIRE(::pipe2(input.data(), O_CLOEXEC) == 0);
        REQUIRE(::pipe2(output.data(), O_CLOEXEC) == 0);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
        posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
        auto const error = posix_spawn(&pid_, PROCESS_NODE, &actions, nullptr, pointers.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        ::close(input[0]);
        ::close(output[1]);
        to_ = ::fdopen(input[1], "w");
        from_ = ::fdopen(output[0], "r");
        REQUIRE(error == 0);
        address_ = said();
    }
    node_process(node_process const&) = delete;
    node_process& operator=(node_process const&) = delete;
    ~node_process()
    {
        die();
        std::fclose(to_);
        std::fclose(from_);
    }

    [[nodiscard]] std::string const& address() const { return address_; }
    void signal(int number) const { ::kill(pid_, number); }

    void say(std::string_view id, std::string_view script)
    {
        auto const line = std::string{id} + " " + std::string{script} + "\n";
        std::fputs(line.c_str(), to_);
        std::fflush(to_);
    }

    std::string start(std::string_view id, std::string_view script)
    {
        say(id, script);
        return said();
    }

    void die()
    {
        if (pid_ <= 0)
            return;
        signal(SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
        pid_ = 0;
    }

private:
    std::string said()
    {
        std::array<char, 256> line{};
        if (std::fgets(line.data(), line.size(), from_) == nullptr)
            return "it ended";
        std::string text = line.data();
        return text.substr(0, text.find('\n'));
    }

    pid_t pid_ = 0;
    std::FILE* to_ = nullptr;
    std::FILE* from_ = nullptr;
    std::string address_;
};

// Leaves its number, and that of a daemon that ignores SIGTERM.
constexpr std::string_view with_a_daemon =
    "(setsid sh -c 'trap \"\" TERM; echo $$ > daemon; while :; do sleep 1; done' &); echo $$ > itself; exec sleep 1000";

TEST_CASE("a node that is killed takes its processes along, within the grace of their keepers")
{
    folder files;
    node_process node{{"n1", files.path(), "60000"}};
    REQUIRE(node.start("a", with_a_daemon) == "started a");
    REQUIRE(within(30s, [&] { return files.number("itself") != 0 && files.number("daemon") != 0; }));
    CHECK_FALSE(is_gone(files.number("itself")));
    node.die();
    CHECK(ends(files.number("itself")));
    CHECK(ends(files.number("daemon")));
}

TEST_CASE("a node that is stopped for longer than its keepers bear loses its processes; for a shorter time it does not")
{
    folder files;
    node_process node{{"n1", files.path(), "1000"}};
    REQUIRE(node.start("a", "echo $$ > $DROVER_GENERATION; exec sleep 1000") == "started a");
    REQUIRE(within(30s, [&] { return files.number("1") != 0; }));
    node.signal(SIGSTOP);
    CHECK(ends(files.number("1")));
    node.signal(SIGCONT);
    REQUIRE(within(30s, [&] { return files.number("2") != 0; })); // it hears of it, and starts the next
    CHECK_FALSE(is_gone(files.number("2")));
}

TEST_CASE("in a cluster the process of a killed node is gone there, and runs once elsewhere")
{
    folder files;
    node_process first{{"n1", files.path(), "10000"}};
    node_process second{{"n2", files.path(), "10000", first.address()}};
    node_process third{{"n3", files.path(), "10000", first.address()}};
    // Whatever placement chooses: the node writes its name and the process its number.
    constexpr std::string_view script =
        "echo $DROVER_NODE > node$DROVER_GENERATION; echo $$ > $DROVER_GENERATION; exec sleep 1000";
    REQUIRE(first.start("a", script) == "started a");
    REQUIRE(within(30s, [&] { return files.number("1") != 0; }));
    auto const owner = files.line("node1").value();
    auto& victim = owner == "n1" ? first : owner == "n2" ? second : third;
    victim.die();
    CHECK(ends(files.number("1")));
    REQUIRE(within(60s, [&] { return files.number("2") != 0; }));
    CHECK(files.line("node2") != owner);
    CHECK_FALSE(is_gone(files.number("2")));
    CHECK(files.number("3") == 0);
}

TEST_CASE("a child that kills its nodes is started as a process of its own after two of them, and kills no third")
{
    folder files;
    std::vector<std::unique_ptr<node_process>> nodes;
    for (auto const* const name : {"n1", "n2", "n3", "n4", "n5"}) {
        std::vector<std::string> words{name, files.path(), "10000"};
        if (!nodes.empty())
            words.push_back(nodes.front()->address());
        nodes.push_back(std::make_unique<node_process>(std::move(words)));
    }
    auto const killed = [&] {
        std::string names;
        for (auto const* const name : {"n1", "n2", "n3", "n4", "n5"})
            if (std::filesystem::exists(files.path(std::string{"killed-"} + name)))
                names += name;
        return names;
    };
    nodes[0]->say("poison", "echo $DROVER_NODE > node; echo $$ > process; exec sleep 1000"); // which may be one of the two
    REQUIRE(within(60s, [&] { return files.number("process") != 0; }));
    CHECK(killed().size() == 4);
    CHECK(killed().find(files.line("node").value()) == std::string::npos);
    CHECK_FALSE(is_gone(files.number("process")));
}

} // namespace
