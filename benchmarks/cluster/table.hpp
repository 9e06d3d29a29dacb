// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace cluster_benchmark {

/// Prints rows as they come, under a heading.
class table {
public:
    table(std::string const& title, std::vector<std::string> columns) : columns_{std::move(columns)}
    {
        std::printf("\n%s\n", title.c_str());
        row(columns_);
    }

    void row(std::vector<std::string> const& cells) const
    {
        for (std::size_t i = 0; i < cells.size(); ++i)
            std::printf("%*s", width_of(i), cells[i].c_str());
        std::printf("\n");
        std::fflush(stdout);
    }

private:
    [[nodiscard]] int width_of(std::size_t column) const
    {
        auto const size = column < columns_.size() ? columns_[column].size() : 0;
        return static_cast<int>((size < 10 ? 10 : size) + 2);
    }

    std::vector<std::string> columns_;
};

[[nodiscard]] inline std::string fixed(double value, int digits)
{
    char text[64];
    std::snprintf(text, sizeof text, "%.*f", digits, value);
    return text;
}

/// "12345", of a rate.
[[nodiscard]] inline std::string whole(double value) { return fixed(value, 0); }
[[nodiscard]] inline std::string milliseconds(std::uint64_t nanoseconds)
{
    return fixed(static_cast<double>(nanoseconds) / 1e6, 2);
}
[[nodiscard]] inline std::string microseconds(std::uint64_t nanoseconds)
{
    return fixed(static_cast<double>(nanoseconds) / 1e3, 2);
}

} // namespace cluster_benchmark
