// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>
#include <drover/base/function.hpp>
#include <drover/link/address.hpp>
#include <drover/net/runtime.hpp>
#include <drover/net/tcp_connection.hpp>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

namespace drover::net {

/// How long nobody is accepted after an accept failed, as when there are no descriptors left.
inline constexpr auto accept_pause = std::chrono::milliseconds{100};

/// Accepts TCP connections until it is closed, whatever errors come between. Kept alive by its own operations. Used on the
/// strand only.
template <class Runtime>
class tcp_listener : public std::enable_shared_from_this<tcp_listener<Runtime>> {
public:
    using socket_type = tcp_socket<Runtime>;

    /// `accepted` is called for each connection, from the strand, until `close`.
    tcp_listener(Runtime const& on, unique_function<void(socket_type)> accepted)
        : runtime_{on}, acceptor_{on.get_executor()}, pause_{runtime_}, accepted_{std::move(accepted)}
    {
    }

    /// Listens; port 0 takes a free one. A host name is resolved in place.
    [[nodiscard]] errc listen(link::address const& at)
    {
        boost::system::error_code failure;
        auto const endpoint = resolve(at, failure);
        if (!failure)
            open(endpoint, failure);
        if (failure)
            return meaning(failure);
        accept();
        return errc::success;
    }

    /// Pre: `listen` succeeded.
    [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

    void close()
    {
        boost::system::error_code ignored;
        accepted_ = nullptr;
        pause_.cancel();
        acceptor_.close(ignored);
    }

private:
    using tcp = boost::asio::ip::tcp;
    using error_code = boost::system::error_code;

    [[nodiscard]] tcp::endpoint resolve(link::address const& at, error_code& failure) const
    {
        if (auto const numeric = boost::asio::ip::make_address(at.host, failure); !failure)
            return {numeric, at.port};
        boost::asio::ip::basic_resolver<tcp, typename Runtime::executor_type> resolver{runtime_.get_executor()};
        auto const found = resolver.resolve(at.host, std::to_string(at.port), tcp::resolver::passive, failure);
        return failure || found.empty() ? tcp::endpoint{} : found.begin()->endpoint();
    }

    void open(tcp::endpoint const& at, error_code& failure)
    {
        acceptor_.open(at.protocol(), failure);
        if (!failure)
            acceptor_.set_option(tcp::acceptor::reuse_address{true}, failure);
        if (!failure)
            acceptor_.bind(at, failure);
        if (!failure)
            acceptor_.listen(tcp::acceptor::max_listen_connections, failure);
    }

    [[nodiscard]] static errc meaning(error_code const& failure)
    {
        if (failure == boost::asio::error::address_in_use)
            return errc::address_in_use;
        if (failure == boost::asio::error::access_denied || failure == boost::asio::error::no_permission)
            return errc::permission_denied;
        return errc::address_unavailable;
    }

    void accept()
    {
        acceptor_.async_accept([self = this->shared_from_this()](error_code const& failure, socket_type socket) {
            self->on_accepted(failure, std::move(socket));
        });
    }

    void on_accepted(error_code const& failure, socket_type socket)
    {
        if (!accepted_)
            return;
        if (failure)
            return pause_.expires_at(runtime_.now() + accept_pause, [this] { accept(); });
        accepted_(std::move(socket));
        if (accepted_)
            accept();
    }

    Runtime runtime_;
    boost::asio::basic_socket_acceptor<tcp, typename Runtime::executor_type> acceptor_;
    typename Runtime::timer_type pause_;
    unique_function<void(socket_type)> accepted_;
};

} // namespace drover::net
