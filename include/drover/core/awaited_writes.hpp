// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>
#include <drover/core/core_state.hpp>
#include <drover/core/version_token.hpp>

#include <cstdint>
#include <utility>

namespace drover::core {

/// Reads that wait until this node has seen a write. `wait_done_effect` follows each, once: when the write, and all that came
/// of it, can be read here; `timed_out` after `operation_timeout`. One of a life that nobody has heard of waits like any other.
template <class State>
class awaited_writes {
public:
    explicit awaited_writes(State& state) : core_{state} {}

    /// O(log of those that wait).
    void add(std::uint64_t number, version_token const& token, time_point now)
    {
        if (core_.phase != phase::running)
            return tell(number, core_.phase < phase::running ? errc::not_started : errc::shutting_down);
        if (has_seen(token))
            return tell(number, errc::success);
        if (core_.awaited.size() >= core_.options.operations_count_max)
            return tell(number, errc::too_many_operations);
        core_.awaited.emplace_hint(
            core_.awaited.end(), number, awaited_write{token, saturating_add(now, core_.options.operation_timeout)});
        core_.awaited_by_token.emplace(token, number);
        set_timer();
    }

    /// O(writers that are waited for + what is complete).
    void on_store_changed()
    {
        auto& waiting = core_.awaited_by_token;
        for (auto at = waiting.begin(); at != waiting.end();) {
            auto const [token, number] = *at;
            if (has_seen(token)) {
                at = waiting.erase(at);
                core_.awaited.erase(number);
                tell(number, errc::success);
            } else {
                at =
                    waiting.upper_bound({{token.origin, ~store_version{0}}, ~std::uint64_t{0}}); // later ones are not seen either
            }
        }
    }

    void on_timer(time_point now)
    {
        core_.awaited_timer_set = false;
        while (!core_.awaited.empty() && core_.awaited.begin()->second.deadline <= now)
            fail_first(errc::timed_out);
        set_timer();
    }

    void fail_all(errc code)
    {
        while (!core_.awaited.empty())
            fail_first(code);
    }

private:
    [[nodiscard]] bool has_seen(version_token const& token) const
    {
        return token.version == 0 || core_.store.has_seen(token.origin, token.version);
    }

    void fail_first(errc code)
    {
        auto const first = core_.awaited.begin();
        auto const number = first->first;
        core_.awaited_by_token.erase({first->second.token, number});
        core_.awaited.erase(first);
        tell(number, code);
    }

    void tell(std::uint64_t number, errc code) { core_.emit(wait_done_effect{number, code}); }

    void set_timer()
    {
        if (!core_.awaited.empty() && !std::exchange(core_.awaited_timer_set, true))
            core_.timers.set(core_.awaited.begin()->second.deadline, wait_timer{});
    }

    State& core_;
};

} // namespace drover::core
