// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/simulation/in_memory_transport.hpp>

#include <drover/simulation/runtime.hpp>
#include <drover/simulation/world.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::dial_failure;
using drover::errc;
using drover::in_memory_transport;
using drover::node_id;
using drover::peer;
using drover::time_point;
using drover::transport_options;
using drover::simulation::network_options;
using drover::simulation::runtime;
using drover::simulation::world;

using names = std::vector<std::string>;

static_assert(drover::transport<in_memory_transport>);
static_assert(in_memory_transport::capabilities.simulated);

/// A node that only has a transport, and writes down what it is told.
class member final : public drover::transport_events {
public:
    member(world& owner, std::string const& name, std::function<void(transport_options&)> change = {}) : runtime_{owner, name}
    {
        transport_options options;
        options.cluster_name = "test";
        options.self = {name, runtime_.new_incarnation()};
        if (change)
            change(options);
        transport = std::make_unique<in_memory_transport>(runtime_, options);
        started = transport->start(*this);
    }
    member(member const&) = delete;
    member& operator=(member const&) = delete;

    /// Calls the transport: nothing may be told during the call.
    template <class Call>
    auto call(Call what)
    {
        calling_ = true;
        struct done {
            bool& flag;
            ~done() { flag = false; }
        } const guard{calling_};
        return what(*transport);
    }
    void dial(std::string_view address)
    {
        call([&](in_memory_transport& t) { t.dial(address); });
    }
    bool send(std::string_view name, std::string frame)
    {
        return call([&](in_memory_transport& t) { return t.send(name, std::move(frame)); });
    }

    [[nodiscard]] names take() { return std::exchange(heard, {}); }
    [[nodiscard]] bool connected_with(std::string_view name) const { return std::find(up.begin(), up.end(), name) != up.end(); }

    bool told_within_a_call = false;
    errc started = errc::not_started;
    names heard;
    names up;
    std::size_t batches = 0;
    std::function<void(std::string_view)> on_each_frame;
    std::unique_ptr<in_memory_transport> transport;

private:
    void hear(std::string what)
    {
        told_within_a_call = told_within_a_call || calling_;
        heard.push_back(std::move(what));
    }
    void on_peer_up(peer const& who) override
    {
        hear("up " + who.id.name + "/" + std::to_string(who.id.incarnation));
        if (!connected_with(who.id.name))
            up.push_back(who.id.name);
    }
    void on_peer_down(node_id const& who) override
    {
        hear("down " + who.name + "/" + std::to_string(who.incarnation));
        up.erase(std::remove(up.begin(), up.end(), who.name), up.end());
    }
    void on_dial_failed(std::string_view address, dial_failure why, errc code, std::string_view) override
    {
        hear("failed " + std::string{address} + " " + std::to_string(static_cast<int>(why)) + " "
            + std::to_string(static_cast<int>(code)));
    }
    void on_frame(node_id const& from, drover::bytes_view frame) override
    {
        hear(from.name + ": " + std::string{frame});
        if (on_each_frame)
            on_each_frame(frame);
    }
    void on_batch_end() override { ++batches; }

    runtime runtime_;
    bool calling_ = false;
};

std::string failed(std::string const& address, dial_failure why, errc code = errc::success)
{
    return "failed " + address + " " + std::to_string(static_cast<int>(why)) + " " + std::to_string(static_cast<int>(code));
}

TEST_CASE("two transports connect, and frames go both ways in order and intact")
{
    world w{1};
    member a{w, "a"};
    member b{w, "b"};
    CHECK(a.started == errc::success);
    CHECK(a.transport->address() == "a");
    CHECK_FALSE(a.send("b", "too early"));
    a.dial("b");
    CHECK(a.heard.empty());
    w.run_for(1s);
    CHECK(a.take() == names{"up b/1"});
    CHECK(b.take() == names{"up a/1"});

    names expected;
    for (int i = 0; i < 50; ++i) {
        CHECK(a.send("b", std::to_string(i)));
        expected.push_back("a: " + std::to_string(i));
    }
    std::string const large(100'000, '\0');
    CHECK(a.send("b", large));
    expected.push_back("a: " + large);
    CHECK(a.send("b", ""));
    expected.push_back("a: ");
    CHECK(b.send("a", "back"));
    w.run_for(1s);
    CHECK(b.take() == expected);
    CHECK(a.take() == names{"b: back"});
    CHECK(b.batches > 0);
    CHECK(b.batches < expected.size()); // what arrived together was one batch
    CHECK_FALSE(a.told_within_a_call);
    CHECK_FALSE(b.told_within_a_call);
}

TEST_CASE("a batch ends behind the last frame that arrives with it")
{
    world w{1, {.latency_min = 1ms, .latency_max = 1ms}};
    member a{w, "a"};
    member b{w, "b"};
    a.dial("b");
    w.run_for(1s);
    std::size_t batches_at_last_frame = 99;
    b.on_each_frame = [&](std::string_view) { batches_at_last_frame = b.batches; };
    for (int i = 0; i < 3; ++i)
        CHECK(a.send("b", "x"));
    w.run_for(1s);
    CHECK(batches_at_last_frame == 0);
    CHECK(b.batches == 1);
    CHECK(a.send("b", "x"));
    w.run_for(1s);
    CHECK(b.batches == 2);

    w.pause("b", 10s);
    for (int i = 0; i < 3; ++i) {
        CHECK(a.send("b", "x"));
        w.run_for(1s);
    }
    w.run_for(10s); // the burst behind the pause is one batch
    CHECK(batches_at_last_frame == 2);
    CHECK(b.batches == 3);
}

TEST_CASE("frames that are too large, or too many at once, are refused")
{
    world w{1};
    member a{w, "a", [](transport_options& options) { options.send_queue_size_max = 1'000; }};
    member b{w, "b"};
    a.dial("b");
    w.run_for(1s);
    CHECK_FALSE(a.send("nobody", "x"));
    CHECK(a.send("b", std::string(600, 'x')));
    CHECK_FALSE(a.send("b", std::string(401, 'x')));
    CHECK(a.send("b", std::string(400, 'x')));
    CHECK_FALSE(a.send("b", "x"));
    w.run_for(1s);
    CHECK(a.send("b", "x")); // there is room again
    CHECK(b.send("a", std::string(drover::limits::frame_size_max, 'x')));
    w.run_for(1s);
    CHECK_FALSE(b.send("a", std::string(drover::limits::frame_size_max + 1, 'x')));
}

TEST_CASE("a dial where nobody listens is refused, again and again, until somebody does")
{
    world w{1};
    member a{w, "a"};
    a.dial("b");
    w.run_for(30s);
    auto const attempts = a.take();
    CHECK(attempts.size() >= 3);
    CHECK(attempts.size() < 100);
    CHECK(attempts == names(attempts.size(), failed("b", dial_failure::refused)));
    member b{w, "b"};
    CHECK(w.run_until([&] { return a.connected_with("b") && b.connected_with("a"); }, 30s));
}

TEST_CASE("a dial across a cut times out, and is not repeated once it is undialled")
{
    world w{1};
    member a{w, "a"};
    member b{w, "b"};
    w.cut("a", "b");
    a.dial("b");
    w.run_for(2900ms);
    CHECK(a.take() == names{});
    w.run_for(200ms);
    CHECK(a.take() == names{failed("b", dial_failure::timed_out)});
    a.call([](in_memory_transport& t) { t.undial("b"); });
    w.run_for(1min);
    CHECK(a.take() == names{});
    w.heal();
    w.run_for(1min);
    CHECK(a.up.empty());
    CHECK_FALSE(a.told_within_a_call);
}

TEST_CASE("a crash is a down at the other side, and the next life comes up with a larger incarnation")
{
    world w{1};
    member a{w, "a"};
    auto b = std::make_unique<member>(w, "b");
    a.dial("b");
    w.run_for(1s);
    CHECK(a.take() == names{"up b/1"});
    CHECK(b->take() == names{"up a/1"});

    CHECK(a.send("b", "for the dead"));
    w.crash("b");
    CHECK_FALSE(b->send("a", "from the dead"));
    b->dial("a");
    w.run_for(10ms);
    auto const heard = a.take();
    REQUIRE(heard.size() >= 2); // the loss, and at once the probe
    CHECK(heard[0] == "down b/1");
    CHECK(heard[1] == failed("b", dial_failure::refused));
    CHECK_FALSE(a.send("b", "x"));
    CHECK(b->take() == names{});

    member fresh{w, "b"};
    CHECK(fresh.started == errc::success);
    REQUIRE(w.run_until([&] { return fresh.connected_with("a") && a.connected_with("b"); }, 30s));
    CHECK(a.take().back() == "up b/2");
    b.reset(); // what is left of the dead goes without a sound
    w.run_for(1s);
    CHECK(a.send("b", "x"));
    w.run_for(1s);
    CHECK(fresh.take() == names{"up a/1", "a: x"});
}

TEST_CASE("a host that crashes while it is being dialled refuses the dial")
{
    world w{1, {.latency_min = 10ms, .latency_max = 10ms}};
    member a{w, "a"};
    member b{w, "b"};
    a.dial("b");
    w.run_for(11ms); // the dial has arrived, the answer is on its way
    w.network() = {.latency_min = 1ms, .latency_max = 1ms};
    w.crash("b"); // which is known before the answer
    w.run_for(5ms);
    CHECK(a.take() == names{failed("b", dial_failure::refused)});
}

TEST_CASE("a crash behind a cut goes unheard until something is sent after the mend")
{
    world w{1};
    member a{w, "a"};
    member b{w, "b"};
    a.dial("b");
    w.run_for(1s);
    static_cast<void>(a.take());
    w.partition({{"a"}, {"b"}});
    w.crash("b");
    CHECK(a.send("b", "x"));
    w.run_for(1min);
    CHECK(a.take() == names{});
    w.heal();
    CHECK(a.send("b", "x"));
    REQUIRE(w.run_until([&] { return !a.heard.empty(); }, 10ms));
    CHECK(a.take() == names{"down b/1"});
}

TEST_CASE("an address is taken by a live host only, and may be anything")
{
    world w{1};
    auto const listen_at_desk = [](transport_options& options) { options.listen = "the desk"; };
    member a{w, "a", listen_at_desk};
    member b{w, "b", listen_at_desk};
    member c{w, "c"};
    CHECK(a.started == errc::success);
    CHECK(b.started == errc::address_in_use);
    CHECK(a.transport->address() == "the desk");
    c.dial("the desk");
    w.run_for(1s);
    CHECK(c.take() == names{"up a/1"});
    w.crash("a");
    member d{w, "d", listen_at_desk};
    CHECK(d.started == errc::success);
    member e{w, "e", [](transport_options& options) { options.listen = std::string(1'000, 'x'); }};
    CHECK(e.started == errc::invalid_address);
}

TEST_CASE("a transport that is stopped lets what was sent arrive, tells nothing, and frees its address")
{
    world w{1};
    member a{w, "a"};
    member b{w, "b"};
    a.dial("b");
    w.run_for(1s);
    static_cast<void>(a.take());
    static_cast<void>(b.take());
    CHECK(a.send("b", "leaving"));
    CHECK(b.send("a", "unheard"));
    a.call([](in_memory_transport& t) { t.stop(); });
    CHECK_FALSE(a.send("b", "x"));
    a.dial("b");
    w.run_for(10s);
    CHECK(b.take() == names{"a: leaving", "down a/1"});
    CHECK(a.take() == names{});
    member other{w, "other", [](transport_options& options) { options.listen = "a"; }};
    CHECK(other.started == errc::success);
}

TEST_CASE("a transport may be stopped or destroyed by what it tells")
{
    for (bool const destroy : {false, true}) {
        world w{1, {.latency_min = 1ms, .latency_max = 1ms}};
        member a{w, "a"};
        member b{w, "b"};
        a.dial("b");
        w.run_for(1s);
        static_cast<void>(b.take());
        b.on_each_frame = [&](std::string_view) { destroy ? b.transport.reset() : b.transport->stop(); };
        CHECK(a.send("b", "1"));
        CHECK(a.send("b", "2"));
        w.run_for(1s);
        CHECK(b.take() == names{"a: 1"});
        CHECK(b.batches == 0);
        CHECK_FALSE(a.connected_with("b"));
    }
}

TEST_CASE("clusters keep apart, and a node does not connect with itself")
{
    world w{1};
    member a{w, "a"};
    member b{w, "b", [](transport_options& options) { options.cluster_name = "another"; }};
    a.dial("b");
    a.dial("a");
    CHECK(a.heard.empty()); // what is known at once is told later all the same
    w.run_for(1s);
    auto const heard = a.take();
    REQUIRE(heard.size() >= 2);
    CHECK(heard[0] == failed("a", dial_failure::rejected));
    CHECK(heard[1] == failed("b", dial_failure::rejected, errc::cluster_mismatch));
    CHECK(b.up.empty());
    CHECK_FALSE(a.told_within_a_call);
}

TEST_CASE("a connection that breaks is dialled again at once")
{
    world w{1};
    member a{w, "a"};
    member b{w, "b"};
    a.dial("b");
    w.run_for(1s);
    static_cast<void>(a.take());
    w.connection_reset("a", "b");
    w.run_for(20ms);
    CHECK(a.take() == names{"down b/1", "up b/1"});
    CHECK(b.connected_with("a"));
}

/// Both dial, frames are lost for a while. Then each has the other up, and what each sends arrives once: over the same
/// connection.
void connect_at_once(std::uint64_t seed)
{
    CAPTURE(seed);
    world w{seed, {.latency_max = 20ms, .loss_per_million = 200'000}};
    member a{w, "a"};
    member b{w, "b"};
    w.after(w.random("delay", "a").between(0ms, 10ms), [&] { a.dial("b"); });
    w.after(w.random("delay", "b").between(0ms, 10ms), [&] { b.dial("a"); });
    w.run_for(5s);
    w.network().loss_per_million = 0;
    REQUIRE(w.run_until([&] { return a.connected_with("b") && b.connected_with("a"); }, 1min));
    w.run_for(1min);
    static_cast<void>(a.take());
    static_cast<void>(b.take());
    REQUIRE(a.send("b", "1"));
    REQUIRE(b.send("a", "2"));
    w.run_for(1min);
    CHECK(b.take() == names{"a: 1"});
    CHECK(a.take() == names{"b: 2"});
    CHECK(w.connections().open_count("a", "b") == 1);
}

TEST_CASE("two that dial each other at once end with one connection, over many seeds with loss")
{
    for (std::uint64_t seed = 1; seed <= 200; ++seed)
        connect_at_once(seed);
}

/// A small cluster in a storm; what it comes to, and how much happened.
std::string digest_of_storm(std::uint64_t seed)
{
    world w{seed, {.loss_per_million = 50'000, .duplicate_per_million = 20'000, .reorder = true}};
    std::vector<std::unique_ptr<member>> members;
    for (char const* name : {"a", "b", "c", "d"}) {
        members.push_back(std::make_unique<member>(w, name));
        for (auto const& other : members)
            if (other != members.back())
                members.back()->dial(other->transport->address());
    }
    auto random = w.random("storm");
    for (int i = 0; i < 200; ++i) {
        auto& from = *members[random.below(members.size())];
        auto const to = std::string(1, static_cast<char>('a' + random.below(4)));
        static_cast<void>(from.send(to, std::to_string(random.next())));
        w.run_for(random.between(0ms, 20ms));
        if (i == 50)
            w.crash("b");
        if (i == 100)
            w.partition({{"a", "b"}, {"c", "d"}});
        if (i == 150)
            w.heal();
    }
    return w.digest().to_string();
}

TEST_CASE("a stormy run has one digest for each seed")
{
    CHECK(digest_of_storm(1) == digest_of_storm(1));
    CHECK(digest_of_storm(1) != digest_of_storm(2));
}

} // namespace
