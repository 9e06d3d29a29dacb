// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// Clusters of `static_members` machines on a small network of this file's own, in virtual time.
#include <drover/membership/static_members.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::bytes;
using drover::dial_failure;
using drover::duration;
using drover::errc;
using drover::incarnation_number;
using drover::member_state;
using drover::membership_effects;
using drover::node_id;
using drover::peer;
using drover::static_members;
using drover::time_point;

constexpr duration backoff = 250ms;
constexpr duration dial_timeout = 300ms;

/// What the transport's contract asks for: one connection a pair, frames in order, a lost connection re-dialled at once,
/// failed dials tried again. Every directed link has a latency of its own, of 1 to 3 ms.
class network {
public:
    explicit network(std::uint64_t seed = 1) : random_{seed} {}

    std::uint64_t loss_per_million = 0;

    void start(std::string const& name, std::vector<std::string> seeds, incarnation_number incarnation = 1)
    {
        auto& host = hosts_[name];
        host = {.self = {{name, incarnation}, address_of(name)},
            .machine = std::make_unique<static_members>(),
            .alive = true,
            .life = host.life + 1,
            .paused_until = {}};
        membership_effects out;
        host.machine->start({host.self, std::move(seeds), incarnation}, now_, out);
        carry_out(host, out);
    }

    /// The process ends. Its connections are reset, unless a cut link swallows the reset.
    void crash(std::string const& name)
    {
        auto& host = hosts_.at(name);
        host.alive = false;
        ++host.life;
        for (auto const& [other, open] : std::exchange(host.connections, {}))
            send_reset(name, other, open.number);
    }

    void leave(std::string const& name)
    {
        auto& host = hosts_.at(name);
        membership_effects out;
        host.machine->leave(now_, out);
        carry_out(host, out);
    }

    /// The connection between the two is lost, at both ends.
    void reset(std::string const& a, std::string const& b)
    {
        auto const found = hosts_.at(a).connections.find(b);
        if (found == hosts_.at(a).connections.end())
            return;
        auto const number = found->second.number;
        lose(a, b, number);
        lose(b, a, number);
    }

    /// The host does nothing until then; what arrives waits.
    void pause(std::string const& name, duration length) { hosts_.at(name).paused_until = now_ + length; }

    void cut_one_way(std::string const& from, std::string const& to) { cuts_.insert({from, to}); }
    void cut(std::string const& a, std::string const& b)
    {
        cut_one_way(a, b);
        cut_one_way(b, a);
    }
    void isolate(std::string const& name)
    {
        for (auto const& [other, host] : hosts_)
            if (other != name)
                cut(name, other);
    }
    void heal() { cuts_.clear(); }

    void run_for(duration length)
    {
        auto const until = now_ + length;
        while (step(until)) {
        }
        now_ = until;
    }

    /// Whether `holds` became true within `bound`; stops when it does.
    bool run_until(std::function<bool()> const& holds, duration bound)
    {
        auto const until = now_ + bound;
        while (!holds())
            if (!step(until))
                return holds();
        return true;
    }

    static_members& operator[](std::string const& name) { return *hosts_.at(name).machine; }
    std::set<std::string> const& dials_of(std::string const& name) { return hosts_.at(name).dials; }
    std::uint64_t sends_count(std::string const& name) { return hosts_.at(name).sends_count; }
    std::uint64_t connections_count(std::string const& name) { return hosts_.at(name).connections.size(); }
    bool connected(std::string const& a, std::string const& b) { return hosts_.at(a).connections.contains(b); }

    member_state state(std::string const& viewer, std::string const& name)
    {
        auto const* const found = (*this)[viewer].current_view().find(name);
        REQUIRE(found != nullptr);
        return found->state;
    }

    std::vector<std::string> alive_hosts()
    {
        std::vector<std::string> names;
        for (auto const& [name, host] : hosts_)
            if (host.alive)
                names.push_back(name);
        return names;
    }

    /// Every host that runs has formed, and all of them see the same, which is what is true.
    bool agreed()
    {
        auto const names = alive_hosts();
        return std::all_of(names.begin(), names.end(), [&](std::string const& name) { return sees_truth(name); });
    }

    static std::string address_of(std::string const& name) { return "host-of-" + name + ":1"; }

private:
    struct connection {
        std::uint64_t number;
        node_id peer;
    };

    struct host_state {
        peer self;
        std::unique_ptr<static_members> machine;
        bool alive = false;
        std::uint64_t life = 0;
        time_point paused_until;
        std::set<std::string> dials{};
        std::map<std::string, connection> connections{}; ///< by the other's name
        std::uint64_t sends_count = 0;
    };

    bool sees_truth(std::string const& name)
    {
        auto const& machine = *hosts_.at(name).machine;
        if (!machine.formed() || machine.current_view().members != (*this)[alive_hosts().front()].current_view().members)
            return false;
        for (auto const& each : machine.current_view().members) {
            auto const& host = hosts_.at(each.id.name);
            bool const runs = host.alive && host.self.id == each.id;
            if (runs != (each.state == member_state::alive))
                return false;
        }
        auto const names = alive_hosts();
        return std::all_of(names.begin(), names.end(),
            [&](std::string const& other) { return machine.current_view().alive(hosts_.at(other).self.id); });
    }

    void after(duration delay, std::function<void()> what)
    {
        events_.emplace(std::pair{now_ + delay, ++sequence_}, std::move(what));
    }

    /// Does what is next, before `until`.
    bool step(time_point until)
    {
        auto next = events_.empty() ? drover::never : events_.begin()->first.first;
        host_state* due = nullptr;
        for (auto& [name, host] : hosts_)
            if (host.alive && std::max(host.machine->deadline(), host.paused_until) < next) {
                next = std::max(host.machine->deadline(), host.paused_until);
                due = &host;
            }
        if (next > until)
            return false;
        now_ = std::max(now_, next);
        if (due == nullptr) {
            auto const what = std::move(events_.extract(events_.begin()).mapped());
            what();
        } else {
            membership_effects out;
            due->machine->on_time(now_, out);
            carry_out(*due, out);
        }
        return true;
    }

    template <class Input>
    void give(std::string const& name, Input input)
    {
        auto& host = hosts_.at(name);
        if (!host.alive)
            return;
        if (host.paused_until > now_) {
            after(host.paused_until - now_, [this, name, life = host.life, input] {
                if (hosts_.at(name).life == life)
                    give(name, input);
            });
            return;
        }
        membership_effects out;
        input(*host.machine, out);
        carry_out(host, out);
    }

    void carry_out(host_state& host, membership_effects& out)
    {
        auto const name = host.self.id.name;
        for (auto const& address : out.dials) {
            REQUIRE(host.dials.insert(address).second);
            dial(name, host.life, address);
        }
        for (auto const& address : out.undials)
            REQUIRE(host.dials.erase(address) == 1);
        for (auto& each : out.sends) {
            ++host.sends_count;
            send(name, each.to, std::move(each.frame));
        }
    }

    void send(std::string const& from, std::string const& to, bytes frame)
    {
        auto const found = hosts_.at(from).connections.find(to);
        if (found == hosts_.at(from).connections.end() || is_cut(from, to) || random_.chance(loss_per_million))
            return;
        after(latency(from, to), [=, this, number = found->second.number] {
            auto const& open = hosts_.at(to).connections;
            auto const at = open.find(from);
            if (at == open.end() || at->second.number != number)
                return send_reset(to, from, number);
            auto const id = at->second.peer;
            give(to, [=, this](static_members& machine, membership_effects& out) { machine.on_message(id, frame, now_, out); });
        });
    }

    void send_reset(std::string const& from, std::string const& to, std::uint64_t number)
    {
        after(latency(from, to), [=, this] {
            if (!is_cut(from, to))
                lose(to, from, number);
        });
    }

    void dial(std::string const& name, std::uint64_t life, std::string const& address)
    {
        auto& host = hosts_.at(name);
        if (host.life != life || !host.dials.contains(address))
            return;
        auto const target =
            std::find_if(hosts_.begin(), hosts_.end(), [&](auto const& each) { return each.second.self.address == address; });
        std::string const other = target == hosts_.end() ? "" : target->first;
        if (host.connections.contains(other))
            return;
        bool const silent = is_cut(name, other) || is_cut(other, name);
        after(silent ? dial_timeout : 2 * latency(name, other), [=, this] { dialled(name, life, address, other, silent); });
    }

    void dialled(std::string const& name, std::uint64_t life, std::string const& address, std::string const& other, bool silent)
    {
        auto& host = hosts_.at(name);
        if (host.life != life || host.connections.contains(other))
            return;
        auto const target = hosts_.find(other);
        bool const refused = target == hosts_.end() || !target->second.alive;
        if (!refused && !silent)
            return connect(name, other);
        give(name, [=, this](static_members& machine, membership_effects& out) {
            machine.on_dial_failed(address, silent ? dial_failure::timed_out : dial_failure::refused, errc::success, now_, out);
        });
        after(backoff, [=, this] { dial(name, life, address); });
    }

    void connect(std::string const& a, std::string const& b)
    {
        ++connections_;
        for (auto const& [here, there] : {std::pair{a, b}, std::pair{b, a}}) {
            auto const who = hosts_.at(there).self;
            hosts_.at(here).connections[there] = {connections_, who.id};
            give(here, [=, this](static_members& machine, membership_effects& out) { machine.on_peer_up(who, now_, out); });
        }
    }

    /// `here` learns that its connection with `there` is gone.
    void lose(std::string const& here, std::string const& there, std::uint64_t number)
    {
        auto& host = hosts_.at(here);
        auto const found = host.connections.find(there);
        if (!host.alive || found == host.connections.end() || found->second.number != number)
            return;
        auto const id = found->second.peer;
        host.connections.erase(found);
        give(here, [=, this](static_members& machine, membership_effects& out) { machine.on_peer_down(id, now_, out); });
        dial(here, host.life, address_of(there));
    }

    bool is_cut(std::string const& from, std::string const& to) const { return cuts_.contains({from, to}); }

    duration latency(std::string const& from, std::string const& to) const
    {
        return duration{1'000'000 + static_cast<std::int64_t>(drover::hash64(from + '>' + to) % 2'000'000)};
    }

    time_point now_{};
    std::uint64_t sequence_ = 0;
    std::uint64_t connections_ = 0;
    drover::random_stream random_;
    std::map<std::pair<time_point, std::uint64_t>, std::function<void()>> events_;
    std::map<std::string, host_state> hosts_;
    std::set<std::pair<std::string, std::string>> cuts_;
};

std::string name_of(std::size_t i) { return (i < 10 ? "n0" : "n") + std::to_string(i); }

/// A cluster of `count`, all with the first as their seed, in agreement and quiet.
void start_cluster(network& net, std::size_t count)
{
    net.start(name_of(0), {});
    for (std::size_t i = 1; i < count; ++i)
        net.start(name_of(i), {network::address_of(name_of(0))});
    REQUIRE(net.run_until([&] { return net.agreed(); }, 1s));
    net.run_for(3s);
    REQUIRE(net.agreed());
}

std::map<std::string, std::uint64_t> view_numbers(network& net)
{
    std::map<std::string, std::uint64_t> numbers;
    for (auto const& name : net.alive_hosts())
        numbers[name] = net[name].current_view().number;
    return numbers;
}

} // namespace

TEST_CASE("a cluster forms through one seed, and all views are equal", "[membership][network]")
{
    for (std::size_t const count : {2u, 3u, 5u, 20u}) {
        network net;
        net.start(name_of(0), {});
        CHECK(net[name_of(0)].formed());
        for (std::size_t i = 1; i < count; ++i)
            net.start(name_of(i), {network::address_of(name_of(0))});
        CAPTURE(count);
        // Two round trips and a few hops, far less than one interval: nothing waits for a timer.
        REQUIRE(net.run_until([&] { return net.agreed(); }, 50ms));
        net.run_for(2s);
        CHECK(net.agreed());
        for (std::size_t i = 0; i < count; ++i) {
            CHECK(net[name_of(i)].current_view().members.size() == count);
            CHECK(net.connections_count(name_of(i)) == count - 1); // a full mesh
            CHECK(net[name_of(i)].rejected_count() == 0);
        }
    }
}

TEST_CASE("a cluster forms when each node has the one before as its seed", "[membership][network]")
{
    network net;
    net.start(name_of(0), {});
    for (std::size_t i = 1; i < 6; ++i)
        net.start(name_of(i), {network::address_of(name_of(i - 1))});
    CHECK(net.run_until([&] { return net.agreed(); }, 200ms));
}

TEST_CASE("a node does not take a seed that still joins for a cluster", "[membership][network]")
{
    network net;
    net.cut("a", "b");
    net.start("a", {});
    net.start("b", {network::address_of("a")});
    net.start("c", {network::address_of("b")});
    net.run_for(500ms);
    CHECK(net.connected("b", "c"));
    CHECK_FALSE(net["c"].formed());
    CHECK_FALSE(net["b"].formed());
    net.heal();
    // The next dial reaches the seed, and both learn at once that there is a cluster.
    CHECK(net.run_until([&] { return net.agreed(); }, dial_timeout + backoff + 50ms));
}

TEST_CASE("with a seed that goes on looking, a node forms a cluster after a while", "[membership][network]")
{
    network net;
    net.start("b", {"nobody:1"});
    net.start("c", {network::address_of("b")});
    net.run_for(900ms);
    CHECK_FALSE(net["c"].formed());
    CHECK(net.run_until([&] { return net.agreed(); }, 200ms));
}

TEST_CASE("two nodes with each other as seed form one cluster", "[membership][network]")
{
    network net;
    net.start("a", {network::address_of("b")});
    net.start("b", {network::address_of("a")});
    CHECK(net.run_until([&] { return net.agreed(); }, 50ms));
}

TEST_CASE("two nodes form one cluster though half of all frames are lost", "[membership][network]")
{
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        network net{seed};
        net.loss_per_million = 500'000;
        net.start("a", {network::address_of("b")});
        if (seed % 2 == 0)
            net.start("b", {network::address_of("a")});
        else
            net.start("b", {});
        CAPTURE(seed);
        CHECK(net.run_until([&] { return net.agreed(); }, 5s));
    }
}

TEST_CASE("all nodes may have all nodes as seeds", "[membership][network]")
{
    std::vector<std::string> seeds;
    for (std::size_t i = 0; i < 5; ++i)
        seeds.push_back(network::address_of(name_of(i)));
    network net;
    net.start(name_of(0), seeds);
    net.start(name_of(1), seeds);
    CHECK(net.run_until([&] { return net.agreed(); }, 50ms));
    net.run_for(5s);
    for (std::size_t i = 2; i < 5; ++i)
        net.start(name_of(i), seeds);
    CHECK(net.run_until([&] { return net.agreed(); }, backoff + 50ms));
    CHECK(net[name_of(4)].current_view().members.size() == 5);
}

TEST_CASE("two that had to form alone find each other later", "[membership][network]")
{
    std::vector<std::string> const seeds{network::address_of("a"), network::address_of("b")};
    network net;
    net.cut("a", "b");
    net.start("a", seeds);
    net.start("b", seeds);
    net.run_for(2s);
    CHECK(net["a"].formed());
    CHECK(net["b"].formed());
    CHECK(net["a"].current_view().members.size() == 1);
    net.heal();
    CHECK(net.run_until(
        [&] { return net.agreed() && net["a"].current_view().members.size() == 2; }, dial_timeout + backoff + 50ms));
}

TEST_CASE("a crash is known to all within a few messages, and changes each view once", "[membership][network]")
{
    network net;
    start_cluster(net, 5);
    auto const before = view_numbers(net);
    net.crash(name_of(3));
    REQUIRE(net.run_until([&] { return net.agreed(); }, 15ms));
    net.run_for(10s);
    CHECK(net.agreed());
    for (auto const& [name, number] : view_numbers(net)) {
        CHECK(net.state(name, name_of(3)) == member_state::dead);
        CHECK(number == before.at(name) + 1);                                // the counters that were in flight revive nobody
        CHECK(net.dials_of(name).contains(network::address_of(name_of(3)))); // it may come back
    }
}

TEST_CASE("one whose own probe is lost believes the obituary", "[membership][network]")
{
    network net;
    start_cluster(net, 4);
    // n01 loses its connection to n03 and cannot open another; then n03 dies.
    net.cut(name_of(1), name_of(3));
    net.reset(name_of(1), name_of(3));
    net.run_for(2s);
    REQUIRE(net.state(name_of(1), name_of(3)) == member_state::alive);
    net.crash(name_of(3));
    CHECK(net.run_until([&] { return net.agreed(); }, 15ms));
}

TEST_CASE("silence is found within the timeout and an interval, not before", "[membership][network]")
{
    static_members::options const defaults;
    network net;
    start_cluster(net, 5);
    net.isolate(name_of(2));
    net.run_for(defaults.silence_timeout - defaults.heartbeat_interval - 5ms);
    for (auto const& name : net.alive_hosts())
        CHECK(net.state(name, name_of(2)) == member_state::alive);
    net.run_for(2 * defaults.heartbeat_interval + 10ms);
    for (auto const& name : net.alive_hosts())
        if (name != name_of(2))
            CHECK(net.state(name, name_of(2)) == member_state::dead);
}

TEST_CASE("broken links kill nobody while others hear the member", "[membership][network]")
{
    for (bool const reset : {false, true}) {
        network net;
        start_cluster(net, 4);
        auto const before = view_numbers(net);
        // n00 hears n02 and n03 only through n01.
        for (auto const& other : {name_of(2), name_of(3)}) {
            net.cut(name_of(0), other);
            if (reset)
                net.reset(name_of(0), other);
        }
        net.run_for(20s);
        CAPTURE(reset);
        CHECK(net.agreed());
        CHECK(view_numbers(net) == before);
    }
}

TEST_CASE("a link that is deaf one way kills nobody", "[membership][network]")
{
    network net;
    start_cluster(net, 3);
    auto const before = view_numbers(net);
    net.cut_one_way(name_of(0), name_of(1));
    net.run_for(10s);
    CHECK(view_numbers(net) == before);
}

TEST_CASE("one that hears nobody makes nobody else believe it", "[membership][network]")
{
    network net;
    start_cluster(net, 4);
    auto const before = view_numbers(net);
    // n03 goes on sending: the others hear it, and it hears none of them.
    for (std::size_t i = 0; i < 3; ++i)
        net.cut_one_way(name_of(i), name_of(3));
    net.run_for(5s);
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(net.state(name_of(3), name_of(i)) == member_state::dead);
        CHECK(net[name_of(i)].current_view().number == before.at(name_of(i)));
    }
    net.heal();
    CHECK(net.run_until([&] { return net.agreed(); }, 250ms));
}

TEST_CASE("halves of a split see one another dead, and after the heal all views are equal", "[membership][network]")
{
    for (bool const reset : {false, true}) {
        network net;
        start_cluster(net, 7);
        for (std::size_t i = 0; i < 3; ++i)
            for (std::size_t j = 3; j < 7; ++j) {
                net.cut(name_of(i), name_of(j));
                if (reset)
                    net.reset(name_of(i), name_of(j));
            }
        net.run_for(10s);
        for (std::size_t i = 0; i < 7; ++i)
            for (std::size_t j = 0; j < 7; ++j)
                CHECK(net.state(name_of(i), name_of(j)) == ((i < 3) == (j < 3) ? member_state::alive : member_state::dead));
        net.heal();
        CAPTURE(reset);
        CHECK(net.run_until([&] { return net.agreed(); }, dial_timeout + backoff + 50ms));
        net.run_for(10s);
        CHECK(net.agreed());
    }
}

TEST_CASE("a restart under the same name replaces the old life", "[membership][network]")
{
    network net;
    start_cluster(net, 4);
    SECTION("after its death is known")
    {
        net.crash(name_of(2));
        net.run_for(3s);
    }
    SECTION("before anyone knows that the old life ended") { net.crash(name_of(2)); }
    SECTION("while the old connections seem to be open")
    {
        net.isolate(name_of(2));
        net.crash(name_of(2));
        net.run_for(100ms);
        net.heal();
    }
    net.start(name_of(2), {network::address_of(name_of(0))}, 2);
    REQUIRE(net.run_until([&] { return net.agreed(); }, backoff + 50ms));
    net.run_for(5s);
    CHECK(net.agreed());
    for (auto const& name : net.alive_hosts())
        CHECK(net[name].current_view().alive({name_of(2), 2}));
}

TEST_CASE("one that leaves has left for all, and is dialled no more", "[membership][network]")
{
    network net;
    start_cluster(net, 4);
    auto const before = view_numbers(net);
    net.leave(name_of(2));
    net.run_for(10ms);
    CHECK(net.dials_of(name_of(2)).empty());
    net.crash(name_of(2));
    net.run_for(5s);
    for (auto const& name : net.alive_hosts()) {
        CHECK(net.state(name, name_of(2)) == member_state::left);
        CHECK(net[name].current_view().number == before.at(name) + 1);
        CHECK_FALSE(net.dials_of(name).contains(network::address_of(name_of(2))));
    }
}

TEST_CASE("a goodbye that is lost on one link comes another way", "[membership][network]")
{
    network net;
    start_cluster(net, 4);
    net.cut(name_of(2), name_of(1));
    net.leave(name_of(2));
    net.run_for(20ms);
    net.crash(name_of(2));
    net.run_for(1s);
    for (auto const& name : net.alive_hosts())
        CHECK(net.state(name, name_of(2)) == member_state::left);
}

TEST_CASE("a first node that leaves and comes back without seeds is found again", "[membership][network]")
{
    network net;
    start_cluster(net, 3);
    net.leave(name_of(0));
    net.run_for(10ms);
    net.crash(name_of(0));
    net.run_for(5s);
    net.start(name_of(0), {}, 2);
    CHECK(net.run_until([&] { return net.agreed(); }, backoff + 50ms));
}

TEST_CASE("one that was paused does not take its own pause for the silence of others", "[membership][network]")
{
    network net;
    start_cluster(net, 4);
    auto const before = net[name_of(1)].current_view().number;
    net.pause(name_of(1), 8s);
    net.run_for(7s);
    CHECK(net.state(name_of(0), name_of(1)) == member_state::dead);
    REQUIRE(net.run_until([&] { return net.agreed(); }, 1'100ms));
    net.run_for(3s);
    CHECK(net.agreed());
    CHECK(net[name_of(1)].current_view().number == before);
}

TEST_CASE("in peace each node sends each other one heartbeat an interval", "[membership][network]")
{
    static_members::options const defaults;
    network net;
    start_cluster(net, 5);
    std::map<std::string, std::uint64_t> before;
    for (auto const& name : net.alive_hosts())
        before[name] = net.sends_count(name);
    auto const numbers = view_numbers(net);
    net.run_for(50 * defaults.heartbeat_interval);
    for (auto const& name : net.alive_hosts())
        CHECK(net.sends_count(name) - before[name] == 50 * 4);
    CHECK(view_numbers(net) == numbers);
}

TEST_CASE("a fifth of all frames lost kills nobody, and does not hinder joining", "[membership][network]")
{
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        network net{seed};
        net.loss_per_million = 200'000;
        net.start(name_of(0), {});
        for (std::size_t i = 1; i < 5; ++i)
            net.start(name_of(i), {network::address_of(name_of(0))});
        CAPTURE(seed);
        REQUIRE(net.run_until([&] { return net.agreed(); }, 3s));
        auto const before = view_numbers(net);
        net.run_for(60s);
        CHECK(view_numbers(net) == before);
    }
}

TEST_CASE("whatever happens, the views agree with the truth once it is over", "[membership][network]")
{
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        drover::random_stream random{seed, 99};
        network net{seed};
        std::size_t const count = 3 + random.below(4);
        start_cluster(net, count);
        net.loss_per_million = random.below(2) * 100'000;
        std::map<std::string, incarnation_number> lives;
        for (int fault = 0; fault < 25; ++fault) {
            auto const one = name_of(random.below(count));
            auto const other = name_of(random.below(count));
            auto const alive = net.alive_hosts();
            bool const runs = std::find(alive.begin(), alive.end(), one) != alive.end();
            switch (random.below(7)) {
            case 0:
                if (runs && alive.size() > 1)
                    net.crash(one);
                break;
            case 1:
            case 2:
                if (!runs)
                    net.start(one, {network::address_of(alive.front())}, 2 + lives[one]++);
                break;
            case 3: net.isolate(one); break;
            case 4:
                if (one != other)
                    net.cut_one_way(one, other);
                break;
            case 5: net.heal(); break;
            case 6:
                if (runs)
                    net.pause(one, random.between(duration{100ms}, duration{4s}));
                break;
            }
            net.run_for(random.between(duration{1ms}, duration{1'500ms}));
        }
        net.heal();
        net.loss_per_million = 0;
        // One that looked for its seed in vain has given up, as it should: it starts once more.
        net.run_for(12s);
        for (auto const& name : net.alive_hosts())
            if (net[name].failure() != errc::success) {
                net.crash(name);
                for (auto const& seed_name : net.alive_hosts())
                    if (net[seed_name].formed()) {
                        net.start(name, {network::address_of(seed_name)}, 2 + lives[name]++);
                        break;
                    }
            }
        net.run_for(5s);
        CAPTURE(seed, count);
        REQUIRE(net.agreed());
    }
}
