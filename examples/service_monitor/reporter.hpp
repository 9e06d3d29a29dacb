// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "arguments.hpp"
#include "report.hpp"

#include <drover/link/address.hpp>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <functional>
#include <string>
#include <utility>

namespace service_monitor {

/// A node's connection with the conductor. On one thread; it must outlive the run of its context.
class reporter {
public:
    static constexpr std::size_t queue_size_max = 8 * 1024 * 1024; ///< what does not fit is not reported

    /// Connects, and waits for that: the conductor is on this machine. Throws `failure`.
    reporter(boost::asio::io_context& context, std::string const& where) : socket_{context}
    {
        auto const address = drover::link::parse_address(where);
        boost::system::error_code error;
        auto const host = address ? boost::asio::ip::make_address(address->host, error) : boost::asio::ip::address{};
        if (!address || error)
            throw bad_input{"--report wants a numeric address and a port, and not '" + where + "'"};
        socket_.connect({host, address->port}, error);
        if (error)
            throw failure{"cannot report to " + where + ": " + error.message()};
    }

    /// Calls `gone` once, when the conductor is gone.
    void watch(std::function<void()> gone)
    {
        gone_ = std::move(gone);
        socket_.async_read_some(boost::asio::buffer(nothing_), [this](boost::system::error_code, std::size_t) {
            if (!closing_)
                gone_();
        });
    }

    void tell(report::message const& what)
    {
        auto line = report::to_line(what);
        if (closing_ || waiting_.size() + line.size() > queue_size_max)
            return;
        waiting_ += line;
        if (on_the_way_.empty())
            write();
    }

    /// Nothing is told, and nobody called, afterwards.
    void close_when_written()
    {
        closing_ = true;
        if (on_the_way_.empty())
            close();
    }

private:
    void write()
    {
        std::swap(on_the_way_, waiting_);
        boost::asio::async_write(socket_, boost::asio::buffer(on_the_way_), [this](boost::system::error_code error, std::size_t) {
            if (error)
                return; // what waits stays there; `watch` hears of it
            on_the_way_.clear();
            if (!waiting_.empty())
                write();
            else if (closing_)
                close();
        });
    }

    void close()
    {
        boost::system::error_code ignored;
        socket_.close(ignored);
    }

    boost::asio::ip::tcp::socket socket_;
    std::string on_the_way_;
    std::string waiting_;
    std::array<char, 1> nothing_{};
    std::function<void()> gone_;
    bool closing_ = false;
};

} // namespace service_monitor
