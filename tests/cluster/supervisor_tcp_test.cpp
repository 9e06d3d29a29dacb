// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include <drover/coroutine.hpp>
#include <drover/net.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::child_ref;
using drover::errc;
using drover::error_code;
using supervisor = drover::distributed_supervisor<drover::tcp_transport>;

// Counts messages; saves when it moves.
struct tally {
    explicit tally(drover::child_context own) : context{std::move(own)} {}
    void restore(drover::bytes_view state) { count = std::stoi(std::string{state}); }
    drover::bytes save() const { return std::to_string(count); }
    void on_message(drover::child_message& message)
    {
        ++count;
        context.checkpoint(std::to_string(count),
            [kept = std::make_shared<drover::child_message>(std::move(message)), now = count](error_code code) {
                if (code)
                    kept->fail(errc::not_acknowledged);
                else
                    kept->reply(std::to_string(now));
            });
    }
    drover::child_context context;
    int count = 0;
};

// The same coroutine as in the simulation.
boost::asio::awaitable<void> echo(drover::child_context context)
{
    for (;;) {
        auto message = co_await context.async_receive(boost::asio::use_awaitable);
        co_await context.async_wait(1ms, boost::asio::use_awaitable);
        message.reply(message.payload());
    }
}

// A node with a thread of its own.
class member {
public:
    member(std::string const& name, std::vector<std::string> seeds)
        : supervisor_{std::in_place, io_, options_of(name, std::move(seeds)), drover::supervisor_options{}}
    {
        supervisor_->add_child_type<tally>();
        supervisor_->add_child_type("echo", echo);
        thread_ = std::thread{[this] { io_.run(); }};
    }

    ~member()
    {
        if (thread_.joinable())
            die();
    }

    supervisor& operator*() { return *supervisor_; }
    supervisor* operator->() { return &*supervisor_; }

    // As a killed process: no goodbye, the connections close.
    void die()
    {
        supervisor_.reset();
        guard_.reset();
        thread_.join();
    }

    void leave()
    {
        supervisor_->async_stop(boost::asio::use_future).get();
        die();
    }

private:
    static drover::node_options options_of(std::string const& name, std::vector<std::string> seeds)
    {
        drover::node_options options;
        options.name = name;
        options.seeds = std::move(seeds);
        return options;
    }

    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_ = boost::asio::make_work_guard(io_);
    std::optional<supervisor> supervisor_;
    std::thread thread_;
};

// Waits for a condition, with a bound; other threads do the work.
template <class Condition>
bool within(std::chrono::seconds bound, Condition&& condition)
{
    auto const end = std::chrono::steady_clock::now() + bound;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::yield();
    }
    return true;
}

std::vector<std::unique_ptr<member>> three()
{
    std::vector<std::unique_ptr<member>> members;
    for (auto const* const name : {"n1", "n2", "n3"}) {
        auto const seeds = members.empty() ? std::vector<std::string>{} : std::vector<std::string>{(*members[0])->address()};
        members.push_back(std::make_unique<member>(name, seeds));
        (*members.back())->async_start(boost::asio::use_future).get();
    }
    return members;
}

int call(supervisor& on, std::string const& id) { return std::stoi(on.async_call(id, "count", boost::asio::use_future).get()); }

TEST_CASE("three nodes on sockets: children run once, and survive the death of their node with what was acknowledged")
{
    auto members = three();
    auto& first = **members[0];
    for (int i = 0; i < 40; ++i) {
        auto const ref = first.async_start_child({.id = "c" + std::to_string(i), .type = "tally"}, boost::asio::use_future).get();
        CHECK(ref.generation == 1);
        auto& caller = **members[static_cast<std::size_t>(i) % 3];
        REQUIRE(within(5s, [&] { return caller.find(ref.id).has_value(); })); // two of three hold it: this one may be about to
        CHECK(call(caller, ref.id) == 1);
    }
    auto const lost = (*members[2])->which_children(drover::scope::local).size();
    CHECK(lost > 0);
    members[2]->die();
    members.pop_back();
    REQUIRE(within(20s, [&] {
        for (int i = 0; i < 40; ++i)
            if (auto const ref = first.find("c" + std::to_string(i)); !ref || ref->node == "n3")
                return false;
        return true;
    }));
    for (int i = 0; i < 40; ++i)
        CHECK(call(first, "c" + std::to_string(i)) == 2);
    members[1]->leave();
    members.pop_back();
    REQUIRE(within(20s, [&] { return first.which_children(drover::scope::local).size() == 40; }));
}

TEST_CASE("a coroutine child on sockets")
{
    auto members = three();
    (*members[0])->async_start_child({.id = "e", .type = "echo"}, boost::asio::use_future).get();
    for (auto& each : members)
        REQUIRE(within(5s, [&] { return (*each)->find("e").has_value(); }));
    for (auto& each : members)
        CHECK((*each)->async_call("e", "hello", boost::asio::use_future).get() == "hello");
    for (auto& each : members)
        each->leave();
}

TEST_CASE("what cannot be is told: a port in use, a seed that does not answer, another cluster, a name twice")
{
    boost::asio::io_context io;
    drover::static_members_options impatient;
    impatient.join_timeout = 200ms;
    impatient.form_alone_after = 200ms;
    auto const start = [&](drover::node_options options) {
        auto made =
            std::make_unique<supervisor>(io, std::move(options), drover::supervisor_options{}, drover::static_members{impatient});
        std::optional<error_code> result;
        made->async_start([&](error_code code) { result = code; });
        while (!result)
            io.run_one();
        return std::pair{std::move(made), *result};
    };
    auto const [first, fine] = start({.name = "n1"});
    REQUIRE_FALSE(fine);
    CHECK(start({.name = "n2", .listen = first->address()}).second == errc::address_in_use);
    CHECK(start({.name = "n2", .listen = "no address"}).second == errc::invalid_address);
    CHECK(start({.name = "", .listen = "127.0.0.1:0"}).second == errc::invalid_options);
    CHECK(start({.name = "n2", .seeds = {first->address()}, .cluster_name = "another"}).second == errc::cluster_mismatch);
    CHECK(start({.name = "n1", .seeds = {first->address()}}).second == errc::name_in_use);
    CHECK(start({.name = "n2", .seeds = {"127.0.0.1:1"}}).second == errc::seeds_unreachable);
    CHECK_FALSE(start({.name = "n3", .seeds = {first->address()}}).second);
}

TEST_CASE("when a later life of a node's name joins, the earlier one stops what it runs")
{
    auto members = three();
    (*members[0])->async_start_child({.id = "a", .type = "tally"}, boost::asio::use_future).get();
    auto& earlier = **members[1];
    member later{"n2", {(*members[0])->address()}};
    later->async_start(boost::asio::use_future).get();
    REQUIRE(within(20s, [&] {
        // The code comes as a value: an exception would be one object of two threads, whose count TSan cannot see.
        auto refused =
            earlier.async_call("a", "count", boost::asio::use_future([](error_code code, auto const&) { return code; }));
        return refused.get() == errc::shutting_down;
    }));
    REQUIRE(within(5s, [&] { return later->find("a").has_value(); }));
}

TEST_CASE("a peer that sends random bytes is dropped, and the cluster goes on")
{
    auto members = three();
    auto const address = (*members[0])->address();
    boost::asio::io_context io;
    drover::random_stream random{7};
    for (int i = 0; i < 50; ++i) {
        boost::asio::ip::tcp::socket socket{io};
        socket.connect({boost::asio::ip::make_address("127.0.0.1"),
            static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)))});
        std::string junk;
        for (auto size = random.below(2'000); size > 0; --size)
            junk.push_back(static_cast<char>(random.next()));
        boost::system::error_code ignored;
        boost::asio::write(socket, boost::asio::buffer(junk), ignored);
    }
    for (auto& each : members)
        CHECK((*each)
                  ->async_start_child({.id = "of " + (*each)->node_name(), .type = "tally"}, boost::asio::use_future)
                  .get()
                  .generation
            == 1);
    REQUIRE(within(5s, [&] { return (*members[1])->find("of n1").has_value(); }));
    CHECK(call(**members[1], "of n1") == 1);
}

TEST_CASE("reads may come from any thread while the cluster works")
{
    auto members = three();
    std::vector<std::future<child_ref>> started;
    for (int i = 0; i < 200; ++i)
        started.push_back((*members[static_cast<std::size_t>(i) % 3])
                              ->async_start_child({.id = "c" + std::to_string(i), .type = "tally"}, boost::asio::use_future));
    std::size_t seen = 0;
    REQUIRE(within(30s, [&] {
        seen = (*members[1])->which_children().size();
        (void)(*members[2])->find("c7");
        (void)(*members[0])->members();
        (void)(*members[0])->explain("c7");
        return seen == 200;
    }));
    for (auto& each : started)
        CHECK(each.get().generation == 1);
}

TEST_CASE("start, stop and die, again and again")
{
    for (int round = 0; round < 5; ++round) {
        auto members = three();
        (*members[0])->async_start_child({.id = "a", .type = "tally"}, boost::asio::use_future).get();
        members[static_cast<std::size_t>(round) % 3]->die();
        members.erase(members.begin() + round % 3);
        for (auto& each : members)
            each->leave();
    }
}

} // namespace
