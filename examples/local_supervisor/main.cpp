// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Supervision in one process: a shop that takes orders, and below it a packing hall, a supervisor of its own whose workers
// depend on each other. One of them breaks down. The counter, which remembers, is where it was.
#include <drover/coroutine.hpp>
#include <drover/net/local_supervisor.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>

using boost::asio::use_awaitable;
using namespace std::chrono_literals;

// An object with hooks. What it saves, its next instance starts with.
struct orders {
    explicit orders(drover::child_context own) : self{std::move(own)} {}
    void restore(drover::bytes_view saved) { count = std::stoi(std::string{saved}); }
    std::string on_message(drover::bytes_view order)
    {
        if (order == "a mess")
            throw std::runtime_error{"cannot read this"};
        self.checkpoint(std::to_string(++count));
        return "order " + std::to_string(count) + ", under instance " + std::to_string(self.generation());
    }
    drover::child_context self;
    int count = 0;
};

// A coroutine: it fails by throwing, and stops by being cancelled.
boost::asio::awaitable<void> belt(drover::child_context self)
{
    self.log(self.generation() == 1 ? "runs" : "runs again");
    co_await self.async_wait(50ms, use_awaitable);
    if (self.generation() == 1)
        throw std::runtime_error{"jammed"};
    co_await self.async_wait(24h, use_awaitable);
}

boost::asio::awaitable<void> packer(drover::child_context self)
{
    self.log("packs");
    co_await self.async_wait(24h, use_awaitable);
}

// A supervisor as a child: when the belt fails, the packer behind it is restarted as well.
auto hall(drover::child_context)
{
    return drover::supervisor_child{drover::local_supervisor_options{
                                        .strategy = drover::restart_strategy::rest_for_one,
                                        .intensity = {.max_restarts = 1, .max_seconds = 5s},
                                        .children = {{.id = "belt", .type = "belt"}, {.id = "packer", .type = "packer"}},
                                    },
        drover::child_type("belt", belt), drover::child_type("packer", packer)};
}

boost::asio::awaitable<void> open_the_shop(drover::net::local_supervisor& shop)
{
    co_await shop.async_start(use_awaitable);
    for (auto const* order : {"a chair", "a mess", "a table"}) {
        drover::bytes request = order;
        try {
            auto const answer = co_await shop.async_call("orders", std::move(request), use_awaitable);
            std::cout << answer << '\n';
        } catch (std::exception const& error) {
            std::cout << error.what() << '\n';
        }
    }
    drover::child_spec spec{.id = "hall", .type = "hall", .shutdown = drover::infinity, .is_supervisor = true};
    co_await shop.async_start_child(std::move(spec), use_awaitable);
    boost::asio::steady_timer hour{co_await boost::asio::this_coro::executor, 200ms};
    co_await hour.async_wait(use_awaitable);
    auto const counts = shop.count_children();
    std::cout << counts.supervisors << " supervisor and " << counts.workers << " worker are open\n";
    co_await shop.async_stop(use_awaitable);
    auto const reason = co_await shop.async_wait(use_awaitable);
    std::cout << "closed: " << reason << '\n';
}

int main()
{
    boost::asio::io_context context;
    drover::net::local_supervisor shop{context, {.name = "shop", .children = {{.id = "orders", .type = "orders"}}}};
    shop.add_child_type<orders>();
    shop.add_child_type("hall", hall);
    shop.log_to([](drover::child_id const& who, std::string_view text) { std::cout << who << ": " << text << '\n'; });
    boost::asio::co_spawn(context, open_the_shop(shop), boost::asio::detached);
    context.run();
}
