// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/membership/heartbeat_messages.hpp>

#include <cstddef>
#include <optional>
#include <variant>

/// The messages as values, to look at.
namespace membership_test {

using message = std::variant<drover::heartbeat_messages::members, drover::heartbeat_messages::heartbeat,
    drover::heartbeat_messages::obituary>;

/// None when `visit_message` refuses the frame.
[[nodiscard]] inline std::optional<message> decode(drover::bytes_view frame, std::size_t members_count_max)
{
    std::optional<message> result;
    auto const understood =
        drover::heartbeat_messages::visit_message(frame, members_count_max, [&](auto const& told) { result = told; });
    return understood ? result : std::nullopt;
}

} // namespace membership_test
