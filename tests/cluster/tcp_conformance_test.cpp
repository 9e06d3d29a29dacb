// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/conformance/transport.hpp>
#include <drover/net/tcp_transport.hpp>

#include <catch2/catch_test_macros.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <chrono>
#include <functional>
#include <list>
#include <sstream>
#include <string>

namespace {

/// Real sockets of this machine, on one thread.
class socket_environment {
public:
    using transport_type = drover::tcp_transport;

    drover::net::runtime make_runtime(std::string const& host) { return {context_, host}; }
    std::string listen_address(std::string const&) { return "127.0.0.1:0"; }
    std::string malformed_address() { return "no port"; }

    /// A port that is taken, and not listened on.
    std::string address_of_nobody() { return text_of(taken_); }

    bool run_until(std::function<bool()> const& done, drover::duration bound)
    {
        auto const end = std::chrono::steady_clock::now() + bound;
        while (!done()) {
            if (std::chrono::steady_clock::now() > end)
                return false;
            context_.restart();
            context_.run_one_until(std::min(end, std::chrono::steady_clock::now() + std::chrono::milliseconds{100}));
        }
        return true;
    }

    /// The kernel accepts connections there, and nobody reads from them.
    std::string silent_address(std::string const&)
    {
        if (!silent_.is_open())
            silent_ = tcp::acceptor{context_, local()};
        return text_of(silent_);
    }

private:
    using tcp = boost::asio::ip::tcp;

    static tcp::endpoint local() { return {boost::asio::ip::make_address("127.0.0.1"), 0}; }
    static std::string text_of(tcp::acceptor const& of) { return "127.0.0.1:" + std::to_string(of.local_endpoint().port()); }

    static tcp::acceptor bound(boost::asio::io_context& context)
    {
        tcp::acceptor result{context, tcp::v4()};
        result.bind(local());
        return result;
    }

    boost::asio::io_context context_;
    tcp::acceptor taken_ = bound(context_);
    tcp::acceptor silent_{context_};
};

} // namespace

TEST_CASE("tcp_transport keeps the laws of a Transport")
{
    socket_environment environment;
    auto const found = drover::conformance::check_transport(environment);
    INFO((std::ostringstream{} << found).str());
    CHECK(found.passed());
}
