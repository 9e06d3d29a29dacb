// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/core_state.hpp>

#include <algorithm>
#include <utility>
#include <vector>

namespace drover::core {

/// A pass over all children, in slices: after every change of who takes part, and every `audit_interval`. Work is driven by
/// events; what an event missed is found here, and counted as a repair when nothing but time began the pass.
template <class State>
class audit {
public:
    explicit audit(State& state) : core_{state} {}

    /// `by_time`: nothing has happened since the pass before.
    void start(bool by_time = false)
    {
        core_.audit_by_time = by_time && (!core_.audit_running || core_.audit_by_time);
        core_.audit_position = 0;
        core_.audit_running = true;
    }

    /// Marks what the reconciler should see again in the next slice. Returns the children that run here unsettledly although
    /// a majority is together, and those that nobody claims. O(slice).
    [[nodiscard]] std::vector<child_entry*> look(time_point now)
    {
        auto const& order = core_.children.order();
        auto const end = std::min(order.size(), core_.audit_position + core_.options.audit_slice);
        std::vector<child_entry*> unsettled;
        for (; core_.audit_position < end; ++core_.audit_position) {
            auto* const child = order[core_.audit_position];
            if (core_.owned_here(*child) ? core_.relieving : core_.reviewing)
                child->review = true;
            if (needs_attention(*child)) {
                auto const alone = core_.audit_by_time && !child->dirty && !child->review;
                core_.mark(*child);
                child->audited = alone;
            }
            if (core_.regrouped && child->present && !child->owned && !child->local)
                unsettled.push_back(child);
            if (core_.regrouped && core_.quorate && child->local && !child->local->claim.right.quorate
                && core_.owned_here(*child))
                unsettled.push_back(child);
        }
        if (core_.audit_position >= order.size())
            finish(now);
        return unsettled;
    }

private:
    void finish(time_point now)
    {
        core_.audit_running = false;
        core_.reviewing = core_.relieving = false;
        if (!std::exchange(core_.audit_timer_set, true))
            core_.timers.set(now + core_.options.audit_interval, audit_timer{});
    }

    [[nodiscard]] bool needs_attention(child_entry& child)
    {
        if (child.local || core_.owned_here(child) || !child.present)
            return true;
        return child.wanted_running() && child.owned && core_.falls_to_us(child);
    }

    State& core_;
};

} // namespace drover::core
