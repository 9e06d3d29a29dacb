// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/policy/state_store.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover {

/// Names a write, on every node: who wrote it, and which of its writes it was. A node that has seen it answers reads with at
/// least what was written. The default one names nothing, which every node has seen.
struct version_token {
    origin_id origin = 0; ///< of the writer's life
    store_version version = 0;

    friend auto operator<=>(version_token const&, version_token const&) = default;
};

/// For a header or a URL: 16 hexadecimal digits, `-`, and a decimal number: "00000000c0ffee00-42".
[[nodiscard]] inline std::string to_string(version_token const& token)
{
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text(16, '0');
    for (std::size_t i = 0; i < 16; ++i)
        text[i] = digits[(token.origin >> (60 - 4 * i)) & 15];
    return text + "-" + std::to_string(token.version);
}

/// What `to_string` gave; nothing for any other text.
[[nodiscard]] inline std::optional<version_token> parse_version_token(std::string_view text)
{
    constexpr std::string_view digits = "0123456789abcdef";
    constexpr std::size_t size_max = 16 + 1 + 20;
    if (text.size() < 18 || text.size() > size_max || text[16] != '-')
        return std::nullopt;
    version_token token;
    for (auto const digit : text.substr(0, 16)) {
        auto const value = digits.find(digit);
        if (value == std::string_view::npos)
            return std::nullopt;
        token.origin = token.origin << 4 | value;
    }
    for (auto const digit : text.substr(17)) {
        auto const value = digits.substr(0, 10).find(digit);
        if (value == std::string_view::npos || token.version > (~store_version{0} - value) / 10)
            return std::nullopt;
        token.version = token.version * 10 + value;
    }
    if (text[17] == '0' && text.size() > 18)
        return std::nullopt; // one text for each
    return token;
}

} // namespace drover
