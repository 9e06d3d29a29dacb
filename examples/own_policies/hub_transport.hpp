// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// A Transport of one's own, written from docs/concepts/transport.md: nodes of one process exchange frames through a hub, in
/// memory and in real time. All decisions about connections are made by `drover::link::link_table`; what is left is to carry
/// frames from one strand to another.

#include "hub_runtime.hpp"

#include <drover/completion.hpp>
#include <drover/link/link_table.hpp>
#include <drover/policy/transport.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace own {

/// One end of a connection. It belongs to the strand of its station; only `waiting` is shared.
struct plug {
    std::weak_ptr<hub_station> station;   ///< whom what arrives here is told
    std::weak_ptr<plug> other;            ///< the other end
    drover::link::connection_id id = 0;   ///< what the station calls it
    drover::node_id peer{};               ///< who is at the other end; no name before the handshake is done
    std::atomic<std::size_t> waiting = 0; ///< octets that are on their way to this end
};

/// What a `hub_transport` is a handle of: news on their way to it hold it.
///
/// Whatever happens to it comes as news, one after the other, on its strand: a call, a frame, the end of a connection, but
/// also a dial by its own user. So the table gets one input at a time, and events never come from within a call.
class hub_station : public std::enable_shared_from_this<hub_station> {
public:
    using news = drover::unique_function<void(hub_station&)>;

    hub_station(hub_runtime const& runtime, drover::transport_options options)
        : runtime_{runtime}, options_{std::move(options)}, timer_{runtime_}
    {
    }

    [[nodiscard]] std::string const& name() const { return options_.self.name; }
    [[nodiscard]] std::string const& address() const { return options_.advertise; }

    [[nodiscard]] drover::errc start(drover::transport_events& events)
    {
        drover::expects(!table_, "a transport is started once");
        if (auto const code = runtime_.hub().listen(options_.listen, weak_from_this()); code != drover::errc::success)
            return code;
        if (options_.advertise.empty())
            options_.advertise = options_.listen;
        table_.emplace(options_, runtime_.random(random_purpose));
        events_ = &events;
        return drover::errc::success;
    }

    void stop()
    {
        if (std::exchange(events_, nullptr) == nullptr)
            return;
        runtime_.hub().leave(options_.listen);
        timer_.cancel();
        while (!lines_.empty())
            hang_up(*remove(lines_.begin()->first));
    }

    void dial(std::string_view address)
    {
        tell_table([to = std::string{address}](auto& table, auto now, auto& out) { table.want(to, now, out); });
    }

    void undial(std::string_view address)
    {
        tell_table([to = std::string{address}](auto& table, auto, auto& out) { table.unwant(to, out); });
    }

    [[nodiscard]] bool send(std::string_view to, drover::bytes frame)
    {
        auto const at = peers_.find(to);
        if (at == peers_.end() || frame.size() > drover::limits::frame_size_max)
            return false;
        auto const far = at->second->other.lock();
        if (far && far->waiting + cost(frame) > options_.send_queue_size_max)
            return false;
        write(*at->second, std::move(frame));
        return true;
    }

    /// From any thread. All that was told before the turn comes is handled in it: a batch.
    void tell(news what)
    {
        auto const guard = std::scoped_lock{mutex_};
        inbox_.push_back(std::move(what));
        if (inbox_.size() == 1)
            runtime_.post([self = shared_from_this()] { self->read_inbox(); });
    }

    // ---- news --------------------------------------------------------------------------------------------------------

    void on_called(std::shared_ptr<plug> const& near)
    {
        if (events_ == nullptr) // it came when we had stopped
            return hang_up(*near);
        near->id = table_->next_connection();
        lines_.emplace(near->id, near);
        table_->on_accepted(near->id, runtime_.now(), effects_);
    }

    void on_frame(plug& near, drover::bytes_view frame)
    {
        near.waiting -= cost(frame);
        if (!lines_.contains(near.id))
            return;
        if (near.peer.name.empty())
            return table_->on_frame(near.id, frame, runtime_.now(), effects_);
        frames_came_ = true;
        events_->on_frame(near.peer, frame);
    }

    void on_hung_up(plug const& near)
    {
        if (remove(near.id))
            table_->on_closed(near.id, runtime_.now(), effects_);
    }

    void on_cut(std::string const& peer_name)
    {
        if (auto const at = peers_.find(peer_name); at != peers_.end()) {
            auto const near = at->second;
            hang_up(*near);
            on_hung_up(*near);
        }
    }

private:
    static constexpr std::uint64_t random_purpose = 0x687562; // "hub"

    /// So that empty frames are bounded, too.
    [[nodiscard]] static std::size_t cost(drover::bytes_view frame) { return frame.size() + sizeof(news); }

    void read_inbox()
    {
        for (auto& each : take_inbox()) {
            each(*this);
            carry_out_effects();
        }
        if (std::exchange(frames_came_, false) && events_ != nullptr)
            events_->on_batch_end();
        set_timer();
    }

    [[nodiscard]] std::vector<news> take_inbox()
    {
        auto const guard = std::scoped_lock{mutex_};
        return std::exchange(inbox_, {});
    }

    /// An input of the table, in a turn of its own. Nothing happens before start() and after stop().
    template <class Input>
    void tell_table(Input input)
    {
        if (events_ == nullptr)
            return;
        tell([input = std::move(input)](hub_station& self) {
            if (self.events_ != nullptr)
                input(*self.table_, self.runtime_.now(), self.effects_);
        });
    }

    void set_timer()
    {
        if (events_ == nullptr || table_->deadline() == timer_set_to_)
            return;
        timer_set_to_ = table_->deadline();
        timer_.expires_at(timer_set_to_, [this] { // it lives: its end cancels the timer
            timer_set_to_ = drover::never;
            tell_table([](auto& table, auto now, auto& out) { table.on_time(now, out); });
        });
    }

    /// Removes a connection. Empty: there is none of this name.
    std::shared_ptr<plug> remove(drover::link::connection_id connection)
    {
        auto const line = lines_.extract(connection);
        if (line.empty())
            return nullptr;
        auto const peer = peers_.find(line.mapped()->peer.name);
        if (peer != peers_.end() && peer->second == line.mapped())
            peers_.erase(peer);
        return line.mapped();
    }

    static void hang_up(plug const& near)
    {
        tell_other(near, [](hub_station& there, plug& far) { there.on_hung_up(far); });
    }

    static void write(plug const& near, drover::bytes frame)
    {
        if (auto const far = near.other.lock())
            far->waiting += cost(frame);
        tell_other(near, [frame = std::move(frame)](hub_station& there, plug& far) { there.on_frame(far, frame); });
    }

    template <class What>
    static void tell_other(plug const& near, What what)
    {
        auto const far = near.other.lock();
        if (auto const there = far ? far->station.lock() : nullptr)
            there->tell([far, what = std::move(what)](hub_station& self) { what(self, *far); });
    }

    // ---- effects of the table ----------------------------------------------------------------------------------------------

    void carry_out_effects()
    {
        for (auto& each : std::exchange(effects_, {})) {
            if (events_ == nullptr) // stopped, from within an event
                return;
            std::visit([this](auto& effect) { carry_out(effect); }, each);
        }
    }

    void carry_out(drover::link::open_connection const& what)
    {
        auto const near = std::make_shared<plug>();
        auto const far = std::make_shared<plug>();
        near->station = weak_from_this();
        near->other = far;
        near->id = what.connection;
        far->other = near;
        if (!hub::is_address(what.address))
            return fail(what.connection, drover::dial_failure::unreachable, "an address begins with \"hub:\"");
        if (!runtime_.hub().call(what.address, far))
            return fail(what.connection, drover::dial_failure::refused, "nobody listens there");
        lines_.emplace(near->id, near);
        tell_table([id = near->id](auto& table, auto, auto& out) { table.on_connected(id, out); });
    }

    void fail(drover::link::connection_id connection, drover::dial_failure why, char const* sentence)
    {
        tell_table([=](auto& table, auto now, auto& out) { table.on_connect_failed(connection, why, sentence, now, out); });
    }

    void carry_out(drover::link::send_frame& what)
    {
        if (auto const at = lines_.find(what.connection); at != lines_.end())
            write(*at->second, std::move(what.frame));
    }

    void carry_out(drover::link::close_connection const& what)
    {
        if (auto const line = remove(what.connection))
            hang_up(*line);
    }

    void carry_out(drover::link::peer_up const& what)
    {
        auto const at = lines_.find(what.connection);
        if (at == lines_.end()) // its end is the next that the table hears
            return;
        at->second->peer = what.who.id;
        peers_.insert_or_assign(what.who.id.name, at->second);
        events_->on_peer_up(what.who);
    }

    void carry_out(drover::link::peer_down const& what) { events_->on_peer_down(what.who); }

    void carry_out(drover::link::dial_failed const& what)
    {
        events_->on_dial_failed(what.address, what.why, what.code, what.sentence);
    }

    void carry_out(drover::link::caller_refused const&) {} // there is no log

    hub_runtime runtime_;
    drover::transport_options options_;
    hub_timer timer_;
    drover::time_point timer_set_to_ = drover::never;
    drover::transport_events* events_ = nullptr; // null before start() and after stop()
    std::optional<drover::link::link_table> table_;
    drover::link::link_effects effects_;
    std::map<drover::link::connection_id, std::shared_ptr<plug>> lines_;
    std::map<std::string, std::shared_ptr<plug>, std::less<>> peers_; // those of `lines_` whose handshake is done
    bool frames_came_ = false;
    std::mutex mutex_;
    std::vector<news> inbox_;
};

inline bool hub::call(std::string const& address, std::shared_ptr<plug> const& far)
{
    auto const guard = std::scoped_lock{mutex_};
    auto const at = stations_.find(address);
    if (at == stations_.end())
        return false;
    far->station = at->second;
    if (auto const station = far->station.lock())
        station->tell([far](hub_station& self) { self.on_called(far); });
    return true;
}

inline std::shared_ptr<hub_station> hub::station_of(std::string_view name)
{
    auto const guard = std::scoped_lock{mutex_};
    for (auto const& [address, station] : stations_)
        if (auto found = station.lock(); found && found->name() == name)
            return found;
    return nullptr;
}

inline void hub::cut(std::string_view one, std::string_view other)
{
    if (auto const station = station_of(one))
        station->tell([name = std::string{other}](hub_station& self) { self.on_cut(name); });
}

inline void hub::kill(std::string_view name)
{
    if (auto const station = station_of(name))
        station->stop();
}

/// The Transport.
class hub_transport {
public:
    using runtime_type = hub_runtime;
    static constexpr drover::transport_capabilities capabilities{};

    hub_transport(hub_runtime const& runtime, drover::transport_options options)
        : station_{std::make_shared<hub_station>(runtime, std::move(options))}
    {
    }
    hub_transport(hub_transport const&) = delete;
    hub_transport& operator=(hub_transport const&) = delete;
    ~hub_transport() { stop(); }

    [[nodiscard]] drover::errc start(drover::transport_events& events) { return station_->start(events); }
    [[nodiscard]] std::string address() const { return station_->address(); }
    void dial(std::string_view address) { station_->dial(address); }
    void undial(std::string_view address) { station_->undial(address); }
    [[nodiscard]] bool send(std::string_view to, drover::bytes frame) { return station_->send(to, std::move(frame)); }
    void stop() { station_->stop(); }

private:
    std::shared_ptr<hub_station> station_;
};

static_assert(drover::transport<hub_transport>);

} // namespace own
