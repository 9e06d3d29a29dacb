// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/time.hpp>
#include <drover/supervision/child_spec.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace drover::supervision {

/// How a child ended.
enum class exit_kind : std::uint8_t {
    normal,  ///< its work is done
    failure, ///< it threw, or exited with a reason other than normal
};

/// OTP's table: is a child that ended so started again?
[[nodiscard]] constexpr bool restarts(restart_rule rule, exit_kind kind)
{
    switch (rule) {
    case restart_rule::permanent: return true;
    case restart_rule::transient: return kind == exit_kind::failure;
    case restart_rule::temporary: return false;
    }
    return false;
}

/// The failures of one child within its window. It travels with the child from node to node, as ages: no two nodes share a
/// clock.
class restart_window {
public:
    restart_window() = default;

    /// Failures that happened so long ago, on whatever node.
    restart_window(std::vector<duration> const& ages, time_point now)
    {
        failures_.reserve(ages.size() + 1);
        for (auto const age : ages) // oldest first, from an honest peer: each belongs at the end
            failures_.insert(std::upper_bound(failures_.begin(), failures_.end(), now - age), now - age);
    }

    /// Counts a failure. True when that is still within the intensity: the child may be restarted.
    /// O(failures in the window), at most `max_restarts` + 1.
    bool add_failure(restart_intensity const& intensity, time_point now)
    {
        forget_older(now - intensity.max_seconds);
        failures_.push_back(now);
        auto const kept_max = std::size_t{intensity.max_restarts} + 1;
        if (failures_.size() > kept_max)
            failures_.erase(failures_.begin(), failures_.end() - static_cast<std::ptrdiff_t>(kept_max));
        return failures_.size() <= intensity.max_restarts;
    }

    /// Oldest first; without those that are older than every window can be (a record of them would be refused).
    [[nodiscard]] std::vector<duration> ages(time_point now) const
    {
        std::vector<duration> result;
        result.reserve(failures_.size());
        for (auto const at : failures_)
            if (now - at <= limits::max_seconds_max)
                result.push_back(now - at);
        return result;
    }

    [[nodiscard]] std::size_t size() const { return failures_.size(); }
    void clear() { failures_.clear(); }

private:
    // OTP counts a restart as inside the window when it is not older than the period: the bound itself is inside.
    void forget_older(time_point limit)
    {
        failures_.erase(failures_.begin(), std::lower_bound(failures_.begin(), failures_.end(), limit));
    }

    std::vector<time_point> failures_; // oldest first
};

} // namespace drover::supervision
