// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// Failures of all kinds in a simulated cluster: who is harmed, who is told, and what is left.

#include <drover/simulation.hpp>
#include <drover/simulation/local_supervisor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::child_context;
using drover::child_ref;
using drover::child_status;
using drover::errc;
using drover::error_code;
using drover::start_cause;
using supervisor = drover::distributed_supervisor<drover::in_memory_transport>;

#ifdef DROVER_TEST_SEEDS
constexpr std::uint64_t seeds = DROVER_TEST_SEEDS < 20 ? DROVER_TEST_SEEDS : 20;
#else
constexpr std::uint64_t seeds = 60;
#endif

class cluster;

// Does what its arguments say.
struct actor {
    actor(child_context own, cluster& all) : context{std::move(own)}, world{&all} {}
    ~actor();

    void on_start();
    void on_message(drover::child_message& message);
    drover::stop_result on_stop();

    child_context context;
    cluster* world;
    bool begun = false;
};

struct start_note {
    std::string id;
    std::string node;
    drover::generation_number generation = 0;
    start_cause cause{};
    drover::time_point at;
};

class cluster {
public:
    explicit cluster(std::uint64_t seed = 1) : world{seed} {}
    ~cluster()
    {
        for (auto& [name, node] : nodes)
            world.crash(name);
        nodes.clear(); // while what the children write to is still there
    }

    supervisor& add(std::string const& name, drover::supervisor_options options = {})
    {
        drover::node_options node{.name = name, .listen = name};
        for (int i = 1; i <= seeds_count; ++i)
            if (auto const seed = "n" + std::to_string(i); seed != name)
                node.seeds.push_back(seed);
        auto made = std::make_unique<supervisor>(world, node, std::move(options));
        made->add_child_type("actor", [this](child_context context) { return make(std::move(context)); });
        made->on_gave_up([this, name](std::string const& reason) { gave_up[name].push_back(reason); });
        made->async_start([this, name](error_code code) { started[name] = code; });
        return *(nodes[name] = std::move(made));
    }

    void add_many(std::size_t count, drover::supervisor_options const& options = {})
    {
        for (std::size_t i = 1; i <= count; ++i)
            add("n" + std::to_string(i), options);
        world.run_for(3s);
        for (auto const& [name, node] : nodes)
            REQUIRE(node->members().size() == count);
    }

    std::unique_ptr<drover::child_instance> make(child_context context)
    {
        return std::make_unique<drover::detail::object_instance<actor>>(std::move(context), [this](child_context inner) {
            return actor{std::move(inner), *this};
        });
    }

    supervisor& operator[](std::string const& name) { return *nodes.at(name); }

    static drover::child_spec spec_of(std::string id, drover::bytes arguments = {})
    {
        return {.id = std::move(id), .type = "actor", .arguments = std::move(arguments)};
    }

    std::pair<error_code, child_ref> start(std::string const& on, drover::child_spec spec)
    {
        auto const result = std::make_shared<std::optional<std::pair<error_code, child_ref>>>();
        (*this)[on].async_start_child(std::move(spec), [result](error_code code, child_ref ref) {
            REQUIRE_FALSE(*result);
            result->emplace(code, std::move(ref));
        });
        REQUIRE(world.run_until([&] { return result->has_value(); }, 60s));
        return **result;
    }

    // The process of that node dies, in the middle of what it does.
    void die(std::string const& name)
    {
        ++deaths;
        for (auto& [id, who] : running)
            std::erase_if(who, [&](auto const& item) { return item.second == name; });
        world.crash(name);
        world.after(0s, [this, name] { nodes.erase(name); });
    }

    [[nodiscard]] std::size_t running_count(std::string const& id) const
    {
        auto const found = running.find(id);
        return found == running.end() ? 0 : found->second.size();
    }

    [[nodiscard]] drover::child_info info(std::string const& id)
    {
        for (auto& each : nodes.begin()->second->which_children())
            if (each.id == id)
                return each;
        FAIL("no child " << id);
        return {};
    }

    drover::simulation::world world;
    std::map<std::string, std::unique_ptr<supervisor>> nodes;
    std::map<std::string, error_code> started;
    std::map<std::string, std::vector<std::string>> gave_up; // reasons, by node
    std::map<std::string, std::map<void const*, std::string>> running;
    std::vector<start_note> starts;
    std::size_t deaths = 0;
    int seeds_count = 9;
};

actor::~actor()
{
    if (begun)
        world->running[context.id()].erase(this);
}

void actor::on_start()
{
    auto const& what = context.arguments();
    world->starts.push_back({context.id(), context.node(), context.generation(), context.cause(), context.now()});
    if (what == "fail start" || (what == "fail restart" && context.cause() != start_cause::first))
        throw std::runtime_error("no luck");
    begun = true;
    world->running[context.id()][this] = context.node();
    if (what == "kill node")
        return world->die(context.node());
    if (what == "kill node soon")
        context.after(50ms, [this] { world->die(context.node()); });
    if (what == "fail soon")
        context.after(10ms, [this] { context.exit("bad luck"); });
    if (what == "end soon")
        context.after(10ms, [this] { context.exit(); });
}

void actor::on_message(drover::child_message& message)
{
    if (message.payload() == "fail")
        return context.exit("told to");
    message.reply("here");
}

drover::stop_result actor::on_stop()
{
    if (context.arguments() == "stuck")
        return drover::stop_result::later;
    if (context.arguments() != "slow to stop")
        return drover::stop_result::stopped;
    context.after(100ms, [this] { context.exit(); });
    return drover::stop_result::later;
}

} // namespace

TEST_CASE("one bad child does not walk through the cluster and kill it node by node", "[simulation][supervision]")
{
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        cluster all{seed};
        all.add_many(5);
        for (int i = 0; i < 20; ++i)
            REQUIRE_FALSE(all.start("n1", cluster::spec_of("healthy" + std::to_string(i))).first);
        all.world.run_for(3s);
        auto const soon = seed % 2 == 0;
        // Asked for on a node that may be among those that die: nobody waits for the answer.
        all["n1"].async_start_child(
            cluster::spec_of("poison", soon ? "kill node soon" : "kill node"), [](error_code, child_ref const&) {});
        all.world.run_for(20s);
        INFO("seed " << seed);
        CHECK(all.deaths == 2);
        CHECK(all.nodes.size() == 3);
        for (int i = 0; i < 20; ++i)
            CHECK(all.running_count("healthy" + std::to_string(i)) == 1);
        // Where nobody alive has heard of its spec, its start was refused, and nothing is left of it.
        if (!all.nodes.begin()->second->child_spec_of("poison"))
            continue;
        auto const info = all.info("poison");
        CHECK(info.status == child_status::parked);
        CHECK(info.node_deaths == 2);
        CHECK(info.reason.starts_with("quarantine: 2 nodes"));
    }
}

TEST_CASE("a child that takes its nodes down is told from those that moved with it", "[simulation][supervision]")
{
    cluster all;
    all.add_many(4);
    for (int i = 0; i < 200; ++i)
        REQUIRE_FALSE(all.start("n1", cluster::spec_of("healthy" + std::to_string(i))).first);
    all.world.run_for(5s);
    all["n1"].async_start_child(cluster::spec_of("poison", "kill node soon"), [](error_code, child_ref const&) {});
    all.world.run_for(20s);
    CHECK(all.deaths == 2);
    for (int i = 0; i < 200; ++i)
        CHECK(all.running_count("healthy" + std::to_string(i)) == 1);
}

TEST_CASE("300 healthy children do not notice the one that crashes for ever", "[simulation][supervision]")
{
    cluster all;
    all.add_many(3);
    for (int i = 0; i < 300; ++i)
        REQUIRE_FALSE(all.start("n2", cluster::spec_of("healthy" + std::to_string(i))).first);
    REQUIRE_FALSE(all.start("n3", cluster::spec_of("bad", "fail soon")).first);
    all.starts.clear();
    all.world.run_for(700ms);
    CHECK(all.info("bad").status == child_status::parked);
    CHECK(all.info("bad").reason == "bad luck");
    CHECK(all["n1"].count_children().parked == 1);
    all.world.run_for(10min);
    for (auto const& each : all.starts)
        CHECK(each.id == "bad");
    CHECK(all.starts.size() > 12); // it is tried again and again,
    CHECK(all.starts.size() < 30); // ever more rarely
    CHECK(all["n1"].count_children().active + all["n1"].count_children().parked == 301);
}

TEST_CASE("a first start that fails leaves nothing; a restart, a failover and an initial child are tried again",
    "[simulation][supervision]")
{
    cluster all;
    all.add_many(3);
    CHECK(all.start("n1", cluster::spec_of("first", "fail start")).first == errc::start_failed);
    CHECK_FALSE(all["n2"].child_spec_of("first"));
    auto const answer = all.start("n1", cluster::spec_of("again", "fail restart"));
    REQUIRE_FALSE(answer.first);
    all.die(answer.second.node);
    all.world.run_for(30s);
    CHECK(all.info("again").status == child_status::parked);
    auto const tried = std::count_if(all.starts.begin(), all.starts.end(), [](auto const& each) { return each.id == "again"; });
    CHECK(tried > 8);
    CHECK(std::count_if(all.starts.begin(), all.starts.end(), [](auto const& each) {
        return each.id == "again" && each.cause == start_cause::node_death;
    }) == 1);
}

TEST_CASE("escalation stops the supervisor on every node, and every application is told once, with one reason",
    "[simulation][supervision]")
{
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        cluster all{seed};
        all.add_many(4);
        all.world.network().loss_per_million = seed % 3 == 0 ? 50'000 : 0;
        for (int i = 0; i < 40; ++i)
            (void)all.start("n1", cluster::spec_of("healthy" + std::to_string(i)));
        auto spec = cluster::spec_of("bad", "fail soon");
        spec.on_exhausted = drover::exhaustion::escalate;
        (void)all.start("n2", spec);
        all.world.run_for(40s); // with losses, the last goodbye may have to wait for its time limit
        INFO("seed " << seed);
        for (auto const* const name : {"n1", "n2", "n3", "n4"})
            CHECK(all.gave_up[name] == std::vector<std::string>{"child 'bad' has spent its budget: bad luck"});
        for (auto const& [id, who] : all.running)
            CHECK(who.empty());
        // Restored once on its node before that: the budget was spent twice.
        CHECK(std::count_if(all.starts.begin(), all.starts.end(), [](auto const& each) { return each.id == "bad"; }) == 8);
    }
}

TEST_CASE(
    "every operation completes once while nodes give up, stop and die, and none after the stop", "[simulation][supervision]")
{
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        std::map<std::uint64_t, int> completions;
        std::set<std::string> stopped;
        std::uint64_t asked = 0;
        auto late = 0;
        {
            cluster all{seed};
            all.add_many(3);
            auto draw = all.world.random("operations");
            for (int i = 0; i < 300; ++i) {
                auto const name = "n" + std::to_string(draw.between(1, 3));
                if (!all.nodes.contains(name))
                    continue;
                auto& at = all[name];
                auto const id = "c" + std::to_string(draw.below(10));
                auto const before = !stopped.contains(name);
                auto const done = [&, number = asked++, name, before](error_code, auto const&) {
                    ++completions[number];
                    late += before && stopped.contains(name) ? 1 : 0;
                };
                switch (draw.below(7)) {
                case 0: at.async_terminate_child(id, done); break;
                case 1: at.async_restart_child(id, done); break;
                case 2: at.async_delete_child(id, done); break;
                case 3: at.async_update_child(cluster::spec_of(id, "slow to stop"), done); break;
                case 4: at.async_call(id, "?", done); break;
                default: at.async_start_child(cluster::spec_of(id, draw.chance(300'000) ? "fail start" : ""), done);
                }
                if (i == 150)
                    all["n2"].async_stop([&](error_code) { stopped.insert("n2"); });
                if (i == 220 && seed % 2 == 0)
                    all["n3"].async_stop([&](error_code) { stopped.insert("n3"); });
                if (draw.chance(500'000))
                    all.world.run_for(draw.between(drover::duration{1ms}, drover::duration{60ms}));
            }
            all.world.run_for(20s);
            INFO("seed " << seed);
            CHECK(late == 0);
            CHECK(stopped.contains("n2"));
            CHECK(completions.size() == asked);
        }
        for (auto const& [number, count] : completions)
            CHECK(count == 1);
    }
}

namespace {

// Asks for its next turn in every way that there is.
struct ticking {
    void on_start() { tick(); }
    void tick()
    {
        on_turn();
        context.after(1ms, [this] { tick(); });
        context.async_wait(1ms, [turn = on_turn](error_code) { turn(); });
        context.checkpoint("state", [turn = on_turn](error_code) { turn(); });
        context.async_call(context.id(), "?", [turn = on_turn](error_code, drover::bytes const&) { turn(); });
    }
    void on_message(drover::child_message& message)
    {
        on_turn();
        message.reply("here");
    }
    drover::stop_result on_stop() { return drover::stop_result::later; } // and is cut off

    child_context context;
    std::function<void()> on_turn;
};

} // namespace

TEST_CASE("after a terminate is acknowledged no callback of the child runs any more", "[simulation][supervision]")
{
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        std::set<std::string> terminated;
        std::map<std::string, int> turns;
        int late = 0;
        cluster all{seed};
        all.add_many(3);
        for (auto& [name, node] : all.nodes)
            node->add_child_type("ticking", [&](child_context context) {
                return ticking{context, [&, id = context.id()] {
                                   ++turns[id];
                                   late += terminated.contains(id) ? 1 : 0;
                               }};
            });
        all.world.run_for(1s);
        for (int i = 0; i < 12; ++i) {
            auto const id = "t" + std::to_string(i);
            auto spec = cluster::spec_of(id);
            spec.type = "ticking";
            spec.shutdown = i % 2 == 0 ? drover::brutal_kill : drover::duration{5ms};
            REQUIRE_FALSE(all.start("n1", spec).first);
            all["n1"].async_terminate_child(id, [&, id](error_code code, child_ref const&) {
                if (!code)
                    terminated.insert(id);
            });
            all.world.run_for(30ms);
        }
        all.world.run_for(1s);
        INFO("seed " << seed);
        CHECK(terminated.size() == 12);
        CHECK(late == 0);
        for (auto const& [id, count] : turns)
            CHECK(count > 0);
    }
}

TEST_CASE("10,000 children that need 100 ms each stop in well under a second, and the stuck ones delay nobody",
    "[simulation][supervision]")
{
    cluster all;
    all.seeds_count = 1;
    all.add_many(1);
    std::size_t done = 0;
    for (int i = 0; i < 10'000; ++i)
        all["n1"].async_start_child(
            cluster::spec_of("c" + std::to_string(i), "slow to stop"), [&](error_code code, child_ref const&) { done += !code; });
    for (int i = 0; i < 10; ++i) {
        auto spec = cluster::spec_of("stuck" + std::to_string(i), "stuck");
        spec.shutdown = 500ms;
        all["n1"].async_start_child(spec, [&](error_code code, child_ref const&) { done += !code; });
    }
    REQUIRE(all.world.run_until([&] { return done == 10'010; }, 10s));
    auto const before = all.world.now();
    bool stopped = false;
    all["n1"].async_stop([&](error_code) { stopped = true; });
    all.world.run_for(150ms);
    std::size_t left = 0;
    for (auto const& [id, who] : all.running)
        left += who.size();
    CHECK(left == 10);
    REQUIRE(all.world.run_until([&] { return stopped; }, 10s));
    CHECK(all.world.now() - before < 600ms);
}

TEST_CASE("the initial children start once in the cluster, whoever is first, however the nodes come", "[simulation][supervision]")
{
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        cluster all{seed};
        auto draw = all.world.random("arrivals");
        drover::supervisor_options options;
        for (int i = 0; i < 30; ++i)
            options.children.push_back(cluster::spec_of("c" + std::to_string(i)));
        if (seed % 2 == 0)
            options.form_members = 3;
        for (int i = 1; i <= 4; ++i) {
            all.add("n" + std::to_string(i), options);
            all.world.run_for(draw.below(2) == 0 ? 0ms : std::chrono::milliseconds{draw.below(3'000)});
        }
        all.world.run_for(15s);
        INFO("seed " << seed);
        for (int i = 0; i < 30; ++i)
            CHECK(all.running_count("c" + std::to_string(i)) == 1);
        // Started once, and moved since; where the cluster waited for its members, hardly that.
        std::map<std::string, int> firsts;
        for (auto const& each : all.starts)
            firsts[each.id] += each.cause == start_cause::first ? 1 : 0;
        for (auto const& [id, count] : firsts)
            CHECK(count == 1);
        if (seed % 2 == 0)
            CHECK(all.starts.size() <= 45); // a fourth node takes a quarter
    }
}

TEST_CASE("failover starts children by priority, and then in the order of their specs", "[simulation][supervision]")
{
    cluster all;
    drover::supervisor_options options;
    for (int i = 0; i < 60; ++i) {
        options.children.push_back(cluster::spec_of("c" + std::to_string(i * 7 % 60)));
        options.children.back().priority = i % 3;
    }
    options.form_members = 3;
    all.add_many(3, options);
    all.world.run_for(3s);
    REQUIRE(all.starts.size() == 60);
    all.starts.clear();
    all.die("n2");
    all.world.run_for(3s);
    REQUIRE(all.starts.size() > 5);
    std::map<std::string, std::size_t> places;
    for (std::size_t i = 0; i < options.children.size(); ++i)
        places[options.children[i].id] = i;
    std::map<std::string, std::vector<std::pair<int, std::size_t>>> seen; // by node
    for (auto const& each : all.starts) {
        auto const place = places[each.id];
        seen[each.node].emplace_back(-options.children[place].priority, place);
    }
    for (auto const& [node, order] : seen)
        CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("a group restarts in order on the node where it runs, and moves as one", "[simulation][supervision]")
{
    cluster all;
    drover::supervisor_options options;
    options.groups = {{"pipeline", drover::restart_strategy::rest_for_one}};
    all.add_many(3, options);
    std::string node;
    for (auto const* const id : {"source", "filter", "sink"}) {
        auto spec = cluster::spec_of(id);
        spec.group = "pipeline";
        auto const answer = all.start("n1", spec);
        REQUIRE_FALSE(answer.first);
        CHECK((node.empty() || answer.second.node == node));
        node = answer.second.node;
    }
    all.starts.clear();
    all["n1"].cast("filter", "fail");
    all.world.run_for(1s);
    REQUIRE(all.starts.size() == 2);
    CHECK(all.starts[0].id == "filter");
    CHECK(all.starts[0].cause == start_cause::crash);
    CHECK(all.starts[1].id == "sink");
    CHECK(all.starts[1].cause == start_cause::sibling);
    all.starts.clear();
    all.die(node);
    all.world.run_for(3s);
    REQUIRE(all.starts.size() == 3);
    CHECK(all.starts[0].id == "source");
    CHECK(all.starts[1].id == "filter");
    CHECK(all.starts[2].id == "sink");
    CHECK(all.starts[0].node == all.starts[2].node);
}

namespace {

// Has nothing to do, the first time.
struct shy {
    explicit shy(child_context own) : context{std::move(own)} {}
    drover::start_result on_start()
    {
        return context.cause() == start_cause::first ? drover::start_result::ignored : drover::start_result::started;
    }
    drover::bytes on_message(drover::bytes_view) { return "here"; }

    child_context context;
};

// Fails to start while its sibling, which it undoes, takes long to stop.
struct slow_to_stop {
    explicit slow_to_stop(child_context own) : context{std::move(own)} {}
    drover::stop_result on_stop()
    {
        context.after(100ms, [this] { context.exit(); });
        return drover::stop_result::later;
    }

    child_context context;
};
struct failing_start {
    void on_start() { throw std::runtime_error("no luck"); }
};

} // namespace

TEST_CASE("a start that says ignore is a success, and nothing runs until it is asked again", "[simulation][supervision]")
{
    cluster all;
    all.add_many(3);
    for (auto& [name, node] : all.nodes)
        node->add_child_type<shy>();
    all.world.run_for(1s);
    auto const answer = all.start("n1", {.id = "a", .type = "shy"});
    CHECK_FALSE(answer.first);
    CHECK(answer.second.generation == 0);
    all.world.run_for(1s);
    CHECK(all.info("a").status == child_status::ended);
    std::optional<error_code> restarted;
    all["n2"].async_restart_child("a", [&](error_code code, child_ref const&) { restarted = code; });
    all.world.run_for(1s);
    CHECK(restarted == error_code{});
    std::string said;
    all["n3"].async_call("a", "?", [&](error_code, drover::bytes reply) { said = reply; });
    all.world.run_for(1s);
    CHECK(said == "here");
}

TEST_CASE("a tree is one child of the cluster: it starts, fails and moves as one", "[simulation][supervision]")
{
    cluster all;
    all.add_many(3);
    for (auto& [name, node] : all.nodes) {
        node->add_child_type("tree", [&all](child_context) {
            drover::local_supervisor_options options;
            options.intensity = {1, 5s};
            options.children = {cluster::spec_of("leaf")};
            return drover::supervisor_child{
                options, drover::child_type("actor", [&all](child_context context) { return all.make(std::move(context)); })};
        });
        node->add_child_type("broken tree", [](child_context) {
            drover::local_supervisor_options options;
            options.children = {{.id = "a", .type = "slow_to_stop"}, {.id = "b", .type = "failing_start"}};
            return drover::supervisor_child{options, drover::child_type<slow_to_stop>(), drover::child_type<failing_start>()};
        });
    }
    all.world.run_for(1s);
    drover::child_spec spec{.id = "t", .type = "tree"};
    spec.is_supervisor = true;
    auto const answer = all.start("n1", spec);
    REQUIRE_FALSE(answer.first);
    CHECK(all.running_count("leaf") == 1);
    all.world.run_for(1s);
    CHECK(all["n3"].count_children().supervisors == 1);
    all.die(answer.second.node);
    all.world.run_for(3s);
    CHECK(all.running_count("leaf") == 1);
    auto const broken = all.start(all.nodes.begin()->first, {.id = "u", .type = "broken tree"});
    CHECK(broken.first == errc::start_failed);
    CHECK_FALSE(all.nodes.begin()->second->child_spec_of("u"));
}

TEST_CASE("children that crash, and nodes that die, in any order: each child is run once or parked", "[simulation][supervision]")
{
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        cluster all{seed};
        drover::supervisor_options options;
        options.groups = {{"all", drover::restart_strategy::one_for_all}, {"rest", drover::restart_strategy::rest_for_one}};
        options.suspicion_time = 0s; // who dies here is not a child's fault
        auto draw = all.world.random("chaos");
        all.add_many(4, options);
        std::set<std::string> acknowledged;
        for (int i = 0; i < 30; ++i) {
            auto spec = cluster::spec_of("c" + std::to_string(i), i % 10 == 9 ? "fail soon" : "");
            spec.group = i % 10 == 9 ? "" : i % 3 == 0 ? "all" : i % 3 == 1 ? "rest" : "";
            if (!all.start("n1", spec).first)
                acknowledged.insert(spec.id);
        }
        for (int round = 0; round < 60; ++round) {
            auto& some = *std::next(all.nodes.begin(), static_cast<std::ptrdiff_t>(draw.below(all.nodes.size())))->second;
            some.cast("c" + std::to_string(draw.below(30)), "fail");
            all.world.run_for(draw.between(drover::duration{1ms}, drover::duration{400ms}));
            if (round % 20 == 19 && all.nodes.size() == 4) {
                auto const victim = "n" + std::to_string(draw.between(2, 4));
                all.die(victim);
                all.world.run_for(draw.between(drover::duration{1ms}, drover::duration{2s}));
                all.add(victim, options);
                all.world.run_for(3s);
            }
        }
        all.world.run_for(150s);
        INFO("seed " << seed);
        CHECK(acknowledged.size() == 30);
        for (auto const& id : acknowledged) {
            CHECK(all.running_count(id) <= 1);
            auto const info = all.info(id);
            if (id.back() != '9' && info.status != child_status::parked && info.status != child_status::restarting)
                CHECK(all.running_count(id) == 1);
        }
        auto const counts = all["n1"].count_children();
        CHECK(counts.specs == 30);
        CHECK(counts.active + counts.parked == 30);
    }
}
