// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace drover {

/// When a child that ended is started again (as in Erlang/OTP).
enum class restart_rule : std::uint8_t {
    permanent = 0, ///< always
    transient = 1, ///< after a failure; a normal exit is the end of its work
    temporary = 2, ///< never; its spec goes with it
};

/// How often a child may fail before it is parked: more than `max_restarts` failures within `max_seconds` are too many.
struct restart_intensity {
    std::uint32_t max_restarts = 3;
    std::chrono::seconds max_seconds{5};

    friend bool operator==(restart_intensity const&, restart_intensity const&) = default;
};

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

    friend bool operator==(child_spec const&, child_spec const&) = default;
};

namespace limits {

inline constexpr std::uint32_t max_restarts_max = 1'000;
inline constexpr std::chrono::seconds max_seconds_max{24 * 3600};

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
[[nodiscard]] inline std::string validate(child_spec const& spec)
{
    if (spec.id.empty())
        return "id is empty";
    if (spec.id.size() > limits::child_id_size_max)
        return "id has " + std::to_string(spec.id.size()) + " octets, more than " + std::to_string(limits::child_id_size_max);
    if (spec.type.empty())
        return "type is empty";
    if (spec.type.size() > limits::type_name_size_max)
        return "type has " + std::to_string(spec.type.size()) + " octets, more than "
            + std::to_string(limits::type_name_size_max);
    if (spec.arguments.size() > limits::arguments_size_max)
        return "arguments have " + std::to_string(spec.arguments.size()) + " octets, more than "
            + std::to_string(limits::arguments_size_max);
    if (static_cast<unsigned>(spec.restart) > static_cast<unsigned>(restart_rule::temporary))
        return "restart is not one of permanent, transient, temporary";
    if (spec.shutdown < duration::zero())
        return "shutdown is negative";
    return spec.intensity ? validate(*spec.intensity) : std::string{};
}

} // namespace drover
