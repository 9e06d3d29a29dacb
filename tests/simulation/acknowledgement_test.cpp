// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// When an answer says success, and when it must not.

#include <drover/simulation.hpp>
#include <drover/simulation/disk_journal.hpp>

#include <catch2/catch_test_macros.hpp>

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

struct quiet_child {
    static constexpr std::string_view type_name = "quiet";
};

template <class Store>
class cluster {
public:
    using supervisor = drover::distributed_supervisor<drover::in_memory_transport, drover::static_members, drover::ring, Store>;

    cluster(std::uint64_t seed, std::vector<std::string> names, drover::supervisor_options options = {}) : world{seed}
    {
        for (auto const& name : names) {
            drover::node_options node{.name = name, .listen = name};
            for (auto const& other : names)
                if (other != name)
                    node.seeds.push_back(other);
            nodes[name] = std::make_unique<supervisor>(world, node, options);
            nodes[name]->template add_child_type<quiet_child>();
            nodes[name]->async_start([](error_code code) { CHECK_FALSE(code); });
        }
        world.run_for(3s);
    }

    ~cluster()
    {
        for (auto& [name, each] : nodes)
            world.crash(name);
    }

    template <class Command>
    std::pair<error_code, child_ref> await(Command&& command)
    {
        std::optional<std::pair<error_code, child_ref>> answer;
        command([&](error_code code, child_ref const& ref) { answer = {code, ref}; });
        REQUIRE(world.run_until([&] { return answer.has_value(); }, 30s));
        return *answer;
    }

    drover::simulation::world world;
    std::map<std::string, std::unique_ptr<supervisor>> nodes;
};

using in_memory = drover::crdt_store<>;
using on_disk = drover::crdt_store<disk_journal>;

} // namespace

TEST_CASE("on a disk, one node alone answers when it is on stable storage, and not before", "[acknowledgement]")
{
    for (auto const level : {drover::acknowledge::majority, drover::acknowledge::local, drover::acknowledge::all}) {
        drover::supervisor_options options;
        options.acknowledge = level;
        cluster<on_disk> one{1, {"n1"}, options};
        one.world.set_offload_latency(40ms);
        auto& by = *one.nodes["n1"];
        for (auto const* const what : {"start", "terminate", "restart", "terminate", "delete"}) {
            INFO(what);
            auto const begun = one.world.now();
            auto const answer = one.await([&](auto done) {
                if (what == std::string{"start"})
                    by.async_start_child({.id = "a", .type = "quiet"}, done);
                else if (what == std::string{"terminate"})
                    by.async_terminate_child("a", done);
                else if (what == std::string{"restart"})
                    by.async_restart_child("a", done);
                else
                    by.async_delete_child("a", done);
            });
            CHECK_FALSE(answer.first);
            CHECK(one.world.now() - begun >= 40ms);
            CHECK(one.world.now() - begun < 200ms);
        }
    }
}

TEST_CASE("in memory, one node alone answers at once", "[acknowledgement]")
{
    cluster<in_memory> one{1, {"n1"}};
    one.world.set_offload_latency(40ms);
    auto const begun = one.world.now();
    CHECK_FALSE(one.await([&](auto done) { one.nodes["n1"]->async_start_child({.id = "a", .type = "quiet"}, done); }).first);
    CHECK(one.world.now() - begun < 5ms);
}

TEST_CASE(
    "a start on one side of a split that a delete on the other side outranks is not answered with success", "[acknowledgement]")
{
    auto refused = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        INFO("seed " << seed);
        cluster<in_memory> three{seed, {"n1", "n2", "n3"}};
        three.world.partition({{"n1"}, {"n2", "n3"}});
        three.world.run_for(5s);
        for (std::uint64_t round = 0; round < 1 + seed % 4; ++round) {
            CHECK_FALSE(
                three.await([&](auto done) { three.nodes["n2"]->async_start_child({.id = "a", .type = "quiet"}, done); }).first);
            CHECK_FALSE(three.await([&](auto done) { three.nodes["n3"]->async_terminate_child("a", done); }).first);
            CHECK_FALSE(three.await([&](auto done) { three.nodes["n3"]->async_delete_child("a", done); }).first);
        }
        std::optional<error_code> answer;
        three.nodes["n1"]->async_start_child(
            {.id = "a", .type = "quiet"}, [&](error_code code, child_ref const&) { answer = code; });
        three.world.run_for(1s);
        CHECK_FALSE(answer); // a minority acknowledges nothing
        three.world.heal();
        three.world.run_for(15s);
        REQUIRE(answer);
        INFO(answer->message());
        for (auto const& [name, node] : three.nodes)
            CHECK(node->find("a").has_value() == !*answer);
        refused += *answer ? 1 : 0;
    }
    CHECK(refused > 0);
}
