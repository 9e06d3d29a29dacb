// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <ctime>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace drover::detail {

/// Owns an open file descriptor, or none.
class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int number) : number_{number} {}
    descriptor(descriptor&& other) noexcept : number_{other.release()} {}
    descriptor& operator=(descriptor&& other) noexcept
    {
        std::swap(number_, other.number_);
        return *this;
    }
    ~descriptor()
    {
        if (number_ >= 0)
            ::close(number_);
    }

    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] int release() noexcept { return std::exchange(number_, -1); }

private:
    int number_ = -1;
};

/// Two ends, closed by exec. Never descriptors 0 to 2, which a new process gives a meaning of its own.
struct descriptor_pair {
    descriptor near; ///< the node's; does not block
    descriptor far;
};

[[noreturn]] inline void throw_errno(char const* what) { throw std::system_error{errno, std::system_category(), what}; }

[[nodiscard]] inline descriptor above_standard(int number)
{
    descriptor owned{number};
    if (number > STDERR_FILENO)
        return owned;
    descriptor above{::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)};
    if (above.number() < 0)
        throw_errno("cannot make a descriptor");
    return above;
}

inline void do_not_block(descriptor const& which)
{
    ::fcntl(which.number(), F_SETFL, ::fcntl(which.number(), F_GETFL) | O_NONBLOCK);
}

enum class pipe_direction { to_node, from_node };

[[nodiscard]] inline descriptor_pair make_pipe(pipe_direction direction)
{
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        throw_errno("cannot make a pipe");
    descriptor_pair pair{descriptor{ends[0]}, descriptor{ends[1]}};
    pair = {above_standard(pair.near.release()), above_standard(pair.far.release())};
    if (direction == pipe_direction::from_node)
        std::swap(pair.near, pair.far);
    do_not_block(pair.near);
    return pair;
}

/// Keeps records apart, and tells each end when the other is gone.
[[nodiscard]] inline descriptor_pair make_record_socket()
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        throw_errno("cannot make a socket");
    descriptor_pair pair{descriptor{ends[0]}, descriptor{ends[1]}};
    pair = {above_standard(pair.near.release()), above_standard(pair.far.release())};
    return pair;
}

/// As write(2). Where nobody reads any more it fails with EPIPE and raises no SIGPIPE, which would end the node: the signal is
/// blocked, and taken back if it came from here.
[[nodiscard]] inline ssize_t write_without_signal(int to, void const* data, std::size_t size)
{
    sigset_t pipe_signal;
    sigset_t before;
    sigset_t pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    auto const pending_before = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    auto const written = ::write(to, data, size);
    auto const error = errno;
    if (written < 0 && error == EPIPE && !pending_before) {
        timespec const at_once{};
        while (sigtimedwait(&pipe_signal, nullptr, &at_once) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    errno = error;
    return written;
}

} // namespace drover::detail
