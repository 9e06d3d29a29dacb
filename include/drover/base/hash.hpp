// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>

#include <cstddef>
#include <cstdint>

// A program that includes <xxhash.h> with XXH_INLINE_ALL or XXH_NAMESPACE before us renames the function by a macro.
#pragma push_macro("XXH3_64bits_withSeed")
#undef XXH3_64bits_withSeed

namespace drover {

namespace detail {

/// XXH3 of xxHash, from the library: the one declaration of it that Drover needs, stable since xxHash 0.8.0.
///
/// It stands here instead of <xxhash.h>, which would leave its macros with everyone who includes us, and which, where a program
/// inlines xxHash, would make another `hash64` of each translation unit. A test compares it with the header.
extern "C" std::uint64_t XXH3_64bits_withSeed(void const* data, std::size_t size, std::uint64_t seed);

} // namespace detail

/// XXH3 (Yann Collet), 64 bits. The same value on every machine, for ever: placement and the wire depend on it.
///
/// This is the only place that names xxHash.
[[nodiscard]] inline std::uint64_t hash64(bytes_view data, std::uint64_t seed = 0)
{
    return detail::XXH3_64bits_withSeed(data.data(), data.size(), seed);
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

#pragma pop_macro("XXH3_64bits_withSeed")
