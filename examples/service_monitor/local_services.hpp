// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "report.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <cstdint>
#include <deque>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace service_monitor {

/// Small services on free ports of the loopback. Each greets whoever connects with a line, reads one, "node generation count",
/// and remembers who monitored it when.
class local_services {
public:
    /// One check, as the service saw it.
    struct sighting {
        std::int64_t at = 0; ///< `report::monotonic_now`
        std::string node;
        drover::generation_number generation = 0;
        std::uint64_t count = 0;
    };

    local_services(boost::asio::io_context& context, std::size_t count)
    {
        for (std::size_t number = 1; number <= count; ++number) {
            auto& made = services_.emplace_back(context, "service-" + std::to_string(number) + " is well\n");
            boost::asio::co_spawn(context, serve(made), boost::asio::detached);
        }
    }

    [[nodiscard]] std::vector<std::string> addresses() const
    {
        std::vector<std::string> result;
        for (auto const& each : services_)
            result.push_back(each.address);
        return result;
    }

    /// What the service saw since then, oldest first.
    [[nodiscard]] std::vector<sighting> seen_since(std::string const& address, std::int64_t since) const
    {
        std::vector<sighting> result;
        for (auto const& each : services_)
            for (auto const& check : each.sightings)
                if (each.address == address && check.at >= since)
                    result.push_back(check);
        return result;
    }

private:
    using tcp = boost::asio::ip::tcp;
    static constexpr std::size_t line_size_max = 1'024;

    struct service {
        service(boost::asio::io_context& context, std::string says)
            : acceptor{context, tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}}, greeting{std::move(says)},
              address{"127.0.0.1:" + std::to_string(acceptor.local_endpoint().port())}
        {
        }

        tcp::acceptor acceptor;
        std::string greeting;
        std::string address;
        std::vector<sighting> sightings;
    };

    static boost::asio::awaitable<void> serve(service& self)
    {
        for (;;) {
            auto visitor = co_await self.acceptor.async_accept(boost::asio::use_awaitable);
            boost::asio::co_spawn(self.acceptor.get_executor(), greet(self, std::move(visitor)), boost::asio::detached);
        }
    }

    static boost::asio::awaitable<void> greet(service& self, tcp::socket visitor)
    {
        constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);
        auto const [broken, written] = co_await boost::asio::async_write(visitor, boost::asio::buffer(self.greeting), as_result);
        if (broken)
            co_return;
        std::string line;
        auto const [error, size] =
            co_await boost::asio::async_read_until(visitor, boost::asio::dynamic_buffer(line, line_size_max), '\n', as_result);
        sighting seen{report::monotonic_now(), {}, 0, 0};
        if (!error && std::istringstream{line} >> seen.node >> seen.generation >> seen.count)
            self.sightings.push_back(std::move(seen));
    }

    std::deque<service> services_; // which stay where they are
};

} // namespace service_monitor
