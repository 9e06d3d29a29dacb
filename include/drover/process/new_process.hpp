// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/process/keeper_records.hpp>
#include <drover/process/launch_plan.hpp>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstddef>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

namespace drover::detail {

/// What becomes its standard input, output and error.
struct process_ends {
    int input = -1;
    int output = -1;
    int error = -1;
};

/// What a process that could not execute its command says to its keeper.
struct launch_failure {
    launch_step step{};
    int error = 0;
};

/// fork without the handlers that other libraries registered for it: they may wait for threads which a copy does not have.
[[nodiscard]] inline pid_t fork_plainly()
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 34)
    return ::_Fork();
#else
    return ::fork();
#endif
}

/// Runs `run`, which does not return, in a new process that borrows this one's memory; this thread goes on when the process has
/// ended or executed a command. So nothing is copied, which of a large node takes tens of milliseconds. -1: errno says why not.
/// Pre: all signals are blocked.
template <class Run>
[[nodiscard]] pid_t run_on_borrowed_memory(Run&& run)
{
    auto const process = ::vfork(); // NOLINT(clang-analyzer-security.insecureAPI.vfork): with all signals blocked it is safe
    if (process == 0)
        run();
    return process;
}

/// Closes what was inherited: a node's listening socket must not outlive it. `kept` is sorted.
template <std::size_t Count>
void close_all_but(int (&kept)[Count])
{
    std::sort(kept, kept + Count);
    auto const close_between = [](unsigned first, unsigned last) {
        if (first > last || ::syscall(SYS_close_range, first, last, 0) == 0)
            return;
        rlimit most{}; // a kernel before 5.9
        ::getrlimit(RLIMIT_NOFILE, &most);
        for (auto number = first; number <= last && number < most.rlim_cur; ++number)
            ::close(static_cast<int>(number));
    };
    unsigned first = 0;
    for (auto const number : kept) {
        if (number < 0)
            continue;
        if (static_cast<unsigned>(number) > first)
            close_between(first, static_cast<unsigned>(number) - 1);
        first = static_cast<unsigned>(number) + 1;
    }
    close_between(first, INT_MAX);
}

/// Turns this process into the child's: a group of its own, killed when its keeper dies, signals as a fresh program expects
/// them, and no descriptors but the standard ones. Only says something to `failure` if it fails.
[[noreturn]] inline void become_process(launch_plan const& plan, process_ends const& ends, int failure, pid_t keeper)
{
    auto const fail = [&](launch_step step) {
        launch_failure const why{step, errno};
        (void)!::write(failure, &why, sizeof why);
        ::_exit(127);
    };
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (::getppid() != keeper)
        ::_exit(127); // it died before
    struct sigaction standard {};
    standard.sa_handler = SIG_DFL;
    for (int number = 1; number < NSIG; ++number)
        ::sigaction(number, &standard, nullptr);
    ::dup2(ends.input, STDIN_FILENO);
    ::dup2(ends.output, STDOUT_FILENO);
    ::dup2(ends.error, STDERR_FILENO);
    sigset_t none;
    sigemptyset(&none);
    ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
    if (plan.directory() != nullptr && ::chdir(plan.directory()) != 0)
        fail(launch_step::enter_directory);
    bool denied = false;
    for (std::size_t index = 0; index < plan.paths_count(); ++index) {
        ::execve(plan.path(index), plan.arguments(), plan.environment());
        denied = denied || errno == EACCES;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
            break;
    }
    if (denied)
        errno = EACCES;
    fail(launch_step::execute);
    ::_exit(127);
}

} // namespace drover::detail
