// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/net/runtime.hpp>

#include <catch2/catch_test_macros.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

using boost::asio::io_context;
using drover::net::runtime;

namespace {

static_assert(drover::offloading_runtime<runtime>);
static_assert(drover::offloading_runtime<drover::net::basic_runtime<boost::asio::thread_pool::executor_type>>);

TEST_CASE("work runs beside the strand, and is done on it, in the order in which it was given")
{
    io_context context;
    runtime one{context, "a"};
    auto copy = one;
    std::vector<int> worked; // by the one thread, and read here when all has been done
    std::vector<int> done;
    std::vector<std::thread::id> threads;
    for (int i = 0; i < 100; ++i)
        (i % 2 == 0 ? one : copy)
            .offload(
                [&, i] {
                    worked.push_back(i);
                    threads.push_back(std::this_thread::get_id());
                },
                [&, i] {
                    CHECK(one.get_executor().running_in_this_thread());
                    done.push_back(i);
                });
    context.run(); // does not return before all is done
    REQUIRE(done.size() == 100);
    for (int i = 0; i < 100; ++i) {
        CHECK(worked[static_cast<std::size_t>(i)] == i);
        CHECK(done[static_cast<std::size_t>(i)] == i);
        CHECK(threads[static_cast<std::size_t>(i)] == threads[0]);
    }
    CHECK(threads[0] != std::this_thread::get_id());
}

TEST_CASE("while work blocks, the strand goes on")
{
    io_context context;
    runtime a{context, "a"};
    std::promise<void> gate;
    std::string seen;
    a.offload([&] { gate.get_future().wait(); }, [&] { seen += " done"; });
    a.post([&] {
        seen += "turn";
        gate.set_value();
    });
    context.run();
    CHECK(seen == "turn done");
}

TEST_CASE("work that was given is done although the last copy of its runtime is gone")
{
    io_context context;
    bool done = false;
    {
        runtime a{context, "a"};
        a.offload([held = std::make_shared<runtime>(a)] {}, [&] { done = true; });
    }
    context.run();
    CHECK(done);

    // The threads of runtimes that are gone are not kept.
    for (int i = 0; i < 50; ++i) {
        done = false;
        runtime{context, "a"}.offload([] {}, [&] { done = true; });
        context.restart();
        context.run();
        CHECK(done);
    }
}

TEST_CASE("a context that ends finishes what has begun, drops the rest, and nothing is done afterwards")
{
    auto const held = std::make_shared<int>();
    std::atomic<bool> first{false};
    std::atomic<bool> second{false};
    bool done = false;
    std::thread releases;
    {
        io_context context;
        runtime a{context, "a"};
        std::promise<void> began;
        auto gate = std::make_shared<std::promise<void>>();
        a.offload(
            [&, gate, held] {
                began.set_value();
                gate->get_future().wait();
                first = true;
            },
            [&, held] { done = true; });
        a.offload([&, held] { second = true; }, [&, held] { done = true; });
        began.get_future().wait();
        // Not before the context is about to go; whether it has begun to is the same to the caller.
        a.post([gate, held] {});
        releases = std::thread{[gate] { gate->set_value(); }};
        // a goes first, then the context
    }
    releases.join();
    CHECK(first);
    CHECK_FALSE(done);
    CHECK(held.use_count() == 1);
}

TEST_CASE("what work and its end hold may use the runtime while the context ends")
{
    struct gives_more {
        explicit gives_more(runtime const& r) : of{r} {}
        gives_more(gives_more const&) = delete;
        gives_more& operator=(gives_more const&) = delete;
        ~gives_more()
        {
            of.offload([] {}, [] {});
        }
        runtime of;
    };
    io_context context;
    runtime a{context, "a"};
    a.offload([] {}, [last = std::make_shared<gives_more>(a)] {});
}

TEST_CASE("many strands of a pool give work at once")
{
    std::atomic<int> done{0};
    {
        boost::asio::thread_pool pool{4};
        for (int i = 0; i < 8; ++i) {
            runtime const of{pool, "node-" + std::to_string(i)};
            auto const count = std::make_shared<int>(0); // of this runtime's thread and strand, one after the other
            for (int k = 0; k < 50; ++k)
                of.post([of, count, &done] { of.offload([count] { ++*count; }, [&done] { ++done; }); });
        }
        pool.join();
    }
    CHECK(done == 400);
}

} // namespace
