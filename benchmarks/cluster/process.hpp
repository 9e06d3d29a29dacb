// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "control.hpp"
#include "system.hpp"

#include <csignal>
#include <fcntl.h>
#include <string>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace cluster_benchmark {

/// This program, run once more in another part. Killed when it goes out of scope, or when the conductor ends.
class process {
public:
    /// `arguments`: what follows the program's name. In them "{control}" stands for the descriptor of the control socket;
    /// `inherited` stay open under their numbers.
    process(std::vector<std::string> arguments, std::vector<int> const& inherited)
    {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
            throw_system_error("cannot create a control socket");
        control_ = descriptor{ends[0]};
        descriptor const other{ends[1]};
        for (auto& argument : arguments)
            if (argument == "{control}")
                argument = std::to_string(other.get());
        spawn(arguments, inherited, other.get());
    }

    process(process&& other) noexcept : number_{std::exchange(other.number_, -1)}, control_{std::move(other.control_)} {}
    process& operator=(process&& other) noexcept
    {
        std::swap(number_, other.number_);
        control_ = std::move(other.control_);
        return *this;
    }
    ~process() { kill(); }

    [[nodiscard]] int control() const { return control_.get(); }
    [[nodiscard]] bool running() const { return number_ > 0; }

    void send_kill() const { ::kill(number_, SIGKILL); }

    /// Kills it, and waits for its end.
    void kill()
    {
        if (number_ <= 0)
            return;
        send_kill();
        while (::waitpid(number_, nullptr, 0) < 0 && errno == EINTR) {
        }
        number_ = -1;
    }

private:
    void spawn(std::vector<std::string> const& arguments, std::vector<int> inherited, int control)
    {
        inherited.push_back(control);
        std::vector<char*> raw;
        std::string name = "cluster_benchmark";
        raw.push_back(name.data());
        for (auto const& argument : arguments)
            raw.push_back(const_cast<char*>(argument.c_str()));
        raw.push_back(nullptr);
        auto const parent = ::getpid();
        number_ = ::fork();
        if (number_ < 0)
            throw_system_error("cannot start a process");
        if (number_ > 0)
            return;
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent)
            ::_exit(1);
        for (auto const each : inherited)
            ::fcntl(each, F_SETFD, 0);
        ::execv("/proc/self/exe", raw.data());
        ::_exit(127);
    }

    pid_t number_ = -1;
    descriptor control_;
};

} // namespace cluster_benchmark
