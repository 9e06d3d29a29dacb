// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>
#include <drover/base/hash.hpp>
#include <drover/policy/journal.hpp>
#include <drover/sqlite/connection.hpp>
#include <drover/sqlite/failures.hpp>
#include <drover/sqlite/schema.hpp>
#include <drover/wire/writer.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <fcntl.h>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

namespace drover::sqlite {

/// Letters, digits, `_` and `-` as they are, all else as %XX.
[[nodiscard]] inline std::string escaped(std::string_view name)
{
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string result;
    for (char const letter : name) {
        auto const octet = static_cast<unsigned char>(letter);
        if ((octet >= '0' && octet <= '9') || (octet >= 'A' && octet <= 'Z') || (octet >= 'a' && octet <= 'z') || octet == '_'
            || octet == '-')
            result += letter;
        else
            (result += '%').append(1, digits[octet >> 4]).append(1, digits[octet & 15]);
    }
    return result;
}

/// What the file is called in a directory of many: another one for each scope and node.
[[nodiscard]] inline std::string file_name_of(journal_identity const& who)
{
    constexpr std::size_t size_max = 200; // SQLite and we append to it, and a file system bears 255
    auto name = "drover." + escaped(who.scope) + "." + escaped(who.node);
    if (name.size() > size_max) {
        auto const hash = hash64(wire::writer{}.string(who.scope).string(who.node).view());
        char digits[17];
        std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
        name = name.substr(0, size_max - sizeof digits) + "." + digits;
    }
    return name + ".sqlite";
}

/// What is in place of a file.
enum class file_state : std::uint8_t { absent, present, unknown };

struct journal_place {
    std::string file;
    file_state state = file_state::unknown;
    journal_failure failure{}; ///< why it is unknown
};

/// The directory that a file is in, as a path.
[[nodiscard]] inline std::string directory_of(std::string const& file)
{
    auto const slash = file.rfind('/');
    return slash == std::string::npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
}

/// Looks for the file, and opens nothing: to close a file that this process has open elsewhere would drop its locks (POSIX).
/// "Could not look" is never "absent".
[[nodiscard]] inline journal_place find_place(std::string const& path, journal_identity const& who)
{
    journal_place place{path.empty() ? "." : path};
    struct stat found {};
    if (::stat(place.file.c_str(), &found) == 0 && S_ISDIR(found.st_mode)) {
        place.file += place.file.ends_with('/') ? "" : "/";
        place.file += file_name_of(who);
    }
    auto const refuse = [&](errc code, std::string_view detail) {
        place.failure = failure_of(code, place.file, detail);
        return place;
    };
    if (::stat(place.file.c_str(), &found) != 0) {
        auto const number = errno;
        if (number != ENOENT)
            return place.failure = system_failure(number, place.file, errc::journal_unreadable), place;
        if (::lstat(place.file.c_str(), &found) == 0)
            return refuse(errc::journal_unreadable, "it is a link to a file that is not there");
        if (::stat(directory_of(place.file).c_str(), &found) != 0)
            return place.failure = system_failure(errno, place.file, errc::journal_unwritable), place;
        if (::stat((place.file + "-wal").c_str(), &found) == 0)
            return refuse(errc::journal_corrupt, "its write-ahead log is there, and it is not");
        place.state = file_state::absent;
        return place;
    }
    if (!S_ISREG(found.st_mode))
        return refuse(errc::journal_foreign, "it is not a file");
    if (found.st_size == 0) // we never leave one, and SQLite would throw its log away
        return refuse(errc::journal_corrupt, "it is empty");
    place.state = file_state::present;
    return place;
}

namespace detail {

/// Makes an empty journal. SQLITE_OK, or an error.
[[nodiscard]] inline int write_new_journal(connection& to, journal_identity const& who)
{
    auto const pragmas = "PRAGMA page_size=" + std::to_string(schema::page_size)
        + ";PRAGMA locking_mode=EXCLUSIVE;PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;BEGIN;PRAGMA application_id="
        + std::to_string(schema::application) + ";PRAGMA user_version=" + std::to_string(schema::version);
    if (auto const code = to.run(pragmas.c_str()); code != SQLITE_OK)
        return code;
    for (auto const* const text : {schema::make_meta, schema::make_origin, schema::make_record})
        if (auto const code = to.run(text); code != SQLITE_OK)
            return code;
    {
        statement insert{to.get(), "INSERT INTO meta VALUES (1, ?1, ?2, 0, 0, 0, 0, 0, ?3)"};
        if (insert.code() != SQLITE_OK)
            return insert.code();
        auto const checksum = schema::checksum_of({who, {}});
        if (auto const code = insert.bind(1, bytes_view{who.node}).bind(2, bytes_view{who.scope}).bind(3, checksum).run();
            code != SQLITE_OK)
            return code;
    }
    if (auto const code = to.run("COMMIT"); code != SQLITE_OK)
        return code;
    return to.run("PRAGMA wal_checkpoint(TRUNCATE)");
}

/// Gives a file its name, unless something of this name is there. 0, or an error number.
[[nodiscard]] inline int name_file(std::string const& from, std::string const& to)
{
    if (::link(from.c_str(), to.c_str()) == 0)
        return 0;
    if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS)
        return errno;
    struct stat found {};
    if (::stat(to.c_str(), &found) == 0)
        return EEXIST;
    return std::rename(from.c_str(), to.c_str()) == 0 ? 0 : errno; // a file system without links
}

[[nodiscard]] inline int make_directory_durable(std::string const& directory)
{
    auto const descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0)
        return errno;
    auto const number = ::fsync(descriptor) == 0 || errno == EINVAL ? 0 : errno; // not every file system has it
    ::close(descriptor);
    return number;
}

} // namespace detail

/// Makes an empty journal where none is: complete and on stable storage before it has its name, so that no half-made one is
/// ever found. When another process has made one meanwhile, that one stays.
[[nodiscard]] inline journal_failure make_journal(std::string const& file, journal_identity const& who)
{
    auto const fresh = file + ".new-" + std::to_string(::getpid());
    ::unlink(fresh.c_str());
    auto const descriptor = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (descriptor < 0)
        return system_failure(errno, file, errc::journal_unwritable);
    ::close(descriptor);
    journal_failure failure;
    {
        errno = 0;
        connection made;
        auto code = made.open(fresh, SQLITE_OPEN_READWRITE);
        if (code == SQLITE_OK)
            code = detail::write_new_journal(made, who);
        if (code != SQLITE_OK)
            failure = sqlite_failure(made.get(), code, file, errc::journal_unwritable);
    }
    if (!failure)
        if (auto const number = detail::name_file(fresh, file); number != 0 && number != EEXIST)
            failure = system_failure(number, file, errc::journal_unwritable);
    ::unlink((fresh + "-wal").c_str());
    ::unlink(fresh.c_str());
    if (!failure)
        if (auto const number = detail::make_directory_durable(directory_of(file)); number != 0)
            failure = system_failure(number, file, errc::journal_unwritable);
    return failure;
}

} // namespace drover::sqlite
