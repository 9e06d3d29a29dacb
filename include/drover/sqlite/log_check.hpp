// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/policy/journal.hpp>
#include <drover/sqlite/failures.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <string>
#include <unistd.h>

namespace drover::sqlite {

/// Looks at a write-ahead log from its beginning to its end, to tell a torn end from damage.
///
/// SQLite takes a log up to its first frame that is wrong, since a loss of power leaves such an end: the last transaction, which
/// nobody was told of. But a transaction is synchronised before the next is begun. So what is wrong in one that another follows
/// is damage, and what SQLite would leave out was committed. (https://www.sqlite.org/fileformat2.html, section 4)
///
/// Frames are given one after the other, each as it is in the file.
class log_check {
public:
    static constexpr std::size_t header_size = 32;
    static constexpr std::size_t frame_header_size = 24;

    /// False: it is not a log's.
    [[nodiscard]] bool take_header(bytes_view header)
    {
        auto const magic = word(header, 0);
        if (magic != 0x377f0682 && magic != 0x377f0683)
            return false;
        big_endian_ = magic == 0x377f0683;
        page_size_ = word(header, 8) == 1 ? 65'536 : word(header, 8);
        salts_ = {word(header, 16), word(header, 20)};
        if (page_size_ < 512 || page_size_ > 65'536 || (page_size_ & (page_size_ - 1)) != 0)
            return false;
        add(header.substr(0, 24));
        return sums_[0] == word(header, 24) && sums_[1] == word(header, 28);
    }

    [[nodiscard]] std::size_t frame_size() const { return frame_header_size + page_size_; }

    /// False: there is a transaction behind one that is damaged.
    [[nodiscard]] bool take_frame(bytes_view frame)
    {
        auto const ours = word(frame, 8) == salts_[0] && word(frame, 12) == salts_[1];
        auto const commits = word(frame, 4) != 0;
        if (!broken_) {
            add(frame.substr(0, 8));
            add(frame.substr(frame_header_size));
            broken_ = !ours || sums_[0] != word(frame, 16) || sums_[1] != word(frame, 20);
            if (broken_)
                complete_ = commits; // the frame that ends a transaction, or else one within it
            return true;
        }
        if (ours && complete_)
            return false;
        complete_ = complete_ || (ours && commits);
        return true;
    }

private:
    [[nodiscard]] static std::uint32_t octet(bytes_view from, std::size_t at) { return static_cast<unsigned char>(from[at]); }
    [[nodiscard]] static std::uint32_t word(bytes_view from, std::size_t at)
    {
        return octet(from, at) << 24 | octet(from, at + 1) << 16 | octet(from, at + 2) << 8 | octet(from, at + 3);
    }
    [[nodiscard]] std::uint32_t summand(bytes_view from, std::size_t at) const
    {
        if (big_endian_)
            return word(from, at);
        return octet(from, at + 3) << 24 | octet(from, at + 2) << 16 | octet(from, at + 1) << 8 | octet(from, at);
    }

    void add(bytes_view octets)
    {
        for (std::size_t at = 0; at + 8 <= octets.size(); at += 8) {
            sums_[0] += summand(octets, at) + sums_[1];
            sums_[1] += summand(octets, at + 4) + sums_[0];
        }
    }

    std::array<std::uint32_t, 2> sums_{};
    std::array<std::uint32_t, 2> salts_{};
    std::size_t page_size_ = 0;
    bool big_endian_ = false;
    bool broken_ = false;   // a frame that SQLite does not take has come
    bool complete_ = false; // and the end of its transaction
};

/// Looks at the log of a database file. Pre: this process has the lock of the file, so that nobody writes.
[[nodiscard]] inline journal_failure check_log(std::string const& file)
{
    auto const log = file + "-wal";
    auto const descriptor = ::open(log.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return errno == ENOENT ? journal_failure{} : system_failure(errno, file, errc::journal_unreadable);
    log_check check;
    journal_failure failure;
    // As much as was asked for, or less at the end of the file.
    auto const read = [&](std::size_t size) {
        bytes result(size, '\0');
        std::size_t done = 0;
        while (done < size && !failure) {
            auto const count = ::read(descriptor, result.data() + done, size - done);
            if (count == 0)
                break;
            if (count < 0 && errno != EINTR)
                failure = system_failure(errno, file, errc::journal_unreadable);
            done += count > 0 ? static_cast<std::size_t>(count) : 0;
        }
        result.resize(done);
        return result;
    };
    auto const header = read(log_check::header_size);
    auto const damaged = header.size() == log_check::header_size && !check.take_header(header);
    if (damaged && !failure && !read(1).empty())
        failure = failure_of(errc::journal_corrupt, file, "the beginning of its write-ahead log makes no sense");
    if (header.size() == log_check::header_size && !damaged)
        for (auto frame = read(check.frame_size()); !failure && frame.size() == check.frame_size();
             frame = read(check.frame_size()))
            if (!check.take_frame(frame))
                failure = failure_of(errc::journal_corrupt, file, "its write-ahead log is damaged before its last transaction");
    ::close(descriptor);
    return failure;
}

} // namespace drover::sqlite
