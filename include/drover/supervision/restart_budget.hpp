// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/supervision/child_list.hpp>
#include <drover/supervision/child_spec.hpp>
#include <drover/supervision/local_options.hpp>
#include <drover/supervision/restart_delay.hpp>
#include <drover/supervision/restart_window.hpp>

#include <algorithm>
#include <optional>

namespace drover::supervision {

/// How often, and how soon, a child that failed may be started again.
class restart_budget {
public:
    explicit restart_budget(random_stream random) : random_{random} {}

    /// Counts a failure: how long to wait, or nothing when there were too many.
    [[nodiscard]] std::optional<duration> wait_before_restart(
        child& failed, local_supervisor_options const& options, time_point now)
    {
        auto& past = failed.past();
        auto const& backoff = failed.spec.backoff ? *failed.spec.backoff : options.backoff;
        auto const& intensity = failed.spec.intensity ? *failed.spec.intensity : options.intensity;
        if (failed.state == child_state::exited) {
            auto const ran = now - failed.started_at;
            if (ran >= backoff.stable_after)
                past.row = 0;
            if (ran >= std::max<duration>(backoff.stable_after, intensity.max_seconds))
                past.parks = 0;
        }
        auto& window = options.intensity_scope == intensity_scope::per_supervisor ? shared_ : past.window;
        if (!window.add_failure(intensity, now))
            return std::nullopt;
        return restart_delay(backoff, ++past.row, random_.next());
    }

private:
    random_stream random_;
    restart_window shared_; // of all children, under intensity_scope::per_supervisor
};

} // namespace drover::supervision
