// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A supervisor of one node, on a store that nobody else hears of.

#include <drover/simulation.hpp>
#include <drover/store/memory_store.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::errc;
using drover::error_code;
using supervisor = drover::distributed_supervisor<drover::in_memory_transport, drover::static_members, drover::ring,
    drover::standalone<drover::memory_store>>;

static_assert(!supervisor::store_type::capabilities.replicated && supervisor::store_type::capabilities.standalone);

// Counts the messages that it gets, and saves each time.
struct counter {
    explicit counter(drover::child_context own) : context{std::move(own)} {}

    void restore(drover::bytes_view state) { count = std::stoi(std::string{state}); }
    void on_message(drover::child_message& message)
    {
        if (message.payload() == "fail")
            throw std::runtime_error("told to");
        ++count;
        context.checkpoint(std::to_string(count));
        message.reply(std::to_string(count));
    }

    drover::child_context context;
    int count = 0;
};

struct node {
    node()
    {
        own.add_child_type<counter>();
        std::optional<error_code> started;
        own.async_start([&](error_code code) { started = code; });
        world.run_for(1s);
        REQUIRE(started == error_code{});
    }

    template <class Command>
    error_code ask(Command&& command)
    {
        std::optional<error_code> answer;
        command([&](error_code code, drover::child_ref const&) { answer = code; });
        REQUIRE(world.run_until([&] { return answer.has_value(); }, 30s));
        return *answer;
    }

    error_code start(drover::child_spec spec)
    {
        return ask([&](auto done) { own.async_start_child(std::move(spec), std::move(done)); });
    }

    std::string call(std::string const& request)
    {
        std::optional<std::string> answer;
        own.async_call(
            "c", request, [&](error_code code, drover::bytes const& reply) { answer = code ? code.message() : reply; });
        REQUIRE(world.run_until([&] { return answer.has_value(); }, 30s));
        return *answer;
    }

    drover::simulation::world world{1};
    supervisor own{world, drover::node_options{.name = "n1", .listen = "n1"}};
};

} // namespace

TEST_CASE("a supervisor of one node lives on a memory_store")
{
    node alone;
    CHECK_FALSE(alone.start({.id = "c", .type = "counter"}));
    CHECK(alone.start({.id = "c", .type = "counter"}) == errc::already_started);
    CHECK(alone.call("count") == "1");
    CHECK(alone.call("count") == "2");
    alone.own.cast("c", "fail");
    alone.world.run_for(1s);
    CHECK(alone.call("count") == "3"); // from its checkpoint

    CHECK_FALSE(alone.ask([&](auto done) { alone.own.async_terminate_child("c", done); }));
    CHECK_FALSE(alone.own.find("c"));
    CHECK_FALSE(alone.ask([&](auto done) { alone.own.async_restart_child("c", done); }));
    CHECK(alone.call("count") == "4");
    CHECK_FALSE(alone.ask([&](auto done) { alone.own.async_terminate_child("c", done); }));
    CHECK_FALSE(alone.ask([&](auto done) { alone.own.async_delete_child("c", done); }));
    CHECK(alone.own.count_children().specs == 0);
    CHECK_FALSE(alone.start({.id = "c", .type = "counter"}));
    CHECK(alone.call("count") == "1"); // nothing is left of the child before
    CHECK(alone.own.inconsistency().empty());
}

TEST_CASE("what it started is gone when it is stopped")
{
    node alone;
    CHECK_FALSE(alone.start({.id = "c", .type = "counter"}));
    std::optional<error_code> stopped;
    alone.own.async_stop([&](error_code code) { stopped = code; });
    alone.world.run_for(1s);
    CHECK(stopped == error_code{});
}
