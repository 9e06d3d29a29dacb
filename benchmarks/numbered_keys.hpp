// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

/// Ids of 16 octets: what the figures of all parts are about.
namespace numbered_keys {

inline constexpr std::size_t size = 16;

/// "child-0000000042".
[[nodiscard]] inline std::string key_of(std::uint64_t index)
{
    std::string key = "child-0000000000";
    for (auto at = key.size(); index > 0; index /= 10)
        key[--at] = static_cast<char>('0' + index % 10);
    return key;
}

} // namespace numbered_keys
