// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "ledger.hpp"
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

#include <string>
#include <utility>

namespace service_monitor {

/// Where the nodes report, on a free port of the loopback: enters into the ledger what they say.
class report_server {
public:
    report_server(boost::asio::io_context& context, ledger& reports)
        : acceptor_{context, tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}}, reports_{reports}
    {
        boost::asio::co_spawn(context, serve(), boost::asio::detached);
    }

    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()); }

private:
    using tcp = boost::asio::ip::tcp;

    boost::asio::awaitable<void> serve()
    {
        for (ledger::session number = 1;; ++number) {
            auto node = co_await acceptor_.async_accept(boost::asio::use_awaitable);
            boost::asio::co_spawn(acceptor_.get_executor(), listen_to(number, std::move(node)), boost::asio::detached);
        }
    }

    boost::asio::awaitable<void> listen_to(ledger::session number, tcp::socket node)
    {
        constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);
        for (std::string buffer;;) {
            auto const [error, size] = co_await boost::asio::async_read_until(
                node, boost::asio::dynamic_buffer(buffer, report::line_size_max), '\n', as_result);
            if (error)
                break;
            if (auto const message = report::parse(buffer.substr(0, size - 1)))
                reports_.on(number, *message);
            buffer.erase(0, size);
        }
        reports_.gone(number);
    }

    tcp::acceptor acceptor_;
    ledger& reports_;
};

} // namespace service_monitor
