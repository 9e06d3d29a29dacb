// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/hash.hpp>

#include <bit>
#include <cstdint>
#include <string>

namespace drover::simulation {

/// What a run came to: two runs that did the same have equal digests.
struct digest_value {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    friend bool operator==(digest_value const&, digest_value const&) = default;

    /// 32 hexadecimal digits.
    [[nodiscard]] std::string to_string() const
    {
        static constexpr char digits[] = "0123456789abcdef";
        std::string text(32, '0');
        for (std::size_t i = 0; i < 16; ++i) {
            text[i] = digits[(high >> (60 - 4 * i)) & 15];
            text[16 + i] = digits[(low >> (60 - 4 * i)) & 15];
        }
        return text;
    }
};

/// Mixes a sequence of numbers into 128 bits. The order counts. Equal on every machine.
class digest_mixer {
public:
    constexpr void absorb(std::uint64_t value)
    {
        value_.low = mix64(value_.low + value + 0x9e3779b97f4a7c15ULL);
        value_.high = std::rotl(value_.high, 29) * 0xd6e8feb86659fd93ULL + (value_.low ^ value);
    }

    [[nodiscard]] constexpr digest_value value() const { return value_; }

private:
    digest_value value_{0x243f6a8885a308d3ULL, 0x13198a2e03707344ULL};
};

} // namespace drover::simulation
