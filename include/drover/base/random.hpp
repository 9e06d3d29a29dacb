// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/time.hpp>

#include <cstdint>

namespace drover {

/// A reproducible stream of random numbers (SplitMix64; Steele, Lea and Flood 2014).
///
/// A stream is named by (seed, purpose, entity), so that what one part of a program draws never shifts what another part
/// draws. Distributions are our own: those of the standard library differ between implementations.
class random_stream {
public:
    constexpr explicit random_stream(std::uint64_t seed, std::uint64_t purpose = 0, std::uint64_t entity = 0)
        : state_{mix64(mix64(mix64(seed + golden) ^ (purpose + golden)) ^ (entity + golden))}
    {
    }

    [[nodiscard]] constexpr std::uint64_t next() { return mix64(state_ += golden); }

    /// Uniform in [0, bound). Pre: bound > 0. (Lemire's multiplication, without the rejection: the bias is below 2^-32 for
    /// the bounds used here.)
    [[nodiscard]] constexpr std::uint64_t below(std::uint64_t bound)
    {
        expects(bound > 0, "random_stream::below needs a positive bound");
        __extension__ using wide = unsigned __int128;
        return static_cast<std::uint64_t>((static_cast<wide>(next()) * bound) >> 64);
    }

    /// Uniform in [low, high]. Pre: low <= high.
    [[nodiscard]] constexpr std::uint64_t between(std::uint64_t low, std::uint64_t high)
    {
        return low + (high - low == ~std::uint64_t{0} ? next() : below(high - low + 1));
    }

    /// Uniform in [low, high]. Pre: 0 <= low <= high.
    [[nodiscard]] constexpr duration between(duration low, duration high)
    {
        return duration{static_cast<duration::rep>(
            between(static_cast<std::uint64_t>(low.count()), static_cast<std::uint64_t>(high.count())))};
    }

    /// True `per_million` times in a million.
    [[nodiscard]] constexpr bool chance(std::uint64_t per_million) { return below(1'000'000) < per_million; }

private:
    static constexpr std::uint64_t golden = 0x9e3779b97f4a7c15ULL;
    std::uint64_t state_;
};

} // namespace drover
