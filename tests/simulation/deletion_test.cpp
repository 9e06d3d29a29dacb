// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// A child that is deleted is deleted for ever: whoever was away, whatever it raced with, whoever died.

#include <drover/simulation.hpp>
#include <drover/simulation/disk_journal.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::child_ref;
using drover::errc;
using drover::error_code;
using drover::simulation::disk;
using drover::simulation::disk_journal;

constexpr int children_count = 12;

std::string id_of(int index) { return "child-" + std::to_string(index); }

/// Some nodes with disks; their children do nothing but to be there.
class cluster {
public:
    using store = drover::crdt_store<disk_journal>;
    using supervisor = drover::distributed_supervisor<drover::in_memory_transport, drover::static_members, drover::ring, store>;

    struct quiet_child {
        static constexpr std::string_view type_name = "quiet";

        quiet_child(drover::child_context context, std::map<std::string, int>& running) : id_{context.id()}, running_{&running}
        {
            ++running[id_];
        }
        quiet_child(quiet_child&&) = delete;
        ~quiet_child() { --(*running_)[id_]; }

    private:
        std::string id_;
        std::map<std::string, int>* running_;
    };

    explicit cluster(std::uint64_t seed, std::size_t nodes = 3) : random{seed, 1}, world{seed}
    {
        for (std::size_t i = 1; i <= nodes; ++i)
            start("n" + std::to_string(i));
        world.run_for(3s);
    }

    ~cluster()
    {
        for (auto& [name, each] : nodes_)
            world.crash(name);
    }

    void start(std::string const& name)
    {
        drover::node_options options{.name = name, .listen = name};
        for (auto const* const other : {"n1", "n2", "n3", "n4"})
            if (name != other)
                options.seeds.push_back(other);
        auto& own = disks_[name];
        if (own == nullptr)
            own = std::make_shared<disk>();
        drover::supervisor_options how;
        how.operation_timeout = 5s;
        auto& made = nodes_[name] =
            std::make_unique<supervisor>(world, options, how, drover::static_members{}, drover::ring{}, store{disk_journal{own}});
        made->add_child_type(std::string{quiet_child::type_name}, [this](drover::child_context context) {
            return std::unique_ptr<drover::child_instance>{std::make_unique<drover::detail::object_instance<quiet_child>>(
                std::move(context), [this](drover::child_context inner) {
                    return quiet_child{std::move(inner), running_};
                })};
        });
        made->async_start([](error_code) {});
    }

    void crash(std::string const& name)
    {
        world.crash(name);
        nodes_.erase(name);
    }

    void leave(std::string const& name)
    {
        std::optional<error_code> done;
        nodes_[name]->async_stop([&](error_code code) { done = code; });
        REQUIRE(world.run_until([&] { return done.has_value(); }, 30s));
        nodes_.erase(name);
    }

    void start_children()
    {
        for (int i = 0; i < children_count; ++i)
            REQUIRE(await([&](auto done) { nodes_.begin()->second->async_start_child({.id = id_of(i), .type = "quiet"}, done); })
                == error_code{});
    }

    /// Until it is acknowledged: what another command is about to do is waited for.
    void remove(std::string const& by, std::string const& id)
    {
        for (int attempt = 0;; ++attempt) {
            REQUIRE(attempt < 20);
            auto const stopped = await([&](auto done) { nodes_[by]->async_terminate_child(id, done); });
            auto const gone = await([&](auto done) { nodes_[by]->async_delete_child(id, done); });
            INFO(stopped.message() << ", " << gone.message());
            if (!gone || gone == errc::not_found)
                return;
            world.run_for(300ms);
        }
    }

    template <class Command>
    error_code await(Command&& command)
    {
        std::optional<error_code> answer;
        command([&](error_code code, child_ref const&) { answer = code; });
        REQUIRE(world.run_until([&] { return answer.has_value(); }, 10s));
        return *answer;
    }

    /// Every node knows and runs exactly those that are left.
    void check(std::vector<std::string> const& deleted)
    {
        for (int i = 0; i < children_count; ++i) {
            auto const id = id_of(i);
            auto const is_deleted = std::find(deleted.begin(), deleted.end(), id) != deleted.end();
            INFO(id << (is_deleted ? " was deleted" : " was not deleted"));
            CHECK(running_[id] == (is_deleted ? 0 : 1));
            for (auto const& [name, each] : nodes_) {
                INFO("on " << name);
                CHECK(each->child_spec_of(id).has_value() == !is_deleted);
            }
        }
    }

    supervisor& at(std::string const& name) { return *nodes_.at(name); }
    disk& disk_of(std::string const& name) { return *disks_[name]; }

    drover::random_stream random;
    drover::simulation::world world;

private:
    std::map<std::string, int> running_; // instances
    std::map<std::string, std::shared_ptr<disk>> disks_;
    std::map<std::string, std::unique_ptr<supervisor>> nodes_;
};

#if defined(DROVER_TEST_SEEDS)
constexpr std::uint64_t seeds_count = DROVER_TEST_SEEDS;
#else
constexpr std::uint64_t seeds_count = 12;
#endif

} // namespace

TEST_CASE("what was deleted stays deleted when a node is back that was cut off for hours", "[deletion]")
{
    for (std::uint64_t seed = 1; seed <= seeds_count; ++seed) {
        INFO("seed " << seed);
        cluster three{seed};
        three.start_children();
        three.world.partition({{"n1", "n2"}, {"n3"}}); // which runs all of them meanwhile
        three.world.run_for(10s);
        std::vector<std::string> deleted{id_of(0), id_of(5), id_of(11)};
        for (auto const& id : deleted)
            three.remove("n1", id);
        three.world.run_for(std::chrono::hours{3});
        three.world.heal();
        three.world.run_for(20s);
        three.check(deleted);
    }
}

TEST_CASE("what was deleted stays deleted when a node is back with the disk that it had", "[deletion]")
{
    for (std::uint64_t seed = 1; seed <= seeds_count; ++seed) {
        INFO("seed " << seed);
        cluster three{seed};
        three.start_children();
        auto const left = seed % 2 == 0;
        if (left)
            three.leave("n3"); // no member any more: nobody remembers removals for it
        else
            three.crash("n3");
        three.world.run_for(10s);
        std::vector<std::string> deleted{id_of(1), id_of(2), id_of(7)};
        for (auto const& id : deleted)
            three.remove("n2", id);
        three.world.run_for(std::chrono::hours{2});
        REQUIRE_FALSE(three.disk_of("n3").contents().records.empty());
        three.start("n3");
        three.world.run_for(20s);
        three.check(deleted);
        // Nor is it on its disk, where all the others are.
        std::size_t specs = 0;
        for (auto const& record : three.disk_of("n3").contents().records)
            if (record.table == drover::record_table::spec && !record.removed) {
                ++specs;
                CHECK(std::find(deleted.begin(), deleted.end(), record.key) == deleted.end());
            }
        CHECK(specs == children_count - deleted.size());
    }
}

TEST_CASE("a delete that races with a move wins", "[deletion]")
{
    for (std::uint64_t seed = 1; seed <= 4 * seeds_count; ++seed) {
        INFO("seed " << seed);
        cluster three{seed};
        three.start_children();
        std::vector<std::string> deleted;
        three.start("n4"); // takes some over
        auto const until = three.world.now() + three.random.between(drover::duration{0}, drover::duration{2'500ms});
        three.world.run_for(until - three.world.now());
        for (int i = 0; i < children_count; i += 2)
            deleted.push_back(id_of(i));
        std::map<std::string, int> open;
        for (auto const& id : deleted)
            three.at("n1").async_terminate_child(id, [&, id](error_code, child_ref const&) {
                three.at("n2").async_delete_child(id, [](error_code, child_ref const&) {});
            });
        three.world.run_for(three.random.between(drover::duration{0}, drover::duration{30ms}));
        three.crash("n4");
        three.world.run_for(10s);
        for (auto const& id : deleted)
            three.remove("n1", id); // what the crash has interrupted
        three.start("n4");
        three.world.run_for(20s);
        three.check(deleted);
    }
}

TEST_CASE("what was deleted stays deleted when the node that deleted it died right afterwards", "[deletion]")
{
    for (std::uint64_t seed = 1; seed <= 2 * seeds_count; ++seed) {
        INFO("seed " << seed);
        cluster three{seed};
        three.start_children();
        auto const id = id_of(static_cast<int>(seed) % children_count);
        auto const by = "n" + std::to_string(1 + seed % 3);
        auto const owner = three.at(by).find(id)->node;
        three.remove(by, id);
        three.crash(seed % 2 == 0 ? by : owner); // with the disk as it is
        three.world.run_for(10s);
        three.start(seed % 2 == 0 ? by : owner);
        three.world.run_for(20s);
        three.check({id});
    }
}
