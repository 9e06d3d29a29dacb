// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>
#include <vector>

namespace service_monitor {

/// Sentences that stay, and below them, on a terminal, a block of lines that is drawn again and again.
class screen {
public:
    void say(std::string const& sentence)
    {
        erase();
        std::cout << sentence << '\n';
        put(block_);
    }

    /// The block: on a terminal only.
    void draw(std::vector<std::string> const& lines)
    {
        if (!live_)
            return;
        erase();
        put(lines);
    }

    /// Lines that stay where there is no terminal; on one, the block shows the same.
    void print(std::vector<std::string> const& lines)
    {
        if (live_)
            return draw(lines);
        for (auto const& line : lines)
            std::cout << line << '\n';
        std::cout << '\n' << std::flush;
    }

    /// The block stays as it is; what is said from now on follows it.
    void finish()
    {
        if (live_)
            std::cout << '\n';
        live_ = false;
        block_.clear();
    }

private:
    struct extent {
        std::size_t rows = 24;
        std::size_t columns = 80;
    };

    static extent size()
    {
        winsize window{};
        if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_row == 0 || window.ws_col == 0)
            return {};
        return {window.ws_row, window.ws_col};
    }

    void erase()
    {
        if (!block_.empty())
            std::cout << "\x1b[" << block_.size() << "F\x1b[J";
    }

    // No more lines, and none longer, than the terminal has: otherwise it could not be erased.
    void put(std::vector<std::string> const& lines)
    {
        auto const room = size();
        auto shown = std::vector<std::string>(
            lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(std::min(lines.size(), room.rows - 1)));
        for (auto& line : shown) {
            line = line.substr(0, room.columns - 1);
            std::cout << line << '\n';
        }
        std::cout << std::flush;
        block_ = std::move(shown);
    }

    bool live_ = isatty(STDOUT_FILENO) == 1;
    std::vector<std::string> block_;
};

} // namespace service_monitor
