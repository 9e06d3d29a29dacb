// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Simulated nodes whose stores are real files.

#include <drover/simulation.hpp>
#include <drover/sqlite.hpp>

#include "../unit/temporary_directory.hpp"

#include <catch2/catch_test_macros.hpp>

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::child_context;
using drover::child_ref;
using drover::errc;
using drover::error_code;
using supervisor =
    drover::distributed_supervisor<drover::in_memory_transport, drover::static_members, drover::ring, drover::sqlite_store>;

static_assert(drover::keeps_a_journal<drover::sqlite_store>);
static_assert(drover::sqlite_store::capabilities.durable);
static_assert(!drover::keeps_a_journal<drover::crdt_store<>>);

/// Counts what it is told, and saves each count before it answers.
struct ledger {
    explicit ledger(child_context own) : context{std::move(own)} {}

    void restore(drover::bytes_view state, std::uint32_t) { count = std::stoi(std::string{state}); }
    void on_message(drover::child_message& message)
    {
        ++count;
        context.checkpoint(std::to_string(count), [reply = std::move(message), now = count](error_code code) mutable {
            reply.reply(code ? "not saved: " + code.message() : std::to_string(now));
        });
    }

    child_context context;
    int count = 0;
};

drover::child_spec spec_of(std::string id) { return {.id = std::move(id), .type = "ledger"}; }

/// Hosts that keep their disks when they die.
struct cluster {
    explicit cluster(std::size_t count, std::uint64_t seed = 1) : world{seed}
    {
        for (std::size_t i = 1; i <= count; ++i)
            names.push_back("n" + std::to_string(i));
    }

    supervisor& add(std::string const& name, drover::supervisor_options options = {})
    {
        drover::node_options node{.name = name, .listen = name};
        for (auto const& other : names)
            if (other != name)
                node.seeds.push_back(other);
        auto made = std::make_unique<supervisor>(world, node, std::move(options), drover::static_members{}, drover::ring{},
            drover::sqlite_store{drover::sqlite_journal{drover::sqlite_options{directory.path()}}});
        made->add_child_type<ledger>("ledger");
        made->events([this, name](drover::event const& what) { said[name].push_back(what); });
        started.erase(name);
        made->async_start([this, name](error_code code) { started[name] = code; });
        return *(nodes[name] = std::move(made));
    }

    bool add_all()
    {
        for (auto const& name : names)
            add(name);
        return all_started();
    }

    bool all_started()
    {
        return world.run_until([&] { return started.size() == nodes.size(); }, 60s) && [&] {
            for (auto const& [name, code] : started)
                if (code)
                    return false;
            return true;
        }();
    }

    /// Nobody says a word, and what was not on disk is lost.
    void crash_all()
    {
        for (auto const& name : names)
            world.crash(name);
        nodes.clear();
    }

    supervisor& operator[](std::string const& name) { return *nodes.at(name); }

    template <class Command>
    std::pair<error_code, child_ref> ask(Command&& command)
    {
        auto const result = std::make_shared<std::optional<std::pair<error_code, child_ref>>>();
        command([result](error_code code, child_ref ref) { result->emplace(code, std::move(ref)); });
        REQUIRE(world.run_until([&] { return result->has_value(); }, 60s));
        return **result;
    }

    std::pair<error_code, child_ref> start(std::string const& on, std::string id)
    {
        return ask([&](auto done) { (*this)[on].async_start_child(spec_of(std::move(id)), std::move(done)); });
    }

    std::string call(std::string const& on, std::string const& id)
    {
        std::optional<std::string> result;
        (*this)[on].async_call(
            id, {}, [&](error_code code, drover::bytes reply) { result = code ? "failed: " + code.message() : reply; });
        REQUIRE(world.run_until([&] { return result.has_value(); }, 60s));
        return *result;
    }

    error_code stop(std::string const& name)
    {
        std::optional<error_code> result;
        (*this)[name].async_stop([&](error_code code) { result = code; });
        REQUIRE(world.run_until([&] { return result.has_value(); }, 60s));
        return *result;
    }

    /// So many children run, once each, and every node knows it.
    bool running_everywhere(std::size_t count)
    {
        return world.run_until(
            [&] {
                std::size_t local = 0;
                for (auto const& [name, node] : nodes) {
                    auto const counts = node->count_children();
                    local += counts.local;
                    if (counts.active != count)
                        return false;
                }
                return local == count;
            },
            60s);
    }

    [[nodiscard]] std::string file_of(std::string const& name) const
    {
        return directory.file("drover.default." + name + ".sqlite");
    }

    temporary_directory directory;
    drover::simulation::world world;
    std::vector<std::string> names;
    std::map<std::string, error_code> started;
    std::map<std::string, std::vector<drover::event>> said;
    std::map<std::string, std::unique_ptr<supervisor>> nodes;
};

TEST_CASE("a cluster that was switched off comes back with every spec, desired state, generation and checkpoint")
{
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        INFO("seed " << seed);
        cluster c{3, seed};
        REQUIRE(c.add_all());
        std::map<std::string, child_ref> refs;
        std::map<std::string, std::string> counts;
        for (int i = 0; i < 12; ++i) {
            auto const id = "child-" + std::to_string(i);
            auto const [code, ref] = c.start(c.names[static_cast<std::size_t>(i) % 3], id);
            REQUIRE_FALSE(code);
            refs[id] = ref;
            for (int k = 0; k <= i % 4; ++k)
                counts[id] = c.call("n1", id);
            CHECK(counts[id] == std::to_string(i % 4 + 1));
        }
        CHECK_FALSE(c.ask([&](auto done) { c["n2"].async_terminate_child("child-3", std::move(done)); }).first);
        CHECK_FALSE(c.ask([&](auto done) { c["n3"].async_terminate_child("child-4", std::move(done)); }).first);
        CHECK_FALSE(c.ask([&](auto done) { c["n3"].async_delete_child("child-4", std::move(done)); }).first);
        auto changed = spec_of("child-5");
        changed.arguments = "changed";
        CHECK_FALSE(c.ask([&](auto done) { c["n1"].async_update_child(changed, std::move(done)); }).first);

        c.crash_all(); // at once, right after the last answer
        c.world.run_for(10s);
        REQUIRE(c.add_all());
        REQUIRE(c.running_everywhere(10));
        c.world.run_for(1s); // so that each has heard of the others' claims
        for (auto const& name : c.names) {
            auto const all = c[name].count_children();
            CHECK(all.specs == 11);
            CHECK_FALSE(c[name].find("child-3"));
            CHECK(c[name].child_spec_of("child-3"));
            CHECK_FALSE(c[name].child_spec_of("child-4"));
            CHECK(c[name].child_spec_of("child-5") == changed);
        }
        for (auto const& [id, ref] : refs) {
            auto const now = c["n2"].find(id);
            if (id == "child-3" || id == "child-4") {
                CHECK_FALSE(now);
                continue;
            }
            INFO(id);
            REQUIRE(now);
            CHECK(now->generation > ref.generation); // another instance, and never an old token
            CHECK(c.call("n3", id) == std::to_string(std::stoi(counts[id]) + 1));
        }
    }
}

TEST_CASE("a minority whose disks are lost is brought level by the others")
{
    cluster c{3};
    REQUIRE(c.add_all());
    for (int i = 0; i < 6; ++i)
        REQUIRE_FALSE(c.start("n1", "child-" + std::to_string(i)).first);
    CHECK(c.call("n1", "child-1") == "1");
    c.crash_all();
    std::filesystem::remove(c.file_of("n3"));
    std::filesystem::remove(c.file_of("n3") + "-wal");
    REQUIRE(c.add_all());
    REQUIRE(c.running_everywhere(6));
    CHECK(c.call("n3", "child-1") == "2");
}

TEST_CASE("losses of power in a row are no child's fault")
{
    cluster c{3};
    REQUIRE(c.add_all());
    for (int i = 0; i < 6; ++i)
        REQUIRE_FALSE(c.start("n1", "child-" + std::to_string(i)).first);
    for (int i = 0; i < 5; ++i) {
        c.crash_all();
        REQUIRE(c.add_all());
        REQUIRE(c.running_everywhere(6));
    }
}

TEST_CASE("an old copy of a file is corrected by the others")
{
    cluster c{3};
    REQUIRE(c.add_all());
    for (int i = 0; i < 4; ++i)
        REQUIRE_FALSE(c.start("n1", "child-" + std::to_string(i)).first);
    c.crash_all();
    auto const old = temporary_directory::read(c.file_of("n2"));
    REQUIRE(c.add_all());
    REQUIRE(c.running_everywhere(4));
    CHECK_FALSE(c.ask([&](auto done) { c["n2"].async_terminate_child("child-0", std::move(done)); }).first);
    CHECK_FALSE(c.ask([&](auto done) { c["n2"].async_delete_child("child-0", std::move(done)); }).first);
    REQUIRE_FALSE(c.start("n2", "child-4").first);
    CHECK(c.call("n1", "child-1") == "1");
    c.crash_all();
    temporary_directory::write(c.file_of("n2"), old);
    std::filesystem::remove(c.file_of("n2") + "-wal");
    REQUIRE(c.add_all());
    REQUIRE(c.running_everywhere(4));
    for (auto const& name : c.names) {
        CHECK_FALSE(c[name].child_spec_of("child-0")); // deleted is deleted
        CHECK(c[name].child_spec_of("child-4"));
    }
    CHECK(c.call("n2", "child-1") == "2");
}

TEST_CASE("a file that cannot be used fails the start, with a sentence, and the same supervisor may be started once it can")
{
    cluster c{1};
    temporary_directory::write(c.file_of("n1"), "rubbish");
    auto& one = c.add("n1");
    REQUIRE(c.world.run_until([&] { return c.started.contains("n1"); }, 10s));
    CHECK(c.started["n1"] == errc::journal_corrupt);
    REQUIRE(c.said["n1"].size() == 1);
    CHECK(c.said["n1"][0].kind == drover::event_kind::journal_failed);
    CHECK(c.said["n1"][0].reason.find(c.file_of("n1")) != std::string::npos);
    CHECK(temporary_directory::read(c.file_of("n1")) == "rubbish");

    std::filesystem::remove(c.file_of("n1"));
    c.started.clear();
    one.async_start([&](error_code code) { c.started["n1"] = code; });
    REQUIRE(c.all_started());
    REQUIRE_FALSE(c.start("n1", "a").first);
}

TEST_CASE("a file is free again when a stop has completed, and what was left behind in it is what comes back")
{
    cluster c{2};
    REQUIRE(c.add_all());
    REQUIRE_FALSE(c.start("n1", "a").first);
    CHECK(c.call("n1", "a") == "1");
    CHECK_FALSE(c.stop("n1"));
    drover::sqlite_journal journal{drover::sqlite_options{c.file_of("n1")}};
    drover::journal_contents contents;
    auto const failure = journal.open({"n1", "default"}, contents);
    INFO(failure.reason);
    CHECK_FALSE(failure);
    journal.close();
    CHECK_FALSE(std::filesystem::exists(c.file_of("n1") + "-wal"));
    c.nodes.erase("n1");
    c.add("n1");
    REQUIRE(c.all_started());
    REQUIRE(c.running_everywhere(1));
    CHECK(c.call("n1", "a") == "2");

    // Both leave; the last one takes everything along.
    CHECK_FALSE(c.stop("n1"));
    CHECK_FALSE(c.stop("n2"));
    c.nodes.clear();
    c.world.run_for(1s);
    REQUIRE(c.add_all());
    REQUIRE(c.running_everywhere(1));
    CHECK(c.call("n1", "a") == "3");
}

TEST_CASE("a supervisor that is destroyed at any moment of its start or stop leaves a file that can be opened")
{
    cluster c{1};
    for (int i = 0; i < 40; ++i) {
        auto& one = c.add("n1");
        c.world.run_for(i * 500us);
        if (i % 3 == 0)
            one.async_stop([](error_code) {});
        c.world.run_for((i % 5) * 700us);
        c.nodes.clear();
        if (i % 2 == 0)
            c.world.run_for(100ms); // otherwise the next life begins at once
        else
            c.world.crash("n1");
    }
    c.add("n1");
    REQUIRE(c.all_started());
    REQUIRE_FALSE(c.start("n1", "a").first);
}

/// Starts so many at once, and gives the number of transactions that they took.
std::uint64_t commits_of(int starts)
{
    cluster c{1};
    REQUIRE(c.add_all());
    int done = 0;
    int failed = 0;
    for (int i = 0; i < starts; ++i)
        c["n1"].async_start_child(spec_of("child-" + std::to_string(i)), [&](error_code code, child_ref const&) {
            ++done;
            failed += code ? 1 : 0;
        });
    REQUIRE(c.world.run_until([&] { return done == starts; }, 60s));
    CHECK(failed == 0);
    CHECK_FALSE(c.stop("n1"));
    sqlite3* connection = nullptr;
    sqlite3_stmt* question = nullptr;
    REQUIRE(sqlite3_open(c.file_of("n1").c_str(), &connection) == SQLITE_OK);
    REQUIRE(sqlite3_prepare_v2(connection, "SELECT commits FROM meta", -1, &question, nullptr) == SQLITE_OK);
    REQUIRE(sqlite3_step(question) == SQLITE_ROW);
    auto const commits = static_cast<std::uint64_t>(sqlite3_column_int64(question, 0));
    sqlite3_finalize(question);
    sqlite3_close(connection);
    return commits;
}

TEST_CASE("ten thousand starts that come together take few commits, and one that comes alone does not wait")
{
    auto const commits = commits_of(10'000);
    INFO("10,000 starts on one node: " << commits << " commits");
    CHECK(commits < 100);
    CHECK(commits_of(1) <= 4 + 1);
}

} // namespace
