// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/link/link_table.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

using namespace drover;
using namespace drover::link;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

transport_options options_of(std::string name, incarnation_number incarnation = 1)
{
    transport_options options;
    options.cluster_name = "shop";
    options.advertise = name + ":1";
    options.self = {std::move(name), incarnation};
    return options;
}

peer peer_of(std::string name, incarnation_number incarnation = 1)
{
    auto address = name + ":1";
    return {{std::move(name), incarnation}, std::move(address)};
}

bytes hello_from(peer const& who, std::uint64_t attempt = 1, bool insist = false)
{
    return encode(hello{{"shop", who}, attempt, insist});
}

/// One table, with what it did since the last look.
struct machine {
    explicit machine(transport_options const& options) : table{options, random_stream{7}} {}
    explicit machine(std::string name) : machine{options_of(std::move(name))} {}

    /// What it did since the last look, of this kind.
    template <class Effect>
    std::vector<Effect> all() const
    {
        std::vector<Effect> found;
        for (auto const& effect : out)
            if (auto const* const match = std::get_if<Effect>(&effect))
                found.push_back(*match);
        return found;
    }

    template <class Effect>
    Effect only() const
    {
        auto const found = all<Effect>();
        REQUIRE(found.size() == 1);
        return found.front();
    }

    template <class Effect>
    bool none() const
    {
        return all<Effect>().empty();
    }

    machine& step()
    {
        out.clear();
        return *this;
    }

    connection_id want(std::string_view address)
    {
        step().table.want(address, now, out);
        return none<open_connection>() ? 0 : only<open_connection>().connection;
    }

    void frame(connection_id connection, bytes_view frame) { step().table.on_frame(connection, frame, now, out); }
    void closed(connection_id connection) { step().table.on_closed(connection, now, out); }
    void connected(connection_id connection) { step().table.on_connected(connection, out); }

    void refused(connection_id connection)
    {
        step().table.on_connect_failed(connection, dial_failure::refused, "nobody listens", now, out);
    }

    /// Lets the next deadline pass. Gives how long that was.
    duration wait()
    {
        auto const before = now;
        REQUIRE(table.deadline() != never);
        now = std::max(now, table.deadline());
        step().table.on_time(now, out);
        return now - before;
    }

    connection_id called_by(peer const& who, std::uint64_t attempt = 1, bool insist = false)
    {
        auto const connection = table.next_connection();
        step().table.on_accepted(connection, now, out);
        frame(connection, hello_from(who, attempt, insist));
        return connection;
    }

    connection_id dialled(std::string_view address, peer const& who)
    {
        auto const connection = want(address);
        connected(connection);
        frame(connection, encode(welcome{1, who}));
        return connection;
    }

    refusal sent_refusal() const
    {
        auto const answer = decode_answer(only<send_frame>().frame);
        REQUIRE(answer);
        REQUIRE(std::holds_alternative<refusal>(*answer));
        return std::get<refusal>(*answer);
    }

    bool sent_welcome(connection_id connection) const
    {
        auto const answer = decode_answer(only<send_frame>().frame);
        return answer && std::holds_alternative<welcome>(*answer) && only<send_frame>().connection == connection;
    }

    bool closes(connection_id connection) const
    {
        for (auto const& effect : all<close_connection>())
            if (effect.connection == connection)
                return true;
        return false;
    }

    link_table table;
    link_effects out{};
    time_point now{seconds{100}};
};

hello sent_hello(machine const& from)
{
    auto const decoded = decode_hello(from.only<send_frame>().frame, {"shop", peer_of("anybody")});
    REQUIRE(std::holds_alternative<hello>(decoded));
    return std::get<hello>(decoded);
}

} // namespace

TEST_CASE("a wanted address is dialled, greeted, and its peer is up")
{
    machine a{"a"};
    auto const connection = a.want("b:1");
    CHECK(a.only<open_connection>().address == "b:1");
    a.connected(connection);
    CHECK(a.only<send_frame>().connection == connection);
    CHECK(sent_hello(a).identity.self == peer_of("a"));
    CHECK_FALSE(sent_hello(a).insist);
    a.frame(connection, encode(welcome{1, peer_of("b")}));
    CHECK(a.out.size() == 1);
    CHECK(a.only<peer_up>().connection == connection);
    CHECK(a.only<peer_up>().who == peer_of("b"));
    CHECK(a.table.deadline() == never);
}

TEST_CASE("a caller is answered first, and is up then")
{
    machine b{"b"};
    auto const connection = b.called_by(peer_of("a"));
    CHECK(b.sent_welcome(connection));
    REQUIRE(b.out.size() == 2);
    CHECK(std::holds_alternative<send_frame>(b.out[0]));
    CHECK(std::holds_alternative<peer_up>(b.out[1]));
    CHECK(b.table.deadline() == never);
}

TEST_CASE("wanting an address twice dials it once")
{
    machine a{"a"};
    CHECK(a.want("b:1") != 0);
    CHECK(a.want("b:1") == 0);
}

TEST_CASE("wanting an address whose peer is up dials nothing, until it is lost")
{
    machine b{"b"};
    auto const connection = b.called_by(peer_of("a"));
    CHECK(b.want("a:1") == 0);
    CHECK(b.out.empty());
    b.closed(connection);
    CHECK(b.only<peer_down>().who == peer_of("a").id);
    CHECK(b.only<open_connection>().address == "a:1");
}

TEST_CASE("a lost connection that is wanted is dialled at once, then with backoff")
{
    machine a{"a"};
    a.closed(a.dialled("b:1", peer_of("b")));
    CHECK(a.only<peer_down>().who == peer_of("b").id);
    auto connection = a.only<open_connection>().connection;
    duration ceiling = milliseconds{100};
    for (int attempt = 0; attempt < 12; ++attempt) {
        a.refused(connection);
        CHECK(a.only<dial_failed>().why == dial_failure::refused);
        CHECK(a.only<dial_failed>().address == "b:1");
        CHECK(a.only<dial_failed>().sentence == "nobody listens");
        CHECK(a.none<open_connection>());
        auto const waited = a.wait();
        CHECK(waited >= milliseconds{50});
        CHECK(waited <= ceiling);
        ceiling = std::min<duration>(ceiling * 2, seconds{5});
        connection = a.only<open_connection>().connection;
    }
    a.connected(connection);
    a.frame(connection, encode(welcome{1, peer_of("b")}));
    a.now += seconds{60};
    a.closed(connection);
    CHECK(a.all<open_connection>().size() == 1);
    a.refused(a.only<open_connection>().connection);
    CHECK(a.wait() <= milliseconds{100});
}

TEST_CASE("a process that dies is dialled closely until it refuses, then with backoff")
{
    machine a{"a"};
    a.closed(a.dialled("b:1", peer_of("b")));
    auto const closely = [&a] {
        auto const dialled = a.only<open_connection>().connection;
        a.connected(dialled);
        a.closed(dialled); // it still listened, and was gone before it answered
        return a.wait();
    };
    auto wait = link_table::wait_after_loss_min;
    for (; wait < transport_options{}.backoff_min; wait *= 2)
        REQUIRE(closely() == wait);
    CHECK(wait == link_table::wait_after_loss_min * 256);
    CHECK(closely() >= transport_options{}.backoff_min);
}

TEST_CASE("a process that refuses after a loss is gone: it is not dialled closely")
{
    machine a{"a"};
    a.closed(a.dialled("b:1", peer_of("b")));
    a.refused(a.only<open_connection>().connection);
    CHECK(a.wait() >= transport_options{}.backoff_min);
}

TEST_CASE("an address that was never reached is not dialled closely")
{
    machine a{"a"};
    auto const dialled = a.want("b:1");
    a.connected(dialled);
    a.closed(dialled);
    CHECK(a.wait() >= transport_options{}.backoff_min);
}

TEST_CASE("failures that come together do not come back together")
{
    std::set<duration> waits;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        machine a{"a"};
        a.table = link_table{options_of("a"), random_stream{seed}};
        a.refused(a.want("b:1"));
        waits.insert(a.wait());
    }
    CHECK(waits.size() == 20);
}

TEST_CASE("a connection that is lost soon, again and again, is not dialled in a loop")
{
    machine a{"a"};
    auto connection = a.dialled("b:1", peer_of("b"));
    int at_once = 0;
    for (int i = 0; i < 10; ++i) {
        a.closed(connection);
        if (a.none<open_connection>())
            CHECK(a.wait() >= milliseconds{50});
        else
            ++at_once;
        connection = a.only<open_connection>().connection;
        a.connected(connection);
        a.frame(connection, encode(welcome{1, peer_of("b")}));
        CHECK_FALSE(a.none<peer_up>());
    }
    CHECK(at_once == 1);
}

TEST_CASE("a peer that nobody wants is not dialled when it is lost")
{
    machine b{"b"};
    b.closed(b.called_by(peer_of("a")));
    CHECK(b.out.size() == 1);
    CHECK(b.only<peer_down>().who == peer_of("a").id);
    CHECK(b.table.deadline() == never);
}

TEST_CASE("an address that is no longer wanted is given up; a connection that is up stays")
{
    machine a{"a"};
    auto const connection = a.want("b:1");
    a.step().table.unwant("b:1", a.out);
    CHECK(a.closes(connection));
    CHECK(a.table.deadline() == never);
    a.connected(connection);
    CHECK(a.out.empty());

    auto const up = a.dialled("c:1", peer_of("c"));
    a.step().table.unwant("c:1", a.out);
    CHECK(a.out.empty());
    a.closed(up);
    CHECK(a.none<open_connection>());

    a.refused(a.want("d:1"));
    a.step().table.unwant("d:1", a.out);
    CHECK(a.table.deadline() == never);
}

TEST_CASE("the dial timeout covers connect and handshake together")
{
    machine a{"a"};
    auto const connection = a.want("b:1");
    a.now += seconds{2};
    a.connected(connection);
    CHECK(a.wait() == seconds{1});
    CHECK(a.closes(connection));
    CHECK(a.only<dial_failed>().why == dial_failure::timed_out);
    a.frame(connection, encode(welcome{1, peer_of("b")}));
    CHECK(a.out.empty());
}

TEST_CASE("a wake-up that is too early changes nothing")
{
    machine a{"a"};
    a.want("b:1");
    auto const deadline = a.table.deadline();
    a.step().table.on_time(deadline - duration{1}, a.out);
    CHECK(a.out.empty());
    CHECK(a.table.deadline() == deadline);
}

TEST_CASE("a connection that ends during the handshake is a failure, but no refusal")
{
    machine a{"a"};
    auto const connection = a.want("b:1");
    a.connected(connection);
    a.closed(connection);
    CHECK(a.only<dial_failed>().why == dial_failure::unreachable);
    CHECK(a.wait() >= milliseconds{50});
    CHECK_FALSE(a.none<open_connection>());
}

TEST_CASE("callers that say nothing are closed after the dial timeout")
{
    machine b{"b"};
    auto const connection = b.table.next_connection();
    b.table.on_accepted(connection, b.now, b.out);
    CHECK(b.wait() == seconds{3});
    CHECK(b.closes(connection));
    CHECK_FALSE(b.none<caller_refused>());
    CHECK(b.table.deadline() == never);
}

TEST_CASE("silent callers are bounded: the one that was silent longest goes, the others are heard")
{
    machine b{"b"};
    std::vector<connection_id> callers;
    for (std::size_t i = 0; i < silent_callers_count_max + 1; ++i) {
        callers.push_back(b.table.next_connection());
        b.table.on_accepted(callers.back(), b.now, b.out);
    }
    CHECK(b.only<close_connection>().connection == callers.front());
    b.frame(callers.front(), hello_from(peer_of("a")));
    CHECK(b.out.empty());
    b.frame(callers[1], hello_from(peer_of("a")));
    CHECK(b.sent_welcome(callers[1]));
    b.step().table.on_accepted(b.table.next_connection(), b.now, b.out);
    CHECK(b.out.empty());
}

TEST_CASE("a first frame that is no hello is answered with a sentence, and closed")
{
    machine b{"b"};
    for (auto const& garbage : {bytes{"GET / HTTP/1.1"}, bytes{}, bytes(5'000, 'x'), encode(welcome{1, peer_of("a")})}) {
        auto const connection = b.table.next_connection();
        b.table.on_accepted(connection, b.now, b.out);
        b.frame(connection, garbage);
        CHECK(b.sent_refusal().sentence.find("not a Drover hello") != std::string::npos);
        CHECK(b.closes(connection));
        CHECK_FALSE(b.only<caller_refused>().sentence.empty());
        CHECK(b.none<peer_up>());
    }
}

TEST_CASE("an answer that is none is a failed dial, tried again later")
{
    machine a{"a"};
    auto const connection = a.want("b:1");
    a.connected(connection);
    a.frame(connection, "HTTP/1.1 400 Bad Request");
    CHECK(a.closes(connection));
    CHECK(a.only<dial_failed>().why == dial_failure::rejected);
    CHECK(a.table.deadline() != never);
}

TEST_CASE("both sides hear why a node of another cluster is refused, and the dialler goes on trying")
{
    machine b{"b"};
    auto options = options_of("a");
    options.cluster_name = "bank";
    machine a{options};
    auto const dial = a.want("b:1");
    a.connected(dial);
    auto const call = b.table.next_connection();
    b.table.on_accepted(call, b.now, b.out);
    b.frame(call, a.only<send_frame>().frame);
    CHECK(b.only<caller_refused>().who == "a");
    CHECK(b.only<caller_refused>().sentence == "this is cluster 'shop', you are 'bank'");
    CHECK(b.closes(call));
    a.frame(dial, b.only<send_frame>().frame);
    CHECK(a.only<dial_failed>().why == dial_failure::rejected);
    CHECK(a.only<dial_failed>().code == errc::cluster_mismatch);
    CHECK(a.only<dial_failed>().sentence == "this is cluster 'shop', you are 'bank'");
    a.wait();
    CHECK_FALSE(a.none<open_connection>());
}

TEST_CASE("nodes of disjoint wire versions part with a sentence")
{
    machine b{"b"};
    machine a{"a"};
    a.table.speak_versions(2, 3);
    auto const dial = a.want("b:1");
    a.connected(dial);
    auto const call = b.table.next_connection();
    b.table.on_accepted(call, b.now, b.out);
    b.frame(call, a.only<send_frame>().frame);
    a.frame(dial, b.only<send_frame>().frame);
    CHECK(a.only<dial_failed>().code == errc::version_mismatch);
    CHECK(a.only<dial_failed>().sentence == "this node speaks wire versions 1 to 1, you speak 2 to 3");
}

TEST_CASE("a version that was not offered is refused by the dialler")
{
    machine a{"a"};
    auto const connection = a.want("b:1");
    a.connected(connection);
    a.frame(connection, encode(welcome{2, peer_of("b")}));
    CHECK(a.closes(connection));
    CHECK(a.only<dial_failed>().code == errc::version_mismatch);
    CHECK(a.none<peer_up>());
}

TEST_CASE("a newer life of a node replaces the older at once")
{
    machine b{"b"};
    auto const old = b.called_by(peer_of("a", 5));
    auto const fresh = b.called_by(peer_of("a", 6));
    CHECK(b.closes(old));
    CHECK(b.only<peer_down>().who == node_id{"a", 5});
    CHECK(b.only<peer_up>().who == peer_of("a", 6));
    CHECK(b.only<peer_up>().connection == fresh);
    bool down_seen = false;
    for (auto const& effect : b.out) {
        down_seen = down_seen || std::holds_alternative<peer_down>(effect);
        CHECK((!std::holds_alternative<peer_up>(effect) || down_seen));
    }
    b.closed(old);
    CHECK(b.out.empty());
}

TEST_CASE("an older life of a node is refused while the newer is connected")
{
    machine b{"b"};
    b.called_by(peer_of("a", 6));
    auto const old = b.called_by(peer_of("a", 5));
    CHECK(b.sent_refusal().code == errc::name_in_use);
    CHECK(b.closes(old));
    CHECK(b.none<peer_up>());

    machine d{"d"};
    d.called_by(peer_of("e", 6));
    auto const dial = d.want("old-e:1");
    d.connected(dial);
    d.frame(dial, encode(welcome{1, {{"e", 5}, "old-e:1"}}));
    CHECK(d.only<dial_failed>().why == dial_failure::rejected);
    CHECK(d.only<dial_failed>().code == errc::success); // it is not d's name that is in use
    CHECK(d.closes(dial));
}

TEST_CASE("a newer life at another address leaves the old address wanted")
{
    machine a{"a"};
    a.dialled("b:1", peer_of("b", 5));
    a.called_by({{"b", 6}, "b:2"});
    CHECK(a.only<peer_down>().who == node_id{"b", 5});
    CHECK(a.only<open_connection>().address == "b:1");
}

TEST_CASE("a node that has our name is refused, whoever dials")
{
    machine a{"a"};
    auto const call = a.called_by(peer_of("a", 2));
    CHECK(a.sent_refusal().code == errc::name_in_use);
    CHECK(a.closes(call));
    auto const dial = a.want("x:1");
    a.connected(dial);
    a.frame(dial, encode(welcome{1, {{"a", 2}, "x:1"}}));
    CHECK(a.only<dial_failed>().code == errc::name_in_use);
}

TEST_CASE("a dial that reaches this node itself is dropped for good")
{
    machine a{"a"};
    auto const dial = a.want("localhost:1");
    a.connected(dial);
    auto const greeting = a.only<send_frame>().frame;
    auto const call = a.table.next_connection();
    a.table.on_accepted(call, a.now, a.out);
    a.frame(call, greeting);
    CHECK(a.closes(call));
    CHECK(a.none<caller_refused>());
    a.frame(dial, a.only<send_frame>().frame);
    CHECK(a.closes(dial));
    CHECK(a.only<dial_failed>().why == dial_failure::rejected);
    CHECK(a.only<dial_failed>().code == errc::success);
    CHECK(a.only<dial_failed>().sentence == "this is this node itself");
    CHECK(a.table.deadline() == never);
}

TEST_CASE("this node's own address is not dialled at all")
{
    machine a{"a"};
    CHECK(a.want("a:1") == 0);
    CHECK(a.only<dial_failed>().sentence == "this is this node itself");
    CHECK(a.table.deadline() == never);
}

TEST_CASE("an address that cannot be one is reported")
{
    machine a{"a"};
    CHECK(a.want("") == 0);
    CHECK(a.only<dial_failed>().code == errc::invalid_address);
    CHECK(a.want(std::string(limits::address_size_max + 1, 'x')) == 0);
    CHECK(a.only<dial_failed>().code == errc::invalid_address);
}

TEST_CASE("wanted addresses are bounded")
{
    machine a{"a"};
    for (std::size_t i = 0; i < wanted_addresses_count_max; ++i)
        REQUIRE(a.want("n" + std::to_string(i) + ":1") != 0);
    CHECK(a.want("one-more:1") == 0);
    CHECK(a.only<dial_failed>().why == dial_failure::unreachable);
}

TEST_CASE("peers are bounded")
{
    machine a{"a"};
    for (std::size_t i = 0; i < limits::members_count_max; ++i) {
        a.called_by(peer_of("n" + std::to_string(i)));
        REQUIRE_FALSE(a.none<peer_up>());
    }
    a.called_by(peer_of("one-more"));
    CHECK(a.none<peer_up>());
    CHECK_FALSE(a.sent_refusal().sentence.empty());
    a.called_by(peer_of("n17", 2));
    CHECK_FALSE(a.none<peer_up>());
}

TEST_CASE("a dialled address that is another name of a peer is kept under the peer's own")
{
    machine a{"a"};
    auto const connection = a.dialled("localhost:1", peer_of("b"));
    CHECK(a.want("b:1") == 0);
    a.closed(connection);
    CHECK(a.only<open_connection>().address == "b:1");
}

TEST_CASE("a renamed address is given up under either name")
{
    for (auto const* const name : {"localhost:1", "b:1"}) {
        machine a{"a"};
        auto const connection = a.dialled("localhost:1", peer_of("b"));
        a.step().table.unwant(name, a.out);
        a.closed(connection);
        CHECK(a.none<open_connection>());
    }
}

TEST_CASE("an address that is wanted under two names is wanted until both are given up")
{
    machine a{"a"};
    auto connection = a.dialled("localhost:1", peer_of("b"));
    a.want("b:1");
    a.step().table.unwant("localhost:1", a.out);
    a.closed(connection);
    connection = a.only<open_connection>().connection;
    a.step().table.unwant("b:1", a.out);
    CHECK(a.closes(connection));
}

TEST_CASE("two names of one peer that are dialled at once become one")
{
    machine a{"a"};
    auto const first = a.want("one:1");
    auto const second = a.want("two:1");
    a.connected(first);
    a.connected(second);
    a.frame(second, encode(welcome{1, peer_of("b")}));
    CHECK(a.only<peer_up>().connection == second);
    a.frame(first, encode(welcome{1, peer_of("b")}));
    CHECK(a.none<peer_up>());
    CHECK(a.closes(first));
    a.closed(second);
    CHECK(a.only<open_connection>().address == "b:1");
}

TEST_CASE("a call of the larger name is turned away quietly while the smaller dials it")
{
    machine a{"a"};
    auto const dial = a.want("b:1");
    auto const call = a.called_by(peer_of("b"));
    CHECK(a.sent_refusal().kind == refusal_kind::duplicate);
    CHECK(a.closes(call));
    CHECK(a.none<caller_refused>());
    a.connected(dial);
    a.frame(dial, encode(welcome{1, peer_of("b")}));
    CHECK(a.only<peer_up>().connection == dial);
    auto const late = a.called_by(peer_of("b"));
    CHECK(a.sent_refusal().kind == refusal_kind::duplicate);
    CHECK(a.closes(late));
    CHECK(a.none<peer_up>());
}

TEST_CASE("a call of the smaller name ends the larger's own dial, without a failure")
{
    machine b{"b"};
    auto const dial = b.want("a:1");
    auto const call = b.called_by(peer_of("a"));
    CHECK(b.closes(dial));
    CHECK(b.only<peer_up>().connection == call);
    CHECK(b.none<dial_failed>());
    b.refused(dial);
    CHECK(b.out.empty());
    CHECK(b.table.deadline() == never);
}

TEST_CASE("a call of the smaller name replaces a connection that the larger dialled")
{
    machine b{"b"};
    auto const dial = b.dialled("a:1", peer_of("a"));
    auto const call = b.called_by(peer_of("a"));
    CHECK(b.closes(dial));
    CHECK(b.only<peer_up>().connection == call);
    CHECK(b.none<peer_down>());
}

TEST_CASE("of two calls of one peer the later dial counts, in whichever order they arrive")
{
    for (std::uint64_t const first : {3u, 4u}) {
        machine b{"b"};
        auto const one = b.called_by(peer_of("a"), first);
        auto const other = b.called_by(peer_of("a"), 7 - first);
        bool const replaced = first == 3;
        CHECK(b.closes(replaced ? one : other));
        CHECK(b.none<peer_up>() != replaced);
        CHECK(b.none<peer_down>());
    }
}

TEST_CASE("one who was turned away for a connection that it does not have insists, and is let in")
{
    machine b{"b"};
    auto const first = b.want("a:1");
    b.connected(first);
    CHECK_FALSE(sent_hello(b).insist);
    b.frame(first, encode(refusal{refusal_kind::duplicate, errc::success, "twice", peer_of("a")}));
    CHECK(b.none<dial_failed>());
    CHECK(b.wait() >= milliseconds{50});
    auto const second = b.only<open_connection>().connection;
    b.connected(second);
    CHECK(sent_hello(b).insist);

    machine a{"a"};
    auto const half_open = a.dialled("b:1", peer_of("b"));
    auto const call = a.called_by(peer_of("b"), 2, true);
    CHECK(a.closes(half_open));
    CHECK(a.only<peer_up>().connection == call);
    CHECK(a.none<peer_down>());
}

TEST_CASE("a dial that loses against a connection which came up meanwhile fails in silence")
{
    machine a{"a"};
    auto const dial = a.want("b:1");
    a.called_by(peer_of("b"), 2, true);
    CHECK_FALSE(a.none<peer_up>());
    a.refused(dial);
    CHECK(a.out.empty());
    CHECK(a.table.deadline() == never);
}

TEST_CASE("one who was turned away as a duplicate does not insist when the other connection is there")
{
    machine b{"b"};
    b.called_by(peer_of("a"));
    auto const dial = b.want("alias:1");
    b.connected(dial);
    b.frame(dial, encode(refusal{refusal_kind::duplicate, errc::success, "twice", peer_of("a")}));
    CHECK(b.none<dial_failed>());
    CHECK(b.table.deadline() == never);
    CHECK(b.want("a:1") == 0);
}

TEST_CASE("frames of connections that are not known change nothing")
{
    machine a{"a"};
    a.frame(99, "x");
    a.closed(99);
    a.connected(99);
    a.refused(99);
    CHECK(a.out.empty());
}
