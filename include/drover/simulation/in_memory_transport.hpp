// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>
#include <drover/link/link_effects.hpp>
#include <drover/link/link_table.hpp>
#include <drover/policy/transport.hpp>
#include <drover/simulation/runtime.hpp>
#include <drover/simulation/switchboard.hpp>

#include <cstdint>
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

namespace simulation::detail {

/// Carries out what a `link_table` wants over the network of a world, and tells the transport's user.
class in_memory_links final : public network_user, public std::enable_shared_from_this<in_memory_links> {
public:
    in_memory_links(runtime const& of, transport_options options) : runtime_{of}, options_{std::move(options)}, timer_{runtime_}
    {
        if (options_.listen.empty() || options_.listen.ends_with(":0"))
            options_.listen = options_.self.name;
        if (options_.advertise.empty())
            options_.advertise = options_.listen;
    }
    in_memory_links(in_memory_links const&) = delete;
    in_memory_links& operator=(in_memory_links const&) = delete;
    ~in_memory_links() = default;

    [[nodiscard]] errc start(transport_events& events)
    {
        expects(!table_, "a transport is started once");
        if (!runtime_.is_current())
            return errc::shutting_down;
        if (options_.listen.size() > limits::address_size_max || options_.advertise.size() > limits::address_size_max)
            return errc::invalid_address;
        if (!network().listen(runtime_.which_life(), *this, options_.listen))
            return errc::address_in_use;
        table_.emplace(options_, runtime_.random(hash64("link table")));
        events_ = &events;
        return errc::success;
    }

    [[nodiscard]] std::string const& address() const { return options_.advertise; }

    void dial(std::string_view address)
    {
        if (events_ == nullptr)
            return;
        link::link_effects effects;
        table_->want(address, runtime_.now(), effects);
        carry_out(std::move(effects));
        tell_later();
    }

    void undial(std::string_view address)
    {
        if (events_ == nullptr)
            return;
        link::link_effects effects;
        table_->unwant(address, effects);
        carry_out(std::move(effects));
        tell_later();
    }

    [[nodiscard]] bool send(std::string_view name, bytes&& frame)
    {
        auto const found = routes_.find(name);
        if (found == routes_.end() || frame.size() > limits::frame_size_max || !runtime_.is_current())
            return false;
        auto const end = found->second.end;
        if (network().in_flight(end) + frame.size() > options_.send_queue_size_max)
            return false;
        network().send(end, std::move(frame), false);
        return true;
    }

    void stop()
    {
        events_ = nullptr;
        timer_.cancel();
        network().detach(*this);
        lines_.clear();
        routes_.clear();
        untold_.clear();
    }

private:
    /// One connection of the table.
    struct line {
        connection_end end;
        bool connecting = false;
        std::shared_ptr<node_id const> who; // once it is established
    };

    /// Where frames for a peer go.
    struct route {
        link::connection_id connection = 0;
        connection_end end;
    };

    [[nodiscard]] switchboard& network() { return runtime_.owner().connections(); }

    // What the network tells.

    std::uint64_t on_accepted(connection_end end) override
    {
        auto const connection = table_->next_connection();
        lines_.emplace(connection, line{end, false, nullptr});
        input([&](link::link_effects& out) { table_->on_accepted(connection, runtime_.now(), out); });
        return connection;
    }

    void on_connected(std::uint64_t connection) override
    {
        lines_.at(connection).connecting = false;
        input([&](link::link_effects& out) { table_->on_connected(connection, out); });
    }

    void on_refused(std::uint64_t connection) override
    {
        forget(connection);
        fail_to_connect(connection, "nobody listens at this address");
    }

    void on_ended(std::uint64_t connection) override
    {
        bool const connecting = lines_.at(connection).connecting;
        forget(connection);
        if (connecting)
            return fail_to_connect(connection, "the connection was reset");
        input([&](link::link_effects& out) { table_->on_closed(connection, runtime_.now(), out); });
    }

    void on_arrived(std::uint64_t connection, bytes_view frame) override
    {
        auto const& from = lines_.at(connection);
        if (!from.who)
            return input([&](link::link_effects& out) { table_->on_frame(connection, frame, runtime_.now(), out); });
        auto const alive = shared_from_this();
        auto const who = from.who;
        tell();
        if (events_ != nullptr)
            events_->on_frame(*who, frame);
        end_batch();
    }

    void fail_to_connect(link::connection_id connection, std::string_view sentence)
    {
        input([&](link::link_effects& out) {
            table_->on_connect_failed(connection, dial_failure::refused, sentence, runtime_.now(), out);
        });
    }

    /// Gives the table an input in a turn of its own, does what it wants, and tells the user.
    template <class Input>
    void input(Input give)
    {
        auto const alive = shared_from_this();
        link::link_effects effects;
        give(effects);
        carry_out(std::move(effects));
        tell();
    }

    // What the table wants.

    void carry_out(link::link_effects effects)
    {
        for (auto& effect : effects)
            std::visit([this](auto& wanted) { this->carry_out(wanted); }, effect);
        set_timer();
    }

    void carry_out(link::open_connection& wanted)
    {
        auto const end = network().connect(runtime_.which_life(), *this, wanted.connection, wanted.address);
        lines_.emplace(wanted.connection, line{end, true, nullptr});
    }

    void carry_out(link::send_frame& wanted)
    {
        if (auto const found = lines_.find(wanted.connection); found != lines_.end())
            network().send(found->second.end, std::move(wanted.frame), true);
    }

    void carry_out(link::close_connection& wanted)
    {
        if (auto const found = lines_.find(wanted.connection); found != lines_.end())
            network().close(found->second.end);
        forget(wanted.connection);
    }

    void carry_out(link::peer_up& wanted)
    {
        auto& up = lines_.at(wanted.connection);
        up.who = std::make_shared<node_id const>(wanted.who.id);
        routes_.insert_or_assign(wanted.who.id.name, route{wanted.connection, up.end});
        untold_.emplace_back(std::move(wanted));
    }

    void carry_out(link::peer_down& wanted) { untold_.emplace_back(std::move(wanted)); }
    void carry_out(link::dial_failed& wanted) { untold_.emplace_back(std::move(wanted)); }
    void carry_out(link::caller_refused& wanted)
    {
        if (runtime_.owner().tracing())
            runtime_.trace("refuses '" + wanted.who + "': " + wanted.sentence);
    }

    void forget(link::connection_id connection)
    {
        auto const found = lines_.find(connection);
        if (found == lines_.end())
            return;
        if (auto const& who = found->second.who) {
            auto const route_to = routes_.find(std::string_view{who->name});
            if (route_to != routes_.end() && route_to->second.connection == connection)
                routes_.erase(route_to);
        }
        lines_.erase(found);
    }

    void set_timer()
    {
        auto const at = table_->deadline();
        if (std::exchange(timer_at_, at) == at)
            return;
        timer_.expires_at(at, [this] {
            timer_at_ = never;
            input([&](link::link_effects& out) { table_->on_time(runtime_.now(), out); });
        });
    }

    // What the user is told.

    /// Tells the user, outside of this call.
    void tell_later()
    {
        if (!untold_.empty() && !telling_ && !std::exchange(tell_posted_, true))
            runtime_.post([self = shared_from_this()] {
                self->tell_posted_ = false;
                self->tell();
            });
    }

    void tell()
    {
        if (std::exchange(telling_, true))
            return;
        while (!untold_.empty() && events_ != nullptr) {
            auto const next = std::move(untold_.front());
            untold_.pop_front();
            std::visit([this](auto const& news) { this->tell(news); }, next);
        }
        telling_ = false;
    }

    void tell(link::peer_up const& news)
    {
        if (runtime_.owner().tracing())
            runtime_.trace("is connected with " + news.who.id.name);
        events_->on_peer_up(news.who);
    }
    void tell(link::peer_down const& news)
    {
        if (runtime_.owner().tracing())
            runtime_.trace("has lost " + news.who.name);
        events_->on_peer_down(news.who);
    }
    void tell(link::dial_failed const& news)
    {
        if (runtime_.owner().tracing())
            runtime_.trace("cannot reach " + news.address + ": " + news.sentence);
        events_->on_dial_failed(news.address, news.why, news.code, news.sentence);
    }
    template <class Other>
    void tell(Other const&)
    {
    }

    /// A frame was handed over. If more arrive at this very time the batch goes on, and ends in a turn behind them.
    void end_batch()
    {
        if (batch_open_ || events_ == nullptr)
            return;
        if (!runtime_.owner().events().frame_follows(runtime_.which_life()))
            return events_->on_batch_end();
        batch_open_ = true;
        runtime_.post([self = shared_from_this()] {
            self->batch_open_ = false;
            if (self->events_ != nullptr)
                self->events_->on_batch_end();
        });
    }

    runtime runtime_;
    transport_options options_;
    transport_events* events_ = nullptr; // null before the start and after the stop
    std::optional<link::link_table> table_;
    std::unordered_map<link::connection_id, line> lines_;                        // looked up, never iterated
    std::unordered_map<std::string, route, bytes_hash, std::equal_to<>> routes_; // by the peer's name; never iterated
    std::deque<link::link_effect> untold_;
    bool telling_ = false;
    bool tell_posted_ = false;
    bool batch_open_ = false;
    time_point timer_at_ = never;
    timer timer_;
};

} // namespace simulation::detail

/// Nodes in one process, over the network of a `simulation::world`: real handshakes and encoded frames, virtual time.
///
/// Satisfies the `transport` concept. Any string that is not empty is an address; an empty `listen` stands for the node's
/// name. A stop closes connections behind what was sent, so that it still arrives. When the host's life is over a transport
/// does nothing, and `send` gives false.
class in_memory_transport {
public:
    using runtime_type = simulation::runtime;
    static constexpr transport_capabilities capabilities{.simulated = true};

    in_memory_transport(runtime_type const& of, transport_options options)
        : links_{std::make_shared<simulation::detail::in_memory_links>(of, std::move(options))}
    {
    }
    in_memory_transport(in_memory_transport const&) = delete;
    in_memory_transport& operator=(in_memory_transport const&) = delete;
    ~in_memory_transport() { stop(); }

    /// `address_in_use` when a live host listens there, `invalid_address` when an address is too long, `shutting_down` when
    /// the host's life is over. `events` must live until `stop()`.
    [[nodiscard]] errc start(transport_events& events) { return links_->start(events); }

    [[nodiscard]] std::string address() const { return links_->address(); }

    void dial(std::string_view address) { links_->dial(address); }
    void undial(std::string_view address) { links_->undial(address); }

    /// False: no such peer is connected, the frame is over `limits::frame_size_max`, or more than `send_queue_size_max` octets
    /// would be on their way.
    [[nodiscard]] bool send(std::string_view name, bytes frame) { return links_->send(name, std::move(frame)); }

    void stop() { links_->stop(); }

private:
    std::shared_ptr<simulation::detail::in_memory_links> links_;
};

} // namespace drover
