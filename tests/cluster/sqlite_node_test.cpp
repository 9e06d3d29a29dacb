// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A cluster of processes that are killed all at once, and find on their disks what they had acknowledged.

#include "../unit/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <spawn.h>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;

/// A node as a process of its own (sqlite_node.cc), which does not outlive its handle.
class node_process {
public:
    node_process(std::string name, temporary_directory const& files, std::size_t members, std::string const& seed = {})
    {
        std::vector<std::string> words{"sqlite_node", std::move(name), files.path(), std::to_string(members)};
        if (!seed.empty())
            words.push_back(seed);
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
        auto const error = posix_spawn(&pid_, SQLITE_NODE, &actions, nullptr, pointers.data(), environ);
        posix_spawn_file_actions_destroy(&actions);
        ::close(input[0]);
        ::close(output[1]);
        to_ = ::fdopen(input[1], "w");
        from_ = ::fdopen(output[0], "r");
        REQUIRE(error == 0);
        address_ = hear();
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

    void kill() const { ::kill(pid_, SIGKILL); }

    void die()
    {
        if (pid_ <= 0)
            return;
        kill();
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
        pid_ = 0;
    }

    void say(std::string const& line)
    {
        std::fputs((line + "\n").c_str(), to_);
        std::fflush(to_);
    }

    std::string ask(std::string const& line)
    {
        say(line);
        return hear();
    }

    std::string hear()
    {
        std::array<char, 1024> line{};
        if (std::fgets(line.data(), line.size(), from_) == nullptr)
            return "it ended";
        std::string text = line.data();
        return text.substr(0, text.find('\n'));
    }

private:
    pid_t pid_ = 0;
    std::FILE* to_ = nullptr;
    std::FILE* from_ = nullptr;
    std::string address_;
};

using cluster = std::vector<std::unique_ptr<node_process>>;

cluster start_all(temporary_directory const& files)
{
    cluster nodes;
    for (auto const* const name : {"n1", "n2", "n3"})
        nodes.push_back(std::make_unique<node_process>(name, files, 3, nodes.empty() ? std::string{} : nodes.front()->address()));
    return nodes;
}

/// Asks until the answer comes that is wanted.
bool becomes(node_process& node, std::string const& question, std::string const& wanted)
{
    auto const end = std::chrono::steady_clock::now() + 60s;
    while (node.ask(question) != wanted) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::yield();
    }
    return true;
}

TEST_CASE("three nodes that are killed at once, right after they acknowledged, come back with all of it")
{
    temporary_directory const files;
    constexpr int children = 12;
    for (int round = 1; round <= 3; ++round) {
        auto nodes = start_all(files);
        if (round == 1) {
            for (int i = 0; i < children; ++i)
                REQUIRE(nodes[static_cast<std::size_t>(i) % 3]->ask("start child-" + std::to_string(i)) == "done");
            REQUIRE(nodes[0]->ask("start gone") == "done");
            REQUIRE(nodes[1]->ask("terminate gone") == "done");
            REQUIRE(nodes[2]->ask("delete gone") == "done");
            REQUIRE(nodes[0]->ask("start idle") == "done");
            REQUIRE(nodes[2]->ask("terminate idle") == "done");
        }
        for (auto const& node : nodes)
            CHECK(becomes(*node, "children", std::to_string(children + 1) + " " + std::to_string(children)));
        CHECK(nodes[1]->ask("find gone") == "none");
        CHECK(nodes[1]->ask("find idle") == "none");
        for (int i = 0; i < children; ++i)
            CHECK(
                nodes[static_cast<std::size_t>(i + round) % 3]->ask("count child-" + std::to_string(i)) == std::to_string(round));
        for (auto const& node : nodes)
            node->kill();
    }
}

TEST_CASE("a node whose file another one has says so, and does not start")
{
    temporary_directory const files;
    node_process one{"n1", files, 1};
    REQUIRE(one.ask("start a") == "done");
    node_process other{"n1", files, 1};
    auto const said = other.address() + other.hear() + other.hear();
    CHECK(said.find("is in use") != std::string::npos);
    CHECK(one.ask("count a") == "1");
    one.die();
    node_process again{"n1", files, 1};
    CHECK(again.ask("count a") == "2");
}

} // namespace
