// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace drover::detail {

/// Binary logarithms of random draws, in fixed point: integers only, so that they are the same on every machine. The unit is
/// 2^-48, and the largest value 64 units of 2^48.
inline constexpr unsigned logarithm_fraction_bits = 48;

/// The first 48 binary digits of log2(mantissa / 2^63), cut off. Pre: mantissa >= 2^63.
///
/// By repeated squaring (Turner, A Fast Binary Logarithm Algorithm, 2010): the square of a number in [1, 2) is 2 or more exactly
/// when the next digit of its logarithm is 1. Each step cuts off, and cutting off keeps the order of two mantissas; so does, by
/// induction over the digits, the result: it is monotone. What is cut off at step i counts for less than 2^-62-i, so the result
/// is less than one unit and 2^-61 below the true value, never above.
[[nodiscard]] constexpr std::uint64_t log2_fraction(std::uint64_t mantissa)
{
    __extension__ using wide = unsigned __int128;
    std::uint64_t fraction = 0;
    for (unsigned digit = 0; digit < logarithm_fraction_bits; ++digit) {
        auto const square = wide{mantissa} * mantissa;
        auto const two_or_more = static_cast<unsigned>(square >> 127);
        mantissa = static_cast<std::uint64_t>(square >> (63 + two_or_more));
        fraction = fraction * 2 + two_or_more;
    }
    return fraction;
}

/// -log2((draw + 1) / 2^64): of a draw that is uniform over 64 bits, an exponentially distributed number.
///
/// Falls monotonically from 64 at draw 0 to 0 at the largest. Never below the true value, and above it by less than one unit
/// and 2^-61.
[[nodiscard]] constexpr std::uint64_t negative_log2(std::uint64_t draw)
{
    auto const value = draw + 1;
    if (value == 0)
        return 0;
    auto const zeros = static_cast<unsigned>(std::countl_zero(value));
    return ((std::uint64_t{zeros} + 1) << logarithm_fraction_bits) - log2_fraction(value << zeros);
}

inline constexpr unsigned logarithm_segments_bits = 7;

/// log2_fraction at the ends of 128 equal segments of [1, 2].
inline constexpr auto logarithm_knots = [] {
    constexpr std::size_t segments = std::size_t{1} << logarithm_segments_bits;
    std::array<std::uint64_t, segments + 1> knots{};
    for (std::uint64_t at = 0; at < segments; ++at)
        knots[at] = log2_fraction((segments + at) << (63 - logarithm_segments_bits));
    knots[segments] = std::uint64_t{1} << logarithm_fraction_bits;
    return knots;
}();

/// By how much `negative_log2_above` may be too large: 2^-16. The chord of a segment of width h lies below log2 by at most
/// h^2 / (8 ln 2), which is 1.44 * 2^-17; what the knots and the product cut off is some units more.
inline constexpr std::uint64_t negative_log2_slack = std::uint64_t{1} << (logarithm_fraction_bits - 16);

/// An upper bound of `negative_log2(draw)`, too large by at most `negative_log2_slack`, in a twentieth of the time: log2 is
/// concave, so chords lie below it.
[[nodiscard]] constexpr std::uint64_t negative_log2_above(std::uint64_t draw)
{
    auto const value = draw + 1;
    if (value == 0)
        return 0;
    auto const zeros = static_cast<unsigned>(std::countl_zero(value));
    auto const behind_point = (value << zeros) << 1; // the leading 1 falls off
    auto const at = static_cast<std::size_t>(behind_point >> (64 - logarithm_segments_bits));
    auto const within = behind_point << logarithm_segments_bits >> 44; // the next 20 bits
    auto const chord = logarithm_knots[at] + (within * ((logarithm_knots[at + 1] - logarithm_knots[at]) >> 20));
    return ((std::uint64_t{zeros} + 1) << logarithm_fraction_bits) - chord;
}

} // namespace drover::detail
