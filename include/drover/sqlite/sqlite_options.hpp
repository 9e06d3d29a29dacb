// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstdint>
#include <string>

namespace drover {

/// Where a `sqlite_journal` is, and how large it may become.
struct sqlite_options {
    /// A file, or a directory that is there; empty: the current directory. In a directory the file is called
    /// `drover.<scope>.<node>.sqlite`. The file is made when it is not there; a directory is not.
    std::string path{};
    /// In octets, of the database without its write-ahead log, rounded down to whole pages of 4 KiB; what does not fit fails as
    /// on a full disk. 0: as large as the disk.
    std::uint64_t size_max = 0;
};

} // namespace drover
