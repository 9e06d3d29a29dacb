// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace cluster_benchmark {

enum class extent : std::uint8_t {
    quick,    ///< a few seconds, to see that it runs
    ordinary, ///< the sizes that tell the most, in a minute or two
    full,     ///< everything
};

struct options {
    extent size = extent::ordinary;
    std::string only{};         ///< the one part to run; empty: all
    std::size_t nodes = 0;      ///< 0: what the extent says
    std::uint64_t children = 0; ///< 0: what the extent says
};

/// What a wrong command line gets.
struct usage_error {
    std::string sentence;
};

/// Asked for, instead of a run.
struct help_wanted {};

/// Reads the command line; `parts` are the names that `--only` takes.
[[nodiscard]] std::variant<options, usage_error, help_wanted> parse(
    std::vector<std::string> const& arguments, std::vector<std::string> const& parts);

} // namespace cluster_benchmark
