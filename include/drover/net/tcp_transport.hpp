// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/function.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>
#include <drover/link/address.hpp>
#include <drover/link/link_effects.hpp>
#include <drover/link/link_table.hpp>
#include <drover/net/runtime.hpp>
#include <drover/net/tcp_connection.hpp>
#include <drover/net/tcp_listener.hpp>
#include <drover/policy/capabilities.hpp>
#include <drover/policy/transport.hpp>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>

namespace drover {

namespace net {

/// Carries out what a link table decides, over TCP. The state of a transport: handlers of its operations hold it.
template <class Runtime>
class tcp_interpreter final : public tcp_connection_owner<Runtime> {
public:
    using connection = tcp_connection<Runtime>;
    using socket_type = tcp_socket<Runtime>;

    tcp_interpreter(Runtime const& on, transport_options options) : runtime_{on}, options_{std::move(options)}, timer_{runtime_}
    {
    }

    /// Called with a sentence about each caller that is turned away and each peer that is dropped.
    unique_function<void(std::string_view)> log{};

    [[nodiscard]] errc start(transport_events& events)
    {
        expects(events_ == nullptr && !table_, "a transport is started once");
        auto const at = link::parse_address(options_.listen);
        auto advertised = link::parse_address(options_.advertise.empty() ? options_.listen : options_.advertise);
        if (!at || !advertised)
            return errc::invalid_address;
        auto const listener =
            std::make_shared<tcp_listener<Runtime>>(runtime_, [this](socket_type socket) { on_accepted(std::move(socket)); });
        if (auto const failure = listener->listen(*at); failure != errc::success)
            return failure;
        listener_ = listener;
        if (advertised->port == 0)
            advertised->port = listener_->port();
        options_.advertise = to_string(*advertised);
        table_.emplace(options_, runtime_.random(hash64("drover link")));
        events_ = &events;
        return errc::success;
    }

    [[nodiscard]] std::string const& address() const { return options_.advertise; }

    void dial(std::string_view text)
    {
        if (events_ == nullptr)
            return;
        table_->want(text, runtime_.now(), effects_);
        carry_out();
        deliver_later();
    }

    void undial(std::string_view text)
    {
        if (events_ == nullptr)
            return;
        table_->unwant(text, effects_);
        carry_out();
    }

    [[nodiscard]] bool send(std::string_view to, bytes&& frame)
    {
        auto const at = peers_.find(to);
        return at != peers_.end() && frame.size() <= limits::frame_size_max
            && at->second->send(std::move(frame), options_.send_queue_size_max);
    }

    void stop()
    {
        if (std::exchange(events_, nullptr) == nullptr)
            return;
        listener_->close();
        timer_.cancel();
        for (auto const& [id, open] : connections_)
            open->finish();
        connections_.clear();
        peers_.clear();
        notices_.clear();
    }

private:
    using connection_pointer = std::shared_ptr<connection>;
    using notice = std::variant<link::peer_up, link::peer_down, link::dial_failed>;

    // What the sockets say.

    void on_accepted(socket_type socket)
    {
        auto const id = table_->next_connection();
        auto const made = std::make_shared<connection>(id, *this, runtime_, std::move(socket));
        connections_.emplace(id, made);
        table_->on_accepted(id, runtime_.now(), effects_);
        carry_out();
        made->open();
        deliver();
    }

    void on_connected(connection& from) override
    {
        table_->on_connected(from.id(), effects_);
        carry_out();
        deliver();
    }

    void on_connect_failed(connection& from, dial_failure why, std::string_view sentence) override
    {
        connections_.erase(from.id());
        table_->on_connect_failed(from.id(), why, sentence, runtime_.now(), effects_);
        carry_out();
        deliver();
    }

    void on_frame(connection& from, bytes_view frame) override
    {
        if (from.established())
            return events_->on_frame(from.peer_id(), frame);
        greet(from, frame);
    }

    void on_batch_end() override
    {
        if (events_ != nullptr)
            events_->on_batch_end();
    }

    void on_frame_too_long(connection& from) override
    {
        if (!from.established())
            return greet(from, {});
        say("dropped the connection with '" + from.peer_id().name + "', which sent a frame over the size limit");
        auto const keep = from.shared_from_this();
        keep->abort();
        on_closed(*keep);
    }

    void on_closed(connection& from) override
    {
        forget(from.id());
        table_->on_closed(from.id(), runtime_.now(), effects_);
        carry_out();
        deliver();
    }

    void greet(connection& from, bytes_view frame)
    {
        table_->on_frame(from.id(), frame, runtime_.now(), effects_);
        carry_out();
        deliver();
    }

    void on_time()
    {
        timer_set_ = never;
        table_->on_time(runtime_.now(), effects_);
        carry_out();
        deliver();
    }

    // What the table wants.

    void carry_out()
    {
        for (auto& effect : effects_)
            std::visit([this](auto& what) { this->carry_out(what); }, effect);
        effects_.clear();
        set_timer();
    }

    void carry_out(link::open_connection& what)
    {
        auto const made = std::make_shared<connection>(what.connection, *this, runtime_);
        connections_.emplace(what.connection, made);
        made->dial(what.address);
    }

    void carry_out(link::send_frame& what)
    {
        if (auto const at = connections_.find(what.connection); at != connections_.end())
            static_cast<void>(at->second->send(std::move(what.frame), limits::handshake_size_max * 2));
    }

    void carry_out(link::close_connection& what)
    {
        if (auto const closed = forget(what.connection))
            closed->finish();
    }

    void carry_out(link::peer_up& what)
    {
        auto const at = connections_.find(what.connection);
        expects(at != connections_.end(), "a peer comes up on a connection that is there");
        at->second->establish(what.who.id);
        peers_.insert_or_assign(what.who.id.name, at->second);
        notices_.emplace_back(std::move(what));
    }

    void carry_out(link::peer_down& what) { notices_.emplace_back(std::move(what)); }
    void carry_out(link::dial_failed& what) { notices_.emplace_back(std::move(what)); }

    void carry_out(link::caller_refused& what)
    {
        say("turned away " + (what.who.empty() ? "a caller" : '\'' + what.who + '\'') + ": " + what.sentence);
    }

    /// Takes the connection out of all that is kept about it.
    connection_pointer forget(link::connection_id id)
    {
        auto const at = connections_.find(id);
        if (at == connections_.end())
            return nullptr;
        auto gone = std::move(at->second);
        connections_.erase(at);
        if (auto const up = peers_.find(gone->peer_id().name); up != peers_.end() && up->second == gone)
            peers_.erase(up);
        return gone;
    }

    void set_timer()
    {
        auto const next = table_->deadline();
        if (next == std::exchange(timer_set_, next))
            return;
        timer_.expires_at(next, [this] { on_time(); });
    }

    // What the user hears.

    /// Tells what there is to tell. The user may call the transport meanwhile; what comes of it is told next, by us.
    void deliver()
    {
        if (std::exchange(delivering_, true))
            return;
        auto const keep = this->shared_from_this();
        while (!notices_.empty()) {
            auto const next = std::move(notices_.front());
            notices_.pop_front();
            std::visit([this](auto const& what) { this->tell(what); }, next);
        }
        delivering_ = false;
    }

    void deliver_later()
    {
        if (notices_.empty() || delivering_)
            return;
        runtime_.post([self = std::static_pointer_cast<tcp_interpreter>(this->shared_from_this())] { self->deliver(); });
    }

    void tell(link::peer_up const& what) { events_->on_peer_up(what.who); }
    void tell(link::peer_down const& what) { events_->on_peer_down(what.who); }
    void tell(link::dial_failed const& what) { events_->on_dial_failed(what.address, what.why, what.code, what.sentence); }

    void say(std::string const& sentence)
    {
        if (log)
            log(sentence);
    }

    Runtime runtime_;
    transport_options options_;
    transport_events* events_ = nullptr; // null before the start and after the stop
    std::optional<link::link_table> table_;
    link::link_effects effects_;
    std::shared_ptr<tcp_listener<Runtime>> listener_;
    typename Runtime::timer_type timer_;
    time_point timer_set_ = never;
    std::unordered_map<link::connection_id, connection_pointer> connections_;
    std::unordered_map<std::string, connection_pointer, bytes_hash, std::equal_to<>> peers_; // by name, established
    std::deque<notice> notices_;
    bool delivering_ = false;
};

} // namespace net

/// Frames over TCP, in the clear: whoever can connect, and names the cluster, is a peer. For a network that is trusted.
///
/// Every frame is preceded by its length (four octets, little-endian); the first in each direction is the handshake
/// (`link/handshake.hpp`). Frames of one turn are written together, without waiting for more. Used on the strand of its
/// runtime, but for `address()`.
///
/// `Executor`: as for `net::basic_runtime`.
template <class Executor = boost::asio::any_io_executor>
class basic_tcp_transport {
public:
    using runtime_type = net::basic_runtime<Executor>;
    static constexpr transport_capabilities capabilities{};

    /// Pre: `options.self` and `options.cluster_name` are within their limits.
    basic_tcp_transport(runtime_type const& on, transport_options options)
        : interpreter_{std::make_shared<interpreter>(on, std::move(options))}
    {
    }
    basic_tcp_transport(basic_tcp_transport const&) = delete;
    basic_tcp_transport& operator=(basic_tcp_transport const&) = delete;
    ~basic_tcp_transport() { stop(); }

    /// Called with a sentence about each caller that is turned away and each peer that is dropped for what it sent. Before
    /// `start`.
    void on_log(unique_function<void(std::string_view)> sink) { interpreter_->log = std::move(sink); }

    /// Listens. `events` lives until `stop`. A host name in `listen` is resolved in place.
    [[nodiscard]] errc start(transport_events& events) { return interpreter_->start(events); }

    /// What others dial: `advertise`, else `listen`, with the port that was taken. Valid once started.
    [[nodiscard]] std::string address() const { return interpreter_->address(); }

    /// Keep a connection to this address from now on. A name is resolved anew for each attempt.
    void dial(std::string_view text) { interpreter_->dial(text); }

    /// Stop trying. An open connection stays.
    void undial(std::string_view text) { interpreter_->undial(text); }

    /// To the peer of this name. False: not connected, the frame is over `limits::frame_size_max`, or the peer's queue is full.
    [[nodiscard]] bool send(std::string_view to, bytes frame) { return interpreter_->send(to, std::move(frame)); }

    /// Calls nothing any more, and closes: what is queued may take up to `net::flush_timeout` to go out, while the context
    /// runs on. A second call changes nothing.
    void stop() { interpreter_->stop(); }

private:
    using interpreter = net::tcp_interpreter<runtime_type>;

    std::shared_ptr<interpreter> interpreter_;
};

/// On an executor of whatever type.
using tcp_transport = basic_tcp_transport<>;

static_assert(transport<tcp_transport>);

} // namespace drover
