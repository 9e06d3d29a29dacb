// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace drover {

/// How `static_members` finds and watches its peers. Every member should use the same values.
struct static_members_options {
    /// How often a node raises its own heartbeat counter and tells its peers all the counters that it knows.
    duration heartbeat_interval = std::chrono::milliseconds{200};

    /// A member whose counter has not grown for this long is dead. Six intervals by default, so that a few lost frames kill
    /// nobody.
    duration silence_timeout = std::chrono::milliseconds{1'200};

    /// How long a node with seeds looks for a cluster before it gives up.
    duration join_timeout = std::chrono::seconds{10};

    /// How long a node that finds its own address among the seeds looks for the others before it forms a cluster alone.
    duration form_alone_after = std::chrono::seconds{1};

    /// Members that a node remembers, the dead and those that left included. Further ones are turned away.
    std::size_t members_count_max = limits::members_count_max;
};

/// What is wrong with the options, as one sentence; empty when nothing is.
[[nodiscard]] inline std::string validate(static_members_options const& options)
{
    if (options.heartbeat_interval <= duration::zero())
        return "heartbeat_interval must be positive";
    if (options.silence_timeout / 2 < options.heartbeat_interval)
        return "silence_timeout must be at least two heartbeat intervals";
    if (options.join_timeout <= duration::zero())
        return "join_timeout must be positive";
    if (options.form_alone_after < duration::zero() || options.form_alone_after > options.join_timeout)
        return "form_alone_after must be between zero and join_timeout";
    if (options.members_count_max < 1 || options.members_count_max > limits::members_count_max)
        return "members_count_max must be between 1 and limits::members_count_max";
    return {};
}

} // namespace drover
