// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/base/hash.hpp>

#include <xxhash.h>

#include <catch2/catch_test_macros.hpp>

#include <concepts>
#include <set>
#include <string>
#include <unordered_set>

using drover::hash64;

// Drover declares the one function of xxHash that it calls. This file includes xxhash.h too: a declaration that differs does
// not compile (two functions of one C name), and this compares what the compiler would let pass.
static_assert(std::same_as<decltype(&XXH3_64bits_withSeed), decltype(&drover::detail::XXH3_64bits_withSeed)>);

TEST_CASE("hash64 is XXH3 with 64 bits, and has the same value for ever", "[base]")
{
    // Placement and the wire depend on these.
    CHECK(hash64("") == 0x2d06800538d394c2);
    CHECK(hash64("name the work that must run") == 0x889da7fa6cc92f0c);
    std::string const page(4'096, 'x');
    for (std::size_t const size : {0U, 1U, 3U, 4U, 8U, 9U, 16U, 17U, 128U, 129U, 240U, 241U, 1'024U, 4'096U}) // its cases
        for (std::uint64_t const seed : {0ULL, 1ULL, 0x123456789abcdefULL}) {
            INFO(size << " octets, seed " << seed);
            CHECK(hash64({page.data(), size}, seed) == XXH3_64bits_withSeed(page.data(), size, seed));
        }
}

TEST_CASE("mix64 takes no two integers to one, and spreads neighbours", "[base]")
{
    CHECK(drover::mix64(0) == 0);
    std::set<std::uint64_t> mixed;
    for (std::uint64_t value = 1; value <= 10'000; ++value)
        mixed.insert(drover::mix64(value) >> 32U);
    CHECK(mixed.size() > 9'990); // even their upper halves
}

TEST_CASE("an unordered container of octets is asked with a view", "[base]")
{
    std::unordered_set<drover::bytes, drover::bytes_hash, std::equal_to<>> const all{"a", "b"};
    CHECK(all.contains(drover::bytes_view{"a"}));
    CHECK_FALSE(all.contains(drover::bytes_view{"c"}));
}
