// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>

/// A directory of its own for a test, gone with it.
class temporary_directory {
public:
    temporary_directory()
    {
        auto pattern = (std::filesystem::temp_directory_path() / "drover-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            throw std::runtime_error{"there is no directory for temporary files"};
        path_ = pattern;
    }
    temporary_directory(temporary_directory const&) = delete;
    temporary_directory& operator=(temporary_directory const&) = delete;
    ~temporary_directory()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::string path() const { return path_.string(); }
    [[nodiscard]] std::string file(std::string const& name) const { return (path_ / name).string(); }

    [[nodiscard]] static std::string read(std::string const& file)
    {
        std::ifstream in{file, std::ios::binary};
        return {std::istreambuf_iterator<char>{in}, {}};
    }

    static void write(std::string const& file, std::string const& octets)
    {
        std::ofstream out{file, std::ios::binary | std::ios::trunc};
        out << octets;
    }

private:
    std::filesystem::path path_;
};
