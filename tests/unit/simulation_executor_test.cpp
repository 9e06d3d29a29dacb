// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/simulation/executor.hpp>
#include <drover/simulation/runtime.hpp>
#include <drover/simulation/world.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/defer.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

namespace net = boost::asio;
using namespace std::chrono_literals;
using drover::duration;
using drover::time_point;
using drover::simulation::executor;
using drover::simulation::runtime;
using drover::simulation::timer;
using drover::simulation::world;

using names = std::vector<std::string>;

static_assert(net::execution::is_executor<executor>::value);
static_assert(std::is_convertible_v<executor, net::any_io_executor>);
static_assert(std::is_nothrow_copy_constructible_v<executor>);
static_assert(net::can_require<executor, net::execution::blocking_t::never_t>::value);
static_assert(net::can_query<executor, net::execution::context_t>::value);

/// Completes when `length` of virtual time has passed.
template <class Token>
auto wait(runtime of, duration length, Token&& token)
{
    return net::async_initiate<Token, void()>(
        [of, length](auto handler) mutable {
            auto const alarm = std::make_shared<timer>(of);
            auto const shared = std::make_shared<decltype(handler)>(std::move(handler));
            alarm->expires_at(of.now() + length, [alarm, shared] { std::move (*shared)(); });
        },
        token);
}

net::awaitable<void> tick(runtime of, std::string name, int count, duration length, names& seen)
{
    for (int i = 0; i < count; ++i) {
        co_await wait(of, length, net::use_awaitable);
        seen.push_back(name + std::to_string(of.now().time_since_epoch() / 1s));
    }
}

TEST_CASE("coroutines run on virtual time")
{
    world w{1};
    runtime a{w, "a"};
    names seen;
    net::co_spawn(a.get_executor(), tick(a, "x", 3, 2s, seen), net::detached);
    net::co_spawn(a.get_executor(), tick(a, "y", 2, 3s, seen), net::detached);
    w.run_for(1h);
    CHECK(seen == names{"x2", "y3", "x4", "y6", "x6"}); // at 6 s: y began to wait first
}

TEST_CASE("post and defer run later, dispatch at once in a turn of the same host")
{
    world w{1};
    runtime a{w, "a"};
    runtime b{w, "b"};
    names seen;
    net::dispatch(a.get_executor(), [&] {
        net::post(a.get_executor(), [&] { seen.push_back("posted"); });
        net::defer(a.get_executor(), [&] { seen.push_back("deferred"); });
        net::dispatch(a.get_executor(), [&] { seen.push_back("dispatched"); });
        net::dispatch(net::any_io_executor{a.get_executor()}, [&] { seen.push_back("erased"); });
        net::dispatch(b.get_executor(), [&] { seen.push_back("elsewhere"); });
        seen.push_back("outer");
    });
    CHECK(seen.empty());
    w.run_for(0s);
    CHECK(seen == names{"dispatched", "erased", "outer", "posted", "deferred", "elsewhere"});
}

TEST_CASE("an erased executor posts, and knows its context")
{
    world w{1};
    runtime a{w, "a"};
    runtime b{w, "b"};
    net::any_io_executor const erased = a.get_executor();
    bool ran = false;
    net::post(erased, [&] { ran = true; });
    CHECK_FALSE(ran);
    w.run_for(0s);
    CHECK(ran);
    CHECK(&net::query(erased, net::execution::context) == &w.context());
    CHECK(a.get_executor() == a.get_executor());
    CHECK(a.get_executor() != b.get_executor());
    CHECK(erased == net::any_io_executor{a.get_executor()});
}

TEST_CASE("futures hold what a coroutine gives or throws, once the world has run")
{
    world w{1};
    runtime a{w, "a"};
    auto const answer = [](runtime of, bool fail) -> net::awaitable<int> {
        co_await wait(of, 5s, net::use_awaitable);
        if (fail)
            throw std::runtime_error{"failed"};
        co_return 42;
    };
    auto good = net::co_spawn(a.get_executor(), answer(a, false), net::use_future);
    auto bad = net::co_spawn(a.get_executor(), answer(a, true), net::use_future);
    w.run_for(4s);
    CHECK(good.wait_for(0s) == std::future_status::timeout);
    w.run_for(1s);
    REQUIRE(good.wait_for(0s) == std::future_status::ready);
    CHECK(good.get() == 42);
    CHECK_THROWS_AS(bad.get(), std::runtime_error);
}

TEST_CASE("coroutines wait for one another, and callbacks complete")
{
    world w{1};
    runtime a{w, "a"};
    names seen;
    bool completed = false;
    auto const both = [](runtime of, names& out) -> net::awaitable<void> {
        using namespace net::experimental::awaitable_operators;
        co_await (tick(of, "x", 1, 1s, out) && tick(of, "y", 1, 2s, out));
        out.push_back("both");
        co_await net::post(co_await net::this_coro::executor, net::use_awaitable);
        out.push_back("end");
    };
    net::co_spawn(a.get_executor(), both(a, seen), [&](std::exception_ptr error) { completed = !error; });
    w.run_for(10s);
    CHECK(completed);
    CHECK(seen == names{"x1", "y2", "both", "end"});
}

TEST_CASE("a crash ends coroutines where they wait, and destroys them")
{
    world w{1};
    runtime a{w, "a"};
    auto const held = std::make_shared<int>();
    bool went_on = false;
    auto const waits = [](runtime of, std::shared_ptr<int> kept, bool& flag) -> net::awaitable<void> {
        co_await wait(of, 10s, net::use_awaitable);
        flag = kept != nullptr;
    };
    net::co_spawn(a.get_executor(), waits(a, held, went_on), net::detached);
    w.run_for(5s);
    CHECK(held.use_count() == 2);
    w.crash("a");
    net::post(a.get_executor(), [&, held] { went_on = true; });
    CHECK(held.use_count() == 2);
    w.run_for(10s);
    CHECK_FALSE(went_on);
    CHECK(held.use_count() == 1);
}

TEST_CASE("coroutines that still wait are destroyed with the world")
{
    auto const held = std::make_shared<int>();
    {
        world w{1};
        runtime a{w, "a"};
        auto const waits = [](runtime of, std::shared_ptr<int> kept) -> net::awaitable<void> {
            co_await wait(of, 10s, net::use_awaitable);
            kept.reset();
        };
        net::co_spawn(a.get_executor(), waits(a, held), net::detached);
        net::post(a.get_executor(), [held] {});
        w.run_for(1s);
        net::co_spawn(a.get_executor(), waits(a, held), net::detached); // not even begun
        CHECK(held.use_count() == 3);
    }
    CHECK(held.use_count() == 1);
}

} // namespace
