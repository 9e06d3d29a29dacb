// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// What the comparison with OTP does not reach: where the machine departs from OTP, and its order of effects as a reader sees it.

#include <drover/supervision/otp_supervisor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace drover::supervision;
using drover::errc;
using drover::local_supervisor_options;
using drover::restart_strategy;

[[nodiscard]] drover::child_spec spec_of(std::string id) { return {.id = std::move(id), .type = "t"}; }

// A machine whose effects are read as words, and answered by id.
struct player {
    explicit player(local_supervisor_options options) : machine{std::move(options), drover::random_stream{1}} {}

    std::string started()
    {
        machine.start(now);
        return said();
    }

    // Starts until nothing more is to be started.
    std::string start_all()
    {
        auto all = started();
        for (std::string next = all; next.rfind("start ", 0) == 0; all += next)
            next = ok(next.substr(6, 1));
        return all;
    }

    std::string command(command_kind kind, std::string id) { return command(kind, spec_of(std::move(id))); }
    std::string command(command_kind kind, drover::child_spec spec)
    {
        (void)machine.command(kind, std::move(spec), now);
        return said();
    }

    std::string ok(std::string const& id) { return machine.on_started(ref(id), now), said(); }
    std::string fails(std::string const& id) { return machine.on_start_failed(ref(id), "why", now), said(); }
    std::string stopped(std::string const& id) { return machine.on_stopped(ref(id), now), said(); }
    std::string dies(std::string const& id) { return machine.on_exit(ref(id), exit_kind::failure, "why", now), said(); }
    std::string ends(std::string const& id) { return machine.on_exit(ref(id), exit_kind::normal, "normal", now), said(); }
    std::string stop() { return machine.stop(now), said(); }
    std::string passes(drover::duration time)
    {
        now += time;
        return machine.on_time(now), said();
    }

    [[nodiscard]] instance_ref ref(std::string const& id) const { return machine.children().find(id)->ref(); }

    std::string said()
    {
        std::string all;
        for (auto& each : std::exchange(machine.effects(), {}))
            std::visit([&](auto const& what) { all += (all.empty() ? "" : ", ") + word(what); }, each);
        return all;
    }

    [[nodiscard]] std::string word(start_effect const& what) const { return "start " + machine.child_of(what.which).spec.id; }
    [[nodiscard]] std::string word(stop_effect const& what) const { return "stop " + machine.child_of(what.which).spec.id; }
    [[nodiscard]] static std::string word(forget_effect const&) { return "forget"; }
    [[nodiscard]] static std::string word(command_done_effect const& what)
    {
        return what.id + (what.code == errc::success ? " done" : std::string{": "} + drover::describe(what.code));
    }
    [[nodiscard]] static std::string word(started_effect const&) { return "started"; }
    [[nodiscard]] static std::string word(ended_effect const& what)
    {
        return "ended (" + what.reason + (what.cause == end_cause::gave_up ? ", gave up)" : ")");
    }
    [[nodiscard]] static std::string word(note_effect const& what) { return "note " + what.reason; }

    otp_supervisor machine;
    drover::time_point now{1h};
};

} // namespace

TEST_CASE("children of one_for_one do not wait for each other", "[supervision]")
{
    player play{{}};
    CHECK(play.started() == "started");
    CHECK(play.command(command_kind::start, "a") == "start a");
    CHECK(play.command(command_kind::start, "b") == "start b");
    CHECK(play.ok("b") == "b done");
    CHECK(play.command(command_kind::terminate, "b") == "stop b");
    CHECK(play.ok("a") == "a done");
    CHECK(play.dies("a") == "start a");
    CHECK(play.ok("a").empty());
    CHECK(play.stopped("b") == "b done");
}

TEST_CASE("what is about one child waits for what is under way with it", "[supervision]")
{
    player play{{}};
    CHECK(play.started() == "started");
    CHECK(play.command(command_kind::start, "a") == "start a");
    CHECK(play.command(command_kind::terminate, "a").empty());
    CHECK(play.command(command_kind::remove, "a").empty());
    CHECK(play.command(command_kind::start, "a").empty());
    CHECK(play.ok("a") == "a done, stop a");
    CHECK(play.stopped("a") == "a done, a done, forget, start a");
    CHECK(play.ref("a").generation == 2); // an id that returns goes on above
    CHECK(play.fails("a") == "a: the child failed to start, forget");
}

TEST_CASE("commands wait until a group is restarted", "[supervision]")
{
    player play{{.strategy = restart_strategy::one_for_all, .children = {spec_of("a"), spec_of("b")}}};
    CHECK(play.start_all() == "start astart bstarted");
    CHECK(play.dies("a") == "stop b");
    CHECK(play.command(command_kind::terminate, "a").empty());
    CHECK(play.command(command_kind::start, "c").empty());
    CHECK(play.stopped("b") == "start a");
    CHECK(play.ok("a") == "start b");
    CHECK(play.ok("b") == "stop a");
    CHECK(play.stopped("a") == "a done, start c");
}

TEST_CASE("an update keeps a child in its place", "[supervision]")
{
    player play{{.children = {spec_of("a"), spec_of("b")}}};
    CHECK(play.start_all() == "start astart bstarted");
    auto changed = spec_of("a");
    changed.is_supervisor = true;
    CHECK(play.command(command_kind::update, changed) == "stop a");
    CHECK(play.machine.children().supervisors_count() == 0);
    CHECK(play.stopped("a") == "start a");
    CHECK(play.ok("a") == "a done");
    CHECK(play.machine.children().supervisors_count() == 1);
    CHECK(play.stop() == "stop b");
    CHECK(play.stopped("b") == "stop a");
    CHECK(play.stopped("a") == "ended (shutdown)");
}

TEST_CASE("backoff: the first restart is immediate, the others wait", "[supervision]")
{
    player play{{.intensity = {100, 60s}, .backoff = {1s, 3s, 0, 10s}, .children = {spec_of("a")}}};
    CHECK(play.start_all() == "start astarted");
    CHECK(play.dies("a") == "start a");
    CHECK(play.ok("a").empty());
    for (auto const wait : {1s, 2s, 3s, 3s}) {
        CHECK(play.dies("a").empty());
        CHECK(play.machine.deadline() == play.now + wait);
        CHECK(play.passes(wait - 1ns).empty());
        CHECK(play.passes(1ns) == "start a");
        CHECK(play.ok("a").empty());
    }
    play.now += 10s; // it has run for long
    CHECK(play.dies("a") == "start a");
}

TEST_CASE("a child past its own budget is parked, and its neighbours are not", "[supervision]")
{
    local_supervisor_options options{.intensity = {0, 5s}, .children = {spec_of("a"), spec_of("b")}};
    options.intensity_scope = drover::intensity_scope::per_child;
    player play{std::move(options)};
    CHECK(play.start_all() == "start astart bstarted");
    CHECK(play.dies("a").empty());
    CHECK(play.machine.children().parked_count() == 1);
    CHECK(play.passes(1s) == "start a");
    CHECK(play.ok("a").empty());
    CHECK(play.dies("a").empty());
    CHECK(play.passes(1s).empty()); // twice as long
    CHECK(play.passes(1s) == "start a");
    CHECK(play.ok("a").empty());
    CHECK(play.dies("a").empty());
    CHECK(play.command(command_kind::restart, "a") == "start a");
    CHECK(play.fails("a") == "a: the child failed to start");
    CHECK(play.machine.children().parked_count() == 1);
    CHECK(play.command(command_kind::remove, "a") == "a done, forget");
    CHECK(play.machine.children().parked_count() == 0);
}

TEST_CASE("a child may take its supervisor with it when it is past its budget", "[supervision]")
{
    local_supervisor_options options{.intensity = {0, 5s}, .children = {spec_of("a"), spec_of("b")}};
    options.intensity_scope = drover::intensity_scope::per_child;
    options.children.front().on_exhausted = drover::exhaustion::escalate;
    player play{std::move(options)};
    CHECK(play.start_all() == "start astart bstarted");
    CHECK(play.dies("a") == "stop b");
    CHECK(play.stopped("b") == "ended (shutdown, gave up)");
}

TEST_CASE("answers about an instance that is no more change nothing", "[supervision]")
{
    player play{{.children = {spec_of("a")}}};
    CHECK(play.start_all() == "start astarted");
    auto const old = play.ref("a");
    CHECK(play.dies("a") == "start a");
    play.machine.on_started(old, play.now);
    play.machine.on_stopped(old, play.now);
    play.machine.on_exit(old, exit_kind::failure, "late", play.now);
    play.machine.on_start_ignored(old, play.now);
    play.machine.on_started({77, 1}, play.now);
    CHECK(play.said().empty());
    CHECK(play.ok("a").empty());
}

TEST_CASE("everything is answered before the end, and nothing after it", "[supervision]")
{
    player play{{}};
    CHECK(play.command(command_kind::start, "a") == "a: the supervisor has not been started");
    CHECK(play.started() == "started");
    CHECK(play.command(command_kind::start, "a") == "start a");
    CHECK(play.command(command_kind::terminate, "a").empty());
    CHECK(play.command(command_kind::start, "b") == "start b");
    CHECK(play.ok("b") == "b done");
    CHECK(play.command(command_kind::terminate, "b") == "stop b");
    auto const shutting_down = std::string{": "} + drover::describe(errc::shutting_down);
    CHECK(play.stop() == "a" + shutting_down + ", a" + shutting_down);
    CHECK(play.command(command_kind::start, "c") == "c" + shutting_down);
    CHECK(play.ok("a").empty()); // its turn comes after b
    CHECK(play.stopped("b") == "b done, stop a");
    CHECK(play.stopped("a") == "ended (shutdown)");
    CHECK(play.command(command_kind::start, "c") == "c" + shutting_down);
    CHECK(play.stop().empty());
    CHECK(play.machine.deadline() == drover::never);
}
