// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/coroutine.hpp>
#include <drover/link/address.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace service_monitor {

struct monitor_options {
    drover::duration interval = std::chrono::seconds{1};
    drover::duration deadline = std::chrono::seconds{1}; ///< for one check
    bool introduce = false; ///< read the service's greeting, and tell it who monitors it: "node generation count"
};

/// How far a monitor has come: its state, which is checkpointed as "checks failed".
struct progress {
    std::uint64_t checks = 0; ///< the failed ones included
    std::uint64_t failed = 0;

    [[nodiscard]] drover::bytes to_bytes() const { return std::to_string(checks) + ' ' + std::to_string(failed); }

    [[nodiscard]] static progress from_bytes(drover::bytes const& text)
    {
        progress result;
        std::istringstream{text} >> result.checks >> result.failed;
        return result;
    }
};

/// What the monitors of one node show the rest of its program. On the supervisor's strand.
struct notice_board {
    struct entry {
        progress acknowledged;                   ///< held by a majority
        std::optional<drover::duration> latency; ///< of the last check, if it was answered
    };

    std::map<drover::child_id, entry> entries;
    std::function<void(drover::child_context const&, progress)> on_started = [](auto&&...) {};
    std::function<void(drover::child_id const&, drover::generation_number, progress)> on_acknowledged = [](auto&&...) {};
};

namespace detail {

namespace asio = boost::asio;
using asio::ip::tcp;

inline constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
inline constexpr std::size_t greeting_size_max = 1'024;

inline asio::awaitable<std::vector<tcp::endpoint>> resolve(drover::link::address service)
{
    drover::error_code error;
    if (auto const numeric = asio::ip::make_address(service.host, error); !error)
        co_return std::vector{tcp::endpoint{numeric, service.port}};
    tcp::resolver resolver{co_await asio::this_coro::executor};
    auto const [failed, found] = co_await resolver.async_resolve(service.host, std::to_string(service.port), as_result);
    std::vector<tcp::endpoint> endpoints;
    for (auto const& each : found)
        endpoints.push_back(each.endpoint());
    co_return endpoints;
}

/// Connects, and, where the service understands it, reads a line and answers with one. What it took, or nothing when the
/// service did not do its part.
inline asio::awaitable<std::optional<drover::duration>> converse(
    drover::child_context self, drover::link::address service, std::string introduction)
{
    auto const endpoints = co_await resolve(std::move(service));
    auto const began = self.now();
    tcp::socket socket{co_await asio::this_coro::executor};
    auto const [refused, endpoint] = co_await asio::async_connect(socket, endpoints, as_result);
    if (refused)
        co_return std::nullopt;
    if (introduction.empty())
        co_return self.now() - began;
    std::string greeting;
    auto const [silent, size] =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(greeting, greeting_size_max), '\n', as_result);
    if (silent)
        co_return std::nullopt;
    auto const took = self.now() - began;
    auto const [broken, written] = co_await asio::async_write(socket, asio::buffer(introduction), as_result);
    co_return broken ? std::nullopt : std::optional{took};
}

/// One check, within its deadline. A service that does not answer is a failed check, and no failure of the child.
inline asio::awaitable<std::optional<drover::duration>> check(
    drover::child_context self, monitor_options options, progress so_far)
{
    using namespace asio::experimental::awaitable_operators;
    std::string introduction;
    if (options.introduce)
        introduction = self.node() + ' ' + std::to_string(self.generation()) + ' ' + std::to_string(so_far.checks + 1) + '\n';
    auto const service = drover::link::parse_address(self.arguments());
    if (!service)
        throw std::runtime_error{"'" + self.arguments() + "' is not host:port"};
    auto const outcome =
        co_await (converse(self, *service, introduction) || self.async_wait(options.deadline, asio::use_awaitable));
    co_return outcome.index() == 0 ? std::get<0>(outcome) : std::nullopt;
}

/// Checks, counts and saves the count. The next check does not wait until the others hold this one.
inline asio::awaitable<void> keep_checking(
    drover::child_context self, monitor_options options, std::shared_ptr<notice_board> board, progress& count)
{
    for (;;) {
        auto const latency = co_await check(self, options, count);
        ++count.checks;
        if (!latency)
            ++count.failed;
        board->entries[self.id()].latency = latency;
        self.checkpoint(
            count.to_bytes(), [board, id = self.id(), generation = self.generation(), saved = count](drover::error_code error) {
                if (error)
                    return;
                if (auto& shown = board->entries[id].acknowledged; shown.checks < saved.checks)
                    shown = saved;
                board->on_acknowledged(id, generation, saved);
            });
        co_await self.async_wait(options.interval, asio::use_awaitable);
    }
}

/// Answers a call "status" with the counters.
inline asio::awaitable<void> keep_answering(drover::child_context self, progress const& count)
{
    for (;;) {
        auto question = co_await self.async_receive(asio::use_awaitable);
        if (question.payload() == "status")
            question.reply("checks " + std::to_string(count.checks) + ", failed " + std::to_string(count.failed) + ", on "
                + self.node() + ", generation " + std::to_string(self.generation()));
    }
}

} // namespace detail

/// The child: monitors the service that its arguments name, "host:port", and goes on from the count that was saved last.
inline boost::asio::awaitable<void> monitor(
    drover::child_context self, monitor_options options, std::shared_ptr<notice_board> board)
{
    using namespace boost::asio::experimental::awaitable_operators;
    auto count = progress::from_bytes(self.state().value_or(""));
    board->entries[self.id()] = {count, std::nullopt};
    board->on_started(self, count);
    co_await (detail::keep_checking(self, options, board, count) && detail::keep_answering(self, count));
}

} // namespace service_monitor
