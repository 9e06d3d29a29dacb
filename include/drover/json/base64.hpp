// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace drover::json {

/// Decodes base64 (RFC 4648, section 4): with its padding, without line ends, and with nothing left over in the last character.
[[nodiscard]] inline std::optional<bytes> decode_base64(std::string_view text)
{
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (text.size() % 4 != 0)
        return std::nullopt;
    std::size_t padding = 0;
    while (padding < 2 && !text.empty() && text.back() == '=') {
        text.remove_suffix(1);
        ++padding;
    }
    bytes result;
    result.reserve(text.size() * 3 / 4);
    std::uint32_t gathered = 0;
    unsigned bits = 0;
    for (auto const character : text) {
        auto const digit = alphabet.find(character);
        if (digit == std::string_view::npos)
            return std::nullopt;
        gathered = (gathered << 6 | static_cast<std::uint32_t>(digit)) & 0xffffff;
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        result.push_back(static_cast<char>(gathered >> bits & 0xff));
    }
    auto const left_over = gathered & ((1U << bits) - 1);
    return left_over == 0 ? std::optional{result} : std::nullopt;
}

} // namespace drover::json
