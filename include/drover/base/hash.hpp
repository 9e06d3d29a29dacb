// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>

#include <cstddef>
#include <cstdint>

#include <xxhash.h>

namespace drover {

/// XXH3 (Yann Collet), 64 bits. The same value on every machine, for ever: placement and the wire depend on it.
///
/// This is the only place that names xxHash. It is linked, not inlined: an inlined copy would be another function in every
/// translation unit.
[[nodiscard]] inline std::uint64_t hash64(bytes_view data, std::uint64_t seed = 0)
{
    return XXH3_64bits_withSeed(data.data(), data.size(), seed);
}

/// Spreads one integer over 64 bits (the finaliser of MurmurHash3 as tuned by David Stafford, variant 13).
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t value)
{
    value ^= value >> 30;
    value *= 0xbf58476d1ce4e5b9ULL;
    value ^= value >> 27;
    value *= 0x94d049bb133111ebULL;
    value ^= value >> 31;
    return value;
}

/// Hashes keys of unordered containers. Deterministic; the containers are looked up, never iterated.
struct bytes_hash {
    using is_transparent = void;
    [[nodiscard]] std::size_t operator()(bytes_view key) const { return static_cast<std::size_t>(hash64(key)); }
};

} // namespace drover
