// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include <drover/coroutine.hpp>
#include <drover/simulation.hpp>

#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::child_context;
using drover::child_ref;
using drover::errc;
using drover::error_code;
using supervisor = drover::distributed_supervisor<drover::in_memory_transport>;

// What the children of one test did.
struct record {
    std::vector<std::string> lines;
    int start_failures = 0; ///< so many starts are to fail
    bool exit_normally = false;
};

// Counts the messages that it gets, and saves when it is asked to move.
struct counter {
    static constexpr std::uint32_t schema_version = 3;

    counter(child_context own, record& book) : context{std::move(own)}, lines{&book} {}

    void restore(drover::bytes_view state, std::uint32_t version)
    {
        count = std::stoi(std::string{state});
        lines->lines.push_back("restore " + std::string{state} + " v" + std::to_string(version));
    }
    void on_start()
    {
        if (lines->start_failures > 0) {
            --lines->start_failures;
            throw std::runtime_error("no luck");
        }
        lines->lines.push_back("start " + context.id() + " " + std::to_string(context.generation()) + " on " + context.node());
    }
    void on_message(drover::child_message& message)
    {
        if (message.payload() == "crash")
            throw std::runtime_error("told to");
        if (message.payload() == "leave")
            return context.exit();
        if (message.payload() == "ignore")
            return;
        ++count;
        message.reply(std::to_string(count) + " on " + context.node());
    }
    drover::bytes save() const { return std::to_string(count); }
    void on_stop() { lines->lines.push_back("stop " + context.id()); }

    child_context context;
    record* lines;
    int count = 0;
};

// A cluster of hosts, and the last answers to what was asked of it.
struct cluster {
    explicit cluster(std::size_t count, std::uint64_t seed = 1) : world{seed}
    {
        for (std::size_t i = 1; i <= count; ++i)
            add("n" + std::to_string(i));
        world.run_for(2s);
    }

    supervisor& add(std::string const& name, drover::supervisor_options options = {})
    {
        drover::node_options node{.name = name, .listen = name};
        if (name != "n1")
            node.seeds = {"n1"};
        auto made = std::make_unique<supervisor>(world, node, std::move(options));
        made->add_child_type("counter", [this](child_context context) {
            return std::unique_ptr<drover::child_instance>{
                std::make_unique<drover::detail::object_instance<counter>>(std::move(context), [this](child_context inner) {
                    return counter{std::move(inner), lines};
                })};
        });
        made->async_start([this, name](error_code code) { started[name] = code; });
        return *(nodes[name] = std::move(made));
    }

    supervisor& operator[](std::string const& name) { return *nodes.at(name); }

    struct answer {
        bool done = false;
        error_code code;
        child_ref ref;
    };

    // Runs one command to its end.
    template <class Command>
    answer ask(Command&& command)
    {
        auto const result = std::make_shared<answer>();
        command([result](error_code code, child_ref ref) {
            REQUIRE_FALSE(result->done);
            *result = {true, code, std::move(ref)};
        });
        REQUIRE(world.run_until([&] { return result->done; }, 30s));
        return *result;
    }

    answer start(std::string const& on, drover::child_spec spec)
    {
        return ask([&](auto done) { (*this)[on].async_start_child(std::move(spec), std::move(done)); });
    }

    std::pair<error_code, std::string> call(std::string const& on, std::string const& id, std::string const& request)
    {
        std::optional<std::pair<error_code, std::string>> result;
        (*this)[on].async_call(id, request, [&](error_code code, drover::bytes reply) { result.emplace(code, reply); });
        REQUIRE(world.run_until([&] { return result.has_value(); }, 30s));
        return *result;
    }

    void crash(std::string const& name)
    {
        world.crash(name);
        nodes.erase(name);
    }

    drover::simulation::world world;
    record lines;
    std::map<std::string, error_code> started;
    std::map<std::string, std::unique_ptr<supervisor>> nodes;
};

drover::child_spec spec_of(std::string id, drover::restart_rule restart = drover::restart_rule::permanent)
{
    return {.id = std::move(id), .type = "counter", .restart = restart};
}

TEST_CASE("a child starts once, wherever it is asked for, and is known everywhere")
{
    cluster c{3};
    auto const answer = c.start("n3", spec_of("a"));
    CHECK_FALSE(answer.code);
    CHECK(answer.ref.id == "a");
    CHECK(answer.ref.generation == 1);
    for (auto const* const name : {"n1", "n2", "n3"}) {
        CHECK(c[name].find("a") == answer.ref);
        CHECK(c[name].count_children().specs == 1);
        CHECK(c[name].which_children(drover::scope::local).size() == (answer.ref.node == name ? 1U : 0U));
        CHECK(c[name].child_spec_of("a") == spec_of("a"));
    }
    auto const again = c.start("n1", spec_of("a"));
    CHECK(again.code == errc::already_started);
    CHECK(again.ref == answer.ref);
}

TEST_CASE("commands have the meanings of OTP")
{
    cluster c{3};
    auto const terminate = [&](std::string id) {
        return c.ask([&](auto done) { c["n2"].async_terminate_child(std::move(id), std::move(done)); }).code;
    };
    auto const restart = [&](std::string id) {
        return c.ask([&](auto done) { c["n3"].async_restart_child(std::move(id), std::move(done)); });
    };
    auto const remove = [&](std::string id) {
        return c.ask([&](auto done) { c["n1"].async_delete_child(std::move(id), std::move(done)); }).code;
    };
    CHECK(terminate("a") == errc::not_found);
    CHECK(restart("a").code == errc::not_found);
    CHECK(remove("a") == errc::not_found);
    REQUIRE_FALSE(c.start("n1", spec_of("a")).code);
    CHECK(remove("a") == errc::running);
    CHECK(restart("a").code == errc::running);
    CHECK_FALSE(terminate("a"));
    CHECK(c.lines.lines.back() == "stop a");
    CHECK(c.start("n1", spec_of("a")).code == errc::already_present);
    auto const revived = restart("a");
    CHECK_FALSE(revived.code);
    CHECK(revived.ref.generation == 2);
    CHECK_FALSE(terminate("a"));
    CHECK_FALSE(remove("a"));
    c.world.run_for(1s);
    for (auto const* const name : {"n1", "n2", "n3"})
        CHECK_FALSE(c[name].child_spec_of("a"));
    auto const fresh = c.start("n1", spec_of("a"));
    CHECK_FALSE(fresh.code);
    CHECK(fresh.ref.generation > revived.ref.generation);
}

TEST_CASE("a first start that fails is answered, and leaves nothing behind")
{
    cluster c{3};
    c.lines.start_failures = 1;
    auto const answer = c.start("n1", spec_of("a"));
    CHECK(answer.code == errc::start_failed);
    c.world.run_for(2s);
    for (auto const* const name : {"n1", "n2", "n3"})
        CHECK(c[name].which_children().empty());
    CHECK_FALSE(c.start("n1", spec_of("a")).code);
}

TEST_CASE("bad specs are refused with a code")
{
    cluster c{1};
    CHECK(c.start("n1", spec_of("")).code == errc::invalid_spec);
    CHECK(c.start("n1", spec_of(std::string(256, 'x'))).code == errc::invalid_spec);
    CHECK(c.start("n1", {.id = "a", .type = "nobody has it"}).code == errc::unknown_type);
    CHECK(c.start("n1", {.id = "a", .type = "counter", .arguments = std::string(65 * 1024, 'x')}).code == errc::invalid_spec);
    CHECK(c["n1"].which_children().empty());
    CHECK(c["n1"].counters().commands_refused == 4);
}

TEST_CASE("a child that fails is restarted in place, under a larger generation")
{
    cluster c{3};
    auto const first = c.start("n1", spec_of("a"));
    c["n1"].cast("a", "crash");
    c.world.run_for(1s);
    auto const now = c["n2"].find("a");
    REQUIRE(now);
    CHECK(now->node == first.ref.node);
    CHECK(now->generation == 2);
}

TEST_CASE("one child that always fails is parked, and harms nobody else")
{
    cluster c{3};
    for (int i = 0; i < 10; ++i)
        REQUIRE_FALSE(c.start("n1", spec_of("healthy-" + std::to_string(i))).code);
    REQUIRE_FALSE(c.start("n1", spec_of("bad")).code);
    for (int i = 0; i < 4; ++i) {
        c["n1"].cast("bad", "crash");
        c.world.run_for(300ms); // longer than it waits for its next restart
    }
    auto const owner = c["n1"].find("bad")->node;
    auto const listed = c["n2"].which_children();
    auto const bad = std::find_if(listed.begin(), listed.end(), [](auto const& child) { return child.id == "bad"; });
    CHECK(bad->status == drover::child_status::parked);
    CHECK(bad->reason == "told to");
    CHECK(c[owner].counters().parked == 1);
    for (int i = 0; i < 10; ++i)
        CHECK(c["n3"].find("healthy-" + std::to_string(i))->generation == 1);
    c.world.run_for(2s); // it is tried again
    CHECK_FALSE(c.call("n1", "bad", "hello").first);
}

TEST_CASE("transient and temporary children")
{
    cluster c{3};
    REQUIRE_FALSE(c.start("n1", spec_of("transient", drover::restart_rule::transient)).code);
    REQUIRE_FALSE(c.start("n1", spec_of("temporary", drover::restart_rule::temporary)).code);
    auto const owner = c["n1"].find("transient")->node;
    c["n1"].cast("transient", "crash");
    c["n1"].cast("temporary", "crash");
    c.world.run_for(1s);
    CHECK(c["n1"].find("transient")->generation == 2);
    CHECK_FALSE(c["n1"].child_spec_of("temporary"));
    c["n1"].cast("transient", "leave");
    c.world.run_for(1s);
    CHECK_FALSE(c["n1"].find("transient"));
    CHECK(c["n1"].child_spec_of("transient"));
    c.crash(owner); // what has ended does not come back with a failover
    c.world.run_for(3s);
    for (auto& [name, node] : c.nodes) {
        CHECK_FALSE(node->find("transient"));
        CHECK(node->child_spec_of("transient"));
    }
}

TEST_CASE("a call finds the child wherever it runs, and is answered once")
{
    cluster c{3};
    auto const where = c.start("n1", spec_of("a")).ref.node;
    CHECK(c.call("n1", "a", "x").second == "1 on " + where);
    CHECK(c.call("n2", "a", "x").second == "2 on " + where);
    CHECK(c.call("n3", "a", "x").second == "3 on " + where);
    CHECK(c.call("n3", "nobody", "x").first == errc::not_found);
    CHECK(c.call("n3", "a", "ignore").first == errc::no_such_message);
    CHECK(c.call("n3", "a", "crash").first == errc::child_failed);
}

TEST_CASE("a graceful leave hands every child on with its state, and no child is lost")
{
    cluster c{3};
    for (int i = 0; i < 30; ++i) {
        auto const id = "c" + std::to_string(i);
        REQUIRE_FALSE(c.start("n1", spec_of(id)).code);
        for (int k = 0; k <= i; ++k)
            (void)c.call("n1", id, "count");
    }
    bool stopped = false;
    c["n2"].async_stop([&](error_code code) { stopped = !code; });
    REQUIRE(c.world.run_until([&] { return stopped; }, 5s));
    c.nodes.erase("n2");
    c.world.run_for(500ms);
    for (int i = 0; i < 30; ++i) {
        auto const id = "c" + std::to_string(i);
        auto const [code, reply] = c.call("n1", id, "count");
        CHECK_FALSE(code);
        CHECK(reply.substr(0, reply.find(' ')) == std::to_string(i + 2));
        CHECK(c["n1"].find(id)->node != "n2");
    }
    for (auto const& member : c["n1"].members())
        if (member.id.name == "n2")
            CHECK(member.state == drover::member_state::left);
    CHECK_FALSE(c.start("n3", spec_of("after")).code); // those that left do not count for a majority
}

TEST_CASE("a node that joins takes its share with the state, and a child moves once")
{
    cluster c{2};
    for (int i = 0; i < 60; ++i) {
        REQUIRE_FALSE(c.start("n1", spec_of("c" + std::to_string(i))).code);
        (void)c.call("n1", "c" + std::to_string(i), "count");
    }
    c.add("n3");
    c.world.run_for(3s);
    auto moved = 0;
    for (auto const& child : c["n1"].which_children()) {
        moved += child.node == "n3" ? 1 : 0;
        CHECK(child.generation == (child.node == "n3" ? 2U : 1U));
        CHECK(c.call("n1", child.id, "count").second == "2 on " + child.node);
    }
    CHECK(moved > 5);
    CHECK(moved < 40);
    CHECK(c["n3"].counters().handoffs_in == static_cast<std::uint64_t>(moved));
}

TEST_CASE("an update replaces the spec of a running child, with its state")
{
    cluster c{3};
    REQUIRE_FALSE(c.start("n1", spec_of("a")).code);
    (void)c.call("n1", "a", "count");
    auto next = spec_of("a");
    next.arguments = "new";
    auto const answer = c.ask([&](auto done) { c["n3"].async_update_child(next, std::move(done)); });
    CHECK_FALSE(answer.code);
    CHECK(c["n2"].child_spec_of("a") == next);
    CHECK(c["n1"].find("a")->generation == 2);
    CHECK(c.call("n1", "a", "count").second.substr(0, 1) == "2");
}

TEST_CASE("an update to a type that nobody has is refused, and the child goes on")
{
    cluster c{3};
    REQUIRE_FALSE(c.start("n1", spec_of("a")).code);
    auto next = spec_of("a");
    next.type = "nobody has it";
    CHECK(c.ask([&](auto done) { c["n2"].async_update_child(next, std::move(done)); }).code == errc::unknown_type);
    CHECK(c["n1"].find("a")->generation == 1);
    CHECK_FALSE(c.call("n1", "a", "x").first);
}

TEST_CASE("a supervisor ends with its node")
{
    drover::simulation::world world{1};
    drover::node<drover::in_memory_transport, drover::static_members> node{world, {.name = "n1"}};
    record lines;
    supervisor only{node, {}};
    only.add_child_type("counter", [&](child_context context) { return std::make_unique<counter>(std::move(context), lines); });
    only.async_start([](error_code code) { CHECK_FALSE(code); });
    world.run_for(1s);
    only.async_start_child(spec_of("a"), [](error_code code, child_ref const&) { CHECK_FALSE(code); });
    world.run_for(1s);
    CHECK(only.which_children(drover::scope::local).size() == 1);
    std::optional<error_code> unanswered;
    only.async_call("a", "x", [&](error_code code, drover::bytes const&) { unanswered = code; });
    node.async_stop([](error_code code) { CHECK_FALSE(code); });
    world.run_for(1s);
    CHECK(unanswered);
    std::optional<error_code> refused;
    only.async_start_child(spec_of("b"), [&](error_code code, child_ref const&) { refused = code; });
    world.run_for(1s);
    CHECK(refused == error_code{errc::shutting_down});
}

TEST_CASE("two supervisors share a node and do not see each other's children")
{
    drover::simulation::world world{1};
    drover::node<drover::in_memory_transport, drover::static_members> node{world, {.name = "n1", .listen = "n1"}};
    record lines;
    supervisor one{node, {.name = "one"}};
    supervisor two{node, {.name = "two"}};
    supervisor same{node, {.name = "two"}};
    error_code clash;
    for (auto* const each : {&one, &two})
        each->add_child_type("counter", [&](child_context) { return 7; });
    one.async_start([](error_code code) { CHECK_FALSE(code); });
    two.async_start([](error_code code) { CHECK_FALSE(code); });
    same.async_start([&](error_code code) { clash = code; });
    world.run_for(1s);
    CHECK(clash == errc::scope_in_use);
    one.async_start_child({.id = "a", .type = "counter"}, [](error_code code, child_ref const&) { CHECK_FALSE(code); });
    world.run_for(1s);
    CHECK(one.count_children().specs == 1);
    CHECK(two.count_children().specs == 0);
}

TEST_CASE("a seed that does not answer, and a command before the start, are told")
{
    drover::simulation::world world{1};
    supervisor lonely{world, {.name = "n1", .listen = "n1", .seeds = {"nobody"}}, {}};
    error_code started;
    error_code early;
    lonely.async_start_child({.id = "a", .type = "t"}, [&](error_code code, child_ref const&) { early = code; });
    lonely.async_start([&](error_code code) { started = code; });
    world.run_for(30s);
    CHECK(early == errc::not_started);
    CHECK(started == errc::seeds_unreachable);
    CHECK(std::string{started.message()} == "no seed answered within the time limit");
}

// Hooks that take octets, and an object on the heap.
struct speller {
    explicit speller(std::string start) : word{std::move(start)} {}
    std::string on_message(drover::bytes_view request) { return word += request; }
    std::string word;
};

TEST_CASE("a factory may return an object on the heap, and a message hook may take and return octets")
{
    cluster c{1};
    c["n1"].add_child_type("speller", [](child_context context) { return std::make_unique<speller>(context.arguments()); });
    c.world.run_for(100ms);
    REQUIRE_FALSE(c.start("n1", {.id = "s", .type = "speller", .arguments = "a"}).code);
    CHECK(c.call("n1", "s", "b").second == "ab");
    CHECK(c.call("n1", "s", "c").second == "abc");
}

TEST_CASE("watchers hear what moved, why, and what was refused; the counters count it")
{
    cluster c{3};
    std::vector<std::string> heard;
    for (auto& [name, node] : c.nodes)
        node->events([&heard](drover::event const& what) { heard.push_back(to_string(what)); });
    auto const first = c.start("n1", spec_of("a"));
    (void)c.start("n1", {.id = "b", .type = "nobody has it"});
    c.crash(first.ref.node);
    c.world.run_for(2s);
    auto const said = [&](std::string const& line) { return std::find(heard.begin(), heard.end(), line) != heard.end(); };
    CHECK(said("child started: a, generation 1"));
    CHECK(said("command refused: b (no member of the cluster has registered this child type)"));
    CHECK(said("member died: " + first.ref.node));
    CHECK(said("child claimed: a, generation 2 (its owner " + first.ref.node + " is dead)"));
    auto failovers = 0U;
    for (auto& [name, node] : c.nodes)
        failovers += static_cast<unsigned>(node->counters().failovers);
    CHECK(failovers == 1);
}

// ---- coroutines, on virtual time ---------------------------------------------------------------------------------------

boost::asio::awaitable<void> count_seconds(child_context context)
{
    auto count = context.state() ? std::stoi(*context.state()) : 0;
    for (;;) {
        co_await context.async_wait(1s, boost::asio::use_awaitable);
        co_await context.checkpoint(std::to_string(++count), boost::asio::use_awaitable);
    }
}

boost::asio::awaitable<void> echo(child_context context)
{
    for (;;) {
        auto message = co_await context.async_receive(boost::asio::use_awaitable);
        if (message.payload() == "fail")
            throw std::runtime_error("as asked");
        if (message.payload() == "return")
            co_return;
        message.reply(message.payload() + " from " + context.node() + ", generation " + std::to_string(context.generation()));
    }
}

TEST_CASE("a coroutine child lives on virtual time, moves with its state, and is stopped by cancellation")
{
    cluster c{3};
    for (auto& [name, node] : c.nodes) {
        node->add_child_type("seconds", count_seconds);
        node->add_child_type("echo", echo);
    }
    c.world.run_for(100ms);
    auto const first = c.start("n1", {.id = "clock", .type = "seconds"});
    REQUIRE_FALSE(first.code);
    c.world.run_for(10500ms);
    std::string const survivor = first.ref.node == "n1" ? "n2" : "n1";
    c.crash(first.ref.node);
    c.world.run_for(5s);
    auto const second = c[survivor].find("clock");
    REQUIRE(second);
    CHECK(second->generation == 2);
    CHECK_FALSE(c.ask([&](auto done) { c[survivor].async_terminate_child("clock", std::move(done)); }).code);

    REQUIRE_FALSE(c.start(survivor, {.id = "e", .type = "echo", .restart = drover::restart_rule::transient}).code);
    auto const where = c[survivor].find("e")->node;
    CHECK(c.call(survivor, "e", "hello").second == "hello from " + where + ", generation 1");
    c[survivor].cast("e", "fail");
    c.world.run_for(100ms);
    CHECK(c.call(survivor, "e", "hello").second == "hello from " + where + ", generation 2");
    c[survivor].cast("e", "return");
    c.world.run_for(100ms);
    CHECK_FALSE(c[survivor].find("e"));
}

TEST_CASE("futures and coroutines work as completion tokens in the simulation")
{
    cluster c{1};
    auto future = c["n1"].async_start_child(spec_of("a"), boost::asio::use_future);
    c.world.run_for(1s);
    REQUIRE(future.wait_for(std::chrono::seconds{0}) == std::future_status::ready);
    CHECK(future.get().node == "n1");
    auto refused = c["n1"].async_start_child(spec_of("a"), boost::asio::use_future);
    c.world.run_for(1s);
    CHECK_THROWS_AS(refused.get(), boost::system::system_error);
    std::string reply;
    boost::asio::co_spawn(
        c["n1"].get_executor(),
        [&]() -> boost::asio::awaitable<void> { reply = co_await c["n1"].async_call("a", "x", boost::asio::use_awaitable); },
        [](std::exception_ptr failure) { CHECK_FALSE(failure); });
    c.world.run_for(1s);
    CHECK(reply == "1 on n1");
}

} // namespace
