// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// Sources of children in a simulated cluster: what is listed runs, and nothing that goes wrong with a list loses a child.

#include <drover/child/child_source.hpp>
#include <drover/simulation.hpp>

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
using drover::child_listing;
using drover::child_ref;
using drover::child_spec;
using drover::child_status;
using drover::errc;
using drover::error_code;
using drover::event_kind;
using drover::source_reading;
using supervisor = drover::distributed_supervisor<drover::in_memory_transport>;

#ifdef DROVER_TEST_SEEDS
constexpr std::uint64_t seeds = DROVER_TEST_SEEDS < 20 ? DROVER_TEST_SEEDS : 20;
#else
constexpr std::uint64_t seeds = 30;
#endif

child_spec spec_of(std::string id, drover::bytes arguments = {})
{
    return {.id = std::move(id), .type = "actor", .arguments = std::move(arguments)};
}

// A list that all nodes can reach, as a database would be.
struct shared_list {
    std::vector<child_spec> specs;
    std::vector<drover::listing_error> errors;
    std::string failure; // reads and writes fail with it
    bool answers = true;
    drover::duration latency{};
    std::map<std::string, int> reads; // by node
    std::map<std::string, std::function<void()>> watchers;
    int writes = 0;

    void set(std::set<std::string> const& ids)
    {
        specs.clear();
        for (auto const& id : ids)
            specs.push_back(spec_of(id));
    }
    void tell()
    {
        for (auto const& [node, changed] : watchers)
            changed();
    }
};

class list_source final : public drover::child_source {
public:
    list_source(std::string name, std::string prefix, bool writable, std::string node, shared_list& list)
        : child_source{std::move(name)}, prefix_{std::move(prefix)}, node_{std::move(node)}, list_{&list}, writable_{writable}
    {
    }
    ~list_source() override { list_->watchers.erase(node_); }

    [[nodiscard]] bool owns(drover::bytes_view id) const noexcept override { return id.starts_with(prefix_); }
    [[nodiscard]] bool is_writable() const noexcept override { return writable_; }

    void start(drover::source_host& host, drover::unique_function<void()> changed) override
    {
        host_ = &host;
        auto const kept = std::make_shared<drover::unique_function<void()>>(std::move(changed));
        list_->watchers[node_] = [kept] { (*kept)(); };
    }
    void stop() override
    {
        list_->watchers.erase(node_);
        host_ = nullptr;
    }

    void read(read_done done) override
    {
        ++list_->reads[node_];
        if (!list_->answers)
            return;
        if (list_->failure == "throw")
            throw std::runtime_error{"the list threw"};
        auto reading = list_->failure.empty() ? source_reading::listed({list_->specs, list_->errors})
                                              : source_reading::failed(list_->failure);
        if (list_->latency == 0ms)
            return done(std::move(reading));
        host_->set_timer(
            list_->latency, [done = std::move(done), reading = std::move(reading)]() mutable { done(std::move(reading)); });
    }

    void put(child_spec spec, write_done done) override
    {
        ++list_->writes;
        if (!list_->answers || !list_->failure.empty())
            return list_->answers ? done(list_->failure) : void();
        std::erase_if(list_->specs, [&](auto const& each) { return each.id == spec.id; });
        list_->specs.push_back(std::move(spec));
        done({});
        list_->tell();
    }

    void remove(drover::child_id id, write_done done) override
    {
        ++list_->writes;
        if (!list_->failure.empty())
            return done(list_->failure);
        std::erase_if(list_->specs, [&](auto const& each) { return each.id == id; });
        done({});
        list_->tell();
    }

private:
    std::string prefix_;
    std::string node_;
    shared_list* list_;
    drover::source_host* host_ = nullptr;
    bool writable_;
};

struct note {
    std::string node;
    drover::event what;
};

class cluster;

struct actor {
    actor(child_context own, cluster& all) : context{std::move(own)}, world{&all} {}
    ~actor();
    void on_start();

    child_context context;
    cluster* world;
    bool begun = false;
};

class cluster {
public:
    explicit cluster(std::uint64_t seed = 1) : world{seed} {}
    ~cluster()
    {
        for (auto& [name, node] : nodes)
            world.crash(name);
        nodes.clear();
    }

    void add(std::string const& name, drover::supervisor_options options = {}, bool with_sources = true)
    {
        drover::node_options node{.name = name, .listen = name};
        for (auto const* const seed : {"n1", "n2", "n3"})
            if (seed != name)
                node.seeds.emplace_back(seed);
        auto made = std::make_unique<supervisor>(world, node, std::move(options));
        made->add_child_type(
            "actor", [this](child_context context) { return std::make_unique<actor>(std::move(context), *this); });
        if (with_sources)
            for (auto const& [source, prefix] : prefixes)
                made->add_child_source(
                    std::make_shared<list_source>(source, prefix, writable.contains(source), name, lists[source]), following);
        made->events([this, name](drover::event const& what) { events.push_back({name, what}); });
        made->async_start([](error_code code) { REQUIRE_FALSE(code); });
        nodes[name] = std::move(made);
    }

    void add_three(drover::supervisor_options const& options = {})
    {
        for (auto const* const name : {"n1", "n2", "n3"})
            add(name, options);
        world.run_for(5s);
    }

    supervisor& operator[](std::string const& name) { return *nodes.at(name); }

    void die(std::string const& name)
    {
        world.crash(name);
        nodes.erase(name);
        for (auto& [id, where] : running)
            where.erase(name);
    }

    [[nodiscard]] std::set<std::string> running_ids(std::string const& prefix = {}) const
    {
        std::set<std::string> result;
        for (auto const& [id, where] : running)
            if (!where.empty() && id.starts_with(prefix))
                result.insert(id);
        return result;
    }

    [[nodiscard]] bool each_runs_once() const
    {
        return std::all_of(running.begin(), running.end(), [](auto const& each) { return each.second.size() <= 1; });
    }

    [[nodiscard]] std::size_t count(event_kind kind, std::string const& subject = {}, std::string const& part = {}) const
    {
        return static_cast<std::size_t>(std::count_if(events.begin(), events.end(), [&](note const& each) {
            return each.what.kind == kind && (subject.empty() || each.what.subject == subject)
                && each.what.reason.find(part) != std::string::npos;
        }));
    }

    // Who read a source last.
    [[nodiscard]] std::string driver(std::string const& source) const
    {
        std::string result;
        for (auto const& each : events)
            if (each.what.kind == event_kind::source_followed && each.what.subject == source)
                result = each.node;
        return result;
    }

    template <class Begin>
    std::pair<error_code, child_ref> answer_to(Begin&& begin)
    {
        auto const result = std::make_shared<std::optional<std::pair<error_code, child_ref>>>();
        begin([result](error_code code, child_ref ref) {
            REQUIRE_FALSE(*result);
            result->emplace(code, std::move(ref));
        });
        REQUIRE(world.run_until([&] { return result->has_value(); }, 60s));
        return **result;
    }
    error_code start(std::string const& on, child_spec spec)
    {
        return answer_to([&](auto done) { (*this)[on].async_start_child(std::move(spec), done); }).first;
    }
    error_code update(std::string const& on, child_spec spec)
    {
        return answer_to([&](auto done) { (*this)[on].async_update_child(std::move(spec), done); }).first;
    }
    error_code terminate(std::string const& on, std::string const& id)
    {
        return answer_to([&](auto done) { (*this)[on].async_terminate_child(id, done); }).first;
    }
    error_code restart(std::string const& on, std::string const& id)
    {
        return answer_to([&](auto done) { (*this)[on].async_restart_child(id, done); }).first;
    }
    error_code remove(std::string const& on, std::string const& id)
    {
        return answer_to([&](auto done) { (*this)[on].async_delete_child(id, done); }).first;
    }

    child_status status(std::string const& id)
    {
        for (auto const& info : nodes.begin()->second->which_children())
            if (info.id == id)
                return info.status;
        FAIL("no child " << id << " is known");
        return {};
    }

    std::map<std::string, shared_list> lists; // by source; outlive the nodes
    drover::simulation::world world;
    std::vector<std::pair<std::string, std::string>> prefixes{{"list", "a/"}}; // sources, in order
    std::set<std::string> writable;
    drover::child_source_options following;
    std::map<std::string, std::set<std::string>> running; // by id: where
    std::map<std::string, int> starts;
    std::map<std::string, drover::bytes> arguments;
    std::set<std::string> failing;
    std::vector<note> events;
    std::map<std::string, std::unique_ptr<supervisor>> nodes;
};

actor::~actor()
{
    if (begun)
        world->running[context.id()].erase(context.node());
}

void actor::on_start()
{
    if (world->failing.contains(context.id()))
        throw std::runtime_error{"it throws"};
    begun = true;
    ++world->starts[context.id()];
    world->arguments[context.id()] = drover::bytes{context.arguments()};
    world->running[context.id()].insert(context.node());
}

using ids = std::set<std::string>;

ids many(std::string const& prefix, int count)
{
    ids result;
    for (int i = 0; i < count; ++i)
        result.insert(prefix + std::to_string(i));
    return result;
}

} // namespace

TEST_CASE("what a source lists runs; one node reads it, and again when it says that it has changed", "[simulation][source]")
{
    cluster all;
    all.lists["list"].set(many("a/", 20));
    all.add_three();
    CHECK(all.running_ids() == many("a/", 20));
    CHECK(all.each_runs_once());

    auto& list = all.lists["list"];
    list.set({"a/1", "a/2", "a/new"});
    list.specs[0].arguments = "other"; // of a/1
    all.starts.clear();
    list.tell();
    all.world.run_for(2s);
    CHECK(all.running_ids() == ids{"a/1", "a/2", "a/new"});
    CHECK(all.arguments["a/1"] == "other");
    CHECK(all.starts == std::map<std::string, int>{{"a/1", 1}, {"a/new", 1}}); // and a/2 was left alone
    CHECK(all["n1"].which_children().size() == 3);
    CHECK(all.count(event_kind::source_applied, "list", "1 started, 1 updated, 18 deleted") == 1);

    // Nothing is read while nothing changes, but for every minute.
    auto const reads = list.reads;
    all.world.run_for(30s);
    CHECK(list.reads == reads);
    list.set({"a/1"});
    all.world.run_for(1min);
    CHECK(all.running_ids() == ids{"a/1"});

    // What was deleted comes back when it is listed again.
    list.set({"a/1", "a/2"});
    list.tell();
    all.world.run_for(2s);
    CHECK(all.running_ids() == ids{"a/1", "a/2"});
}

TEST_CASE("a source that cannot be read changes nothing, and is tried again", "[simulation][source]")
{
    for (std::string const how : {"fails", "throws", "does not answer"}) {
        cluster all;
        all.following.read_timeout = 5s;
        auto& list = all.lists["list"];
        list.set(many("a/", 5));
        all.add_three();
        REQUIRE(all.running_ids() == many("a/", 5));
        INFO(how);
        list.failure = how == "fails" ? "the disk is on fire" : how == "throws" ? "throw" : "";
        list.answers = how != "does not answer";
        list.specs.clear();
        list.tell();
        all.world.run_for(5min);
        CHECK(all.running_ids() == many("a/", 5));
        CHECK(all["n1"].which_children().size() == 5);
        auto const failures = all.count(event_kind::source_failed, "list");
        CHECK(failures >= 5);
        CHECK(failures <= 15); // the wait grows
        CHECK(all.count(event_kind::source_failed, "list",
                  how == "fails"        ? "the disk is on fire"
                      : how == "throws" ? "the list threw"
                                        : "time limit")
            == failures);
        CHECK(all[all.driver("list")].counters().source_failures == failures);
        list.failure.clear();
        list.answers = true;
        list.set({"a/1", "a/9"});
        all.world.run_for(2min);
        CHECK(all.running_ids() == ids{"a/1", "a/9"});
    }
}

TEST_CASE("when the node that reads a source dies, another one reads it at once", "[simulation][source]")
{
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        cluster all{seed};
        auto& list = all.lists["list"];
        list.set(many("a/", 12));
        list.latency = 20ms;
        all.add_three();
        INFO("seed " << seed);
        REQUIRE(all.running_ids() == many("a/", 12));
        auto const first = all.driver("list");
        REQUIRE(all.nodes.contains(first));
        list.set(many("a/", 30)); // not told
        if (seed % 2 == 0) {      // in the middle of it
            list.tell();
            all.world.run_for(std::chrono::milliseconds{20 + seed});
        }
        all.die(first);
        all.world.run_for(6s);
        CHECK(all.driver("list") != first);
        CHECK(all.running_ids() == many("a/", 30));
        CHECK(all.each_runs_once());
        all.add(first); // comes back
        all.world.run_for(6s);
        list.set(many("a/", 3));
        list.tell();
        all.world.run_for(3s);
        CHECK(all.running_ids() == many("a/", 3));
        CHECK(all.each_runs_once());
    }
}

TEST_CASE("two sources and the users share the ids between them", "[simulation][source]")
{
    cluster all;
    all.prefixes = {{"first", "a/"}, {"second", "a/b/"}, {"third", "c/"}};
    all.lists["first"].set({"a/1", "a/b/1", "c/wrong"});
    all.lists["second"].set({"a/b/1", "a/b/2"}); // the first owns these
    all.lists["third"].set({"c/1"});
    drover::supervisor_options options;
    options.children = {spec_of("initial"), spec_of("c/initial")};
    all.add_three(options);
    REQUIRE_FALSE(all.start("n2", spec_of("users")));
    all.world.run_for(2min);
    CHECK(all.running_ids() == ids{"a/1", "a/b/1", "c/1", "c/initial", "initial", "users"});
    CHECK(all.count(event_kind::source_entry_refused, "c/wrong", "does not own") == 1); // told once, however often it is read
    CHECK(all.count(event_kind::source_entry_refused, "a/b/1", "does not own") == 1);
    CHECK(all.count(event_kind::source_entry_refused, "a/b/2", "does not own") == 1);

    for (auto& [name, list] : all.lists) {
        list.specs.clear();
        list.tell();
    }
    all.world.run_for(3s);
    CHECK(all.running_ids() == ids{"c/initial", "initial", "users"});
}

TEST_CASE("an entry that is wrong is told and left out; its child stays as it is", "[simulation][source]")
{
    cluster all;
    auto& list = all.lists["list"];
    list.set({"a/1", "a/2", "a/3", "a/4", "a/5"});
    all.add_three();
    REQUIRE(all.running_ids().size() == 5);
    all.starts.clear();

    list.set({"a/1", "a/2", "a/3", "a/new"});
    list.specs[0].group = "nobody knows it";
    list.specs[1].restart = drover::restart_rule::temporary;
    list.specs.push_back(spec_of("a/3", "twice"));
    list.errors = {{"a/4", "line 7: it makes no sense"}};
    list.tell();
    all.world.run_for(2min);
    CHECK(all.running_ids() == ids{"a/1", "a/2", "a/3", "a/4", "a/new"}); // a/5 is the only one that is not listed
    CHECK(all.starts == std::map<std::string, int>{{"a/new", 1}});
    CHECK(all.count(event_kind::source_entry_refused, "a/1", "group") == 1);
    CHECK(all.count(event_kind::source_entry_refused, "a/2", "temporary") == 1);
    CHECK(all.count(event_kind::source_entry_refused, "a/3", "more than once") == 1);
    CHECK(all.count(event_kind::source_entry_refused, "a/4", "line 7") == 1);

    // While nobody can tell which child an entry is meant for, none is deleted.
    list.set({"a/new", "a/newer"});
    list.errors = {{"", "line 9: id is missing"}};
    list.tell();
    all.world.run_for(2s);
    CHECK(all.running_ids() == ids{"a/1", "a/2", "a/3", "a/4", "a/new", "a/newer"});
    CHECK(all.count(event_kind::source_entry_refused, "list", "line 9") == 1);
    list.errors.clear();
    list.tell();
    all.world.run_for(2s);
    CHECK(all.running_ids() == ids{"a/new", "a/newer"});
}

TEST_CASE("a listed child that cannot start is parked and tried again; one that nobody can run is told", "[simulation][source]")
{
    cluster all;
    auto& list = all.lists["list"];
    list.set({"a/bad", "a/good", "a/typed"});
    list.specs[2].type = "unheard of";
    all.failing = {"a/bad"};
    all.add_three();
    all.world.run_for(30s);
    CHECK(all.running_ids() == ids{"a/good"});
    CHECK(all.status("a/bad") == child_status::parked);
    CHECK(all.count(event_kind::source_entry_refused, "a/typed", "no member of the cluster has registered") == 1);
    all.failing.clear();
    all.world.run_for(2min);
    CHECK(all.running_ids() == ids{"a/bad", "a/good"});
}

TEST_CASE("what an operator terminated stays so; changes of what is listed are refused", "[simulation][source]")
{
    cluster all;
    auto& list = all.lists["list"];
    list.set({"a/1", "a/2"});
    all.add_three();
    all.add("n4", {}, false); // has not registered the source
    all.world.run_for(3s);
    REQUIRE_FALSE(all.terminate("n2", "a/1"));
    list.specs[1].arguments = "other";
    list.tell();
    all.world.run_for(2min);
    CHECK(all.running_ids() == ids{"a/2"});
    CHECK(all.status("a/1") == child_status::terminated);
    for (auto const* const node : {"n1", "n2", "n3", "n4"}) {
        INFO(node);
        CHECK(all.remove(node, "a/1") == errc::owned_by_source);
        CHECK(all.update(node, spec_of("a/2")) == errc::owned_by_source);
        CHECK(all.start(node, spec_of("a/3")) == errc::owned_by_source);
    }
    CHECK_FALSE(all["n1"].find("a/3"));
    auto const reader = all.driver("list");
    CHECK(all[reader].explain("a/2").find("it belongs to the source 'list', which this node reads") != std::string::npos);
    CHECK(all[reader == "n1" ? "n2" : "n1"].explain("a/2").find("which another node reads") != std::string::npos);
    CHECK(all["n4"].explain("a/2").find("source") == std::string::npos);
    CHECK_FALSE(all.restart("n3", "a/1"));
    all.world.run_for(2min);
    CHECK(all.running_ids() == ids{"a/1", "a/2"});
    REQUIRE_FALSE(all.terminate("n2", "a/1"));
    list.set({"a/2"});
    list.tell();
    all.world.run_for(2s);
    CHECK(all["n1"].which_children().size() == 1);
}

TEST_CASE("during a partition each side runs what is listed, and after it what is listed runs once", "[simulation][source]")
{
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        cluster all{seed};
        auto& list = all.lists["list"];
        list.set(many("a/", 10));
        list.latency = 5ms;
        all.add_three();
        INFO("seed " << seed);
        REQUIRE(all.running_ids() == many("a/", 10));
        auto const alone = all.driver("list");
        all.world.partition({{alone}, [&] {
                                 std::vector<std::string> others;
                                 for (auto const& [name, node] : all.nodes)
                                     if (name != alone)
                                         others.push_back(name);
                                 return others;
                             }()});
        all.world.run_for(10s);
        list.set({"a/1", "a/2", "a/x", "a/y"});
        list.tell();
        all.world.run_for(15s);
        CHECK(all.running_ids() == ids{"a/1", "a/2", "a/x", "a/y"});
        all.world.heal();
        all.world.run_for(30s);
        CHECK(all.running_ids() == ids{"a/1", "a/2", "a/x", "a/y"});
        CHECK(all.each_runs_once());
        list.set({"a/2"});
        list.tell();
        all.world.run_for(5s);
        CHECK(all.running_ids() == ids{"a/2"});
        for (auto const& [name, node] : all.nodes)
            CHECK(node->which_children().size() == 1);
    }
}

TEST_CASE("a source that is writable is written to first; when it does not take a change nothing is done", "[simulation][source]")
{
    cluster all;
    all.writable = {"list"};
    auto& list = all.lists["list"];
    all.add_three();
    auto const listed = [&] {
        ids result;
        for (auto const& each : list.specs)
            result.insert(each.id);
        return result;
    };

    REQUIRE_FALSE(all.start("n1", spec_of("a/1")));
    REQUIRE_FALSE(all.start("n2", spec_of("a/2")));
    CHECK(listed() == ids{"a/1", "a/2"});
    all.world.run_for(2min);
    CHECK(all.running_ids() == ids{"a/1", "a/2"});
    CHECK(all.starts["a/1"] == 1);

    SECTION("refused as any other, without a word to the source")
    {
        auto const writes = list.writes;
        CHECK(all.start("n3", spec_of("a/1")) == errc::already_started);
        CHECK(all.remove("n3", "a/1") == errc::running);
        CHECK(all.remove("n3", "a/none") == errc::not_found);
        CHECK(all.update("n3", spec_of("a/none")) == errc::not_found);
        CHECK(all.start("n3", spec_of("other")) == error_code{});
        CHECK(list.writes == writes);
    }
    SECTION("the source fails")
    {
        list.failure = "read-only file system";
        CHECK(all.start("n3", spec_of("a/3")) == errc::source_failed);
        CHECK(all.update("n3", spec_of("a/1", "other")) == errc::source_failed);
        CHECK_FALSE(all.terminate("n1", "a/2"));
        CHECK(all.remove("n3", "a/2") == errc::source_failed);
        CHECK(all.count(event_kind::source_failed, "list", "read-only file system") >= 3);
        all.world.run_for(2min);
        CHECK(all["n2"].which_children().size() == 2);
        CHECK(all.arguments["a/1"].empty());
        CHECK(listed() == ids{"a/1", "a/2"});
    }
    SECTION("the source does not answer")
    {
        all.following.read_timeout = 30s;
        list.answers = false;
        CHECK(all.start("n3", spec_of("a/3")) == errc::timed_out);
    }
    SECTION("the child cannot start: it is taken out of the list again")
    {
        all.failing = {"a/3"};
        CHECK(all.start("n3", spec_of("a/3")) == errc::start_failed);
        auto untyped = spec_of("a/4");
        untyped.type = "unheard of";
        CHECK(all.start("n3", untyped) == errc::unknown_type);
        untyped.id = "a/1";
        CHECK(all.update("n3", untyped) == errc::unknown_type);
        all.world.run_for(2min);
        CHECK(listed() == ids{"a/1", "a/2"});
        CHECK(all["n2"].which_children().size() == 2);
        CHECK(std::all_of(list.specs.begin(), list.specs.end(), [](auto const& each) { return each.type == "actor"; }));
    }
    SECTION("updates and deletions")
    {
        CHECK_FALSE(all.update("n3", spec_of("a/1", "other")));
        CHECK(all.arguments["a/1"] == "other");
        CHECK_FALSE(all.terminate("n1", "a/2"));
        CHECK_FALSE(all.remove("n3", "a/2"));
        all.world.run_for(2min);
        CHECK(listed() == ids{"a/1"});
        CHECK(all.running_ids() == ids{"a/1"});
        CHECK(all.arguments["a/1"] == "other");
    }
    SECTION("the supervisor stops first")
    {
        list.answers = false;
        std::vector<error_code> codes;
        all["n3"].async_start_child(spec_of("a/3"), [&](error_code code, child_ref) { codes.push_back(code); });
        all.world.run_for(10ms);
        all["n3"].async_stop([](error_code) {});
        all.world.run_for(10s);
        CHECK(codes == std::vector<error_code>{make_error_code(errc::outcome_unknown)});
    }
}

TEST_CASE("so many operations at once, and a list that changes meanwhile wins", "[simulation][source]")
{
    cluster all;
    all.following.operations_count_max = 8;
    auto& list = all.lists["list"];
    list.set(many("a/", 300));
    drover::supervisor_options options;
    options.audit_slice = 16;
    all.add_three(options);
    all.world.run_for(10s);
    CHECK(all.running_ids() == many("a/", 300));
    list.set(many("a/b", 200));
    list.tell();
    all.world.run_for(5ms);
    list.set(many("a/", 20));
    list.tell();
    all.world.run_for(1ms);
    list.set(many("a/", 10));
    list.tell();
    all.world.run_for(10s);
    CHECK(all.running_ids() == many("a/", 10));
    CHECK(all["n1"].which_children().size() == 10);
}

TEST_CASE("two runs with sources and one seed are equal", "[simulation][source]")
{
    auto const digest_of = [](std::uint64_t seed) {
        cluster all{seed};
        auto& list = all.lists["list"];
        list.set(many("a/", 10));
        list.latency = 7ms;
        all.add_three();
        all.die(all.driver("list"));
        list.set({"a/1", "a/x"});
        list.tell();
        all.world.run_for(10s);
        return all.world.digest();
    };
    CHECK(digest_of(3) == digest_of(3));
    CHECK(digest_of(3) != digest_of(4));
}

TEST_CASE("no more operations are under way than the limit", "[simulation][source]")
{
    cluster all;
    all.following.operations_count_max = 8;
    auto& list = all.lists["list"];
    all.add_three();
    all.world.network().latency_min = 100ms;
    all.world.network().latency_max = 100ms;
    list.set(many("a/", 60));
    list.tell();
    all.world.run_for(90ms); // no answer has come
    CHECK(all.starts.size() <= 8);
    all.world.run_for(20s);
    CHECK(all.running_ids() == many("a/", 60));
}

TEST_CASE("a start that is under way when its child leaves the list is not forgotten", "[simulation][source]")
{
    cluster all;
    auto& list = all.lists["list"];
    all.add_three();
    all.world.network().latency_min = 100ms;
    all.world.network().latency_max = 100ms;
    list.set(many("a/", 30));
    list.tell();
    all.world.run_for(50ms); // others than the reader have not heard of theirs
    CHECK(all.running_ids().size() < 20);
    list.set({"a/1"});
    list.tell();
    all.world.run_for(5s);
    CHECK(all.running_ids() == ids{"a/1"});
    CHECK(all["n1"].which_children().size() == 1);
}

TEST_CASE("a source is read again when members came or went", "[simulation][source]")
{
    cluster all;
    auto& list = all.lists["list"];
    list.set({"a/1"});
    all.add_three();
    auto const reader = all.driver("list");
    list.set({"a/2"}); // and nobody is told
    all.world.run_for(5s);
    CHECK(all.running_ids() == ids{"a/1"});
    all.die(reader == "n1" ? "n2" : "n1");
    all.world.run_for(5s);
    CHECK(all.driver("list") == reader);
    CHECK(all.running_ids() == ids{"a/2"});
}
