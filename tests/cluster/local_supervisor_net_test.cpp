// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include <drover/coroutine.hpp>
#include <drover/net/local_supervisor.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <catch2/catch_test_macros.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::errc;
using drover::error_code;
using supervisor = drover::net::local_supervisor;

struct echo {
    static std::string on_message(drover::bytes_view text)
    {
        if (text == "die")
            throw std::runtime_error{"died"};
        return std::string{text};
    }
};

boost::asio::awaitable<void> clock(drover::child_context context)
{
    for (;;)
        co_await context.async_wait(1ms, boost::asio::use_awaitable);
}

[[nodiscard]] drover::child_spec spec_of(std::string id, std::string type)
{
    return {.id = std::move(id), .type = std::move(type)};
}

void register_types(supervisor& at)
{
    at.add_child_type<echo>();
    at.add_child_type("clock", clock);
    at.add_child_type("tree", [](drover::child_context) {
        return drover::supervisor_child{
            drover::local_supervisor_options{.children = {spec_of("e", "echo"), spec_of("c", "clock")}},
            drover::child_type<echo>(), drover::child_type("clock", clock)};
    });
}

template <class Value>
Value in_time(std::future<Value> result)
{
    REQUIRE(result.wait_for(20s) == std::future_status::ready);
    return result.get();
}

} // namespace

TEST_CASE("a local supervisor lives on an io_context", "[cluster][local]")
{
    boost::asio::io_context context;
    supervisor local{context, {.children = {spec_of("e", "echo"), spec_of("c", "clock"), spec_of("t", "tree")}}};
    register_types(local);
    std::string answer;
    std::string reason;
    local.async_start([&](error_code failure) {
        CHECK(!failure);
        local.async_call("e", "hello", [&](error_code, drover::bytes reply) {
            answer = reply;
            local.async_stop([](error_code code) { CHECK(!code); });
        });
    });
    local.async_wait([&](error_code code, std::string why) {
        CHECK(!code);
        reason = std::move(why);
    });
    context.run_for(20s);
    CHECK(answer == "hello");
    CHECK(reason == "shutdown");
    CHECK(context.stopped()); // nothing is left that keeps it
}

TEST_CASE("many threads command one local supervisor, and others read it", "[cluster][local]")
{
    boost::asio::thread_pool pool{2};
    {
        supervisor local{pool, {.intensity = {1'000, 1s}, .children = {spec_of("e", "echo"), spec_of("t", "tree")}}};
        register_types(local);
        in_time(local.async_start(boost::asio::use_future));
        std::atomic<int> completions = 0;
        std::atomic<bool> reading = true;
        std::thread reader{[&] {
            while (reading) {
                (void)local.which_children();
                (void)local.count_children();
                (void)local.find("e");
                (void)local.child_spec_of("3");
            }
        }};
        std::vector<std::thread> callers;
        for (int caller = 0; caller < 2; ++caller)
            callers.emplace_back([&, caller] {
                for (int i = 0; i < 200; ++i) {
                    auto const done = [&](error_code, drover::child_ref const&) { ++completions; };
                    auto const id = std::to_string(i % 10);
                    local.async_start_child(spec_of(id, caller == 0 ? "echo" : "clock"), done);
                    local.cast("e", "die");
                    local.async_call(id, "hello", [&](error_code, drover::bytes const&) { ++completions; });
                    local.async_terminate_child(id, done);
                    local.async_delete_child(id, done);
                }
            });
        for (auto& each : callers)
            each.join();
        auto const stopped = [&] { return completions == 2 * 200 * 4; };
        auto const end = std::chrono::steady_clock::now() + 20s;
        while (!stopped() && std::chrono::steady_clock::now() < end)
            std::this_thread::yield();
        CHECK(stopped());
        reading = false;
        reader.join();
        in_time(local.async_stop(boost::asio::use_future));
        CHECK(in_time(local.async_wait(boost::asio::use_future)) == "shutdown");
    }
    pool.join();
}

TEST_CASE("a local supervisor that is destroyed while it works leaves nothing behind", "[cluster][local]")
{
    boost::asio::thread_pool pool{2};
    std::promise<error_code> ended;
    {
        supervisor local{pool, {.children = {spec_of("t", "tree"), spec_of("c", "clock")}}};
        register_types(local);
        in_time(local.async_start(boost::asio::use_future));
        local.async_wait([&](error_code code, std::string const&) { ended.set_value(code); });
    }
    CHECK(in_time(ended.get_future()) == errc::shutting_down);
    pool.join();
}
