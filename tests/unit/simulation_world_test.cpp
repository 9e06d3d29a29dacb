// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/simulation/runtime.hpp>
#include <drover/simulation/world.hpp>

#include <drover/policy/transport.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::duration;
using drover::time_point;
using drover::simulation::runtime;
using drover::simulation::timer;
using drover::simulation::world;

static_assert(drover::offloading_runtime<runtime>);

using names = std::vector<std::string>;

TEST_CASE("time passes from event to event, and only then")
{
    world w{1};
    std::vector<duration> seen;
    auto const note = [&] { seen.push_back(w.now().time_since_epoch()); };
    w.after(3s, note);
    w.after(1s, note);
    w.after(2s, [&] {
        note();
        w.after(-5s, note); // the past means now
    });
    CHECK(w.step());
    CHECK(w.now() == time_point{1s});
    w.run_for(1s);
    CHECK(seen == std::vector<duration>{1s, 2s, 2s});
    w.run_for(500ms);
    CHECK(w.now() == time_point{2500ms});
    CHECK(w.step());
    CHECK_FALSE(w.step());
    CHECK(w.now() == time_point{3s});
    CHECK(w.events_count() == 4);
}

TEST_CASE("a run stops at the event that makes the predicate hold, or at its bound")
{
    world w{1};
    int count = 0;
    for (int i = 1; i <= 10; ++i)
        w.after(i * 1s, [&] { ++count; });
    CHECK(w.run_until([&] { return count == 3; }, 1min));
    CHECK(w.now() == time_point{3s});
    CHECK_FALSE(w.run_until([&] { return count == 9; }, 2s));
    CHECK(w.now() == time_point{5s});
    CHECK(w.run_until([&] { return count == 5; }, 0s));
    CHECK_FALSE(w.run_until([] { return false; }, 1min));
    CHECK(w.now() == time_point{65s});
}

TEST_CASE("an event that was cancelled does not run")
{
    world w{1};
    bool ran = false;
    auto const handle = w.after(1s, [&] { ran = true; });
    CHECK(w.cancel(handle));
    CHECK_FALSE(w.cancel(handle));
    w.run_for(2s);
    CHECK_FALSE(ran);
}

TEST_CASE("what an event throws comes out of the step, and the world goes on")
{
    world w{1};
    runtime a{w, "a"};
    bool inline_in_driver = false;
    a.post([] { throw std::runtime_error{"thrown"}; });
    CHECK_THROWS_AS(w.step(), std::runtime_error);
    a.dispatch([&] { inline_in_driver = true; });
    CHECK_FALSE(inline_in_driver); // the turn that threw is over
    w.run_for(1s);
    CHECK(inline_in_driver);
}

// A busy little world; what it comes to depends on the seed through a drawn delay and a recorded draw.
drover::simulation::digest_value digest_of_run(std::uint64_t seed, bool traced = false, std::string_view note = "note")
{
    world w{seed};
    if (traced)
        w.on_trace([](time_point, std::string_view, std::string_view) {});
    runtime a{w, "a"};
    runtime b{w, "b"};
    auto random = a.random(1);
    for (int i = 0; i < 20; ++i)
        w.after(random.between(1ms, 100ms), [&w, b]() mutable { b.post([&w] { w.trace("b", "turn"); }); });
    w.record(note);
    w.run_for(1s);
    return w.digest();
}

TEST_CASE("equal seeds give equal digests, other seeds and other records do not")
{
    CHECK(digest_of_run(1) == digest_of_run(1));
    CHECK(digest_of_run(1) == digest_of_run(1, true));
    CHECK_FALSE(digest_of_run(1) == digest_of_run(2));
    CHECK_FALSE(digest_of_run(1) == digest_of_run(1, false, "another note"));
    auto const text = digest_of_run(1).to_string();
    CHECK(text.size() == 32);
    CHECK(text.find_first_not_of("0123456789abcdef") == std::string::npos);
}

TEST_CASE("the digest of a small run is pinned, so that compilers can be compared")
{
    CHECK(digest_of_run(42).to_string() == "f7b6596a41c8e590f1d29e025b0e9c43");
}

TEST_CASE("the digest tells hosts apart")
{
    auto const run = [](std::string_view host) {
        world w{1};
        runtime a{w, "a"};
        runtime b{w, "b"};
        (host == "a" ? a : b).post([] {});
        w.run_for(1s);
        return w.digest();
    };
    CHECK_FALSE(run("a") == run("b"));
}

TEST_CASE("random streams belong to seed, purpose and entity")
{
    world w{1};
    CHECK(w.random("plan", "x").next() == world{1}.random("plan", "x").next());
    CHECK(w.random("plan", "x").next() != w.random("plan", "y").next());
    CHECK(w.random("plan", "x").next() != w.random("other", "x").next());
    CHECK(w.random("plan", "x").next() != world{2}.random("plan", "x").next());

    runtime a{w, "a"};
    runtime b{w, "b"};
    auto const first = a.random(1).next();
    CHECK(first == a.random(1).next());
    CHECK(first != a.random(2).next());
    CHECK(first != b.random(1).next());
    CHECK(first != runtime{w, "a"}.random(1).next()); // another life
}

TEST_CASE("a crash discards timers, turns and what the dead life still asks for")
{
    world w{1};
    names seen;
    runtime a{w, "a"};
    runtime b{w, "b"};
    timer early{a};
    timer late{a};
    timer of_b{b};
    early.expires_at(w.now() + 1s, [&] { seen.push_back("early"); });
    late.expires_at(w.now() + 3s, [&] { seen.push_back("late"); });
    of_b.expires_at(w.now() + 3s, [&] { seen.push_back("b"); });
    w.after(2s, [&] {
        a.post([&] { seen.push_back("posted"); });
        w.crash("a");
        CHECK_FALSE(w.alive("a"));
        CHECK(w.alive("b"));
        a.post([&] { seen.push_back("posted by the dead"); });
        a.dispatch([&] { seen.push_back("dispatched by the dead"); });
        early.expires_at(w.now() + 1s, [&] { seen.push_back("timer of the dead"); });
    });
    w.run_for(10s);
    CHECK(seen == names{"early", "b"});
    late.cancel();
}

TEST_CASE("a host may crash in a turn of its own: the rest of the turn does nothing")
{
    world w{1};
    names seen;
    runtime a{w, "a"};
    a.post([&] {
        w.crash("a");
        a.dispatch([&] { seen.push_back("dispatched"); });
        a.post([&] { seen.push_back("posted"); });
        seen.push_back("end of the turn");
    });
    w.run_for(1s);
    CHECK(seen == names{"end of the turn"});
}

TEST_CASE("a new runtime of a name starts a new life, apart from the old one")
{
    world w{1};
    names seen;
    CHECK_FALSE(w.alive("a"));
    runtime old{w, "a"};
    CHECK(old.new_incarnation() == 1);
    old.post([&] { seen.push_back("old"); });
    w.crash("a");
    runtime fresh{w, "a"};
    CHECK(w.alive("a"));
    CHECK(fresh.new_incarnation() == 2);
    fresh.post([&] {
        seen.push_back("fresh");
        old.dispatch([&] { seen.push_back("old again"); });
    });
    w.run_for(1s);
    CHECK(seen == names{"fresh"});
    CHECK_FALSE(old.is_current());

    runtime third{w, "a"}; // without a crash: the second life ends all the same
    CHECK_FALSE(fresh.is_current());
    CHECK(third.new_incarnation() == 3);
    CHECK(runtime{w, "b"}.new_incarnation() == 1);
}

TEST_CASE("dispatch runs at once in a turn of the same host, and nowhere else")
{
    world w{1};
    names seen;
    runtime a{w, "a"};
    runtime b{w, "b"};
    a.post([&] {
        a.dispatch([&] { seen.push_back("inner"); });
        b.dispatch([&] { seen.push_back("b"); });
        a.post([&] { seen.push_back("posted"); });
        seen.push_back("outer");
    });
    w.run_for(1s);
    CHECK(seen == names{"inner", "outer", "b", "posted"});
    a.dispatch([&] { seen.push_back("driver"); });
    CHECK(seen.size() == 4);
}

TEST_CASE("a timer is replaced, cancelled, and ended with its object")
{
    world w{1};
    names seen;
    runtime a{w, "a"};
    timer one{a};
    one.expires_at(w.now() + 1s, [&] { seen.push_back("replaced"); });
    one.expires_at(w.now() + 2s, [&] { seen.push_back("kept"); });
    {
        timer two{a};
        two.expires_at(w.now() + 1s, [&] { seen.push_back("destroyed"); });
    }
    timer three{a};
    three.expires_at(w.now() + 1s, [&] { seen.push_back("cancelled"); });
    three.cancel();
    w.run_for(3s);
    CHECK(seen == names{"kept"});

    auto const held = std::make_shared<int>();
    one.expires_at(drover::never, [held] {});
    CHECK_FALSE(w.step()); // never is not a time that comes
    CHECK(held.use_count() == 2);
    one.cancel();
    CHECK(held.use_count() == 1);
    one.expires_at(w.now() - 1h, [&] { seen.push_back("past"); });
    CHECK(w.step());
    CHECK(w.now() == time_point{3s});
    CHECK(seen.back() == "past");
}

TEST_CASE("what falls due in a pause is run behind it, in its order, at once")
{
    world w{1};
    names seen;
    std::vector<time_point> times;
    auto const note = [&](std::string what) {
        return [&, what] {
            seen.push_back(what);
            times.push_back(w.now());
        };
    };
    runtime a{w, "a"};
    runtime b{w, "b"};
    timer before{a}, second{a}, first{a}, cancelled{a}, at_end{a}, after{a}, other{b};
    before.expires_at(time_point{500ms}, note("before"));
    at_end.expires_at(time_point{5s}, note("at the end")); // set before the others: their order is that of their times
    second.expires_at(time_point{3s}, note("second"));
    first.expires_at(time_point{2s}, note("first"));
    cancelled.expires_at(time_point{2500ms}, note("cancelled"));
    after.expires_at(time_point{6s}, note("after"));
    other.expires_at(time_point{4s}, note("b"));
    w.after(1s, [&] { w.pause("a", 4s); });
    w.after(4s, [&] { cancelled.cancel(); }); // it waits already
    w.run_for(10s);
    CHECK(seen == names{"before", "b", "first", "second", "at the end", "after"});
    CHECK(times
        == std::vector<time_point>{
            time_point{500ms}, time_point{4s}, time_point{5s}, time_point{5s}, time_point{5s}, time_point{6s}});
}

TEST_CASE("a longer pause wins over a shorter one, and a crash ends it")
{
    world w{1};
    names seen;
    runtime a{w, "a"};
    w.pause("a", 5s);
    w.pause("a", 1s);
    a.post([&] { seen.push_back("waits"); });
    w.run_for(4s);
    CHECK(seen.empty());
    w.run_for(2s);
    CHECK(seen == names{"waits"});

    w.pause("a", 5s);
    a.post([&] { seen.push_back("lost"); });
    w.run_for(1s);
    runtime fresh{w, "a"};
    fresh.post([&] { seen.push_back("fresh"); });
    w.run_for(1s);
    CHECK(seen == names{"waits", "fresh"});
    w.run_for(10s);
    CHECK(seen == names{"waits", "fresh"});
}

TEST_CASE("blocking work of a host is done one after the other, each after its latency, whichever copy was given it")
{
    world w{1};
    w.set_offload_latency(2ms);
    names seen;
    std::vector<time_point> times;
    runtime a{w, "a"};
    runtime b{w, "b"};
    auto const give = [&](runtime of, std::string const& what) {
        of.offload([&seen, what] { seen.push_back(what + " work"); },
            [&, of, what]() mutable {
                seen.push_back(what + " done");
                times.push_back(w.now());
                of.dispatch([&] { seen.push_back("on the strand"); });
            });
    };
    auto copy = a;
    give(a, "first");
    give(copy, "second");
    w.set_offload_latency(1ms); // not for what was given before
    give(a, "third");
    give(b, "b");
    CHECK(seen.empty());
    w.run_for(1s);
    CHECK(seen
        == names{"b work", "b done", "on the strand", "first work", "first done", "on the strand", "second work", "second done",
            "on the strand", "third work", "third done", "on the strand"});
    CHECK(times == std::vector{time_point{1ms}, time_point{2ms}, time_point{4ms}, time_point{5ms}});
}

TEST_CASE("work that has not run when its host crashes never runs, and a new life does not wait for it")
{
    world w{1};
    names seen;
    auto const held = std::make_shared<int>();
    runtime a{w, "a"};
    for (int i = 0; i < 10; ++i)
        a.offload([&seen, held] { seen.push_back("old work"); }, [&seen, held] { seen.push_back("old done"); });
    w.after(1500us, [&] {
        w.crash("a");
        a.offload([&] { seen.push_back("work of the dead"); }, [] {});
        runtime fresh{w, "a"};
        fresh.offload([&] { seen.push_back("fresh work"); }, [&] { CHECK(w.now() == time_point{2500us}); });
    });
    w.run_for(1s);
    CHECK(seen == names{"old work", "old done", "fresh work"});
    CHECK(held.use_count() == 1);

    runtime b{w, "b"};
    b.offload([&] { w.crash("b"); }, [&] { seen.push_back("done after a crash"); });
    w.run_for(1s);
    CHECK(seen.size() == 3);
}

TEST_CASE("the trace names host and time")
{
    world w{1};
    names lines;
    w.on_trace([&](time_point when, std::string_view host, std::string_view text) {
        lines.push_back(std::to_string(when.time_since_epoch() / 1s) + " " + std::string{host} + " " + std::string{text});
    });
    runtime a{w, "a"};
    w.run_for(2s);
    a.trace("says hello");
    w.crash("a");
    w.cut("a", "b");
    w.heal();
    CHECK(lines
        == names{"0 a starts", "2 a says hello", "2 a crashes", "2 a sends nothing any more to b", "2  every link is mended"});
}

/// Posts when it is destroyed, and notes whether the turn was kept.
struct posts_when_destroyed {
    posts_when_destroyed(runtime const& r, std::shared_ptr<int> h, bool& k) : of{r}, held{std::move(h)}, kept{k} {}
    posts_when_destroyed(posts_when_destroyed const&) = delete;
    posts_when_destroyed& operator=(posts_when_destroyed const&) = delete;
    ~posts_when_destroyed()
    {
        auto const before = held.use_count();
        of.post([copy = held] {});
        kept = held.use_count() != before;
    }
    runtime of;
    std::shared_ptr<int> held;
    bool& kept;
};

TEST_CASE("what is still scheduled is destroyed with the world, and may use it meanwhile")
{
    auto const held = std::make_shared<int>();
    bool kept = true;
    {
        world w{1};
        runtime a{w, "a"};
        auto const waiting = std::make_shared<timer>(a);
        waiting->expires_at(w.now() + 1s, [held, waiting] {}); // keeps itself alive until the world goes
        w.after(1s, [poster = std::make_shared<posts_when_destroyed>(a, held, kept)] {});
        CHECK(held.use_count() == 3);
    }
    CHECK(held.use_count() == 1);
    CHECK_FALSE(kept);
}

} // namespace
