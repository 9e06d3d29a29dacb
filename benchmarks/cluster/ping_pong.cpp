// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include "ping_pong.hpp"

#include "control.hpp"
#include "process.hpp"
#include "statistics.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace cluster_benchmark {
namespace {

using boost::asio::ip::tcp;

/// One end: reads a message, then calls `next`; writes one, then reads again.
class end_point {
public:
    explicit end_point(tcp::socket socket) : socket_{std::move(socket)} { socket_.set_option(tcp::no_delay{true}); }

    void read(std::function<void()> next)
    {
        next_ = std::move(next);
        read();
    }

    void write()
    {
        boost::asio::async_write(socket_, boost::asio::buffer(message_), [this](auto const& failure, std::size_t) {
            if (!failure)
                read();
        });
    }

private:
    void read()
    {
        boost::asio::async_read(socket_, boost::asio::buffer(message_), [this](auto const& failure, std::size_t) {
            if (!failure)
                next_();
        });
    }

    tcp::socket socket_;
    std::array<char, ping_size> message_{};
    std::function<void()> next_;
};

[[nodiscard]] std::uint64_t time_round_trips(boost::asio::io_context& context, end_point& near, std::uint64_t round_trips)
{
    auto left = round_trips;
    auto const before = monotonic_now();
    near.read([&] {
        if (--left == 0)
            return context.stop();
        near.write();
    });
    near.write();
    context.restart();
    context.run();
    return monotonic_now() - before;
}

} // namespace

double measure_ping_pong(std::uint64_t round_trips, unsigned repetitions)
{
    process const other{{"echo", "{control}"}, {}};
    std::uint16_t port = 0;
    if (!receive_message(other.control(), port))
        throw std::runtime_error{"the echo process did not start"};
    boost::asio::io_context context{1};
    tcp::socket socket{context};
    socket.connect({boost::asio::ip::address_v4::loopback(), port});
    end_point near{std::move(socket)};
    std::vector<std::uint64_t> times;
    for (unsigned i = 0; i < repetitions; ++i)
        times.push_back(time_round_trips(context, near, round_trips));
    return rate(round_trips, median(std::move(times)));
}

int run_echo(int argc, char** argv)
{
    if (argc < 3)
        return 2;
    boost::asio::io_context context{1};
    tcp::acceptor acceptor{context, {boost::asio::ip::address_v4::loopback(), 0}};
    auto const port = acceptor.local_endpoint().port();
    if (!send_message(std::atoi(argv[2]), port))
        return 1;
    end_point far{acceptor.accept()};
    far.read([&far] { far.write(); });
    context.run();
    return 0;
}

} // namespace cluster_benchmark
