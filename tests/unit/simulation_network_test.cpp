// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/simulation/runtime.hpp>
#include <drover/simulation/switchboard.hpp>
#include <drover/simulation/world.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::duration;
using drover::time_point;
using drover::simulation::connection_end;
using drover::simulation::network_options;
using drover::simulation::network_user;
using drover::simulation::runtime;
using drover::simulation::world;

using names = std::vector<std::string>;

/// A host that listens on its name, and writes down what it is told.
class station final : public network_user {
public:
    station(world& owner, std::string_view name) : world_{owner}, runtime_{owner, name}, name_{name}
    {
        listening = world_.connections().listen(runtime_.which_life(), *this, name_);
    }
    station(station const&) = delete;
    station& operator=(station const&) = delete;
    ~station() { world_.connections().detach(*this); }

    void dial(std::string_view address) { end = world_.connections().connect(runtime_.which_life(), *this, 7, address); }
    void send(std::string frame, bool sequenced = false) { world_.connections().send(end, std::move(frame), sequenced); }
    void close() { world_.connections().close(end); }

    [[nodiscard]] names take() { return std::exchange(heard, {}); }

    connection_end end;
    names heard;
    std::vector<time_point> times;
    bool listening = false;

private:
    std::uint64_t on_accepted(connection_end accepted) override
    {
        end = accepted;
        hear("accepted");
        return 8;
    }
    void on_connected(std::uint64_t tag) override { hear(tag == 7 ? "connected" : "connected with a wrong tag"); }
    void on_refused(std::uint64_t tag) override { hear(tag == 7 ? "refused" : "refused with a wrong tag"); }
    void on_arrived(std::uint64_t, drover::bytes_view frame) override { hear(std::string{frame}); }
    void on_ended(std::uint64_t) override { hear("ended"); }
    void hear(std::string what)
    {
        heard.push_back(std::move(what));
        times.push_back(world_.now());
    }

    world& world_;
    runtime runtime_;
    std::string name_;
};

/// Two stations, connected, that have heard nothing else yet.
struct pair_of_stations {
    explicit pair_of_stations(std::uint64_t seed = 1, network_options options = {}) : w{seed, options}
    {
        a.dial("b");
        w.run_for(1s);
        connected = a.take() == names{"connected"} && b.take() == names{"accepted"};
    }

    world w;
    station a{w, "a"};
    station b{w, "b"};
    bool connected = false;
};

TEST_CASE("a dial connects, and frames go both ways")
{
    pair_of_stations both;
    REQUIRE(both.connected);
    both.a.send("to b");
    both.b.send("to a");
    both.w.run_for(1s);
    CHECK(both.a.take() == names{"to a"});
    CHECK(both.b.take() == names{"to b"});
}

TEST_CASE("latencies lie between their bounds, and reach across the range")
{
    pair_of_stations both{1, {.latency_min = 10ms, .latency_max = 20ms}};
    duration least = 1h;
    duration most{};
    for (int i = 0; i < 500; ++i) {
        auto const sent = both.w.now();
        both.a.send("x");
        both.w.run_for(1s);
        least = std::min(least, both.b.times.back() - sent);
        most = std::max(most, both.b.times.back() - sent);
    }
    CHECK(least >= 10ms);
    CHECK(least < 11ms);
    CHECK(most <= 20ms);
    CHECK(most > 19ms);
}

TEST_CASE("where nobody listens a dial is refused after a round trip")
{
    world w{1, {.latency_min = 10ms, .latency_max = 10ms}};
    station a{w, "a"};
    a.dial("nobody");
    w.run_for(1s);
    CHECK(a.take() == names{"refused"});
    CHECK(a.times.back() == time_point{20ms});

    {
        station b{w, "b"};
        w.crash("b"); // its process is gone, the host answers
    }
    a.dial("b");
    w.run_for(1s);
    CHECK(a.take() == names{"refused"});
}

TEST_CASE("an address has one listener at a time, while its host lives")
{
    world w{1};
    station a{w, "a"};
    runtime other{w, "other"};
    CHECK(a.listening);
    CHECK_FALSE(w.connections().listen(other.which_life(), a, "a"));
    w.crash("a");
    CHECK(w.connections().listen(other.which_life(), a, "a"));
}

TEST_CASE("a dial across a cut gets no answer, whichever way is cut")
{
    for (bool const forth : {true, false}) {
        world w{1};
        station a{w, "a"};
        station b{w, "b"};
        forth ? w.cut("a", "b") : w.cut("b", "a");
        a.dial("b");
        a.dial("b"); // a dial to a host that is cut off is not refused either
        w.run_for(1min);
        CHECK(a.heard.empty());
        CHECK(b.heard == (forth ? names{} : names{"accepted", "accepted"}));
    }
}

TEST_CASE("frames of one connection arrive in their order, whatever their latencies")
{
    pair_of_stations both{3, {.latency_min = 0ms, .latency_max = 50ms}};
    names sent;
    for (int i = 0; i < 200; ++i) {
        sent.push_back(std::to_string(i));
        both.a.send(sent.back());
        both.w.run_for(1ms);
    }
    both.w.run_for(1s);
    CHECK(both.b.heard == sent);
}

TEST_CASE("with reorder frames overtake one another, and nothing is lost by that; sequenced ones stay in place")
{
    pair_of_stations both{3, {.latency_min = 0ms, .latency_max = 10ms, .reorder = true}};
    names sent;
    for (int i = 0; i < 100; ++i) {
        sent.push_back(std::to_string(1000 + i));
        both.a.send(sent.back());
    }
    both.a.send("1100", true);
    sent.push_back("1100");
    both.w.network().latency_max = 50ms;
    for (int i = 0; i < 100; ++i) {
        sent.push_back(std::to_string(1101 + i));
        both.a.send(sent.back());
    }
    both.w.run_for(1s);
    auto arrived = both.b.take();
    REQUIRE(arrived.size() == 201);
    CHECK_FALSE(std::is_sorted(arrived.begin(), arrived.begin() + 100));
    CHECK(arrived[100] == "1100");
    CHECK_FALSE(std::is_sorted(arrived.begin() + 101, arrived.end()));
    std::sort(arrived.begin(), arrived.end());
    CHECK(arrived == sent);
}

TEST_CASE("frames are lost and doubled at their rates")
{
    pair_of_stations both{5, {.loss_per_million = 0, .duplicate_per_million = 100'000}};
    constexpr int count = 20'000;
    auto const arrivals = [&](bool sequenced) {
        for (int i = 0; i < count; ++i)
            both.a.send("x", sequenced);
        both.w.run_for(1s);
        return static_cast<int>(both.b.take().size());
    };
    // Standard deviations: 42 of the doubled, 65 of the lost; six of them are allowed.
    CHECK(std::abs(arrivals(false) - count * 11 / 10) < 6 * 42);
    CHECK(arrivals(true) == count);
    both.w.network() = {.loss_per_million = 300'000};
    CHECK(std::abs(arrivals(false) - count * 7 / 10) < 6 * 65);
    both.w.network() = {.loss_per_million = 1'000'000};
    CHECK(arrivals(false) == 0);
    both.w.network() = {};
    CHECK(arrivals(false) == count);
}

TEST_CASE("what is lost on one link does not depend on what others carry, nor on other rates")
{
    auto const arrivals = [](bool others, std::uint32_t duplicates) {
        pair_of_stations both{11, {.loss_per_million = 500'000, .duplicate_per_million = duplicates}};
        for (int i = 0; i < 64; ++i) {
            both.a.send(std::to_string(i));
            if (others)
                both.b.send("other");
        }
        both.w.run_for(1s);
        auto heard = both.b.take();
        heard.erase(std::unique(heard.begin(), heard.end()), heard.end());
        return heard;
    };
    auto const alone = arrivals(false, 0);
    CHECK(alone.size() > 16);
    CHECK(alone.size() < 48);
    CHECK(arrivals(true, 0) == alone);
    auto doubled = arrivals(false, 300'000);
    std::sort(doubled.begin(), doubled.end());
    doubled.erase(std::unique(doubled.begin(), doubled.end()), doubled.end());
    auto expected = alone;
    std::sort(expected.begin(), expected.end());
    CHECK(doubled == expected);
}

TEST_CASE("when a frame arrives does not depend on the rates")
{
    auto const arrival = [](network_options options) {
        pair_of_stations both{11, options};
        both.a.send("x");
        both.w.run_for(1s);
        return both.b.times.back();
    };
    CHECK(arrival({}) == arrival({.loss_per_million = 1, .duplicate_per_million = 1}));
}

TEST_CASE("dials and closes that are on their way when a link is cut are lost as well")
{
    pair_of_stations both;
    both.a.close();
    both.a.dial("b");
    both.w.cut("a", "b");
    both.w.run_for(1min);
    CHECK(both.a.take() == names{});
    CHECK(both.b.take() == names{});
}

TEST_CASE("a cut is one-way, silent, and loses what was on its way")
{
    pair_of_stations both;
    both.a.send("under way");
    both.w.cut("a", "b");
    both.a.send("cut");
    both.b.send("back");
    both.w.run_for(1s);
    CHECK(both.b.take() == names{});
    CHECK(both.a.take() == names{"back"});
    both.w.mend("a", "b");
    both.a.send("mended");
    both.w.run_for(1s);
    CHECK(both.b.take() == names{"mended"});
}

TEST_CASE("a partition cuts between its groups and not within, and a heal mends it")
{
    world w{1};
    w.partition({{"a", "b"}, {"c"}});
    station a{w, "a"}, b{w, "b"}, c{w, "c"}, d{w, "d"};
    auto const answer = [&](station& from, std::string_view to) {
        from.heard.clear();
        from.dial(to);
        w.run_for(1s);
        return from.take();
    };
    CHECK(answer(a, "b") == names{"connected"});
    CHECK(answer(a, "c") == names{});
    CHECK(answer(c, "b") == names{});
    CHECK(answer(c, "d") == names{"connected"}); // not named, not cut
    CHECK(answer(d, "a") == names{"connected"});
    w.heal();
    CHECK(answer(a, "c") == names{"connected"});
    CHECK(answer(c, "b") == names{"connected"});
}

TEST_CASE("a close is heard behind what was sent before it")
{
    pair_of_stations both{2, {.latency_min = 0ms, .latency_max = 50ms}};
    for (int i = 0; i < 20; ++i)
        both.a.send("x");
    both.a.close();
    both.a.send("too late");
    both.w.run_for(1s);
    auto heard = both.b.take();
    REQUIRE(heard.size() == 21);
    CHECK(heard.back() == "ended");
    CHECK(both.a.take() == names{});
}

TEST_CASE("a crash is heard after a latency, and frames for the dead are discarded")
{
    pair_of_stations both{1, {.latency_min = 10ms, .latency_max = 10ms}};
    both.b.send("for the dead");
    both.w.crash("a");
    both.a.send("from the dead");
    auto const crashed = both.w.now();
    both.w.run_for(1s);
    CHECK(both.a.take() == names{});
    CHECK(both.b.take() == names{"ended"});
    CHECK(both.b.times.back() == crashed + 10ms);
}

TEST_CASE("a crash behind a cut is heard when the link is mended and something is sent")
{
    pair_of_stations both;
    both.w.partition({{"a"}, {"b"}});
    both.w.crash("a");
    both.b.send("silence");
    both.w.run_for(1min);
    CHECK(both.b.take() == names{});
    both.w.heal();
    both.w.run_for(1min);
    CHECK(both.b.take() == names{});
    both.b.send("is anybody there");
    both.w.run_for(1s);
    CHECK(both.b.take() == names{"ended"});
}

TEST_CASE("a broken connection is heard at both ends")
{
    pair_of_stations both;
    both.w.connection_reset("b", "a");
    both.w.run_for(1s);
    CHECK(both.a.take() == names{"ended"});
    CHECK(both.b.take() == names{"ended"});
    both.a.send("x");
    both.w.run_for(1s);
    CHECK(both.b.take() == names{});
}

TEST_CASE("a paused host hears what was sent meanwhile in a burst, in order, and an end behind it")
{
    pair_of_stations both;
    auto const paused = both.w.now();
    both.w.pause("b", 10s);
    for (char const* frame : {"1", "2", "3"}) {
        both.a.send(frame);
        both.w.run_for(1s);
    }
    both.a.close();
    both.w.run_for(3s);
    CHECK(both.b.heard.empty());
    both.b.times.clear();
    both.w.run_for(10s);
    CHECK(both.b.take() == names{"1", "2", "3", "ended"});
    CHECK(both.b.times == std::vector<time_point>(4, paused + 10s));
}

TEST_CASE("octets under way are counted until they arrive")
{
    pair_of_stations both{1, {.latency_min = 10ms, .latency_max = 10ms}};
    auto const under_way = [&] { return both.w.connections().in_flight(both.a.end); };
    both.a.send("12345");
    both.a.send("123");
    CHECK(under_way() == 8);
    both.w.run_for(20ms);
    CHECK(under_way() == 0);
}

TEST_CASE("every frame that arrives is part of the digest")
{
    auto const digest_with = [](std::string_view frame) {
        pair_of_stations both;
        both.a.send(std::string{frame});
        both.w.run_for(1s);
        return both.w.digest();
    };
    CHECK(digest_with("one") == digest_with("one"));
    CHECK_FALSE(digest_with("one") == digest_with("two"));
}

} // namespace
