// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace drover {

/// When a child that ended is started again (as in Erlang/OTP).
enum class restart_rule : std::uint8_t {
    permanent = 0, ///< always
    transient = 1, ///< after a failure; a normal exit is the end of its work
    temporary = 2, ///< never; its spec goes with it
};

/// Who is restarted with a child that failed (as in Erlang/OTP).
enum class restart_strategy : std::uint8_t {
    one_for_one = 0,  ///< nobody
    one_for_all = 1,  ///< all its siblings
    rest_for_one = 2, ///< the siblings that were started after it
};

/// Whether a supervisor stops when `significant` children have ended by themselves (as in Erlang/OTP).
enum class auto_shutdown : std::uint8_t {
    off = 0,             ///< OTP's `never`
    any_significant = 1, ///< when the first of them has
    all_significant = 2, ///< when the last of them has
};

/// Whose failures are counted together.
enum class intensity_scope : std::uint8_t {
    per_child = 0,      ///< each child has a budget of its own, and past it is parked
    per_supervisor = 1, ///< all children share one, and past it the supervisor gives up: OTP's rule
};

/// What follows when a child has spent its budget.
enum class exhaustion : std::uint8_t {
    park = 0,     ///< it waits, listed with its reason, and is tried again after a while; nobody else is harmed
    escalate = 1, ///< its supervisor has failed: see docs/supervision.md
};

/// How often a child may fail: more than `max_restarts` failures within `max_seconds` are too many.
struct restart_intensity {
    std::uint32_t max_restarts = 3;
    std::chrono::seconds max_seconds{5};

    friend bool operator==(restart_intensity const&, restart_intensity const&) = default;
};

/// How long a child that failed waits before it is started again. The first restart is immediate; the n-th in a row after it
/// waits `min` doubled n - 1 times, `max` at most, less a share at random of up to `jitter_percent`. A run of `stable_after`
/// ends the row.
struct restart_backoff {
    duration min = std::chrono::milliseconds{100};
    duration max = std::chrono::seconds{10};
    std::uint32_t jitter_percent = 20;
    duration stable_after = std::chrono::seconds{30};

    friend bool operator==(restart_backoff const&, restart_backoff const&) = default;
};

/// OTP's: no wait at all.
inline constexpr restart_backoff immediate_restarts{duration::zero(), duration::zero(), 0, duration::zero()};

/// Shutdown deadlines with a name. A child that has not stopped by its deadline is destroyed.
inline constexpr duration brutal_kill = duration::zero();
inline constexpr duration infinity = duration::max();

/// What should run. One spec for all kinds of child.
struct child_spec {
    child_id id{};      ///< its name within the supervisor; 1 to 255 octets
    std::string type{}; ///< registered with `add_child_type` on the nodes that can run it
    bytes arguments{};  ///< handed to the factory; at most 64 KiB
    restart_rule restart = restart_rule::permanent;
    duration shutdown = std::chrono::seconds{5};  ///< time to stop in, or `brutal_kill`, or `infinity`
    std::optional<restart_intensity> intensity{}; ///< instead of the supervisor's
    std::optional<restart_backoff> backoff{};     ///< instead of the supervisor's
    exhaustion on_exhausted = exhaustion::park;
    bool significant = false;   ///< its end may end the supervisor: see `auto_shutdown`; not for permanent children
    bool is_supervisor = false; ///< it supervises children of its own; for `count_children`
    std::int32_t priority = 0;  ///< larger ones are started first after a failover
    /// In a cluster: a name of `supervisor_options::groups`. Its children run on one node, and are restarted by its strategy.
    std::string group{};
    /// In a cluster: the type that it is started as once it seems to take its nodes down with it, one whose children are
    /// processes of their own. Without one it is quarantined then.
    std::string isolated_type{};

    friend bool operator==(child_spec const&, child_spec const&) = default;
};

namespace limits {

inline constexpr std::uint32_t max_restarts_max = 1'000;
inline constexpr std::chrono::seconds max_seconds_max{24 * 3600};
inline constexpr duration backoff_max = std::chrono::hours{24};
inline constexpr std::size_t group_name_size_max = 255;

} // namespace limits

/// One sentence that names the field and says what is wrong with it, or an empty one.
[[nodiscard]] inline std::string validate(restart_intensity const& intensity)
{
    if (intensity.max_restarts > limits::max_restarts_max)
        return "max_restarts is " + std::to_string(intensity.max_restarts) + ", more than "
            + std::to_string(limits::max_restarts_max);
    if (intensity.max_seconds <= std::chrono::seconds::zero())
        return "max_seconds must be positive";
    if (intensity.max_seconds > limits::max_seconds_max)
        return "max_seconds is over a day";
    return {};
}

/// One sentence that names the field and says what is wrong with it, or an empty one.
[[nodiscard]] inline std::string validate(restart_backoff const& backoff)
{
    if (backoff.min < duration::zero() || backoff.stable_after < duration::zero())
        return "backoff.min and backoff.stable_after must not be negative";
    if (backoff.max < backoff.min)
        return "backoff.max is less than backoff.min";
    if (backoff.max > limits::backoff_max || backoff.stable_after > limits::backoff_max)
        return "backoff.max and backoff.stable_after are at most a day";
    if (backoff.jitter_percent > 100)
        return "backoff.jitter_percent is " + std::to_string(backoff.jitter_percent) + ", more than 100";
    return {};
}

namespace detail {

[[nodiscard]] inline std::string check_size(char const* what, std::size_t size, std::size_t size_max)
{
    return size <= size_max ? std::string{}
                            : std::string{what} + " " + std::to_string(size) + " octets, more than " + std::to_string(size_max);
}

} // namespace detail

/// One sentence that names the field and says what is wrong with it, or an empty one.
[[nodiscard]] inline std::string validate(child_spec const& spec)
{
    if (spec.id.empty())
        return "id is empty";
    if (auto sentence = detail::check_size("id has", spec.id.size(), limits::child_id_size_max); !sentence.empty())
        return sentence;
    if (spec.type.empty())
        return "type is empty";
    if (auto sentence = detail::check_size("type has", spec.type.size(), limits::type_name_size_max); !sentence.empty())
        return sentence;
    if (auto sentence = detail::check_size("arguments have", spec.arguments.size(), limits::arguments_size_max);
        !sentence.empty())
        return sentence;
    if (spec.restart > restart_rule::temporary)
        return "restart is not one of permanent, transient, temporary";
    if (spec.shutdown < duration::zero())
        return "shutdown is negative";
    if (spec.on_exhausted > exhaustion::escalate)
        return "on_exhausted is not one of park, escalate";
    if (spec.significant && spec.restart == restart_rule::permanent)
        return "significant is for transient and temporary children: a permanent one never ends by itself";
    if (auto sentence = detail::check_size("group has", spec.group.size(), limits::group_name_size_max); !sentence.empty())
        return sentence;
    if (auto sentence = detail::check_size("isolated_type has", spec.isolated_type.size(), limits::type_name_size_max);
        !sentence.empty())
        return sentence;
    if (spec.intensity)
        if (auto sentence = validate(*spec.intensity); !sentence.empty())
            return sentence;
    return spec.backoff ? validate(*spec.backoff) : std::string{};
}

/// OTP's `check_childspecs`: each spec is valid, and no id is used twice. One sentence that names the child and the field, or
/// an empty one. O(n log n).
[[nodiscard]] inline std::string check_child_specs(std::span<child_spec const> specs)
{
    std::vector<bytes_view> ids;
    ids.reserve(specs.size());
    for (auto const& spec : specs) {
        if (auto const sentence = validate(spec); !sentence.empty())
            return "child '" + spec.id + "': " + sentence;
        ids.push_back(spec.id);
    }
    std::sort(ids.begin(), ids.end());
    auto const twice = std::adjacent_find(ids.begin(), ids.end());
    return twice == ids.end() ? std::string{} : "child '" + std::string{*twice} + "': id is used twice";
}

} // namespace drover
