// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/link/handshake.hpp>
#include <drover/net/frame_reader.hpp>
#include <drover/net/send_queue.hpp>
#include <drover/net/tcp_transport.hpp>

#include <catch2/catch_test_macros.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using namespace drover;
using boost::asio::io_context;
using boost::asio::ip::tcp;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// Runs the context until `done` holds. Gives whether it does, within a generous bound.
template <class Predicate>
bool until(io_context& context, Predicate const& done)
{
    auto const end = std::chrono::steady_clock::now() + seconds{20};
    while (!done()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        if (context.stopped())
            context.restart();
        context.run_one_for(milliseconds{100});
    }
    return true;
}

transport_options options_of(std::string name, incarnation_number incarnation = 1)
{
    transport_options options;
    options.cluster_name = "shop";
    options.self = {std::move(name), incarnation};
    options.listen = "127.0.0.1:0";
    options.backoff_min = milliseconds{1};
    options.backoff_max = milliseconds{20};
    return options;
}

struct failure_seen {
    std::string address;
    dial_failure why;
    errc code;
    std::string sentence;
};

/// A transport with all that it said.
struct station final : transport_events {
    station(io_context& on, transport_options const& options)
        : name{options.self.name}, transport{net::runtime{on, options.self.name}, options}
    {
        transport.on_log([this](std::string_view line) { lines.emplace_back(line); });
    }
    station(io_context& on, char const* its_name) : station{on, options_of(its_name)} {}

    station& start()
    {
        REQUIRE(transport.start(*this) == errc::success);
        return *this;
    }

    void dial(station const& other) { transport.dial(other.transport.address()); }
    bool send(std::string_view to, bytes frame) { return transport.send(to, std::move(frame)); }
    bool connected_with(std::string_view other) const
    {
        for (auto const& id : connected)
            if (id.name == other)
                return true;
        return false;
    }

    void on_peer_up(peer const& who) override
    {
        ++ups;
        std::erase(connected, who.id);
        connected.push_back(who.id);
        if (up)
            up();
    }
    void on_peer_down(node_id const& who) override
    {
        ++downs;
        std::erase(connected, who);
    }
    void on_dial_failed(std::string_view address, dial_failure why, errc code, std::string_view sentence) override
    {
        failures.push_back({std::string{address}, why, code, std::string{sentence}});
    }
    void on_frame(node_id const& from, bytes_view frame) override
    {
        senders.push_back(from.name);
        frames.emplace_back(frame);
        in_batch = true;
        if (frame_came)
            frame_came();
    }
    void on_batch_end() override
    {
        ++batches;
        in_batch = false;
    }

    std::string name;
    tcp_transport transport;
    std::vector<node_id> connected{};
    std::vector<failure_seen> failures{};
    std::vector<std::string> senders{};
    std::vector<bytes> frames{};
    std::vector<std::string> lines{};
    unique_function<void()> up{};
    unique_function<void()> frame_came{};
    int ups = 0;
    int downs = 0;
    int batches = 0;
    bool in_batch = false;
};

/// A client that need not keep to the protocol.
struct stranger {
    stranger(io_context& context, station const& to) : socket{context}
    {
        auto const at = link::parse_address(to.transport.address()).value();
        socket.connect({boost::asio::ip::make_address(at.host), at.port});
    }

    void write(bytes_view octets) { boost::asio::write(socket, boost::asio::buffer(octets.data(), octets.size())); }

    void write_frame(bytes_view frame)
    {
        std::string header;
        for (unsigned shift = 0; shift < 32; shift += 8)
            header.push_back(static_cast<char>(frame.size() >> shift));
        write(header);
        write(frame);
    }

    void say_hello(std::string const& name) { write_frame(encode(link::hello{{"shop", {{name, 1}, name + ":1"}}, 1, false})); }

    /// Collects what is sent to us, until it ends.
    void listen()
    {
        socket.async_read_some(boost::asio::buffer(chunk), [this](boost::system::error_code const& failure, std::size_t count) {
            received.append(chunk.data(), count);
            ended = static_cast<bool>(failure);
            if (!ended)
                listen();
        });
    }

    tcp::socket socket;
    std::array<char, 4096> chunk{};
    std::string received{};
    bool ended = false;
};

bytes noise(random_stream& random, std::size_t size)
{
    bytes octets(size, '\0');
    for (auto& octet : octets)
        octet = static_cast<char>(random.next());
    return octets;
}

/// An address on which nobody listens: taken and given back.
std::string free_address(io_context& context)
{
    tcp::acceptor taken{context, {boost::asio::ip::make_address("127.0.0.1"), 0}};
    return "127.0.0.1:" + std::to_string(taken.local_endpoint().port());
}

} // namespace

TEST_CASE("a handshake brings both sides up")
{
    io_context context;
    station a{context, "a"};
    station b{context, "b"};
    a.start();
    b.start();
    a.dial(b);
    CHECK(a.ups == 0);
    REQUIRE(until(context, [&] { return a.ups == 1 && b.ups == 1; }));
    CHECK(a.connected_with("b"));
    CHECK(b.connected_with("a"));
    CHECK(a.failures.empty());
}

TEST_CASE("a host name is resolved, and the peer keeps its own address")
{
    io_context context;
    station a{context, "a"};
    auto options = options_of("b");
    options.listen = "localhost:0";
    station b{context, options};
    a.start();
    b.start();
    a.dial(b);
    REQUIRE(until(context, [&] { return a.connected_with("b"); }));
    CHECK(b.transport.address().starts_with("localhost:"));
}

TEST_CASE("frames of every size arrive in order and intact")
{
    io_context context;
    station a{context, "a"};
    station b{context, "b"};
    a.start();
    b.start();
    a.dial(b);
    REQUIRE(until(context, [&] { return a.ups == 1 && b.ups == 1; }));
    random_stream random{5};
    std::vector<bytes> sent;
    for (std::size_t const size :
        {0u, 1u, 2u, 3u, 4u, 5u, 4'096u, 8'191u, 8'192u, 16'380u, 16'384u, 32'764u, 32'768u, 262'144u, 1'048'576u, 0u})
        sent.push_back(noise(random, size));
    for (int i = 0; i < 3'000; ++i)
        sent.push_back(noise(random, random.below(i % 100 == 0 ? 70'000 : 200)));
    for (auto const& frame : sent) {
        REQUIRE(a.send("b", frame));
        REQUIRE(b.send("a", frame));
    }
    REQUIRE(until(context, [&] { return b.frames.size() >= sent.size() && a.frames.size() >= sent.size(); }));
    CHECK(b.frames == sent);
    CHECK(a.frames == sent);
    CHECK(b.senders.front() == "a");
    CHECK_FALSE(b.in_batch);
    CHECK(b.batches > 0);
    CHECK(b.batches < 2'000);
}

TEST_CASE("the largest frame passes, a larger one is refused by the sender")
{
    io_context context;
    station a{context, "a"};
    station b{context, "b"};
    a.start();
    b.start();
    a.dial(b);
    REQUIRE(until(context, [&] { return a.ups == 1; }));
    CHECK_FALSE(a.send("b", bytes(limits::frame_size_max + 1, 'x')));
    CHECK(a.send("b", bytes(limits::frame_size_max, 'x')));
    REQUIRE(until(context, [&] { return b.frames.size() == 1; }));
    CHECK(b.frames.front().size() == limits::frame_size_max);
}

TEST_CASE("three nodes that all dial each other at once have one connection a pair")
{
    for (int round = 0; round < 20; ++round) {
        io_context context;
        std::vector<std::unique_ptr<station>> nodes;
        for (auto const* const name : {"a", "b", "c"})
            nodes.push_back(std::make_unique<station>(context, name));
        for (auto const& node : nodes)
            node->start();
        for (auto const& node : nodes)
            for (auto const& other : nodes)
                if (node != other)
                    node->dial(*other);
        REQUIRE(until(context, [&] {
            return std::all_of(nodes.begin(), nodes.end(), [](auto const& node) { return node->connected.size() == 2; });
        }));
        for (auto const& node : nodes)
            for (auto const& other : nodes)
                if (node != other)
                    REQUIRE(node->send(other->name, "x"));
        REQUIRE(until(context,
            [&] { return std::all_of(nodes.begin(), nodes.end(), [](auto const& node) { return node->frames.size() >= 2; }); }));
        for (auto const& node : nodes)
            CHECK(node->failures.empty());
    }
}

TEST_CASE("an address on which nobody listens is refused, again and again, until it is given up")
{
    io_context context;
    station a{context, "a"};
    a.start();
    auto const nobody = free_address(context);
    a.transport.dial(nobody);
    REQUIRE(until(context, [&] { return a.failures.size() >= 3; }));
    CHECK(a.failures[0].address == nobody);
    CHECK(a.failures[0].why == dial_failure::refused);
    CHECK(a.failures[2].why == dial_failure::refused);
    a.transport.undial(nobody);
    context.poll();
    auto const count = a.failures.size();
    station b{context, "b"};
    b.start();
    a.dial(b);
    REQUIRE(until(context, [&] { return a.connected_with("b"); }));
    CHECK(a.failures.size() == count);
}

TEST_CASE("an address that cannot be dialled is reported, and not from within the call")
{
    io_context context;
    station a{context, "a"};
    a.start();
    a.transport.dial("no port");
    a.transport.dial("");
    a.transport.dial(a.transport.address());
    CHECK(a.failures.empty());
    REQUIRE(until(context, [&] { return a.failures.size() >= 3; }));
    a.transport.undial("no port");
    bool itself = false;
    for (auto const& failure : a.failures) {
        CHECK(failure.why != dial_failure::refused);
        itself = itself || (failure.why == dial_failure::rejected && failure.code == errc::success);
    }
    CHECK(itself);
}

TEST_CASE("a node that dials itself by another name is told so")
{
    io_context context;
    auto options = options_of("a");
    options.advertise = "some-other-name:0";
    station a{context, options};
    a.start();
    auto const at = link::parse_address(a.transport.address()).value();
    CHECK(at.host == "some-other-name");
    a.transport.dial("127.0.0.1:" + std::to_string(at.port));
    REQUIRE(until(context, [&] { return !a.failures.empty(); }));
    CHECK(a.failures[0].why == dial_failure::rejected);
    CHECK(a.failures[0].sentence == "this is this node itself");
    CHECK(a.ups == 0);
}

TEST_CASE("another cluster is turned away with a sentence, and the acceptor goes on")
{
    io_context context;
    auto options = options_of("a");
    options.cluster_name = "bank";
    station a{context, options};
    station b{context, "b"};
    station c{context, "c"};
    a.start();
    b.start();
    c.start();
    a.dial(b);
    REQUIRE(until(context, [&] { return a.failures.size() >= 2; }));
    CHECK(a.failures[0].why == dial_failure::rejected);
    CHECK(a.failures[0].code == errc::cluster_mismatch);
    CHECK(a.failures[0].sentence == "this is cluster 'shop', you are 'bank'");
    CHECK(b.lines.at(0) == "turned away 'a': this is cluster 'shop', you are 'bank'");
    c.dial(b);
    REQUIRE(until(context, [&] { return b.connected_with("c"); }));
    CHECK_FALSE(b.connected_with("a"));
}

TEST_CASE("rubbish is answered with a sentence and dropped, without harm to the others")
{
    io_context context;
    station a{context, "a"};
    station b{context, "b"};
    a.start();
    b.start();
    a.dial(b);
    REQUIRE(until(context, [&] { return b.connected_with("a"); }));
    random_stream random{9};
    for (int i = 0; i < 30; ++i) {
        stranger client{context, b};
        client.listen();
        if (i == 0)
            client.write("GET / HTTP/1.1\r\n\r\n");
        else if (i == 1)
            client.write_frame("DRVR");
        else if (i == 2)
            client.write_frame("");
        else {
            client.write("\xff\xff\xff\xff");
            client.write(noise(random, 1 + random.below(5'000)));
        }
        REQUIRE(until(context, [&] { return client.ended; }));
        CHECK(client.received.find("not a Drover hello") != std::string::npos);
    }
    REQUIRE(a.send("b", "still here"));
    REQUIRE(until(context, [&] { return b.frames.size() == 1; }));
    CHECK(b.lines.size() == 30);
    CHECK(a.downs + b.downs == 0);
}

TEST_CASE("a peer that announces a frame over the limit is dropped, the others stay")
{
    io_context context;
    station a{context, "a"};
    station b{context, "b"};
    a.start();
    b.start();
    a.dial(b);
    stranger client{context, b};
    client.listen();
    client.say_hello("rude");
    REQUIRE(until(context, [&] { return b.connected.size() == 2; }));
    client.write_frame("fine");
    REQUIRE(until(context, [&] { return b.frames.size() == 1; }));
    CHECK(b.senders[0] == "rude");
    client.write({"\x01\x00\x00\x01", 4});
    REQUIRE(until(context, [&] { return b.downs == 1 && client.ended; }));
    CHECK(b.lines.size() == 1);
    CHECK_FALSE(b.connected_with("rude"));
    REQUIRE(a.send("b", "still here"));
    REQUIRE(until(context, [&] { return b.frames.size() == 2; }));
}

TEST_CASE("a caller that says nothing, or half a hello, is dropped in time")
{
    io_context context;
    auto options = options_of("b");
    options.dial_timeout = milliseconds{50};
    station b{context, options};
    b.start();
    stranger silent{context, b};
    silent.listen();
    stranger slow{context, b};
    slow.listen();
    slow.write({"\x40\x00\x00\x00"
                "DRVR",
        8});
    REQUIRE(until(context, [&] { return silent.ended && slow.ended; }));
    CHECK(b.ups == 0);
    CHECK(b.lines.size() == 2);
}

TEST_CASE("a node that accepts but never answers is a failed dial")
{
    io_context context;
    auto options = options_of("a");
    options.dial_timeout = milliseconds{20};
    station a{context, options};
    a.start();
    tcp::acceptor mute{context, {boost::asio::ip::make_address("127.0.0.1"), 0}};
    a.transport.dial("127.0.0.1:" + std::to_string(mute.local_endpoint().port()));
    REQUIRE(until(context, [&] { return a.failures.size() >= 2; }));
    CHECK(a.failures[0].why == dial_failure::timed_out);
}

TEST_CASE("a peer that goes away is down, is dialled again, and is up when it returns")
{
    io_context context;
    station a{context, "a"};
    auto b = std::make_unique<station>(context, "b");
    a.start();
    b->start();
    auto const address = b->transport.address();
    a.transport.dial(address);
    REQUIRE(until(context, [&] { return a.connected_with("b"); }));
    b.reset();
    REQUIRE(until(context, [&] { return a.downs == 1 && !a.failures.empty(); }));
    CHECK(a.failures[0].why == dial_failure::refused);
    CHECK_FALSE(a.send("b", "nobody"));
    auto options = options_of("b", 2);
    options.listen = address;
    station again{context, options};
    again.start();
    REQUIRE(until(context, [&] { return a.connected_with("b"); }));
    CHECK(a.connected[0].incarnation == 2);
    REQUIRE(a.send("b", "welcome back"));
    REQUIRE(until(context, [&] { return again.frames.size() == 1; }));
}

TEST_CASE("starting says why it cannot listen")
{
    io_context context;
    station a{context, "a"};
    a.start();
    auto const errors = [&](std::string listen) {
        auto options = options_of("b");
        options.listen = std::move(listen);
        station b{context, options};
        return b.transport.start(b);
    };
    CHECK(errors(a.transport.address()) == errc::address_in_use);
    CHECK(errors("nonsense") == errc::invalid_address);
    CHECK(errors("127.0.0.1:70000") == errc::invalid_address);
    CHECK(errors("") == errc::invalid_address);
    CHECK(errors("192.0.2.1:0") == errc::address_unavailable);
    if (::geteuid() != 0)
        CHECK(errors("127.0.0.1:1") == errc::permission_denied);
    a.transport.stop();
    CHECK(errors(a.transport.address()) == errc::success);
}

TEST_CASE("a peer that does not read has a bounded queue, and is sent to again when it has")
{
    io_context context;
    auto options = options_of("b");
    options.send_queue_size_max = 100'000;
    station b{context, options};
    b.start();
    stranger client{context, b};
    client.say_hello("slow");
    REQUIRE(until(context, [&] { return b.connected_with("slow"); }));
    int accepted = 0;
    while (b.send("slow", bytes(30'000, 'x')) && accepted < 100)
        ++accepted;
    CHECK(accepted == 3);
    CHECK(b.send("slow", "little ones still fit"));
    CHECK_FALSE(b.send("nobody", "x"));
    client.listen();
    REQUIRE(until(context, [&] { return client.received.find("little ones") != std::string::npos; }));
    CHECK(b.send("slow", bytes(30'000, 'x')));
}

TEST_CASE("stopping flushes what was sent, and calls nothing afterwards")
{
    io_context context;
    station a{context, "a"};
    station b{context, "b"};
    a.start();
    b.start();
    a.dial(b);
    REQUIRE(until(context, [&] { return a.ups == 1 && b.ups == 1; }));
    for (int i = 0; i < 100; ++i) {
        REQUIRE(a.send("b", bytes(20'000, 'x')));
        REQUIRE(b.send("a", "on its way to one that stops"));
    }
    REQUIRE(a.send("b", "leaving"));
    a.transport.stop();
    CHECK_FALSE(a.send("b", "too late"));
    a.transport.dial(b.transport.address());
    REQUIRE(until(context, [&] { return b.downs == 1; }));
    REQUIRE(b.frames.size() == 101);
    CHECK(b.frames.back() == "leaving");
    CHECK(a.frames.empty());
    CHECK(a.downs == 0);
    a.transport.stop();
}

TEST_CASE("a transport may be stopped from each of its events")
{
    io_context context;
    for (bool const from_frame : {false, true}) {
        station a{context, "a"};
        station b{context, "b"};
        a.start();
        b.start();
        auto const stop = [&] { b.transport.stop(); };
        if (from_frame)
            b.frame_came = stop;
        else
            b.up = stop;
        a.up = [&] {
            for (int i = 0; i < 50 && a.ups == 1; ++i)
                static_cast<void>(a.send("b", "x"));
        };
        a.dial(b);
        REQUIRE(until(context, [&] { return a.downs >= 1; }));
        CHECK(b.frames.size() == (from_frame ? 1u : 0u));
    }
}

TEST_CASE("a transport may be destroyed while everything is under way")
{
    for (int steps = 0; steps < 40; ++steps) {
        io_context context;
        station a{context, "a"};
        auto b = std::make_unique<station>(context, "b");
        a.start();
        b->start();
        a.dial(*b);
        b->dial(a);
        b->transport.dial("localhost:1");
        for (int i = 0; i < steps; ++i) {
            context.poll_one();
            static_cast<void>(a.send("b", "x"));
            static_cast<void>(b->send("a", "y"));
        }
        b.reset();
        a.transport.dial("127.0.0.1:1");
        REQUIRE(until(context, [&] { return !a.failures.empty() && a.connected.empty(); }));
    }
}

TEST_CASE("accepting goes on after there were no descriptors left")
{
    io_context context;
    station b{context, "b"};
    b.start();
    stranger client{context, b};
    client.write("rubbish!");
    rlimit before{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    int const next = ::dup(0);
    ::close(next);
    rlimit tight = before;
    tight.rlim_cur = static_cast<rlim_t>(next);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
    for (int i = 0; i < 10; ++i)
        context.poll();
    CHECK(b.lines.empty());
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    client.listen();
    REQUIRE(until(context, [&] { return client.ended; }));
    CHECK(b.lines.size() == 1);
}

TEST_CASE("two nodes on threads of their own talk, each on its strand")
{
    constexpr int balls = 1'000;
    struct side {
        explicit side(char const* name) : node{context, name} {}

        /// Sends each ball back, so many times.
        void play_with(char const* other)
        {
            node.frame_came = [this, other] {
                if (++received == balls)
                    done.set_value();
                static_cast<void>(node.send(other, "ball"));
            };
        }

        io_context context{};
        station node;
        std::promise<void> done{};
        int received = 0;
    };
    side a{"a"};
    side b{"b"};
    a.node.start();
    b.node.start();
    a.play_with("b");
    b.play_with("a");
    a.node.up = [&] { static_cast<void>(a.node.send("b", "ball")); };
    a.node.dial(b.node);
    std::vector<std::thread> threads;
    for (auto* const one : {&a, &b})
        threads.emplace_back([one] { one->context.run_for(seconds{20}); });
    CHECK(a.done.get_future().wait_for(seconds{20}) == std::future_status::ready);
    CHECK(b.done.get_future().wait_for(seconds{20}) == std::future_status::ready);
    a.context.stop();
    b.context.stop();
    for (auto& thread : threads)
        thread.join();
}

TEST_CASE("a timer's turn does not run once it was cancelled, replaced, or its timer is gone")
{
    io_context context;
    net::runtime const on{context, "a"};
    std::string ran;
    auto gone = std::make_unique<net::runtime::timer_type>(on);
    net::runtime::timer_type cancelled{on};
    net::runtime::timer_type replaced{on};
    net::runtime::timer_type kept{on};
    auto const past = on.now() - seconds{1};
    // The first turn to run ends the others, whose handlers are queued by then.
    auto const end_all = [&] {
        gone.reset();
        cancelled.cancel();
        replaced.expires_at(past, [&] { ran += "replacement "; });
    };
    net::runtime::timer_type first{on};
    first.expires_at(past, [&] {
        ran += "first ";
        end_all();
    });
    gone->expires_at(past, [&] { ran += "gone "; });
    cancelled.expires_at(past, [&] { ran += "cancelled "; });
    replaced.expires_at(past, [&] { ran += "replaced "; });
    kept.expires_at(past, [&] { ran += "kept "; });
    net::runtime::timer_type idle{on};
    idle.expires_at(never, [&] { ran += "never "; });
    context.run();
    CHECK(ran == "first kept replacement ");
}

TEST_CASE("the real runtime never gives an incarnation twice, and its time does not go back")
{
    io_context context;
    net::runtime const on{context, "a"};
    auto const before = on.now();
    auto const one = on.new_incarnation();
    auto const two = net::runtime{context, "a"}.new_incarnation();
    CHECK(two > one);
    CHECK(on.now() >= before);
    auto same = on.random(1);
    auto again = on.random(1);
    auto other = on.random(2);
    auto const drawn = same.next();
    CHECK(drawn == again.next());
    CHECK(drawn != other.next());
}

TEST_CASE("a stream that comes in pieces of any size gives the same frames")
{
    random_stream random{11};
    std::vector<bytes> sent;
    net::send_queue queue;
    for (int i = 0; i < 300; ++i) {
        sent.push_back(noise(random, random.below(i % 20 == 0 ? 100'000 : 300)));
        queue.push(bytes{sent.back()});
    }
    bytes stream;
    while (!queue.empty()) {
        for (auto const& buffer : queue.begin_write())
            stream.append(static_cast<char const*>(buffer.data()), buffer.size());
        queue.finish_write();
    }
    for (std::size_t const piece : {std::size_t{1}, std::size_t{7}, std::size_t{1'000}, std::size_t{300'000}}) {
        net::frame_reader reader;
        std::vector<bytes> got;
        for (bytes_view rest{stream}; !rest.empty();) {
            auto const space = reader.prepare();
            auto const count = std::min({piece, space.size(), rest.size()});
            std::memcpy(space.data(), rest.data(), count);
            rest.remove_prefix(count);
            reader.commit(count);
            for (auto next = reader.next(1 << 20); next.what == net::frame_reader::status::frame; next = reader.next(1 << 20))
                got.emplace_back(next.frame);
        }
        CHECK(got == sent);
    }
}

TEST_CASE("what is pushed while a write is under way goes out with the next")
{
    net::send_queue queue;
    queue.push("one");
    auto const first = queue.begin_write();
    REQUIRE(first.size() == 1);
    bytes const before{static_cast<char const*>(first[0].data()), first[0].size()};
    for (int i = 0; i < 1'000; ++i)
        queue.push(bytes(20, 'x'));
    CHECK(before == bytes{static_cast<char const*>(first[0].data()), first[0].size()});
    CHECK(queue.size() == 7 + 24'000);
    queue.finish_write();
    CHECK(queue.size() == 24'000);
    CHECK(queue.begin_write().size() == 1);
    queue.finish_write();
    CHECK(queue.empty());
}
