// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include <drover/coroutine.hpp>
#include <drover/simulation.hpp>
#include <drover/simulation/local_supervisor.hpp>

#include <boost/asio/use_awaitable.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::child_ref;
using drover::errc;
using drover::error_code;
using drover::local_supervisor_options;
using drover::restart_strategy;
using supervisor = drover::simulation::local_supervisor;

std::vector<std::string> diary; // what children did, in order

// Writes down its life. "fail": its start fails. A message "die" makes it throw, "done" end, any other is echoed.
struct worker {
    explicit worker(drover::child_context own) : context{std::move(own)} {}
    ~worker() { diary.push_back("~" + context.id()); }
    void on_start()
    {
        if (context.arguments() == "fail")
            throw std::runtime_error{"as told"};
        diary.push_back("+" + context.id());
    }
    std::string on_message(drover::bytes_view text) const
    {
        if (text == "die")
            throw std::runtime_error{"died"};
        if (text == "done")
            context.exit();
        return std::string{text};
    }
    void on_stop() const { diary.push_back("-" + context.id()); }

    drover::child_context context;
};

// Takes 100 ms to stop.
struct slow {
    explicit slow(drover::child_context own) : context{std::move(own)} {}
    drover::stop_result on_stop() const
    {
        context.after(100ms, [own = context] { own.exit(); });
        return drover::stop_result::later;
    }
    drover::child_context context;
};

// Never stops by itself.
struct stubborn {
    static drover::stop_result on_stop() { return drover::stop_result::later; }
};

// Counts; remembers by checkpoint.
struct counter {
    explicit counter(drover::child_context own) : context{std::move(own)} {}
    void restore(drover::bytes_view state) { count = std::stoi(std::string{state}); }
    drover::bytes save() const { return std::to_string(count + 1000); }
    std::string on_message(drover::bytes_view text)
    {
        if (text == "die")
            throw std::runtime_error{"died"};
        context.checkpoint(std::to_string(++count));
        return std::to_string(count);
    }
    drover::child_context context;
    int count = 0;
};

struct unwanted {
    static drover::start_result on_start() { return drover::start_result::ignored; }
};

boost::asio::awaitable<void> echo(drover::child_context context)
{
    for (;;) {
        auto message = co_await context.async_receive(boost::asio::use_awaitable);
        co_await context.async_wait(1ms, boost::asio::use_awaitable);
        message.reply(message.payload());
    }
}

[[nodiscard]] drover::child_spec spec_of(std::string id, std::string type = "worker", std::string arguments = {})
{
    return {.id = std::move(id), .type = std::move(type), .arguments = std::move(arguments)};
}

// A supervisor in a world, with what its operations came to. Each handler may be called once.
struct stage {
    explicit stage(local_supervisor_options options = {}) : supervised{std::in_place, world, std::move(options)}
    {
        diary.clear();
        supervised->add_child_type<worker>();
        supervised->add_child_type<slow>();
        supervised->add_child_type<stubborn>();
        supervised->add_child_type<counter>();
        supervised->add_child_type<unwanted>();
        supervised->add_child_type("echo", echo);
        supervised->events([this](drover::event const& what) { events.push_back(drover::to_string(what)); });
    }

    supervisor& operator*() { return *supervised; }
    supervisor* operator->() { return &*supervised; }

    error_code start()
    {
        return run<error_code>([&](auto done) { supervised->async_start(done); });
    }
    error_code stop()
    {
        return run<error_code>([&](auto done) { supervised->async_stop(done); });
    }
    error_code start_child(drover::child_spec spec)
    {
        return run<error_code>([&](auto done) {
            supervised->async_start_child(std::move(spec), [done](error_code code, child_ref const&) mutable { done(code); });
        });
    }
    error_code command(void (*order)(supervisor&, std::string, std::function<void(error_code, child_ref)>), std::string id)
    {
        return run<error_code>([&](auto done) {
            order(*supervised, std::move(id), [done](error_code code, child_ref const&) mutable { done(code); });
        });
    }
    error_code terminate(std::string id)
    {
        return command(
            [](supervisor& at, std::string which, auto done) { at.async_terminate_child(which, done); }, std::move(id));
    }
    error_code restart(std::string id)
    {
        return command([](supervisor& at, std::string which, auto done) { at.async_restart_child(which, done); }, std::move(id));
    }
    error_code remove(std::string id)
    {
        return command([](supervisor& at, std::string which, auto done) { at.async_delete_child(which, done); }, std::move(id));
    }
    std::string call(std::string id, std::string text)
    {
        return run<std::string>([&](auto done) {
            supervised->async_call(std::move(id), std::move(text),
                [done](error_code code, drover::bytes reply) mutable { done(code ? code.message() : std::string{reply}); });
        });
    }
    void kill(std::string id) { (void)call(std::move(id), "die"); }

    [[nodiscard]] std::string running() const
    {
        std::string all;
        for (auto const& each : supervised->which_children())
            if (each.status == drover::child_status::running_here)
                all += each.id;
        return all;
    }

    template <class Result, class Operation>
    Result run(Operation operation)
    {
        std::optional<Result> result;
        operation([&](Result value) {
            REQUIRE(!result);
            result = std::move(value);
        });
        REQUIRE(world.run_until([&] { return result.has_value(); }, 100s));
        return *result;
    }

    drover::simulation::world world{1};
    std::optional<supervisor> supervised;
    std::vector<std::string> events;
};

[[nodiscard]] std::vector<std::string> taken() { return std::exchange(diary, {}); }
using words = std::vector<std::string>;

} // namespace

TEST_CASE("initial children start left to right and stop right to left", "[simulation][local]")
{
    stage play{{.children = {spec_of("a"), spec_of("b"), spec_of("c")}}};
    CHECK(!play.start());
    CHECK(taken() == words{"+a", "+b", "+c"});
    CHECK(play.running() == "abc");
    CHECK(play->count_children().active == 3);
    CHECK(!play.stop());
    CHECK(taken() == words{"-c", "~c", "-b", "~b", "-a", "~a"});
    CHECK(play.start_child(spec_of("d")) == errc::shutting_down);
    CHECK(play->which_children().empty());
    CHECK(!play.stop());
}

TEST_CASE("a start that fails undoes those before it, and fails as a whole", "[simulation][local]")
{
    stage play{{.children = {spec_of("a"), spec_of("s", "slow"), spec_of("b", "worker", "fail"), spec_of("c")}}};
    std::string reason;
    play->async_wait([&](error_code code, std::string why) {
        CHECK(code == errc::start_failed);
        reason = std::move(why);
    });
    CHECK(play.start() == errc::start_failed);
    CHECK(taken() == words{"+a", "~b", "-a", "~a"});
    play.world.run_for(1s);
    CHECK(reason == "child 'b' failed to start: as told");
    CHECK(play.start() == errc::shutting_down);
}

TEST_CASE("a child that fails is restarted in its place, with what it had saved", "[simulation][local]")
{
    stage play;
    CHECK(!play.start());
    CHECK(!play.start_child(spec_of("n", "counter")));
    CHECK(play.call("n", "") == "1");
    CHECK(play.call("n", "") == "2");
    play.kill("n");
    CHECK(play.call("n", "") == "3");
    CHECK(play->find("n")->generation == 2);

    // replaced in order: the old instance's last word counts
    auto changed = spec_of("n", "counter");
    changed.restart = drover::restart_rule::transient;
    CHECK(!play.run<error_code>([&](auto done) {
        play->async_update_child(changed, [done](error_code code, child_ref const&) mutable { done(code); });
    }));
    CHECK(play.call("n", "") == "1004");
    CHECK(play->child_spec_of("n")->restart == drover::restart_rule::transient);
}

TEST_CASE("the whole group is restarted, last stopped first", "[simulation][local]")
{
    stage play{{.strategy = restart_strategy::one_for_all, .children = {spec_of("a"), spec_of("b"), spec_of("c")}}};
    CHECK(!play.start());
    (void)taken();
    play.kill("b");
    play.world.run_for(1s);
    CHECK(taken() == words{"~b", "-c", "~c", "-a", "~a", "+a", "+b", "+c"});
}

TEST_CASE("the rest of the group is restarted", "[simulation][local]")
{
    stage play{{.strategy = restart_strategy::rest_for_one, .children = {spec_of("a"), spec_of("b"), spec_of("c")}}};
    CHECK(!play.start());
    (void)taken();
    play.kill("b");
    play.world.run_for(1s);
    CHECK(taken() == words{"~b", "-c", "~c", "+b", "+c"});
}

TEST_CASE("a supervisor that gives up says so", "[simulation][local]")
{
    stage play{{.intensity = {1, 5s}, .children = {spec_of("a"), spec_of("b")}}};
    CHECK(!play.start());
    std::optional<error_code> ended;
    play->async_wait([&](error_code code, std::string const& reason) {
        ended = code;
        CHECK(reason == "shutdown");
    });
    play.kill("b");
    play.world.run_for(1s);
    CHECK(!ended);
    play.kill("b");
    play.world.run_for(1s);
    CHECK(ended == error_code{errc::gave_up});
    CHECK(taken() == words{"+a", "+b", "~b", "+b", "~b", "-a", "~a"});
}

TEST_CASE("significant children that are done end the supervisor in peace", "[simulation][local]")
{
    auto job = spec_of("job");
    job.restart = drover::restart_rule::transient;
    job.significant = true;
    stage play{{.auto_shutdown = drover::auto_shutdown::any_significant, .children = {spec_of("a"), job}}};
    CHECK(!play.start());
    auto const reason = [&] {
        return play.run<std::string>([&](auto done) {
            play->async_wait([done](error_code code, std::string why) mutable { done(code ? code.message() : why); });
            play->cast("job", "done");
        });
    };
    CHECK(reason() == "shutdown");
    CHECK(reason() == "shutdown"); // whoever asks later
}

TEST_CASE("commands have OTP's errors", "[simulation][local]")
{
    stage play{{.children_count_max = 2}};
    CHECK(play.start_child(spec_of("a")) == errc::not_started);
    CHECK(!play.start());
    CHECK(play.start() == errc::already_running);
    CHECK(!play.start_child(spec_of("a")));
    CHECK(play.start_child(spec_of("a")) == errc::already_started);
    CHECK(play.restart("a") == errc::running);
    CHECK(play.remove("a") == errc::running);
    CHECK(!play.terminate("a"));
    CHECK(!play.terminate("a"));
    CHECK(play.start_child(spec_of("a")) == errc::already_present);
    CHECK(play.restart("b") == errc::not_found);
    CHECK(play.start_child(spec_of("b", "worker", "fail")) == errc::start_failed);
    CHECK(play.terminate("b") == errc::not_found);
    CHECK(!play.start_child(spec_of("b")));
    CHECK(play.start_child(spec_of("c")) == errc::max_children);
    CHECK(!play.restart("a"));
    CHECK(!play.terminate("a"));
    CHECK(!play.remove("a"));
    CHECK(play.remove("a") == errc::not_found);
    CHECK(play->find("b")->node == "local");
    CHECK(!play->find("a"));
}

TEST_CASE("a start hook may say ignore", "[simulation][local]")
{
    stage play;
    CHECK(!play.start());
    CHECK(!play.start_child(spec_of("kept", "unwanted")));
    auto temporary = spec_of("gone", "unwanted");
    temporary.restart = drover::restart_rule::temporary;
    CHECK(!play.start_child(temporary));
    CHECK(play->count_children().specs == 1);
    CHECK(play->count_children().active == 0);
    CHECK(play.start_child(spec_of("kept", "unwanted")) == errc::already_present);
}

TEST_CASE("wrong specs are refused at once, and the watchers read why", "[simulation][local]")
{
    stage play{{.auto_shutdown = drover::auto_shutdown::off}};
    CHECK(!play.start());
    auto const refused = [&](drover::child_spec spec, errc code, std::string const& sentence) {
        play.events.clear();
        CHECK(play.start_child(std::move(spec)) == code);
        REQUIRE(play.events.size() == 1);
        INFO(play.events.front());
        CHECK(play.events.front().find("command refused") == 0);
        CHECK(play.events.front().find(sentence) != std::string::npos);
    };
    auto spec = spec_of("a");
    spec.significant = true;
    refused(spec, errc::invalid_spec, "significant is for transient and temporary children");
    spec.restart = drover::restart_rule::transient;
    refused(spec, errc::invalid_spec, "auto_shutdown is off");
    spec = spec_of("a");
    spec.group = "g";
    refused(spec, errc::invalid_spec, "group is for a cluster");
    spec = spec_of("a");
    spec.intensity = drover::restart_intensity{1, 0s};
    refused(spec, errc::invalid_spec, "max_seconds must be positive");
    spec.intensity = drover::restart_intensity{1, 1s};
    refused(spec, errc::invalid_spec, "intensity_scope per_child");
    refused(spec_of("a", "nobody"), errc::unknown_type, "type 'nobody' is not registered");
    refused(spec_of("a", "worker", std::string(70'000, 'x')), errc::invalid_spec, "arguments have 70000 octets");
    refused(spec_of(""), errc::invalid_spec, "id is empty");
}

TEST_CASE("wrong options and wrong initial children are refused at the start", "[simulation][local]")
{
    auto const refused = [](local_supervisor_options options, errc code, std::string const& sentence) {
        stage play{std::move(options)};
        CHECK(play.start() == code);
        REQUIRE(play.events.size() == 1);
        INFO(play.events.front());
        CHECK(play.events.front().find(sentence) != std::string::npos);
    };
    refused({.intensity = {1, 0s}}, errc::invalid_options, "max_seconds must be positive");
    refused({.strategy = restart_strategy::one_for_all, .stop_order = drover::stop_order::parallel}, errc::invalid_options,
        "stop_order parallel is for one_for_one");
    refused({.children = {spec_of("a"), spec_of("a")}}, errc::invalid_spec, "child 'a': id is used twice");
    refused({.children = {spec_of("a", "nobody")}}, errc::unknown_type, "child 'a': type 'nobody' is not registered");
}

TEST_CASE("once a termination is acknowledged, nothing of the child runs", "[simulation][local]")
{
    stage play;
    CHECK(!play.start());
    auto spec = spec_of("s", "stubborn");
    spec.shutdown = 2s;
    CHECK(!play.start_child(spec));
    auto const before = play.world.now();
    CHECK(!play.terminate("s"));
    CHECK(play.world.now() - before == 2s);
    spec.id = "k";
    spec.shutdown = drover::brutal_kill;
    CHECK(!play.start_child(spec));
    CHECK(!play.terminate("k"));
    CHECK(play.world.now() - before == 2s);
    CHECK(play.call("k", "") == drover::make_error_code(errc::not_found).message());
}

TEST_CASE("ten thousand children that need 100 ms each stop together", "[simulation][local]")
{
    stage play{{.stop_order = drover::stop_order::parallel}};
    CHECK(!play.start());
    std::size_t started = 0;
    for (int i = 0; i < 10'000; ++i)
        play->async_start_child(
            spec_of(std::to_string(i), "slow"), [&](error_code code, child_ref const&) { started += code ? 0u : 1u; });
    CHECK(play.world.run_until([&] { return started == 10'000; }, 1s));
    auto const before = play.world.now();
    CHECK(!play.stop());
    CHECK(play.world.now() - before < 200ms);
}

TEST_CASE("one child that takes long to stop holds up nobody else", "[simulation][local]")
{
    stage play;
    CHECK(!play.start());
    auto spec = spec_of("s", "stubborn");
    spec.shutdown = 5s;
    CHECK(!play.start_child(spec));
    auto const before = play.world.now();
    bool terminated = false;
    play->async_terminate_child("s", [&](error_code, child_ref const&) { terminated = true; });
    CHECK(!play.start_child(spec_of("a")));
    CHECK(play.world.now() == before);
    CHECK(play.remove("s") == error_code{}); // waits for the termination, as it came after it
    CHECK(terminated);
    CHECK(play.world.now() - before == 5s);
}

TEST_CASE("a child of its own budget is parked, tried again, and revived", "[simulation][local]")
{
    stage play{
        {.intensity = {1, 60s}, .intensity_scope = drover::intensity_scope::per_child, .children = {spec_of("a"), spec_of("b")}}};
    CHECK(!play.start());
    play.kill("a");
    play.kill("a");
    play.world.run_for(1ms);
    auto const parked = play->which_children().front();
    CHECK(parked.status == drover::child_status::parked);
    CHECK(parked.reason == "died");
    CHECK(play.running() == "b");
    CHECK(!play.restart("a"));
    CHECK(play.running() == "ab");
    play.kill("a");
    play.kill("a");
    play.world.run_for(2s); // its cool-down is over
    CHECK(play.running() == "ab");
}

TEST_CASE("restarts wait as the backoff says", "[simulation][local]")
{
    drover::restart_backoff const backoff{100ms, 1s, 0, 30s};
    stage play{{.intensity = {100, 60s}, .backoff = backoff, .children = {spec_of("a")}}};
    CHECK(!play.start());
    std::vector<std::chrono::milliseconds> waits;
    for (int i = 0; i < 6; ++i) {
        play.kill("a");
        auto const before = play.world.now();
        CHECK(play.world.run_until([&] { return play.running() == "a"; }, 10s));
        waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(play.world.now() - before));
    }
    CHECK(waits == std::vector<std::chrono::milliseconds>{0ms, 100ms, 200ms, 400ms, 800ms, 1s});
}

TEST_CASE("children talk to their siblings, coroutines among them", "[simulation][local]")
{
    stage play;
    play->add_child_type("asker", [](drover::child_context own) -> boost::asio::awaitable<void> {
        auto const answer = co_await own.async_call("e", "hello", boost::asio::use_awaitable);
        diary.push_back(answer);
        own.log(answer);
    });
    CHECK(!play.start());
    CHECK(!play.start_child(spec_of("e", "echo")));
    auto spec = spec_of("ask", "asker");
    spec.restart = drover::restart_rule::transient;
    CHECK(!play.start_child(spec));
    play.world.run_for(1s);
    CHECK(diary == words{"hello"});
    CHECK(play->which_children().back().status == drover::child_status::ended);
    CHECK(play.call("e", "you") == "you");
    CHECK(!play.terminate("e"));
    CHECK(play.call("e", "you") == drover::make_error_code(errc::not_found).message());
    CHECK(!play.restart("e"));
    CHECK(play.call("e", "you") == "you");
}

TEST_CASE("a call that the child did not live to answer is answered", "[simulation][local]")
{
    stage play;
    CHECK(!play.start());
    CHECK(!play.start_child(spec_of("e", "echo")));
    CHECK(!play.start_child(spec_of("s", "stubborn")));
    CHECK(play.call("s", "") == drover::make_error_code(errc::no_such_message).message());
    int answers = 0;
    play->async_call("e", "late", [&](error_code code, drover::bytes const&) {
        ++answers;
        CHECK(code);
    });
    play->async_terminate_child("e", [](error_code, child_ref const&) {});
    play.world.run_for(1s);
    CHECK(answers == 1);
}

namespace {

// top -> middle -> bottom, with a worker at every level
[[nodiscard]] auto bottom(drover::child_context)
{
    return drover::supervisor_child{
        local_supervisor_options{.intensity = {1, 60s}, .children = {spec_of("x"), spec_of("y")}}, drover::child_type<worker>()};
}

[[nodiscard]] auto middle(drover::child_context)
{
    auto below = spec_of("bottom", "bottom");
    below.shutdown = drover::infinity;
    below.is_supervisor = true;
    return drover::supervisor_child{
        local_supervisor_options{.strategy = restart_strategy::one_for_all, .children = {spec_of("m"), below}},
        drover::child_type<worker>(), drover::child_type("bottom", bottom)};
}

[[nodiscard]] local_supervisor_options top()
{
    auto below = spec_of("middle", "middle");
    below.shutdown = drover::infinity;
    below.is_supervisor = true;
    return {.children = {spec_of("t"), below}};
}

} // namespace

TEST_CASE("a tree three deep starts from the left, and stops from the right", "[simulation][local][tree]")
{
    stage play{top()};
    play->add_child_type("middle", middle);
    CHECK(!play.start());
    CHECK(taken() == words{"+t", "+m", "+x", "+y"});
    CHECK(play->count_children().supervisors == 1);
    CHECK(play->count_children().workers == 1);
    CHECK(!play.stop());
    CHECK(taken() == words{"-y", "~y", "-x", "~x", "-m", "~m", "-t", "~t"});
}

namespace {

// Fails at a time of its own.
struct fuse {
    explicit fuse(drover::child_context own) : context{std::move(own)} {}
    void on_start() const
    {
        diary.push_back("+" + context.id());
        context.after(1s, [own = context] { own.exit("burnt"); });
    }
    drover::child_context context;
};

} // namespace

TEST_CASE("a tree that gives up is a failure of its child, and is restarted as a unit", "[simulation][local][tree]")
{
    stage play{{.intensity = {1, 60s}, .children = {spec_of("tree", "tree")}}};
    play->add_child_type("tree", [](drover::child_context) {
        return drover::supervisor_child{
            local_supervisor_options{.intensity = {1, 60s}, .children = {spec_of("w"), spec_of("f", "fuse")}},
            drover::child_type<worker>(), drover::child_type<fuse>()};
    });
    CHECK(!play.start());
    std::optional<error_code> ended;
    play->async_wait([&](error_code code, std::string const&) { ended = code; });
    play.world.run_for(2500ms);
    CHECK(taken() == words{"+w", "+f", "+f", "-w", "~w", "+w", "+f"});
    CHECK(!ended);
    play.world.run_for(2s); // the second tree gives up, and so does the top
    CHECK(ended == error_code{errc::gave_up});
    CHECK(taken() == words{"+f", "-w", "~w"});
}

TEST_CASE("a tree whose start fails fails as a start, after it has undone its own", "[simulation][local][tree]")
{
    stage play;
    play->add_child_type("tree", [](drover::child_context) {
        return drover::supervisor_child{
            local_supervisor_options{.children = {spec_of("s", "slow"), spec_of("w", "worker", "fail")}},
            drover::child_type<worker>(), drover::child_type<slow>()};
    });
    CHECK(!play.start());
    auto const before = play.world.now();
    CHECK(play.start_child(spec_of("tree", "tree")) == errc::start_failed);
    CHECK(play.world.now() - before == 100ms);
    CHECK(play->which_children().empty());
}

TEST_CASE("a tree whose significant child is done ends normally", "[simulation][local][tree]")
{
    auto job = spec_of("job", "quick");
    job.restart = drover::restart_rule::transient;
    job.significant = true;
    stage play;
    play->add_child_type("tree", [job](drover::child_context) {
        return drover::supervisor_child{
            local_supervisor_options{.auto_shutdown = drover::auto_shutdown::all_significant, .children = {job, spec_of("w")}},
            drover::child_type<worker>(),
            drover::child_type("quick", [](drover::child_context own) -> boost::asio::awaitable<void> {
                co_await own.async_wait(1s, boost::asio::use_awaitable);
            })};
    });
    CHECK(!play.start());
    auto spec = spec_of("tree", "tree");
    spec.restart = drover::restart_rule::transient;
    CHECK(!play.start_child(spec));
    CHECK(play.running() == "tree");
    play.world.run_for(2s);
    CHECK(play->which_children().front().status == drover::child_status::ended);
}

TEST_CASE("a tree runs as one unit in a cluster", "[simulation][local][tree]")
{
    diary.clear();
    drover::simulation::world world{1};
    drover::distributed_supervisor<drover::in_memory_transport> cluster{world, drover::node_options{.name = "n1"}};
    cluster.add_child_type("middle", middle);
    cluster.async_start([](error_code) {});
    world.run_for(1s);
    auto spec = spec_of("unit", "middle");
    spec.shutdown = 30s;
    cluster.async_start_child(spec, [](error_code code, child_ref const&) { CHECK(!code); });
    world.run_for(1s);
    CHECK(taken() == words{"+m", "+x", "+y"});
    cluster.async_terminate_child("unit", [](error_code code, child_ref const&) { CHECK(!code); });
    world.run_for(1s);
    CHECK(taken() == words{"-y", "~y", "-x", "~x", "-m", "~m"});
}

TEST_CASE("a supervisor that is destroyed takes everything down at once", "[simulation][local]")
{
    int completions = 0;
    stage play{top()};
    play->add_child_type("middle", middle);
    CHECK(!play.start());
    (void)taken();
    auto spec = spec_of("s", "stubborn");
    CHECK(!play.start_child(spec));
    play->async_terminate_child("s", [&](error_code code, child_ref const&) {
        ++completions;
        CHECK(code == errc::shutting_down);
    });
    play->async_wait([&](error_code code, std::string const&) {
        ++completions;
        CHECK(code == errc::shutting_down);
    });
    play.world.run_for(1ms);
    play.supervised.reset();
    play.world.run_for(10s);
    CHECK(completions == 2);
    CHECK(taken() == words{"~y", "~x", "~m", "~t"});
}

TEST_CASE("every command is answered once, whatever happens in between", "[simulation][local]")
{
    for (std::uint64_t seed = 1; seed <= 200; ++seed) {
        drover::random_stream draw{seed};
        stage play{{.strategy = static_cast<restart_strategy>(draw.below(3)),
            .intensity = {static_cast<std::uint32_t>(draw.below(20)), 5s}}};
        CHECK(!play.start());
        std::vector<int> answers(60, 0);
        int ends = 0;
        for (std::size_t i = 0; i < answers.size(); ++i) {
            auto const id = std::to_string(draw.below(5));
            auto const done = [&answers, i](error_code, child_ref const&) { ++answers[i]; };
            auto spec = spec_of(id, draw.below(3) == 0 ? "slow" : "worker", draw.below(8) == 0 ? "fail" : "");
            spec.restart = static_cast<drover::restart_rule>(draw.below(3));
            switch (draw.below(6)) {
            case 0:
            case 1: play->async_start_child(spec, done); break;
            case 2: play->async_terminate_child(id, done); break;
            case 3: play->async_restart_child(id, done); break;
            case 4: play->async_delete_child(id, done); break;
            case 5: play->async_update_child(spec, done); break;
            }
            if (draw.below(3) == 0)
                play->cast(std::to_string(draw.below(5)), draw.below(2) == 0 ? "die" : "done");
            if (draw.below(3) == 0)
                play.world.run_for(std::chrono::milliseconds{draw.below(150)});
            if (draw.below(40) == 0)
                play->async_stop([&](error_code) { ++ends; });
        }
        play.world.run_for(100s);
        INFO("seed " << seed);
        CHECK(answers == std::vector<int>(60, 1));
        play.supervised.reset();
        play.world.run_for(1s);
        CHECK(answers == std::vector<int>(60, 1));
    }
}
