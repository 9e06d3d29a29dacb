// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/time.hpp>
#include <drover/child/child_source.hpp>
#include <drover/json/child_list.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

namespace drover {

/// How a file of children is followed.
struct child_file_options {
    std::string prefix{};                                 ///< of the ids that the file owns; empty: all of them
    duration poll_interval = std::chrono::seconds{1};     ///< between looks at whether the file is another one
    std::size_t size_max = std::size_t{64} * 1024 * 1024; ///< in octets
};

namespace json {

/// What tells one state of a file from another, without reading it.
struct file_stamp {
    bool exists = false;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t modified_s = 0;
    std::int64_t modified_ns = 0;

    friend bool operator==(file_stamp const&, file_stamp const&) = default;
};

namespace detail {

/// Blocks. Whatever cannot be looked at is as if it were not there: only for comparison.
[[nodiscard]] inline file_stamp stamp_of(std::string const& path)
{
    struct stat found = {};
    if (::stat(path.c_str(), &found) != 0)
        return {};
    return {true, static_cast<std::uint64_t>(found.st_dev), static_cast<std::uint64_t>(found.st_ino),
        static_cast<std::int64_t>(found.st_size), static_cast<std::int64_t>(found.st_mtim.tv_sec),
        static_cast<std::int64_t>(found.st_mtim.tv_nsec)};
}

/// The octets of a regular file, or why it could not be read. Blocks.
[[nodiscard]] inline std::optional<std::string> read_file(std::string const& path, std::size_t size_max, std::string& failure)
{
    auto const fail = [&](std::string const& why) {
        failure = "could not read '" + path + "': " + why;
        return std::nullopt;
    };
    auto const system_says = [](int code) { return std::generic_category().message(code); };
    struct stat found = {};
    if (::stat(path.c_str(), &found) != 0)
        return fail(system_says(errno));
    if (!S_ISREG(found.st_mode))
        return fail("it is not a regular file"); // a pipe would block
    std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file{std::fopen(path.c_str(), "rb"), &std::fclose};
    if (!file)
        return fail(system_says(errno));
    std::string text;
    constexpr std::size_t part_size = 64 * 1024;
    for (std::size_t got = part_size; got > 0;) {
        auto const before = text.size();
        text.resize(before + part_size);
        got = std::fread(text.data() + before, 1, part_size, file.get());
        text.resize(before + got);
        if (text.size() > size_max)
            return fail("it has more than " + std::to_string(size_max) + " octets");
    }
    if (std::ferror(file.get()) != 0)
        return fail("the disk failed while it was read");
    return text;
}

} // namespace detail
} // namespace json

/// Children that are listed in a file of JSON (docs/child_sources.md), which is read again when it is another one: its
/// modification time, its size or its inode tells. Replace it as a whole, by renaming a new one over it: a file that is read
/// while it is half written has a syntax error, and changes nothing until it is whole.
///
/// A file that cannot be read, or that is no list, has failed and changes nothing; an entry that is wrong is told with its line,
/// and left out.
class child_file final : public child_source {
public:
    /// `name`: of the source.
    child_file(std::string name, std::string path, child_file_options options = {})
        : child_source{std::move(name)}, path_{std::move(path)}, options_{std::move(options)}
    {
        expects(!path_.empty(), "a file of children has a path");
        expects(options_.poll_interval > duration::zero(), "child_file_options: poll_interval must be positive");
    }

    [[nodiscard]] bool owns(bytes_view id) const noexcept override { return id.starts_with(options_.prefix); }

    void start(source_host& host, unique_function<void()> changed) override
    {
        host_ = &host;
        changed_ = std::move(changed);
        look_later();
    }

    void stop() override { host_ = nullptr; }

    void read(read_done done) override
    {
        struct job {
            std::string path;
            std::size_t size_max;
            json::file_stamp stamp{};
            std::optional<source_reading> reading{};
        };
        auto const shared = std::make_shared<job>(job{path_, options_.size_max});
        host_->offload(
            [shared] {
                shared->stamp = json::detail::stamp_of(shared->path); // before: what is written meanwhile is seen as a change
                std::string failure;
                auto const text = json::detail::read_file(shared->path, shared->size_max, failure);
                shared->reading = text ? json::read_child_list(*text) : source_reading::failed(std::move(failure));
            },
            [this, shared, done = std::move(done)]() mutable {
                seen_ = shared->stamp;
                done(shared->reading ? std::move(*shared->reading) : source_reading::failed("it was not read"));
            });
    }

private:
    void look_later()
    {
        host_->set_timer(options_.poll_interval, [this] {
            auto const stamp = std::make_shared<json::file_stamp>();
            host_->offload([stamp, path = path_] { *stamp = json::detail::stamp_of(path); },
                [this, stamp] {
                    look_later();
                    if (std::exchange(seen_, *stamp) != *stamp)
                        changed_();
                });
        });
    }

    std::string path_;
    child_file_options options_;
    source_host* host_ = nullptr;
    unique_function<void()> changed_;
    json::file_stamp seen_;
};

} // namespace drover
