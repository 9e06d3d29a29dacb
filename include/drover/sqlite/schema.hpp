// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/limits.hpp>
#include <drover/policy/journal.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/sqlite/connection.hpp>
#include <drover/wire/writer.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

/// The format of a journal's file, and how its rows are read and written. See docs/durability.md.
namespace drover::sqlite::schema {

/// `PRAGMA application_id`: "Drvr".
inline constexpr std::uint64_t application = 0x44727672;
/// `PRAGMA user_version`: a file of a larger one is refused.
inline constexpr std::uint64_t version = 1;
inline constexpr std::uint64_t page_size = 4'096;

inline constexpr char const* make_meta = "CREATE TABLE meta (id INTEGER PRIMARY KEY, node BLOB NOT NULL, scope BLOB NOT NULL, "
                                         "commits INTEGER NOT NULL, records INTEGER NOT NULL, records_sum INTEGER NOT NULL, "
                                         "origins INTEGER NOT NULL, origins_sum INTEGER NOT NULL, checksum INTEGER NOT NULL)";
inline constexpr char const* make_origin = "CREATE TABLE origin (id INTEGER PRIMARY KEY, node BLOB NOT NULL, "
                                           "incarnation INTEGER NOT NULL, seen INTEGER NOT NULL, forgotten INTEGER NOT NULL, "
                                           "checksum INTEGER NOT NULL)";
inline constexpr char const* make_record = "CREATE TABLE record (kind INTEGER NOT NULL, key BLOB NOT NULL, "
                                           "origin INTEGER NOT NULL, sequence INTEGER NOT NULL, stamp INTEGER NOT NULL, "
                                           "major INTEGER NOT NULL, minor INTEGER NOT NULL, removed INTEGER NOT NULL, "
                                           "value BLOB NOT NULL, checksum INTEGER NOT NULL, UNIQUE (kind, key))";

/// What the tables hold together: whatever loses a row, or puts an old one back, does not match it.
struct totals {
    std::uint64_t commits = 0; ///< of the file's whole life
    std::uint64_t records = 0;
    std::uint64_t records_sum = 0; ///< of their checksums, modulo 2^64
    std::uint64_t origins = 0;
    std::uint64_t origins_sum = 0;

    friend bool operator==(totals const&, totals const&) = default;
};

struct meta_row {
    journal_identity who;
    totals sums;
};

[[nodiscard]] inline std::uint64_t checksum_of(meta_row const& row)
{
    wire::writer out;
    out.string(row.who.node).string(row.who.scope).fixed64(row.sums.commits).fixed64(row.sums.records);
    out.fixed64(row.sums.records_sum).fixed64(row.sums.origins).fixed64(row.sums.origins_sum);
    return hash64(out.view());
}

[[nodiscard]] inline std::uint64_t checksum_of(journal_origin const& origin)
{
    wire::writer out;
    out.fixed64(origin.id).node(origin.node).fixed64(origin.seen).fixed64(origin.forgotten);
    return hash64(out.view());
}

[[nodiscard]] inline std::uint64_t checksum_of(journal_record const& record)
{
    wire::writer out;
    out.u8(static_cast<std::uint8_t>(record.table)).string(record.key).fixed64(record.origin).fixed64(record.sequence);
    out.fixed64(record.stamp).fixed64(record.rank.major).fixed64(record.rank.minor).boolean(record.removed);
    return hash64(record.value, hash64(out.view()));
}

/// Within the bounds that hold for all that is in a journal, apart from others.
[[nodiscard]] inline bool plausible(journal_origin const& origin)
{
    return !origin.node.name.empty() && origin.node.name.size() <= limits::node_name_size_max;
}

[[nodiscard]] inline bool plausible(journal_record const& record)
{
    return static_cast<std::size_t>(record.table) < record_tables_count && record.key.size() <= limits::child_id_size_max
        && record.value.size() <= limits::record_size_max && record.sequence > 0 && (!record.removed || record.value.empty());
}

inline constexpr char const* read_meta =
    "SELECT node, scope, commits, records, records_sum, origins, origins_sum, checksum FROM meta WHERE id = 1";
inline constexpr char const* read_origins = "SELECT id, node, incarnation, seen, forgotten, checksum FROM origin";
inline constexpr char const* read_records =
    "SELECT kind, key, origin, sequence, stamp, major, minor, removed, value, checksum FROM record";

/// The row that is there, or none when it is not one of this format, or does not match its checksum.
[[nodiscard]] inline std::optional<meta_row> take_meta(statement const& row)
{
    auto node = row.octets(0);
    auto scope = row.octets(1);
    auto const commits = row.number(2);
    auto const records = row.number(3);
    auto const records_sum = row.number(4);
    auto const origins = row.number(5);
    auto const origins_sum = row.number(6);
    if (!node || !scope || !commits || !records || !records_sum || !origins || !origins_sum)
        return std::nullopt;
    meta_row result{{std::move(*node), std::move(*scope)}, {*commits, *records, *records_sum, *origins, *origins_sum}};
    if (row.number(7) != checksum_of(result))
        return std::nullopt;
    return result;
}

[[nodiscard]] inline std::optional<journal_origin> take_origin(statement const& row)
{
    auto const id = row.number(0);
    auto name = row.octets(1);
    auto const incarnation = row.number(2);
    auto const seen = row.number(3);
    auto const forgotten = row.number(4);
    if (!id || !name || !incarnation || !seen || !forgotten)
        return std::nullopt;
    journal_origin result{*id, {std::move(*name), *incarnation}, *seen, *forgotten};
    if (row.number(5) != checksum_of(result) || !plausible(result))
        return std::nullopt;
    return result;
}

[[nodiscard]] inline std::optional<journal_record> take_record(statement const& row)
{
    auto const table = row.number(0);
    auto key = row.octets(1);
    auto const origin = row.number(2);
    auto const sequence = row.number(3);
    auto const stamp = row.number(4);
    auto const major = row.number(5);
    auto const minor = row.number(6);
    auto const removed = row.number(7);
    auto value = row.octets(8);
    if (!table || !key || !origin || !sequence || !stamp || !major || !minor || !removed || !value)
        return std::nullopt;
    if (*table >= record_tables_count || *removed > 1)
        return std::nullopt;
    journal_record result{static_cast<record_table>(*table), std::move(*key), *origin, *sequence, *stamp, {*major, *minor},
        *removed == 1, std::move(*value)};
    if (row.number(9) != checksum_of(result) || !plausible(result))
        return std::nullopt;
    return result;
}

} // namespace drover::sqlite::schema
