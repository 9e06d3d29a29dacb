// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/link/address.hpp>
#include <drover/link/link_effects.hpp>
#include <drover/net/frame_reader.hpp>
#include <drover/net/runtime.hpp>
#include <drover/net/send_queue.hpp>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/basic_resolver.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace drover::net {

/// How long a connection that is closed may take to write what waits in it.
inline constexpr auto flush_timeout = std::chrono::seconds{1};

/// The sockets of a runtime.
template <class Runtime>
using tcp_socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, typename Runtime::executor_type>;

template <class Runtime>
class tcp_connection;

/// What a connection tells its owner, on the strand, and never from within a call to the connection.
template <class Runtime>
class tcp_connection_owner : public std::enable_shared_from_this<tcp_connection_owner<Runtime>> {
public:
    using connection = tcp_connection<Runtime>;

    virtual void on_connected(connection& from) = 0;
    virtual void on_connect_failed(connection& from, dial_failure why, std::string_view sentence) = 0;
    virtual void on_frame(connection& from, bytes_view frame) = 0;
    /// All frames that had arrived together have been given.
    virtual void on_batch_end() = 0;
    /// A frame is longer than it may be: nothing that follows can be told apart.
    virtual void on_frame_too_long(connection& from) = 0;
    virtual void on_closed(connection& from) = 0;

protected:
    ~tcp_connection_owner() = default;
};

/// One TCP connection that carries frames. Kept alive by its own operations; it tells its owner nothing any more once it was
/// given up with `abort` or `finish`. Used on the strand only.
///
///     dial -> connecting -> open -> finishing (flush, end of sending, end of the other side) -> closed
template <class Runtime>
class tcp_connection : public std::enable_shared_from_this<tcp_connection<Runtime>> {
public:
    using owner_type = tcp_connection_owner<Runtime>;
    using socket_type = tcp_socket<Runtime>;

    /// A connection to be made, with `dial`.
    tcp_connection(link::connection_id id, owner_type& owner, Runtime const& on)
        : id_{id}, owner_{&owner}, socket_{on.get_executor()}, resolver_{on.get_executor()}, timer_{on.get_executor()}
    {
    }

    /// A connection that somebody made to us; `open` starts it.
    tcp_connection(link::connection_id id, owner_type& owner, Runtime const& on, socket_type socket)
        : id_{id}, owner_{&owner}, socket_{std::move(socket)}, resolver_{on.get_executor()}, timer_{on.get_executor()}
    {
    }

    [[nodiscard]] link::connection_id id() const { return id_; }
    /// The peer, once established.
    [[nodiscard]] node_id const& peer_id() const { return peer_; }
    [[nodiscard]] bool established() const { return established_; }

    /// The handshake is done: frames may be longer from now on, and are this peer's.
    void establish(node_id who)
    {
        peer_ = std::move(who);
        established_ = true;
    }

    /// Connects to the address, resolving its host when it is a name.
    void dial(std::string_view text)
    {
        auto const target = link::parse_address(text);
        if (!target)
            return fail_to_parse();
        boost::system::error_code not_numeric;
        auto const numeric = boost::asio::ip::make_address(target->host, not_numeric);
        if (!not_numeric)
            return connect({numeric, target->port});
        resolver_.async_resolve(target->host, std::to_string(target->port),
            [self = this->shared_from_this()](
                boost::system::error_code const& failure, results_type const& found) { self->on_resolved(failure, found); });
    }

    /// Starts to read. Pre: connected.
    void open()
    {
        boost::system::error_code ignored;
        socket_.set_option(boost::asio::ip::tcp::no_delay{true}, ignored);
        open_ = true;
        read();
    }

    /// Queues a frame; it goes out with all that is queued in this turn. False when that would be more than `queue_size_max`.
    [[nodiscard]] bool send(bytes&& frame, std::size_t queue_size_max)
    {
        auto const room = queue_size_max - std::min(queue_size_max, queue_.size());
        if (!open_ || frame.size() + frame_header_size > room)
            return false;
        queue_.push(std::move(frame));
        if (!writing_ && !std::exchange(flush_posted_, true))
            boost::asio::post(socket_.get_executor(), [self = this->shared_from_this()] {
                self->flush_posted_ = false;
                self->flush();
            });
        return true;
    }

    /// Closes at once.
    void abort()
    {
        owner_ = nullptr;
        open_ = false;
        boost::system::error_code ignored;
        resolver_.cancel();
        timer_.cancel();
        socket_.close(ignored);
    }

    /// Writes what is queued, then closes: within `flush_timeout`.
    void finish()
    {
        owner_ = nullptr;
        if (!open_ || (queue_.empty() && !established_))
            return abort();
        finishing_ = true;
        timer_.expires_after(flush_timeout);
        timer_.async_wait([self = this->shared_from_this()](boost::system::error_code const& cancelled) {
            if (!cancelled)
                self->abort();
        });
        flush();
    }

private:
    using resolver_type = boost::asio::ip::basic_resolver<boost::asio::ip::tcp, typename Runtime::executor_type>;
    using timer_type = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
        boost::asio::wait_traits<std::chrono::steady_clock>, typename Runtime::executor_type>;
    using results_type = boost::asio::ip::tcp::resolver::results_type;
    using error_code = boost::system::error_code;

    // Connecting.

    void fail_to_parse()
    {
        boost::asio::post(socket_.get_executor(), [self = this->shared_from_this()] {
            if (self->owner_ != nullptr)
                self->tell_failure(dial_failure::unreachable, describe(errc::invalid_address));
        });
    }

    void on_resolved(error_code const& failure, results_type const& found)
    {
        if (owner_ == nullptr)
            return;
        if (failure)
            return tell_failure(dial_failure::unreachable, failure.message());
        boost::asio::async_connect(
            socket_, found, [self = this->shared_from_this()](error_code const& result, boost::asio::ip::tcp::endpoint const&) {
                self->on_connected(result);
            });
    }

    void connect(boost::asio::ip::tcp::endpoint const& target)
    {
        socket_.async_connect(
            target, [self = this->shared_from_this()](error_code const& result) { self->on_connected(result); });
    }

    void on_connected(error_code const& result)
    {
        if (owner_ == nullptr)
            return;
        if (result == boost::asio::error::connection_refused || (!result && connected_to_itself()))
            return tell_failure(dial_failure::refused, "nobody listens there");
        if (result == boost::asio::error::timed_out)
            return tell_failure(dial_failure::timed_out, result.message());
        if (result)
            return tell_failure(dial_failure::unreachable, result.message());
        auto const owner = owner_->shared_from_this();
        open();
        owner->on_connected(*this);
    }

    /// TCP lets a socket connect to itself, when it is given the very port that it dials: then nobody listens there.
    [[nodiscard]] bool connected_to_itself() const
    {
        error_code one;
        error_code other;
        auto const near = socket_.local_endpoint(one);
        auto const far = socket_.remote_endpoint(other);
        return !one && !other && near == far;
    }

    void tell_failure(dial_failure why, std::string_view sentence)
    {
        auto const owner = std::exchange(owner_, nullptr)->shared_from_this();
        auto const self = this->shared_from_this();
        abort();
        owner->on_connect_failed(*self, why, sentence);
    }

    // Reading.

    void read()
    {
        auto const space = reader_.prepare();
        socket_.async_read_some(boost::asio::buffer(space.data(), space.size()),
            [self = this->shared_from_this()](error_code const& failure, std::size_t count) { self->on_read(failure, count); });
    }

    void on_read(error_code const& failure, std::size_t count)
    {
        if (!open_)
            return;
        if (failure)
            return on_read_failed();
        // What comes while the connection finishes is read and dropped: octets that nobody reads would reset it.
        if (owner_ != nullptr) {
            reader_.commit(count);
            hand_over();
        }
        if (open_)
            read();
    }

    void on_read_failed()
    {
        if (owner_ == nullptr)
            return abort();
        auto const owner = std::exchange(owner_, nullptr)->shared_from_this();
        abort();
        owner->on_closed(*this);
    }

    void hand_over()
    {
        auto const owner = owner_->shared_from_this();
        bool batch = false;
        while (owner_ != nullptr) {
            bool const bulk = established_;
            auto const next = reader_.next(bulk ? limits::frame_size_max : limits::handshake_size_max);
            if (next.what == frame_reader::status::incomplete)
                break;
            if (next.what == frame_reader::status::too_long) {
                owner->on_frame_too_long(*this);
                break;
            }
            batch = batch || bulk;
            owner->on_frame(*this, next.frame);
        }
        if (batch)
            owner->on_batch_end();
    }

    // Writing.

    /// What `async_write` may copy cheaply.
    struct buffers {
        using value_type = boost::asio::const_buffer;
        using const_iterator = value_type const*;

        [[nodiscard]] const_iterator begin() const { return all.data(); }
        [[nodiscard]] const_iterator end() const { return all.data() + all.size(); }

        std::span<value_type const> all;
    };

    void flush()
    {
        if (writing_ || !socket_.is_open())
            return;
        if (queue_.empty())
            return end_sending();
        writing_ = true;
        boost::asio::async_write(socket_, buffers{queue_.begin_write()},
            [self = this->shared_from_this()](error_code const& failure, std::size_t) { self->on_written(failure); });
    }

    void on_written(error_code const& failure)
    {
        // A broken connection is reported by the read, which first gets what the other side sent before it broke.
        if (failure || !open_)
            return;
        writing_ = false;
        queue_.finish_write();
        flush();
    }

    void end_sending()
    {
        error_code ignored;
        if (finishing_)
            socket_.shutdown(socket_type::shutdown_send, ignored);
    }

    link::connection_id id_;
    owner_type* owner_; // null once given up
    socket_type socket_;
    resolver_type resolver_;
    timer_type timer_; // of `finish`
    node_id peer_;
    frame_reader reader_;
    send_queue queue_;
    bool open_ = false;
    bool established_ = false;
    bool writing_ = false;
    bool flush_posted_ = false;
    bool finishing_ = false;
};

} // namespace drover::net
