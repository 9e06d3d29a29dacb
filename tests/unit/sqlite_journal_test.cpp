// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/simulation.hpp>
#include <drover/sqlite.hpp>

#include <drover/base/random.hpp>

#include "temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

using namespace drover;

namespace {

// As docs/durability.md has it.
using durable_supervisor = distributed_supervisor<in_memory_transport, static_members, ring, sqlite_store>;

sqlite_store durable_store() { return sqlite_store{sqlite_journal{sqlite_options{.path = "/var/lib/orders"}}}; }

TEST_CASE("a supervisor is durable by the type of its store, and a file is touched when it starts, not before")
{
    static_assert(durable_supervisor::store_type::capabilities.durable);
    CHECK(durable_store().journal()->file().empty());
}

journal_identity const me{"node-1", "orders"};

journal_origin origin(std::uint64_t id, std::uint64_t seen, std::uint64_t forgotten = 0)
{
    return {id, {"node-" + std::to_string(id % 7), id}, seen, forgotten};
}

journal_record record(std::string key, std::uint64_t sequence, bytes value, std::uint64_t by = 1)
{
    return {record_table::spec, std::move(key), by, sequence, sequence * 3, {sequence, ~sequence}, false, std::move(value)};
}

journal_batch batch_of(std::vector<journal_record> records, std::vector<journal_origin> origins)
{
    journal_batch result;
    result.number = 1;
    result.records = std::move(records);
    result.origins = std::move(origins);
    return result;
}

journal_contents sorted(journal_contents contents)
{
    std::sort(contents.records.begin(), contents.records.end(),
        [](auto const& a, auto const& b) { return std::tie(a.table, a.key) < std::tie(b.table, b.key); });
    std::sort(contents.origins.begin(), contents.origins.end(), [](auto const& a, auto const& b) { return a.id < b.id; });
    return contents;
}

bool equal(journal_contents const& one, journal_contents const& other)
{
    auto const a = sorted(one);
    auto const b = sorted(other);
    return a.records == b.records && a.origins == b.origins;
}

struct opened {
    journal_failure failure;
    journal_contents contents;
};

opened open_at(std::string const& path, journal_identity const& who = me)
{
    sqlite_journal one{sqlite_options{path}};
    opened result;
    result.failure = one.open(who, result.contents);
    return result;
}

/// What is in the file, which must be sound.
journal_contents contents_of(std::string const& path)
{
    auto result = open_at(path);
    INFO(result.failure.reason);
    REQUIRE_FALSE(result.failure);
    return result.contents;
}

/// A file with a few commits in it, closed.
journal_contents make_file(std::string const& path, int commits = 3)
{
    sqlite_journal one{sqlite_options{path}};
    journal_contents contents;
    REQUIRE_FALSE(one.open(me, contents));
    for (int i = 1; i <= commits; ++i) {
        auto const number = static_cast<std::uint64_t>(i);
        REQUIRE_FALSE(
            one.commit(batch_of({record("child-" + std::to_string(i), number, bytes(100 * number, 'x'))}, {origin(1, number)})));
    }
    one.close();
    return contents_of(path);
}

/// Runs SQL on a file from outside.
void alter(std::string const& file, std::string const& text)
{
    sqlite3* connection = nullptr;
    REQUIRE(sqlite3_open(file.c_str(), &connection) == SQLITE_OK);
    CHECK(sqlite3_exec(connection, text.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(connection);
}

/// Runs `body` in a process of its own, and gives what it returns.
template <class Body>
int in_child(Body&& body)
{
    auto const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0)
        ::_exit(body());
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int code_of(journal_failure const& failure) { return static_cast<int>(failure.code); }

/// Permissions do not bind the superuser, so such tests run as nobody.
template <class Body>
int as_nobody(Body&& body)
{
    return in_child([&] {
        if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0))
            return -1;
        return body();
    });
}

void check_sentence(journal_failure const& failure, std::string const& file)
{
    CHECK(failure.reason.find("'" + file + "'") == 0);
    CHECK(failure.reason.find(": ") != std::string::npos); // and what to do
    CHECK(failure.reason.back() != '.');
}

TEST_CASE("what was committed is there when the file is opened again")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    CHECK(contents_of(file).records.empty()); // a new one
    sqlite_journal one{sqlite_options{file}};
    journal_contents contents;
    REQUIRE_FALSE(one.open(me, contents));
    CHECK(one.file() == file);

    std::uint64_t const largest = ~std::uint64_t{0};
    journal_record strange{
        record_table::retired, bytes("\0\xff'\"", 4), largest, largest, largest, {largest, largest}, false, bytes(1000000, '\0')};
    journal_record empty{record_table::spec, {}, 1, 1, 0, {}, false, {}};
    journal_record marker{record_table::owner, "child", 1, 2, 5, {7, 8}, true, {}};
    journal_origin const extreme{largest, {"node \xc3\xa9", largest}, largest, largest};
    REQUIRE_FALSE(one.commit(batch_of({strange, empty, marker}, {extreme, origin(1, 2, 1)})));
    CHECK(equal({{strange, empty, marker}, {extreme, origin(1, 2, 1)}}, (one.close(), contents_of(file))));

    REQUIRE_FALSE(one.open(me, contents));
    CHECK(equal({{strange, empty, marker}, {extreme, origin(1, 2, 1)}}, contents));
    auto changed = marker;
    changed.sequence = 3;
    changed.removed = false;
    changed.value = "back";
    auto batch = batch_of({changed}, {origin(1, 3, 1)});
    batch.erased = {{record_table::retired, strange.key}, {record_table::checkpoint, "never was"}};
    batch.origins_erased = {largest, 12345};
    REQUIRE_FALSE(one.commit(batch));
    REQUIRE_FALSE(one.commit({})); // nothing
    one.close();
    one.close();
    CHECK(equal({{empty, changed}, {origin(1, 3, 1)}}, contents_of(file)));
}

TEST_CASE("a path is a file, a directory, or nothing")
{
    temporary_directory const directory;
    make_file(directory.path());
    CHECK(std::filesystem::exists(directory.file("drover.orders.node-1.sqlite")));
    make_file(directory.path() + "/");
    CHECK(open_at(directory.path(), {"node-1", "other"}).contents.records.empty()); // another file
    CHECK(open_at(directory.path(), {"node-2", "orders"}).contents.records.empty());
    CHECK(std::filesystem::exists(directory.file("drover.other.node-1.sqlite")));

    auto const before = std::filesystem::current_path();
    std::filesystem::current_path(directory.path());
    sqlite_journal here;
    journal_contents contents;
    CHECK_FALSE(here.open(me, contents));
    CHECK(contents.records.size() == 3);
    here.close();
    CHECK_FALSE(open_at("plain").failure); // a file in it
    std::filesystem::current_path(before);
    CHECK(std::filesystem::exists(directory.file("plain")));

    // Names are never a path of their own, and never two names one file.
    CHECK(sqlite::file_name_of({"../x", "a/b"}) == "drover.a%2Fb.%2E%2E%2Fx.sqlite");
    CHECK(sqlite::file_name_of({"c", "a.b"}) != sqlite::file_name_of({"b.c", "a"}));
    auto const long_name = sqlite::file_name_of({std::string(255, '/'), std::string(255, 'b')});
    CHECK(long_name.size() < 230);
    CHECK(long_name != sqlite::file_name_of({std::string(254, '/') + "x", std::string(255, 'b')}));
    CHECK_FALSE(open_at(directory.path(), {std::string(255, '/'), std::string(255, 'b')}).failure);
}

TEST_CASE("a file that another process has open is in use, until that one closes it or dies")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    auto const committed = make_file(file);
    int to_child[2];
    int from_child[2];
    REQUIRE(::pipe(to_child) == 0);
    REQUIRE(::pipe(from_child) == 0);
    auto const child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        sqlite_journal held{sqlite_options{file}};
        journal_contents contents;
        char told = held.open(me, contents) ? 'f' : 'o';
        (void)!::write(from_child[1], &told, 1);
        (void)!::read(to_child[0], &told, 1); // until it is killed
        ::_exit(0);
    }
    char told = 0;
    REQUIRE(::read(from_child[0], &told, 1) == 1);
    CHECK(told == 'o');
    auto const second = open_at(file);
    CHECK(second.failure.code == errc::journal_in_use);
    CHECK(second.contents.records.empty());
    check_sentence(second.failure, file);
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    for (int const end : {to_child[0], to_child[1], from_child[0], from_child[1]})
        ::close(end);
    CHECK(equal(contents_of(file), committed));
}

TEST_CASE("a file is in use for this process as well, and a look from here does not free it for others")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    sqlite_journal one{sqlite_options{file}};
    journal_contents contents;
    REQUIRE_FALSE(one.open(me, contents));
    CHECK(open_at(file).failure.code == errc::journal_in_use);
    CHECK(open_at(file, {"other", "scope"}).failure.code == errc::journal_in_use);
    CHECK(in_child([&] { return code_of(open_at(file).failure); }) == static_cast<int>(errc::journal_in_use));
    CHECK_FALSE(one.commit(batch_of({record("a", 1, "b")}, {origin(1, 1)})));
    one.close();
    CHECK(in_child([&] { return code_of(open_at(file).failure); }) == 0);
}

TEST_CASE("a file of another node, of another supervisor and of another program is refused, and left alone")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    make_file(file);
    auto const refused = [&](journal_identity const& who, errc code) {
        auto const before = directory.read(file);
        auto const second = open_at(file, who);
        CHECK(second.failure.code == code);
        CHECK(second.contents.records.empty());
        check_sentence(second.failure, file);
        CHECK(directory.read(file) == before);
    };
    refused({"node-2", "orders"}, errc::journal_foreign);
    refused({"node-1", "others"}, errc::journal_foreign);
    CHECK(open_at(file, {"node-2", "orders"}).failure.reason.find("'orders' on node 'node-1'") != std::string::npos);

    alter(file, "PRAGMA user_version=2");
    refused(me, errc::journal_newer);
    alter(file, "PRAGMA user_version=0");
    refused(me, errc::journal_corrupt);
    alter(file, "PRAGMA user_version=1;PRAGMA application_id=7");
    refused(me, errc::journal_foreign);
    std::filesystem::remove(file);
    alter(file, "CREATE TABLE something (else_)");
    refused(me, errc::journal_foreign);
    directory.write(file, "This is a letter to somebody, and has nothing to do with journals.\n");
    refused(me, errc::journal_corrupt);
    directory.write(file, std::string(10'000, '\0'));
    refused(me, errc::journal_corrupt);
    directory.write(file, {});
    refused(me, errc::journal_corrupt); // "empty" is not "absent"
    std::filesystem::remove(file);
    std::filesystem::create_symlink(directory.file("elsewhere"), file);
    CHECK(open_at(file).failure.code == errc::journal_unreadable);
    CHECK_FALSE(std::filesystem::exists(directory.file("elsewhere")));
    std::filesystem::remove(file);
    REQUIRE(::mkfifo(file.c_str(), 0600) == 0);
    CHECK(open_at(file).failure.code == errc::journal_foreign);
    CHECK(open_at("/dev/null").failure.code == errc::journal_foreign);
}

TEST_CASE("what cannot be reached, read or written is never an empty journal")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    auto const committed = make_file(file);
    auto const missing = open_at(directory.file("no/such/directory"));
    CHECK(missing.failure.code == errc::journal_unwritable);
    check_sentence(missing.failure, directory.file("no/such/directory"));
    auto const under_a_file = open_at(file + "/journal");
    CHECK(under_a_file.failure.code == errc::journal_unreadable);
    CHECK(open_at(directory.file(std::string(300, 'x'))).failure.code == errc::journal_unreadable);

    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    REQUIRE(::chmod(file.c_str(), 0444) == 0);
    CHECK(as_nobody([&] { return code_of(open_at(file).failure); }) == static_cast<int>(errc::journal_unwritable));
    REQUIRE(::chmod(file.c_str(), 0000) == 0);
    CHECK(as_nobody([&] { return code_of(open_at(file).failure); }) == static_cast<int>(errc::journal_unreadable));
    // A directory that may only be read: the file is there and may be written, and its log cannot be made.
    REQUIRE(::chmod(file.c_str(), 0666) == 0);
    REQUIRE(::chmod(directory.path().c_str(), 0555) == 0);
    CHECK(as_nobody([&] { return code_of(open_at(file).failure); }) == static_cast<int>(errc::journal_unwritable));
    CHECK(
        as_nobody([&] { return code_of(open_at(directory.file("new")).failure); }) == static_cast<int>(errc::journal_unwritable));
    // One that may not even be looked at.
    REQUIRE(::chmod(directory.path().c_str(), 0000) == 0);
    CHECK(as_nobody([&] { return code_of(open_at(file).failure); }) == static_cast<int>(errc::journal_unreadable));
    REQUIRE(::chmod(directory.path().c_str(), 0755) == 0);
    CHECK(equal(contents_of(file), committed));
}

TEST_CASE("a log without its database is not a journal that does not exist")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    make_file(file);
    std::filesystem::remove(file);
    directory.write(file + "-wal", std::string(5'000, 'x'));
    CHECK(open_at(file).failure.code == errc::journal_corrupt);
    CHECK_FALSE(std::filesystem::exists(file));
    CHECK(std::filesystem::file_size(file + "-wal") == 5'000);
}

TEST_CASE("a full disk fails the commit, leaves what was there, and the batch fits once there is room")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    sqlite_journal one{sqlite_options{file, 200'000}};
    journal_contents contents;
    REQUIRE_FALSE(one.open(me, contents));
    std::uint64_t number = 0;
    journal_failure failure;
    journal_batch last;
    while (!failure && number < 100) {
        ++number;
        last = batch_of({record("child-" + std::to_string(number), number, bytes(10'000, 'x'))}, {origin(1, number)});
        failure = one.commit(last);
    }
    CHECK(failure.code == errc::journal_full);
    check_sentence(failure, file);
    CHECK(number > 10);
    CHECK(number < 25);
    CHECK(one.commit(last).code == errc::journal_full); // still
    one.close();
    REQUIRE_FALSE(one.open(me, contents));
    CHECK(contents.records.size() == number - 1); // nothing of it is there
    CHECK(contents.origins == std::vector{origin(1, number - 1)});
    CHECK(one.commit(last).code == errc::journal_full);
    CHECK_FALSE(one.commit(batch_of({record("child-1", number - 1, "small")}, {})));
    CHECK_FALSE(one.commit(last)); // in the room of the first
    one.close();
    contents = contents_of(file);
    CHECK(contents.records.size() == number);
    CHECK(contents.origins == std::vector{origin(1, number)});
}

TEST_CASE("a write that the system refuses in its middle leaves what was there, and the batch is taken later")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    auto const committed = make_file(file);
    auto const result = in_child([&] {
        sqlite_journal one{sqlite_options{file}};
        journal_contents contents;
        if (one.open(me, contents))
            return 1;
        std::signal(SIGXFSZ, SIG_IGN);
        rlimit const small{60'000, RLIM_INFINITY}; // of each file, so in the middle of a frame of the log
        rlimit const large{RLIM_INFINITY, RLIM_INFINITY};
        ::setrlimit(RLIMIT_FSIZE, &small);
        auto const batch = batch_of({record("large", 4, bytes(100'000, 'x')), record("child-1", 3, "new")}, {origin(1, 4)});
        for (int i = 0; i < 3; ++i)
            if (one.commit(batch).code != errc::journal_full)
                return 2;
        ::setrlimit(RLIMIT_FSIZE, &large);
        one.close();
        if (one.open(me, contents) || !equal(contents, committed))
            return 3;
        ::setrlimit(RLIMIT_FSIZE, &small);
        if (!one.commit(batch))
            return 4;
        ::setrlimit(RLIMIT_FSIZE, &large);
        if (one.commit(batch))
            return 5;
        one.close();
        return one.open(me, contents) || contents.records.size() != 4 ? 6 : 0;
    });
    CHECK(result == 0);
    CHECK(contents_of(file).records.size() == 4);
}

TEST_CASE("every octet that is flipped is noticed, or changes nothing")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    auto const committed = make_file(file, 12);
    auto const sound = directory.read(file);
    random_stream random{1, 2, 3};
    std::map<errc, int> seen;
    auto const flip = [&](std::size_t at, unsigned char with) {
        auto octets = sound;
        octets[at] = static_cast<char>(static_cast<unsigned char>(octets[at]) ^ with);
        directory.write(file, octets);
        auto const second = open_at(file);
        ++seen[second.failure.code];
        INFO("octet " << at << " ^ " << static_cast<int>(with) << ": " << second.failure.reason);
        if (second.failure) {
            CHECK(second.contents.records.empty());
            CHECK(directory.read(file) == octets);
        } else {
            CHECK(equal(second.contents, committed));
        }
    };
    for (std::size_t at = 0; at < 110; ++at) // the header, and the root of the schema
        flip(at, static_cast<unsigned char>(1U << random.below(8)));
    for (int i = 0; i < 600; ++i)
        flip(random.below(sound.size()), static_cast<unsigned char>(1 + random.below(255)));
    CHECK(seen[errc::journal_corrupt] > 100);
    CHECK(seen[errc::success] > 10);
    directory.write(file, sound);
    CHECK(equal(contents_of(file), committed));
}

TEST_CASE("an index that does not say what its table says is damage")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    make_file(file);
    auto const sound = directory.read(file);
    int places = 0;
    for (auto at = sound.find("child-2"); at != std::string::npos; at = sound.find("child-2", at + 1), ++places) {
        auto octets = sound;
        octets[at + 6] = '4';
        directory.write(file, octets);
        CHECK(open_at(file).failure.code == errc::journal_corrupt);
    }
    CHECK(places == 2);
}

TEST_CASE("rows that were changed, lost or put back from outside do not match the sums")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    make_file(file);
    auto const sound = directory.read(file);
    for (std::string const text : {"UPDATE record SET stamp = stamp + 1 WHERE key = x'6368696c642d31'",
             "DELETE FROM record WHERE sequence = 2", "DELETE FROM origin", "UPDATE meta SET commits = 2", "DELETE FROM meta",
             "UPDATE record SET value = NULLIF(value, 1) || 'x'", "DROP TABLE origin", "CREATE TABLE more (a)",
             "UPDATE origin SET seen = 1", "UPDATE record SET kind = 6 WHERE sequence = 1",
             "UPDATE record SET sequence = 'many'"}) {
        directory.write(file, sound);
        alter(file, text);
        INFO(text);
        CHECK(open_at(file).failure.code == errc::journal_corrupt);
    }
}

TEST_CASE("a file that was cut off is damaged; what was committed before the torn end of a log is there")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    auto const committed = make_file(file, 12);
    auto const sound = directory.read(file);
    for (std::size_t size = 0; size < sound.size(); size += 511) {
        directory.write(file, sound.substr(0, size));
        INFO(size);
        CHECK(open_at(file).failure.code == errc::journal_corrupt);
    }
    directory.write(file, sound);

    // A log, as it is when the process dies: copied while the journal is open.
    std::vector<journal_contents> states{committed};
    std::string database;
    std::string log;
    {
        sqlite_journal one{sqlite_options{file}};
        journal_contents contents;
        REQUIRE_FALSE(one.open(me, contents));
        for (std::uint64_t number = 13; number < 20; ++number) {
            journal_record const added = record("late-" + std::to_string(number), number, bytes(3'000, 'y'));
            REQUIRE_FALSE(one.commit(batch_of({added}, {origin(1, number)})));
            states.push_back(states.back());
            states.back().records.push_back(added);
            states.back().origins = {origin(1, number)};
        }
        database = directory.read(file);
        log = directory.read(file + "-wal");
    }
    auto const copy = directory.file("copy");
    std::size_t last = 0;
    for (std::size_t size = 0; size <= log.size(); size += 1'021) {
        directory.write(copy, database);
        directory.write(copy + "-wal", log.substr(0, size));
        auto const found = contents_of(copy);
        auto const state = std::find_if(states.begin(), states.end(), [&](auto const& each) { return equal(each, found); });
        REQUIRE(state != states.end());
        auto const index = static_cast<std::size_t>(state - states.begin());
        CHECK(index >= last); // a longer log has no less
        last = index;
    }
    directory.write(copy, database);
    directory.write(copy + "-wal", log);
    CHECK(equal(contents_of(copy), states.back()));
}

TEST_CASE("every octet of a log that is flipped is noticed, or costs no more than the last transaction")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    make_file(file);
    std::vector<journal_contents> states;
    std::string database;
    std::string log;
    {
        sqlite_journal one{sqlite_options{file}};
        journal_contents contents;
        REQUIRE_FALSE(one.open(me, contents));
        for (std::uint64_t number = 4; number < 9; ++number) {
            journal_record const added = record("late-" + std::to_string(number), number, bytes(number * 900, 'y'));
            REQUIRE_FALSE(one.commit(batch_of({added}, {origin(1, number)})));
            contents.records.push_back(added);
            contents.origins = {origin(1, number)};
            states.push_back(contents);
        }
        database = directory.read(file);
        log = directory.read(file + "-wal");
    }
    auto const copy = directory.file("copy");
    random_stream random{1, 2, 3};
    std::map<errc, int> seen;
    int last_was_lost = 0;
    auto const flip = [&](std::size_t at) {
        auto octets = log;
        octets[at] =
            static_cast<char>(static_cast<unsigned char>(octets[at]) ^ static_cast<unsigned char>(1 + random.below(255)));
        directory.write(copy, database);
        directory.write(copy + "-wal", octets);
        auto const found = open_at(copy);
        ++seen[found.failure.code];
        INFO("octet " << at << " of " << log.size() << ": " << found.failure.reason);
        if (found.failure) {
            CHECK(found.failure.code == errc::journal_corrupt);
            CHECK(directory.read(copy) == database);
            CHECK(directory.read(copy + "-wal") == octets);
            return;
        }
        auto const lost = !equal(found.contents, states.back());
        last_was_lost += lost ? 1 : 0;
        if (lost)
            CHECK(equal(found.contents, states[states.size() - 2]));
    };
    for (std::size_t at = 0; at < 32; ++at)
        flip(at);
    for (std::size_t at = 32; at < log.size(); at += 4'096 + 24) // each number in the head of each frame
        for (std::size_t octet = 0; octet < 24; octet += 4)
            flip(at + octet + random.below(4));
    for (int i = 0; i < 150; ++i)
        flip(random.below(log.size()));
    CHECK(seen[errc::journal_corrupt] > 200);
    CHECK(last_was_lost > 10); // what nobody can tell from a loss of power
}

TEST_CASE("what a process committed before it was killed is there")
{
    temporary_directory const directory;
    auto const file = directory.file("journal");
    auto const last = in_child([&] {
        sqlite_journal one{sqlite_options{file}};
        journal_contents contents;
        if (one.open(me, contents))
            return 0;
        for (std::uint64_t number = 1; number <= 50; ++number)
            if (one.commit(batch_of({record("child-" + std::to_string(number), number, "state")}, {origin(1, number)})))
                return 1;
        ::_exit(50); // without closing it
    });
    CHECK(last == 50);
    CHECK(std::filesystem::exists(file + "-wal"));
    CHECK(contents_of(file).records.size() == 50);
    CHECK_FALSE(std::filesystem::exists(file + "-wal")); // taken into the database when it was closed
}

TEST_CASE("random batches are kept as in a map, however often the file is closed, killed or opened again")
{
    using key_type = std::pair<record_table, bytes>;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        INFO("seed " << seed);
        random_stream random{seed, 1, 1};
        temporary_directory const directory;
        auto const file = directory.file("journal");
        std::map<key_type, journal_record> records;
        std::map<std::uint64_t, journal_origin> origins;
        std::optional<sqlite_journal> one;
        for (int step = 0; step < 60; ++step) {
            if (!one || random.below(5) == 0) {
                one.reset();
                journal_contents contents;
                one.emplace(sqlite_options{file});
                REQUIRE_FALSE(one->open(me, contents));
                journal_contents expected;
                for (auto const& [key, value] : records)
                    expected.records.push_back(value);
                for (auto const& [id, value] : origins)
                    expected.origins.push_back(value);
                REQUIRE(equal(contents, expected));
            }
            journal_batch batch;
            for (auto count = random.below(3); count-- > 0;) {
                auto const id = 1 + random.below(4);
                auto const seen = (origins.contains(id) ? origins.at(id).seen : 0) + 1 + random.below(5);
                origins[id] = origin(id, seen, random.below(seen));
                std::erase_if(batch.origins, [&](auto const& each) { return each.id == id; });
                batch.origins.push_back(origins[id]);
            }
            for (auto count = random.below(8); count-- > 0 && !origins.empty();) {
                auto const& by = std::next(origins.begin(), static_cast<std::ptrdiff_t>(random.below(origins.size())))->second;
                key_type const key{static_cast<record_table>(random.below(record_tables_count)), bytes(random.below(3), 'k')};
                if (random.below(4) == 0) {
                    std::erase_if(batch.records, [&](auto const& each) { return key_type{each.table, each.key} == key; });
                    batch.erased.push_back(key);
                    records.erase(key);
                    continue;
                }
                auto const removed = random.below(4) == 0;
                journal_record const next{key.first, key.second, by.id, 1 + random.below(by.seen), random.next(),
                    {random.next(), random.next()}, removed,
                    removed ? bytes{} : bytes(random.below(9'000), static_cast<char>(random.below(256)))};
                records[key] = next;
                batch.records.push_back(next);
            }
            for (auto at = origins.begin(); at != origins.end();) {
                auto const used = std::any_of(
                    records.begin(), records.end(), [&](auto const& each) { return each.second.origin == at->first; });
                auto const in_batch = std::any_of(
                    batch.origins.begin(), batch.origins.end(), [&](auto const& each) { return each.id == at->first; });
                if (used || in_batch || random.below(2) == 0) {
                    ++at;
                    continue;
                }
                batch.origins_erased.push_back(at->first);
                at = origins.erase(at);
            }
            REQUIRE_FALSE(one->commit(batch));
        }
    }
}

} // namespace
