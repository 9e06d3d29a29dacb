// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/process/descendants.hpp>
#include <drover/process/keeper_records.hpp>
#include <drover/process/new_process.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <ctime>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace drover::detail {

/// The clock of beats: it counts on while the machine is suspended, as the members that take such a node for dead do.
[[nodiscard]] inline std::int64_t keeper_clock_ns()
{
    timespec now{};
    ::clock_gettime(CLOCK_BOOTTIME, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

/// What a keeper is given. Plain values: it is carried over a fork.
struct keeper_setup {
    launch_plan const* plan = nullptr;
    int control = -1; ///< the socket to the node
    process_ends ends{};
    std::int64_t grace_ns = 0;
    std::int64_t silence_ns = 0; ///< after which the node is taken for gone
};

/// A process between the node and the process of a child, which outlives the node: it ends the child's process and all its
/// descendants when it is told to, or when the node is gone, silent or stopped. One a child, forked from the node.
///
///     running ----- terminate: SIGTERM ----> stopping ----- kill -----+
///        |                                      |                     |
///        | the process ended; the node is gone  |                     v
///        | or silent: SIGTERM                   |                  killing: SIGKILL, until nobody is left
///        +----------------> leaving <-----------+                     ^
///                              +------ kill, or after the grace ------+
///
/// From any of them: nobody is left; the end is reported, and the keeper exits.
///
/// It runs in a copy of a program that has threads: nothing here allocates or locks, it makes system calls only.
class keeper {
public:
    explicit keeper(keeper_setup const& setup) : setup_{setup}, heard_ns_{keeper_clock_ns()} {}

    /// Pre: this is a process of its own, with one thread and all signals blocked.
    [[noreturn]] void run()
    {
        settle();
        launch();
        while (!nobody_left_)
            turn();
        if (running_reported_)
            report({keeper_said::ended, {}, cause_, status_});
        ::_exit(0);
    }

private:
    enum class phase : std::uint8_t { running, stopping, leaving, killing };

    static constexpr std::int64_t kill_again_ns = 20'000'000; // who was forked while the others were killed

    // Away from the node: a session of its own, and none of its descriptors.
    void settle()
    {
        ::prctl(PR_SET_NAME, "drover keeper", 0, 0, 0);
        ::setsid();
        adopt_descendants();
        struct sigaction standard {};
        standard.sa_handler = SIG_DFL;
        ::sigaction(SIGCHLD, &standard, nullptr);
        int kept[] = {setup_.control, setup_.ends.input, setup_.ends.output, setup_.ends.error};
        close_all_but(kept);
        for (int standard_number = STDIN_FILENO; standard_number <= STDERR_FILENO; ++standard_number)
            (void)::open("/dev/null", O_RDWR); // takes the lowest number
        sigset_t ended;
        sigemptyset(&ended);
        sigaddset(&ended, SIGCHLD);
        signals_ = ::signalfd(-1, &ended, SFD_CLOEXEC | SFD_NONBLOCK);
    }

    void launch()
    {
        int failure[2];
        if (signals_ < 0 || ::pipe2(failure, O_CLOEXEC) != 0)
            give_up(errno);
        auto const self = ::getpid();
        group_ = run_on_borrowed_memory([&] { become_process(*setup_.plan, setup_.ends, failure[1], self); });
        if (group_ < 0)
            give_up(errno);
        ::close(failure[1]);
        ::close(setup_.ends.input);
        ::close(setup_.ends.output);
        ::close(setup_.ends.error);
        executed_ = failure[0];
        if (::chdir("/") != 0) // or a file system would stay in use
            return;
    }

    [[noreturn]] void give_up(int error)
    {
        report({keeper_said::failed, launch_step::fork, {}, error});
        ::_exit(1);
    }

    void turn()
    {
        pollfd watched[] = {{setup_.control, POLLIN, 0}, {signals_, POLLIN, 0}, {executed_, POLLIN, 0}};
        if (node_gone_)
            watched[0].fd = -1;
        (void)::poll(watched, 3, wait_ms());
        if (watched[2].revents != 0)
            take_launch();
        if (watched[0].revents != 0)
            take_orders();
        signalfd_siginfo ignored{};
        while (::read(signals_, &ignored, sizeof ignored) > 0) {
        }
        reap();
        take_time();
    }

    [[nodiscard]] int wait_ms() const
    {
        auto until = phase_ == phase::running || phase_ == phase::stopping ? heard_ns_ + setup_.silence_ns : grace_end_ns_;
        if (phase_ == phase::killing)
            until = keeper_clock_ns() + kill_again_ns;
        auto const left_ms = (until - keeper_clock_ns()) / 1'000'000 + 1;
        return static_cast<int>(std::clamp<std::int64_t>(left_ms, 0, 1'000'000));
    }

    // The pipe closes when the command is executed; before, it says why not.
    void take_launch()
    {
        launch_failure failure;
        auto const size = ::read(executed_, &failure, sizeof failure);
        if (size < 0 && errno == EINTR)
            return;
        ::close(executed_);
        executed_ = -1;
        if (size == sizeof failure) {
            report({keeper_said::failed, failure.step, {}, failure.error});
        } else {
            running_reported_ = true;
            report({keeper_said::started, {}, {}, group_});
        }
    }

    void take_orders()
    {
        for (;;) {
            order_record record;
            auto const size = ::recv(setup_.control, &record, sizeof record, MSG_DONTWAIT);
            if (size < 0 && (errno == EINTR || errno == ECONNRESET))
                continue; // reset: the node closed without reading all; its last orders come next
            if (size < 0)
                return;
            if (size == 0) {
                node_gone_ = true;
                return leave(end_cause::node_gone);
            }
            heard_ns_ = std::max(heard_ns_, record.sent_ns);
            if (record.order == keeper_order::kill)
                kill(end_cause::order);
            else if (record.order == keeper_order::terminate)
                stop();
        }
    }

    void reap()
    {
        for (;;) {
            int status = 0;
            auto const ended = ::waitpid(-1, &status, WNOHANG);
            if (ended < 0 && errno == EINTR)
                continue;
            if (ended <= 0) {
                nobody_left_ = ended < 0;
                break;
            }
            if (ended != group_)
                continue;
            status_ = status;
            if (executed_ >= 0)
                take_launch(); // what it said before it ended
            leave(cause_);
        }
        if (phase_ == phase::killing && !nobody_left_)
            nobody_left_ = !signal_descendants(group_, SIGKILL); // what the dead left behind is ours now
    }

    void take_time()
    {
        auto const now = keeper_clock_ns();
        if ((phase_ == phase::running || phase_ == phase::stopping) && now - heard_ns_ >= setup_.silence_ns)
            leave(end_cause::silence);
        if (phase_ == phase::leaving && now >= grace_end_ns_)
            kill(cause_);
    }

    void stop()
    {
        if (phase_ != phase::running)
            return;
        phase_ = phase::stopping;
        cause_ = end_cause::order;
        ask_to_end();
    }

    void leave(end_cause why)
    {
        if (phase_ == phase::leaving || phase_ == phase::killing)
            return;
        if (cause_ == end_cause::itself)
            cause_ = why;
        phase_ = phase::leaving;
        grace_end_ns_ = keeper_clock_ns() + setup_.grace_ns;
        ask_to_end();
    }

    void kill(end_cause why)
    {
        cause_ = why;
        phase_ = phase::killing;
        signal_descendants(group_, SIGKILL);
    }

    // Who is stopped could not take the signal before it continues.
    void ask_to_end() const
    {
        signal_descendants(group_, SIGTERM);
        signal_descendants(group_, SIGCONT);
    }

    void report(report_record const& record) const
    {
        (void)::send(setup_.control, &record, sizeof record, MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    keeper_setup setup_;
    std::int64_t heard_ns_;
    std::int64_t grace_end_ns_ = 0;
    pid_t group_ = 0; // the number of the child's process, which leads it
    int signals_ = -1;
    int executed_ = -1;
    int status_ = 0;
    end_cause cause_ = end_cause::itself;
    phase phase_ = phase::running;
    bool node_gone_ = false;
    bool running_reported_ = false;
    bool nobody_left_ = false;
};

} // namespace drover::detail
