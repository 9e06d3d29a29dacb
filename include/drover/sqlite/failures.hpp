// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>
#include <drover/policy/journal.hpp>

#include <cerrno>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <system_error>

namespace drover::sqlite {

/// The sentence for people: which file, what is wrong with it, and what to do. `detail` is part of a sentence.
[[nodiscard]] inline journal_failure failure_of(errc code, std::string_view file, std::string_view detail)
{
    std::string sentence = "'";
    sentence.append(file).append("' ");
    auto const because = [&](std::string_view what, std::string_view advice) {
        sentence.append(what).append(" (").append(detail).append("): ").append(advice);
    };
    switch (code) {
    case errc::journal_in_use: because("is in use", "end the other process, or give each node a file of its own"); break;
    case errc::journal_unreadable: because("cannot be read", "see to its permissions and to its disk"); break;
    case errc::journal_unwritable:
        because("cannot be written", "see that its directory is there, and that both may be written");
        break;
    case errc::journal_corrupt:
        because("is damaged", "put a copy back, or move it away: then this node starts with what the others have");
        break;
    case errc::journal_foreign: because("is not the journal of this supervisor", "give another path"); break;
    case errc::journal_newer: because("was written by a later version", "run that one, or move the file away"); break;
    case errc::journal_full: because("has no room to grow", "free some on its disk"); break;
    default: because("cannot be used", "see to its disk"); break;
    }
    return {code, std::move(sentence)};
}

/// The disk, what this user may have of it, or what a file may have, is used up.
[[nodiscard]] inline bool says_full(int number) { return number == ENOSPC || number == EDQUOT || number == EFBIG; }

/// As above, for an error of the operating system. `otherwise`: what it is when the number does not say.
[[nodiscard]] inline journal_failure system_failure(int number, std::string_view file, errc otherwise)
{
    return failure_of(says_full(number) ? errc::journal_full : otherwise, file, std::generic_category().message(number));
}

/// As above, for the last error of a connection, with `errno` as that left it: of some errors SQLite does not keep the number.
[[nodiscard]] inline journal_failure sqlite_failure(sqlite3* connection, int code, std::string_view file, errc otherwise)
{
    auto const left = errno;
    auto number = connection == nullptr ? 0 : ::sqlite3_system_errno(connection);
    if (number == 0 && says_full(left))
        number = left;
    std::string const text = ::sqlite3_errstr(code);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return failure_of(errc::journal_in_use, file, text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: return failure_of(errc::journal_corrupt, file, text);
    case SQLITE_FULL: return failure_of(errc::journal_full, file, text);
    case SQLITE_READONLY: return failure_of(errc::journal_unwritable, file, text);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        if (number != 0)
            return system_failure(number, file, otherwise);
        break;
    default: break;
    }
    return failure_of(otherwise, file, text);
}

} // namespace drover::sqlite
