// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <malloc.h>
#include <new>

/// Counts what the program allocates. For programs of one thread and one file: it replaces `operator new`.
namespace counted_allocations {

inline std::uint64_t count = 0; ///< so far

/// Octets that malloc has set aside and not got back, its own words and what it rounds up included. (glibc)
[[nodiscard]] inline std::int64_t octets_held()
{
    auto const now = ::mallinfo2();
    return static_cast<std::int64_t>(now.uordblks + now.hblkhd);
}

} // namespace counted_allocations

// Not inlined: g++ 12 warns of a mismatched delete where it sees one half of the pair only.
[[nodiscard, gnu::noinline]] void* operator new(std::size_t size)
{
    auto* const made = std::malloc(size == 0 ? 1 : size);
    if (made == nullptr)
        throw std::bad_alloc{};
    ++counted_allocations::count;
    return made;
}

[[gnu::noinline]] void operator delete(void* gone) noexcept { std::free(gone); }
[[gnu::noinline]] void operator delete(void* gone, std::size_t) noexcept { std::free(gone); }
