// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/process/descriptor.hpp>
#include <drover/process/keeper.hpp>
#include <drover/process/keeper_records.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace drover::detail {

/// The node's end of a keeper: all of it that differs between operating systems, seen from above. Nothing here blocks but
/// the launch (a fork) and `wait`. When it is closed without an order, the keeper takes the node for gone.
class keeper_handle {
public:
    keeper_handle() = default;
    explicit keeper_handle(descriptor control) : control_{std::move(control)} {}

    /// Forks a keeper, which launches the process. `setup.control` is filled in. The keeper is nobody's child here, so that no
    /// zombie waits for a node that is busy or gone. Throws std::system_error.
    [[nodiscard]] static keeper_handle launch(keeper_setup setup)
    {
        auto sockets = make_record_socket();
        setup.control = sockets.far.number();
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before); // no handler of the node runs in what is forked
        auto const between = run_on_borrowed_memory([&] {
            auto const made = fork_plainly();
            if (made == 0)
                keeper{setup}.run();
            ::_exit(made < 0 ? errno : 0);
        });
        auto const error = errno;
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        errno = error;
        if (between < 0)
            throw_errno("cannot make a process");
        int status = 0;
        while (::waitpid(between, &status, 0) < 0 && errno == EINTR) {
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
            errno = WEXITSTATUS(status);
            throw_errno("cannot make a process");
        }
        return keeper_handle{std::move(sockets.near)};
    }

    [[nodiscard]] bool is_open() const { return control_.number() >= 0; }
    [[nodiscard]] int number() const { return control_.number(); }

    void order(keeper_order what) const
    {
        order_record const record{what, 0, keeper_clock_ns()};
        (void)::send(control_.number(), &record, sizeof record, MSG_NOSIGNAL | MSG_DONTWAIT);
    }

    /// The next thing that it said. `gone`: it will not say any more.
    struct heard {
        std::optional<report_record> report;
        bool gone = false;
    };

    [[nodiscard]] heard read() const
    {
        report_record record;
        for (;;) {
            auto const size = ::recv(control_.number(), &record, sizeof record, MSG_DONTWAIT);
            if (size == static_cast<ssize_t>(sizeof record))
                return {record, false};
            if (size >= 0 || (errno != EINTR && errno != ECONNRESET))
                return {std::nullopt, size >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK)};
        }
    }

    /// Waits until there is something to read.
    void wait(std::chrono::milliseconds most) const
    {
        auto const end = std::chrono::steady_clock::now() + most;
        for (auto left = most; left.count() >= 0;) {
            pollfd watched{control_.number(), POLLIN, 0};
            if (::poll(&watched, 1, static_cast<int>(left.count())) >= 0 || errno != EINTR)
                return;
            left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        }
    }

    /// Ends all of it at once, and lets go of the keeper.
    void kill()
    {
        if (!is_open())
            return;
        order(keeper_order::kill);
        control_ = descriptor{};
    }

private:
    descriptor control_;
};

} // namespace drover::detail
