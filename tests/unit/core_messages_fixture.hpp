// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/messages.hpp>

#include <optional>
#include <utility>
#include <variant>

/// The messages as values, to look at.
namespace core_test {

using any_message = std::variant<drover::core::store_message, drover::core::regroup_message, drover::core::regrouped_message,
    drover::core::command_message, drover::core::reply_message, drover::core::held_message, drover::core::want_message,
    drover::core::call_message, drover::core::answer_message, drover::core::no_scope_message>;

/// None when `visit_message` refuses the frame.
[[nodiscard]] inline std::optional<any_message> decode_message(drover::bytes_view frame)
{
    std::optional<any_message> result;
    auto const understood = drover::core::visit_message(frame, [&](auto& message) { result = std::move(message); });
    return understood ? std::move(result) : std::nullopt;
}

} // namespace core_test
