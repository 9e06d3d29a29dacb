// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/expects.hpp>
#include <drover/policy/journal.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/sqlite/connection.hpp>
#include <drover/sqlite/failures.hpp>
#include <drover/sqlite/journal_file.hpp>
#include <drover/sqlite/log_check.hpp>
#include <drover/sqlite/schema.hpp>
#include <drover/sqlite/sqlite_options.hpp>

#include <cerrno>
#include <cstdint>
#include <map>
#include <optional>
#include <sqlite3.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover {

/// Keeps a store's records in a file of SQLite: write-ahead log, synchronised at each commit, and one transaction a batch.
///
/// One process has the file open at a time. What is read back is checked from end to end: the structure of the file, every row
/// against its checksum, and all rows together against the sum that the last commit left; nothing is repaired or left out.
/// See docs/durability.md for the format and for what each failure asks of its reader.
///
/// Satisfies the `journal` concept, whose rules about threads hold. Throws nothing but `std::bad_alloc`.
class sqlite_journal {
public:
    static constexpr bool durable = true;

    sqlite_journal() = default;
    explicit sqlite_journal(sqlite_options options) : options_{std::move(options)} {}

    /// Makes the file when it is not there, and reads all of it. A file that is refused is left as it is.
    [[nodiscard]] journal_failure open(journal_identity const& who, journal_contents& contents)
    {
        close();
        contents = {};
        auto place = sqlite::find_place(options_.path, who);
        file_ = std::move(place.file);
        if (place.failure)
            return place.failure;
        if (place.state == sqlite::file_state::absent)
            if (auto failure = sqlite::make_journal(file_, who))
                return failure;
        auto failure = open_file(who, contents);
        if (failure) {
            close();
            contents = {};
        } else {
            connection_.keep_log_on_close(false);
            (void)connection_.run("PRAGMA wal_checkpoint(TRUNCATE)"); // so that a log is of one life only; without room, later
        }
        return failure;
    }

    /// Pre: open. After a failure the file holds what it held before.
    [[nodiscard]] journal_failure commit(journal_batch const& batch)
    {
        expects(static_cast<bool>(connection_), "a journal is opened before it is written");
        check(batch);
        auto next = meta_;
        ++next.sums.commits;
        touched_.clear();
        errno = 0;
        auto code = statements_.begin.run();
        if (code == SQLITE_OK)
            code = write(batch, next);
        if (code == SQLITE_OK)
            code = statements_.commit.run();
        if (code != SQLITE_OK) {
            auto failure = sqlite::sqlite_failure(connection_.get(), code, file_, errc::journal_unwritable);
            if (::sqlite3_get_autocommit(connection_.get()) == 0)
                (void)statements_.rollback.run();
            return failure;
        }
        meta_ = std::move(next);
        take_touched();
        return {};
    }

    void close()
    {
        statements_ = {};
        connection_.close();
        origins_.clear();
        meta_ = {};
    }

    /// The path of the file; once `open` has been called.
    [[nodiscard]] std::string const& file() const { return file_; }

private:
    using statement = sqlite::statement;

    struct prepared {
        statement begin, commit, rollback, write_meta;
        statement find_origin, write_origin, erase_origin;
        statement find_record, add_record, change_record, erase_record;
    };

    struct known_origin {
        std::uint64_t seen = 0;
        std::uint64_t checksum = 0;
        std::uint64_t records = 0; // that name it
    };

    [[nodiscard]] journal_failure fail(errc code, std::string_view detail) const
    {
        return sqlite::failure_of(code, file_, detail);
    }

    [[nodiscard]] journal_failure fail(int code, errc otherwise) const
    {
        return sqlite::sqlite_failure(connection_.get(), code, file_, otherwise);
    }

    // ---- open --------------------------------------------------------------------------------------------------------

    journal_failure open_file(journal_identity const& who, journal_contents& contents)
    {
        errno = 0;
        if (auto const code = connection_.open(file_, SQLITE_OPEN_READWRITE); code != SQLITE_OK)
            return fail(code, errc::journal_unreadable);
        connection_.keep_log_on_close(true); // until we know that it is ours, and sound
        if (connection_.read_only())
            return fail(errc::journal_unwritable, "it may only be read");
        if (auto failure = lock_and_identify())
            return failure;
        if (auto failure = sqlite::check_log(file_))
            return failure;
        if (auto failure = check_structure())
            return failure;
        if (auto failure = read_meta(who))
            return failure;
        if (auto failure = read_origins(contents))
            return failure;
        if (auto failure = read_records(contents))
            return failure;
        return prepare();
    }

    /// Takes the lock, which is kept until the file is closed, and sees whose format it is.
    journal_failure lock_and_identify()
    {
        auto code = connection_.run("PRAGMA locking_mode=EXCLUSIVE;PRAGMA trusted_schema=OFF;PRAGMA cell_size_check=ON;"
                                    "PRAGMA mmap_size=0");
        std::uint64_t application = 0;
        std::uint64_t version = 0;
        if (code == SQLITE_OK)
            code = connection_.ask("PRAGMA application_id", application);
        if (code == SQLITE_OK)
            code = connection_.ask("PRAGMA user_version", version);
        if (code != SQLITE_OK)
            return fail(code, (code & 0xff) == SQLITE_CANTOPEN ? errc::journal_unwritable : errc::journal_unreadable);
        if (application != sqlite::schema::application)
            return fail(errc::journal_foreign, "it is a database of another program");
        if (version > sqlite::schema::version)
            return fail(errc::journal_newer,
                "its format is " + std::to_string(version) + ", and this version knows those up to "
                    + std::to_string(sqlite::schema::version));
        if (version != sqlite::schema::version)
            return fail(errc::journal_corrupt, "its format is 0, which there never was");
        return {};
    }

    journal_failure check_structure()
    {
        bytes mode;
        if (auto const code = connection_.ask("PRAGMA journal_mode=WAL", mode); code != SQLITE_OK)
            return fail(code, errc::journal_unwritable);
        if (mode != "wal")
            return fail(errc::journal_unwritable, "its file system has no room for a write-ahead log");
        if (auto const code = connection_.run("PRAGMA synchronous=FULL"); code != SQLITE_OK)
            return fail(code, errc::journal_unreadable);
        if (options_.size_max > 0) {
            auto const limit = "PRAGMA max_page_count=" + std::to_string(options_.size_max / sqlite::schema::page_size);
            if (auto const code = connection_.run(limit.c_str()); code != SQLITE_OK)
                return fail(code, errc::journal_unreadable);
        }
        bytes schema;
        bytes found;
        auto code = connection_.ask("SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_master WHERE sql NOT NULL "
                                    "ORDER BY rowid)",
            schema);
        if (code == SQLITE_OK)
            code = connection_.ask("PRAGMA integrity_check(1)", found);
        if (code != SQLITE_OK)
            return fail(code, errc::journal_unreadable);
        if (found != "ok")
            return fail(errc::journal_corrupt, found);
        bytes expected = sqlite::schema::make_meta;
        expected.append(";").append(sqlite::schema::make_origin).append(";").append(sqlite::schema::make_record);
        if (schema != expected)
            return fail(errc::journal_corrupt, "its tables are not those of its format");
        return {};
    }

    journal_failure read_meta(journal_identity const& who)
    {
        statement row{connection_.get(), sqlite::schema::read_meta};
        auto const code = row.step();
        if (code != SQLITE_ROW && code != SQLITE_DONE)
            return fail(code, errc::journal_unreadable);
        auto found = code == SQLITE_ROW ? sqlite::schema::take_meta(row) : std::nullopt;
        if (!found)
            return fail(errc::journal_corrupt, "whose it is cannot be read");
        if (found->who.node != who.node || found->who.scope != who.scope)
            return fail(errc::journal_foreign,
                "it belongs to supervisor '" + found->who.scope + "' on node '" + found->who.node + "', and not to '" + who.scope
                    + "' on '" + who.node + "'");
        meta_ = std::move(*found);
        return {};
    }

    journal_failure read_origins(journal_contents& contents)
    {
        statement row{connection_.get(), sqlite::schema::read_origins};
        std::uint64_t sum = 0;
        auto code = row.step();
        for (; code == SQLITE_ROW; code = row.step()) {
            auto origin = sqlite::schema::take_origin(row);
            if (!origin)
                return fail(errc::journal_corrupt, "an origin does not match its checksum");
            auto const checksum = sqlite::schema::checksum_of(*origin);
            sum += checksum;
            origins_.insert_or_assign(origin->id, known_origin{origin->seen, checksum, 0});
            contents.origins.push_back(std::move(*origin));
        }
        if (code != SQLITE_DONE)
            return fail(code, errc::journal_unreadable);
        if (contents.origins.size() != meta_.sums.origins || sum != meta_.sums.origins_sum)
            return fail(errc::journal_corrupt, "its origins are not those of its last commit");
        return {};
    }

    journal_failure read_records(journal_contents& contents)
    {
        statement row{connection_.get(), sqlite::schema::read_records};
        std::uint64_t sum = 0;
        auto code = row.step();
        for (; code == SQLITE_ROW; code = row.step()) {
            auto record = sqlite::schema::take_record(row);
            if (!record)
                return fail(errc::journal_corrupt, "a record does not match its checksum");
            auto const origin = origins_.find(record->origin);
            if (origin == origins_.end() || record->sequence > origin->second.seen)
                return fail(errc::journal_corrupt, "a record is of nobody who wrote it");
            ++origin->second.records;
            sum += sqlite::schema::checksum_of(*record);
            contents.records.push_back(std::move(*record));
        }
        if (code != SQLITE_DONE)
            return fail(code, errc::journal_unreadable);
        if (contents.records.size() != meta_.sums.records || sum != meta_.sums.records_sum)
            return fail(errc::journal_corrupt, "its records are not those of its last commit");
        return {};
    }

    journal_failure prepare()
    {
        auto code = SQLITE_OK;
        auto const make = [&](statement& which, char const* text) {
            which = statement{connection_.get(), text};
            if (which.code() != SQLITE_OK)
                code = which.code();
        };
        make(statements_.begin, "BEGIN IMMEDIATE");
        make(statements_.commit, "COMMIT");
        make(statements_.rollback, "ROLLBACK");
        make(statements_.write_meta,
            "UPDATE meta SET commits = ?1, records = ?2, records_sum = ?3, origins = ?4, origins_sum = ?5, checksum = ?6 "
            "WHERE id = 1");
        make(statements_.write_origin, "INSERT OR REPLACE INTO origin VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
        make(statements_.erase_origin, "DELETE FROM origin WHERE id = ?1");
        make(statements_.find_record, "SELECT rowid, origin, checksum FROM record WHERE kind = ?1 AND key = ?2");
        make(statements_.add_record, "INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)");
        make(statements_.change_record,
            "UPDATE record SET origin = ?3, sequence = ?4, stamp = ?5, major = ?6, minor = ?7, removed = ?8, value = ?9, "
            "checksum = ?10 WHERE rowid = ?11");
        make(statements_.erase_record, "DELETE FROM record WHERE rowid = ?1");
        return code == SQLITE_OK ? journal_failure{} : fail(code, errc::journal_unreadable);
    }

    // ---- commit ------------------------------------------------------------------------------------------------------

    /// What would not be read back is not written.
    void check(journal_batch const& batch) const
    {
        std::map<std::uint64_t, std::uint64_t> seen;
        for (auto const& origin : batch.origins) {
            expects(sqlite::schema::plausible(origin), "an origin of a batch is within its bounds");
            seen.insert_or_assign(origin.id, origin.seen);
        }
        for (auto const& record : batch.records) {
            expects(sqlite::schema::plausible(record), "a record of a batch is within its bounds");
            auto const in_batch = seen.find(record.origin);
            auto const known = origins_.find(record.origin);
            expects(in_batch != seen.end()    ? record.sequence <= in_batch->second
                    : known != origins_.end() ? record.sequence <= known->second.seen
                                              : false,
                "who wrote a record of a batch is in the journal or in the batch, and has been seen that far");
        }
    }

    int write(journal_batch const& batch, sqlite::schema::meta_row& meta)
    {
        auto& sums = meta.sums;
        for (auto const& origin : batch.origins)
            if (auto const code = write_origin(origin, sums); code != SQLITE_OK)
                return code;
        for (auto const& [table, key] : batch.erased)
            if (auto const code = erase_record(table, key, sums); code != SQLITE_OK)
                return code;
        for (auto const& record : batch.records)
            if (auto const code = write_record(record, sums); code != SQLITE_OK)
                return code;
        for (auto const id : batch.origins_erased)
            if (auto const code = erase_origin(id, sums); code != SQLITE_OK)
                return code;
        auto& to = statements_.write_meta;
        to.bind(1, sums.commits).bind(2, sums.records).bind(3, sums.records_sum).bind(4, sums.origins).bind(5, sums.origins_sum);
        return to.bind(6, sqlite::schema::checksum_of(meta)).run();
    }

    int write_origin(journal_origin const& origin, sqlite::schema::totals& sums)
    {
        auto& known = touch(origin.id);
        auto const checksum = sqlite::schema::checksum_of(origin);
        sums.origins += known ? 0 : 1;
        sums.origins_sum += checksum - (known ? known->checksum : 0);
        known = known_origin{origin.seen, checksum, known ? known->records : 0};
        auto& to = statements_.write_origin;
        to.bind(1, origin.id).bind(2, bytes_view{origin.node.name}).bind(3, origin.node.incarnation).bind(4, origin.seen);
        return to.bind(5, origin.forgotten).bind(6, checksum).run();
    }

    int erase_origin(std::uint64_t id, sqlite::schema::totals& sums)
    {
        auto& known = touch(id);
        if (!known)
            return SQLITE_OK;
        expects(known->records == 0, "who wrote a record stays in the journal for as long as it does");
        --sums.origins;
        sums.origins_sum -= known->checksum;
        known.reset();
        return statements_.erase_origin.bind(1, id).run();
    }

    /// A row of the table, as it is before a change.
    struct found_record {
        std::optional<std::uint64_t> row{};
        std::uint64_t origin = 0;
        std::uint64_t checksum = 0;
    };

    int find_record(record_table table, bytes_view key, found_record& found)
    {
        auto& from = statements_.find_record;
        auto code = from.bind(1, static_cast<std::uint64_t>(table)).bind(2, key).step();
        if (code == SQLITE_ROW)
            found = {from.number(0), from.number(1).value_or(0), from.number(2).value_or(0)};
        from.reset();
        return code == SQLITE_ROW || code == SQLITE_DONE ? SQLITE_OK : code;
    }

    void forget(found_record const& found, sqlite::schema::totals& sums)
    {
        --sums.records;
        sums.records_sum -= found.checksum;
        if (auto& known = touch(found.origin))
            --known->records;
    }

    int write_record(journal_record const& record, sqlite::schema::totals& sums)
    {
        found_record found;
        if (auto const code = find_record(record.table, record.key, found); code != SQLITE_OK)
            return code;
        if (found.row)
            forget(found, sums);
        auto const checksum = sqlite::schema::checksum_of(record);
        ++sums.records;
        sums.records_sum += checksum;
        if (auto& known = touch(record.origin))
            ++known->records;
        auto& to = found.row ? statements_.change_record : statements_.add_record;
        if (found.row)
            to.bind(11, *found.row);
        else
            to.bind(1, static_cast<std::uint64_t>(record.table)).bind(2, bytes_view{record.key});
        to.bind(3, record.origin).bind(4, record.sequence).bind(5, record.stamp).bind(6, record.rank.major);
        to.bind(7, record.rank.minor).bind(8, record.removed ? 1U : 0U).bind(9, bytes_view{record.value});
        return to.bind(10, checksum).run();
    }

    int erase_record(record_table table, bytes_view key, sqlite::schema::totals& sums)
    {
        found_record found;
        if (auto const code = find_record(table, key, found); code != SQLITE_OK || !found.row)
            return code;
        forget(found, sums);
        return statements_.erase_record.bind(1, *found.row).run();
    }

    /// What is known of an origin within the transaction; none: it is not in the journal.
    std::optional<known_origin>& touch(std::uint64_t id)
    {
        auto const [at, fresh] = touched_.try_emplace(id);
        if (fresh)
            if (auto const known = origins_.find(id); known != origins_.end())
                at->second = known->second;
        return at->second;
    }

    void take_touched()
    {
        for (auto const& [id, known] : touched_)
            if (known)
                origins_.insert_or_assign(id, *known);
            else
                origins_.erase(id);
    }

    sqlite_options options_;
    std::string file_;
    sqlite::connection connection_;
    prepared statements_; // before the connection goes
    sqlite::schema::meta_row meta_;
    std::map<std::uint64_t, known_origin> origins_;
    std::map<std::uint64_t, std::optional<known_origin>> touched_; // by the transaction
};

static_assert(journal<sqlite_journal>);

} // namespace drover
