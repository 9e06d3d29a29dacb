// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "arguments.hpp"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <optional>
#include <spawn.h>
#include <string>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace service_monitor {

/// This program once more, as a process of its own, which does not outlive its handle. What it says on its output is dropped;
/// it keeps our error stream. It has a process group of its own: a Ctrl-C of the terminal does not reach it.
class node_process {
public:
    /// Throws `failure`.
    explicit node_process(std::vector<std::string> words)
    {
        words.insert(words.begin(), "service_monitor");
        std::vector<char*> pointers;
        for (auto& word : words)
            pointers.push_back(word.data());
        pointers.push_back(nullptr);
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
        posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
        posix_spawnattr_t attributes;
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
        auto const error = posix_spawn(&pid_, "/proc/self/exe", &actions, &attributes, pointers.data(), environ);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        if (error != 0)
            throw failure{std::string{"cannot start a process: "} + std::strerror(error)};
    }

    node_process(node_process&& other) noexcept
        : pid_{std::exchange(other.pid_, -1)}, end_{std::exchange(other.end_, std::nullopt)}
    {
    }
    node_process& operator=(node_process&&) = delete;

    ~node_process()
    {
        signal(SIGKILL);
        if (running())
            waitpid(pid_, nullptr, 0);
    }

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] bool running() const { return pid_ > 0 && !end_; }

    void signal(int number) const
    {
        if (running())
            kill(pid_, number);
    }

    /// Does not wait. How it ended, in words ("exit code 0", "signal 9"), once it has.
    std::optional<std::string> const& end()
    {
        int status = 0;
        if (running() && waitpid(pid_, &status, WNOHANG) == pid_)
            end_ = WIFEXITED(status) ? "exit code " + std::to_string(WEXITSTATUS(status))
                                     : "signal " + std::to_string(WTERMSIG(status));
        return end_;
    }

private:
    pid_t pid_ = -1;
    std::optional<std::string> end_;
};

} // namespace service_monitor
