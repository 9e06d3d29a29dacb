// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/link/link_table.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <variant>
#include <vector>

using namespace drover;
using namespace drover::link;
using std::chrono::seconds;

namespace {

/// A connection between the two nodes, as the network sees it: a queue in each direction.
struct wire_pair {
    struct item {
        bytes frame;
        bool close = false;
    };
    struct side {
        std::size_t node = 0;
        connection_id connection = 0;
        bool open = false;
        std::deque<item> inbox{};
    };
    side dialler;
    side acceptor;
    bool accepted = false;
    bool connected = false;
};

/// Two tables and a network between them, a value: every order of what is under way can be tried on a copy.
struct duel {
    struct node {
        link_table table;
        std::optional<connection_id> up{};
        int ups = 0;
        int downs = 0;
        int failures = 0;
    };

    static link_table table_of(std::string name)
    {
        transport_options options;
        options.cluster_name = "shop";
        options.self = {name, 1};
        options.advertise = name + ":1";
        return link_table{options, random_stream{name == "a" ? 1ULL : 2ULL}};
    }

    void apply(std::size_t self, link_effects const& effects)
    {
        for (auto const& effect : effects)
            apply(self, effect);
    }

    void apply(std::size_t self, link_effect const& effect)
    {
        if (auto const* const open = std::get_if<open_connection>(&effect))
            wires.push_back({{self, open->connection, true}, {1 - self, 0, false}});
        else if (auto const* const send = std::get_if<send_frame>(&effect))
            push(self, send->connection, {send->frame});
        else if (auto const* const close = std::get_if<close_connection>(&effect))
            hang_up(self, close->connection);
        else if (auto const* const up = std::get_if<peer_up>(&effect)) {
            nodes[self].up = up->connection;
            ++nodes[self].ups;
        } else if (std::holds_alternative<peer_down>(effect)) {
            nodes[self].up.reset();
            ++nodes[self].downs;
        } else if (std::holds_alternative<dial_failed>(effect))
            ++nodes[self].failures;
    }

    /// The wire that this node calls so, with the near and the far side of it.
    struct ends {
        wire_pair::side* near = nullptr;
        wire_pair::side* far = nullptr;
    };
    ends find(std::size_t self, connection_id connection)
    {
        for (auto& wire : wires) {
            if (wire.dialler.node == self && wire.dialler.connection == connection)
                return {&wire.dialler, &wire.acceptor};
            if (wire.acceptor.node == self && wire.acceptor.connection == connection)
                return {&wire.acceptor, &wire.dialler};
        }
        return {};
    }

    void push(std::size_t self, connection_id connection, wire_pair::item what)
    {
        find(self, connection).far->inbox.push_back(std::move(what));
    }

    void hang_up(std::size_t self, connection_id connection)
    {
        find(self, connection).near->open = false;
        push(self, connection, {{}, true});
    }

    /// The same wire is up on both sides.
    bool agreed()
    {
        if (!nodes[0].up || !nodes[1].up)
            return false;
        auto const wire = find(0, *nodes[0].up);
        return wire.near->open && wire.far->open && wire.far->connection == *nodes[1].up;
    }

    std::size_t open_count() const
    {
        std::size_t count = 0;
        for (auto const& wire : wires)
            count += wire.dialler.open || (wire.accepted && wire.acceptor.open) ? 1 : 0;
        return count;
    }

    // What can happen next: for each wire it is accepted, the dialler is told, or either side gets what was sent.
    static constexpr std::size_t choices_per_wire = 4;

    bool possible(std::size_t choice) const
    {
        auto const& wire = wires[choice / choices_per_wire];
        switch (choice % choices_per_wire) {
        case 0: return !wire.accepted && wire.dialler.open;
        case 1: return wire.accepted && !wire.connected && wire.dialler.open;
        case 2: return wire.accepted && wire.acceptor.open && !wire.acceptor.inbox.empty();
        default: return wire.connected && wire.dialler.open && !wire.dialler.inbox.empty();
        }
    }

    std::vector<std::size_t> choices() const
    {
        std::vector<std::size_t> found;
        for (std::size_t choice = 0; choice < wires.size() * choices_per_wire; ++choice)
            if (possible(choice))
                found.push_back(choice);
        return found;
    }

    void take(std::size_t choice)
    {
        auto& wire = wires[choice / choices_per_wire];
        link_effects out;
        auto self = wire.dialler.node;
        switch (choice % choices_per_wire) {
        case 0:
            wire.accepted = true;
            self = wire.acceptor.node;
            wire.acceptor.open = true;
            wire.acceptor.connection = nodes[self].table.next_connection();
            nodes[self].table.on_accepted(wire.acceptor.connection, now, out);
            break;
        case 1:
            wire.connected = true;
            nodes[self].table.on_connected(wire.dialler.connection, out);
            break;
        case 2: self = deliver(wire.acceptor, out); break;
        default: deliver(wire.dialler, out);
        }
        apply(self, out);
    }

    std::size_t deliver(wire_pair::side& to, link_effects& out)
    {
        auto const what = std::move(to.inbox.front());
        to.inbox.pop_front();
        auto& table = nodes[to.node].table;
        if (what.close) {
            to.open = false;
            table.on_closed(to.connection, now, out);
        } else {
            table.on_frame(to.connection, what.frame, now, out);
        }
        return to.node;
    }

    void want(std::size_t self, std::string_view address)
    {
        link_effects out;
        nodes[self].table.want(address, now, out);
        apply(self, out);
    }

    /// Breaks what this node sees of its connection; the other side does not notice.
    void lose_silently(std::size_t self)
    {
        link_effects out;
        auto const connection = *nodes[self].up;
        find(self, connection).near->open = false;
        nodes[self].table.on_closed(connection, now, out);
        apply(self, out);
    }

    bool wait()
    {
        auto const next = std::min(nodes[0].table.deadline(), nodes[1].table.deadline());
        if (next == never)
            return false;
        now = std::max(now, next);
        for (std::size_t self = 0; self < 2; ++self) {
            link_effects out;
            nodes[self].table.on_time(now, out);
            apply(self, out);
        }
        return true;
    }

    std::array<node, 2> nodes{node{table_of("a")}, node{table_of("b")}};
    std::vector<wire_pair> wires{};
    time_point now{seconds{1}};
};

/// Follows every order of events from here, each to its end. Gives how many there were.
template <class Check>
std::size_t every_order(duel const& from, Check const& check)
{
    auto const choices = from.choices();
    if (choices.empty()) {
        check(from);
        return 1;
    }
    std::size_t count = 0;
    for (auto const choice : choices) {
        auto next = from;
        next.take(choice);
        count += every_order(next, check);
    }
    return count;
}

/// The start of one order, drawn. Now and then time passes up to the next deadline, so that retries race with what is under way.
void disturb(duel& run, random_stream& random)
{
    for (int steps = 0; steps < 60; ++steps) {
        if (random.chance(200'000))
            run.wait();
        if (auto const choices = run.choices(); !choices.empty())
            run.take(choices[random.below(choices.size())]);
    }
}

/// All that is under way arrives, and time passes, until nothing is left to wait for.
void settle(duel& run, random_stream& random)
{
    for (int rounds = 0; rounds < 200; ++rounds) {
        while (true) {
            auto const choices = run.choices();
            if (choices.empty())
                break;
            run.take(choices[random.below(choices.size())]);
        }
        if (!run.wait())
            return;
    }
    FAIL("the two nodes do not settle");
}

} // namespace

TEST_CASE("when both nodes dial at once, one connection remains, whatever the order of events")
{
    duel start;
    start.want(0, "b:1");
    start.want(1, "a:1");
    std::size_t bad = 0;
    auto const orders = every_order(start, [&](duel run) {
        bool const fine = run.agreed() && run.open_count() == 1 && run.nodes[0].failures == 0 && run.nodes[1].failures == 0;
        bad += fine ? 0 : 1;
    });
    CHECK(orders > 40);
    CHECK(bad == 0);
}

TEST_CASE("neither side knows that the other dials it: one connection remains, whatever the order of events")
{
    duel start;
    start.want(0, "alias-b:1");
    start.want(1, "alias-a:1");
    std::size_t bad = 0;
    auto const orders = every_order(start, [&](duel run) {
        random_stream random{1};
        settle(run, random);
        bad += run.agreed() && run.open_count() == 1 ? 0 : 1;
    });
    CHECK(orders > 100);
    CHECK(bad == 0);
}

TEST_CASE("when both dial at once, that which the smaller name dialled remains when it came in time")
{
    duel run;
    run.want(0, "b:1");
    run.want(1, "a:1");
    random_stream random{3};
    settle(run, random);
    CHECK(run.agreed());
    auto const wire = run.find(0, *run.nodes[0].up);
    CHECK(wire.near == &run.wires[0].dialler);
}

TEST_CASE("dials under other names than the node's own settle on one connection as well")
{
    struct plan {
        std::vector<std::string> a;
        std::vector<std::string> b;
    };
    for (auto const& wanted : {plan{{"alias-b:1"}, {"alias-a:1"}}, plan{{"b:1", "alias-b:1"}, {}}, plan{{"alias-b:1"}, {"a:1"}},
             plan{{"b:1"}, {"alias-a:1"}}, plan{{}, {"a:1", "alias-a:1"}}, plan{{"b:1", "alias-b:1"}, {"a:1", "alias-a:1"}}})
        for (std::uint64_t seed = 0; seed < 300; ++seed) {
            duel run;
            for (auto const& address : wanted.a)
                run.want(0, address);
            for (auto const& address : wanted.b)
                run.want(1, address);
            random_stream random{seed};
            settle(run, random);
            INFO("seed " << seed << " a wants " << wanted.a.size() << " b wants " << wanted.b.size());
            REQUIRE(run.agreed());
            REQUIRE(run.open_count() == 1);
        }
}

TEST_CASE("retries that race with what is under way settle as well")
{
    for (std::uint64_t seed = 0; seed < 1'000; ++seed) {
        duel run;
        run.want(0, seed % 2 == 0 ? "b:1" : "alias-b:1");
        run.want(1, seed % 3 == 0 ? "a:1" : "alias-a:1");
        random_stream random{seed};
        disturb(run, random);
        settle(run, random);
        INFO("seed " << seed);
        REQUIRE(run.agreed());
        REQUIRE(run.open_count() == 1);
    }
}

TEST_CASE("a connection that only one side has lost is replaced")
{
    for (std::size_t const loser : {std::size_t{0}, std::size_t{1}})
        for (std::uint64_t seed = 0; seed < 100; ++seed) {
            duel run;
            run.want(0, "b:1");
            run.want(1, "a:1");
            random_stream random{seed};
            settle(run, random);
            REQUIRE(run.agreed());
            run.lose_silently(loser);
            CHECK_FALSE(run.agreed());
            settle(run, random);
            INFO("seed " << seed << " loser " << loser);
            REQUIRE(run.agreed());
            CHECK(run.nodes[1 - loser].downs == 0);
        }
}
