// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/commands.hpp>
#include <drover/core/core_state.hpp>

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

namespace drover::core {

/// The children that every node was given start once in the cluster, whoever comes first: each node asks for those that
/// placement gives to it, and a little later for those that nobody has started. What runs already is adopted as it is; what was
/// deleted stays away. A start that fails does not end the wish: such a child is parked and tried again.
template <class State>
class initial_children {
public:
    explicit initial_children(State& state) : core_{state} {}

    void begin(time_point now)
    {
        core_.initial_left.resize(core_.options.children.size());
        std::iota(core_.initial_left.begin(), core_.initial_left.end(), std::uint32_t{0});
        look(true, now);
        look_later(now + 2 * core_.options.retry_interval);
    }

    void on_timer(time_point now)
    {
        look(false, now);
        look_later(now + core_.options.audit_interval);
    }

private:
    void look_later(time_point at)
    {
        if (!core_.initial_left.empty())
            core_.timers.set(at, initial_timer{});
    }

    // O(initial list + commands that wait).
    void look(bool only_ours, time_point now)
    {
        auto const asked_for = places_asked_for();
        auto const wished = std::exchange(core_.initial_left, {});
        for (auto const index : wished) {
            auto const& spec = core_.options.children[index];
            if (core_.is_present(spec.id) || core_.store.find(record_table::retired, spec.id)
                || core_.creation_of(spec.id) >= State::initial_creation) // one of this id was deleted
                continue;
            core_.initial_left.push_back(index);
            if (asked_for[index] || (only_ours && routing<State>{core_}.start_target_of(spec) != core_.own))
                continue;
            commands<State>{core_}.submit_initial(index + 1, now);
        }
    }

    // By place in the list: a start of this child is under way from here.
    [[nodiscard]] std::vector<bool> places_asked_for() const
    {
        std::vector<bool> result(core_.options.children.size());
        for (auto const& [number, operation] : core_.commands)
            if (operation.message.initial != 0)
                result[operation.message.initial - 1] = true;
        return result;
    }

    State& core_;
};

} // namespace drover::core
