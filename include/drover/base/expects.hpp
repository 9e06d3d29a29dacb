// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace drover {

namespace detail {

[[noreturn]] inline void expectation_failed(char const* sentence, char const* file, int line)
{
    std::fprintf(stderr, "drover: %s (%s:%d)\n", sentence, file, line);
    std::abort();
}

} // namespace detail

/// Stops the program when `condition` does not hold.
///
/// For mistakes of the programmer only, never for input: it stays on in every build. `sentence` says what was expected, in
/// the caller's words. Prints one line to standard error, then aborts.
constexpr void expects(bool condition, char const* sentence, char const* file = __builtin_FILE(), int line = __builtin_LINE())
{
    if (!condition) [[unlikely]]
        detail::expectation_failed(sentence, file, line);
}

} // namespace drover
