// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace drover::detail {

/// From now on whatever loses its parent below this process becomes its child, however it daemonised itself.
inline void adopt_descendants() { ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

/// Calls `visit(pid)` for every child of this process, which has one thread. Allocates nothing. False where the kernel does not
/// tell: /proc is not mounted, or the kernel was built without the list of children.
template <class Visit>
bool for_each_child(Visit&& visit)
{
    auto const list = ::open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
    if (list < 0)
        return false;
    char text[1024];
    pid_t number = 0;
    for (;;) {
        auto const size = ::read(list, text, sizeof text);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0)
            break;
        for (auto const* at = text; at != text + size; ++at) {
            if (*at >= '0' && *at <= '9') {
                number = number * 10 + (*at - '0');
            } else if (number != 0) {
                visit(number);
                number = 0;
            }
        }
    }
    if (number != 0)
        visit(number);
    ::close(list);
    return true;
}

/// Signals the group, and every child of this process with the group that it leads. What is further down is reached when its
/// parents are gone: it is a child then. Where the kernel does not list children, the group only. False: nobody can be reached.
///
/// Nobody else is hit: a child's number is its own until it is waited for, and so is a group's while a child is in it.
inline bool signal_descendants(pid_t group, int signal)
{
    auto const own = ::getpgrp();
    bool group_signalled = false;
    auto const listed = for_each_child([&](pid_t child) {
        auto const its = ::getpgid(child);
        if (its == group && its != own) {
            if (!group_signalled)
                ::kill(-group, signal);
            group_signalled = true;
        } else {
            ::kill(its == child && its != own ? -child : child, signal);
        }
    });
    return listed || ::kill(-group, signal) == 0;
}

} // namespace drover::detail
