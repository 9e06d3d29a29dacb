// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <sqlite3.h>
#include <string>
#include <type_traits>
#include <utility>

namespace drover::sqlite {

/// A prepared statement, or none. Its connection outlives it.
///
/// Numbers of 64 bits without a sign are kept as the signed ones of equal octets.
class statement {
public:
    statement() = default;
    statement(sqlite3* connection, char const* text)
    {
        sqlite3_stmt* made = nullptr;
        code_ = ::sqlite3_prepare_v3(connection, text, -1, SQLITE_PREPARE_PERSISTENT, &made, nullptr);
        made_.reset(made);
    }

    /// What preparing it gave.
    [[nodiscard]] int code() const { return code_; }

    /// Pre: prepared.
    statement& bind(int at, std::uint64_t value)
    {
        ::sqlite3_bind_int64(made_.get(), at, static_cast<sqlite3_int64>(value));
        return *this;
    }

    /// The octets live until the statement is reset.
    statement& bind(int at, bytes_view value)
    {
        if (value.empty())
            ::sqlite3_bind_zeroblob(made_.get(), at, 0);
        else
            ::sqlite3_bind_blob64(made_.get(), at, value.data(), value.size(), nullptr);
        return *this;
    }

    /// SQLITE_ROW, SQLITE_DONE, or an error.
    [[nodiscard]] int step() { return code_ == SQLITE_OK ? ::sqlite3_step(made_.get()) : code_; }

    /// Runs it to its end, and makes it ready for the next time. SQLITE_OK, or an error.
    [[nodiscard]] int run()
    {
        auto code = step();
        while (code == SQLITE_ROW)
            code = step();
        auto const number = errno;
        reset();
        errno = number; // of what failed
        return code == SQLITE_DONE ? SQLITE_OK : code;
    }

    void reset() { ::sqlite3_reset(made_.get()); }

    /// Of the row that is there; none when it is not a number.
    [[nodiscard]] std::optional<std::uint64_t> number(int column) const
    {
        if (::sqlite3_column_type(made_.get(), column) != SQLITE_INTEGER)
            return std::nullopt;
        return static_cast<std::uint64_t>(::sqlite3_column_int64(made_.get(), column));
    }

    /// Of the row that is there; none when it is neither octets nor text.
    [[nodiscard]] std::optional<bytes> octets(int column) const
    {
        auto const type = ::sqlite3_column_type(made_.get(), column);
        if (type != SQLITE_BLOB && type != SQLITE_TEXT)
            return std::nullopt;
        auto const* const data = static_cast<char const*>(::sqlite3_column_blob(made_.get(), column));
        auto const size = static_cast<std::size_t>(::sqlite3_column_bytes(made_.get(), column));
        if (data == nullptr)
            return size == 0 ? std::optional<bytes>{bytes{}} : std::nullopt; // there was no memory for it
        return bytes{data, size};
    }

private:
    struct finalize {
        void operator()(sqlite3_stmt* made) const { ::sqlite3_finalize(made); }
    };

    std::unique_ptr<sqlite3_stmt, finalize> made_;
    int code_ = SQLITE_MISUSE;
};

/// An open database file, or none. Not for use by two threads at once.
class connection {
public:
    connection() = default;

    /// `flags`: SQLITE_OPEN_... SQLITE_OK, or an error, of which `get()` knows more.
    [[nodiscard]] int open(std::string const& file, int flags)
    {
        sqlite3* made = nullptr;
        auto const code = ::sqlite3_open_v2(file.c_str(), &made, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
        made_.reset(made);
        return code;
    }

    void close() { made_.reset(); }

    [[nodiscard]] explicit operator bool() const { return made_ != nullptr; }
    [[nodiscard]] sqlite3* get() const { return made_.get(); }
    [[nodiscard]] bool read_only() const { return ::sqlite3_db_readonly(made_.get(), "main") == 1; }

    /// Leaves the write-ahead log as it is when the connection is closed, or takes it into the database.
    void keep_log_on_close(bool keep)
    {
        ::sqlite3_db_config(made_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep ? 1 : 0, nullptr);
    }

    /// Runs statements that give nothing. SQLITE_OK, or an error.
    [[nodiscard]] int run(char const* text) const { return ::sqlite3_exec(made_.get(), text, nullptr, nullptr, nullptr); }

    /// The first column of the only row; SQLITE_OK, or an error.
    [[nodiscard]] int ask(char const* text, bytes& answer) const
    {
        statement question{made_.get(), text};
        auto const code = question.step();
        if (code == SQLITE_ROW)
            answer = question.octets(0).value_or(bytes{});
        return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
    }
    [[nodiscard]] int ask(char const* text, std::uint64_t& answer) const
    {
        statement question{made_.get(), text};
        auto const code = question.step();
        if (code == SQLITE_ROW)
            answer = question.number(0).value_or(0);
        return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
    }

private:
    struct closed {
        void operator()(sqlite3* made) const { ::sqlite3_close_v2(made); }
    };

    std::unique_ptr<sqlite3, closed> made_;
};

} // namespace drover::sqlite
