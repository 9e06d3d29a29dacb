// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/hash.hpp>
#include <drover/policy/transport.hpp>
#include <drover/simulation/kernel.hpp>
#include <drover/simulation/links.hpp>
#include <drover/simulation/network_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::simulation {

/// One end of one simulated connection, as long as the connection exists.
struct connection_end {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0; ///< 0: names nothing
    std::uint32_t side = 0;       ///< 0: who dialled

    [[nodiscard]] connection_end other() const { return {slot, generation, 1 - side}; }
    friend bool operator==(connection_end const&, connection_end const&) = default;
};

/// Whoever dials and listens on a host. Called in turns of the host, never from within a call to the switchboard, and never
/// about an end that it has closed. `tag` is what it calls the end.
class network_user {
public:
    /// Somebody dialled the address that is listened on. Gives the tag.
    virtual std::uint64_t on_accepted(connection_end end) = 0;
    virtual void on_connected(std::uint64_t tag) = 0;
    /// Nobody listens there. The end is closed.
    virtual void on_refused(std::uint64_t tag) = 0;
    virtual void on_arrived(std::uint64_t tag, bytes_view frame) = 0;
    /// The other side closed the connection, or it broke. The end is closed.
    virtual void on_ended(std::uint64_t tag) = 0;

protected:
    ~network_user() = default;
};

/// The simulated network: who listens where, and connections that carry frames from host to host.
///
/// Frames of one direction arrive in their order, unless `reorder`; they are lost or doubled as the options say. A cut link
/// carries nothing: not what is sent while it is cut, and not what would arrive then. Neither side learns of that; a dial
/// gets no answer. A process that is gone is not silent: its host answers frames and dials for it, with a reset or a refusal.
class switchboard {
public:
    switchboard(kernel& time, network_options const& options) : kernel_{time}, options_{options}, links_{time} {}

    [[nodiscard]] links& between() { return links_; }

    /// False: somebody alive listens there already.
    bool listen(life owner, network_user& user, std::string_view address)
    {
        auto& at = listeners_[std::string{address}];
        if (at.user != nullptr && kernel_.is_current(at.owner))
            return false;
        at = {owner, &user};
        return true;
    }

    /// Starts to connect; the answer is `on_connected` or `on_refused`, or none. Inert when `owner` is over.
    [[nodiscard]] connection_end connect(life owner, network_user& user, std::uint64_t tag, std::string_view address)
    {
        if (!kernel_.is_current(owner))
            return {};
        auto const end = take_slot();
        auto& made = connections_[end.slot];
        made.ends[0] = {.owner = owner, .user = &user, .tag = tag, .open = true};
        made.ends[1] = {.owner = {host_at(address, owner.host), 0}};
        carry(end, arrival(end), [this, end, where = std::string{address}] { on_dial(end, where); });
        return end;
    }

    /// Sends a frame. A `sequenced` one overtakes nothing, is overtaken by nothing, and arrives once at most.
    void send(connection_end end, bytes&& frame, bool sequenced)
    {
        auto* const from = find(end);
        if (from == nullptr || !from->open)
            return;
        auto const& target = *find(end.other());
        auto const fate = links_.next(from->owner.host, target.owner.host, options_);
        if (fate.lost || links_.is_cut(from->owner.host, target.owner.host))
            return trace_lost(from->owner.host, target.owner.host, fate.lost);
        if (!target.open)
            return carry(end, kernel_.now() + fate.latency, [this, end] { reset(end); });
        if (fate.duplicated && !sequenced)
            deliver_at(end.other(), kernel_.now() + fate.duplicate_latency, bytes{frame}, false);
        deliver_at(end.other(), kernel_.now() + fate.latency, std::move(frame), sequenced);
    }

    /// Octets on their way from this end.
    [[nodiscard]] std::size_t in_flight(connection_end end)
    {
        auto const* const to = find(end.other());
        return to == nullptr ? 0 : to->in_flight;
    }

    /// Closes this end; the other side learns it behind what was sent.
    void close(connection_end end)
    {
        auto* const which = find(end);
        if (which == nullptr || !which->open)
            return;
        shut_end(*which);
        auto const& target = *find(end.other());
        if (target.open)
            carry(end, later(arrival(end), target.last_arrival), [this, to = end.other()] { end_by_other_side(to); });
        else
            free_when_unused(end);
    }

    /// Stops listening, and closes all that this user has open.
    void detach(network_user& user)
    {
        for (auto& [address, at] : listeners_)
            if (at.user == &user)
                at.user = nullptr;
        for_each_end([&](connection_end end, end_state const& state) {
            if (state.user == &user)
                close(end);
        });
    }

    /// Ends all connections of a life that is over. The other sides learn it after a latency.
    void abandon(life ended)
    {
        for_each_end([&](connection_end end, end_state& state) {
            if (!state.open || state.owner != ended)
                return;
            shut_end(state);
            if (find(end.other())->open)
                carry(end, arrival(end), [this, to = end.other()] { end_by_other_side(to); });
            else
                free_when_unused(end);
        });
    }

    /// Breaks every connection between two hosts. Both sides learn it now.
    void break_between(host_index one, host_index other)
    {
        for_each_end([&](connection_end end, end_state& state) {
            auto const far = find(end.other())->owner.host;
            auto const near = state.owner.host;
            if (state.open && ((near == one && far == other) || (near == other && far == one)))
                kernel_.schedule(kernel_.now(), state.owner, event_kind::connection, [this, end] { end_by_other_side(end); });
        });
    }

    /// Connections between two hosts that are open at both ends.
    [[nodiscard]] std::size_t open_count(std::string_view one, std::string_view other) const
    {
        auto const first = kernel_.find_host(one);
        auto const second = kernel_.find_host(other);
        return static_cast<std::size_t>(std::count_if(connections_.begin(), connections_.end(), [&](connection const& c) {
            auto const near = c.ends[0].owner.host;
            auto const far = c.ends[1].owner.host;
            return c.used && c.ends[0].open && c.ends[1].open
                && ((near == first && far == second) || (near == second && far == first));
        }));
    }

private:
    struct listener {
        life owner;
        network_user* user = nullptr;
    };

    struct end_state {
        life owner{};
        network_user* user = nullptr;
        std::uint64_t tag = 0;
        bool open = false;
        std::size_t in_flight = 0;   // octets on their way to this end
        time_point last_arrival{};   // nothing that comes later arrives before
        time_point last_sequenced{}; // likewise, of sequenced frames
    };

    struct connection {
        std::uint32_t generation = 1;
        bool used = false;
        end_state ends[2];
    };

    [[nodiscard]] static time_point later(time_point one, time_point other) { return one < other ? other : one; }

    [[nodiscard]] end_state* find(connection_end end)
    {
        if (end.slot >= connections_.size())
            return nullptr;
        auto& found = connections_[end.slot];
        return found.used && found.generation == end.generation ? &found.ends[end.side] : nullptr;
    }

    /// The host that an address leads to: who listens there or did, a host of that name, or else the dialler's own.
    [[nodiscard]] host_index host_at(std::string_view address, host_index dialler) const
    {
        if (auto const found = listeners_.find(address); found != listeners_.end())
            return found->second.owner.host;
        auto const named = kernel_.find_host(address);
        return named == no_host ? dialler : named;
    }

    /// When a message that leaves this end now arrives at the other.
    [[nodiscard]] time_point arrival(connection_end from)
    {
        auto const near = find(from)->owner.host;
        auto const far = find(from.other())->owner.host;
        return kernel_.now() + links_.next(near, far, options_).latency;
    }

    /// Has the network do something at the far side of a message that leaves this end, unless the link is cut now or then.
    template <class Action>
    void carry(connection_end from, time_point at, Action action)
    {
        auto const near = find(from)->owner.host;
        auto const far = find(from.other())->owner.host;
        if (links_.is_cut(near, far))
            return;
        kernel_.schedule(at, {}, event_kind::network, [this, near, far, action = std::move(action)]() mutable {
            if (!links_.is_cut(near, far))
                action();
        });
    }

    void on_dial(connection_end end, std::string const& address)
    {
        auto* const dialler = find(end);
        if (dialler == nullptr || !dialler->open)
            return;
        auto const found = listeners_.find(address);
        if (found == listeners_.end() || found->second.user == nullptr || !kernel_.is_current(found->second.owner))
            return carry(end.other(), arrival(end.other()), [this, end] { refuse(end); });
        auto& callee = *find(end.other());
        callee = {.owner = found->second.owner, .user = found->second.user, .open = true};
        callee.last_arrival = callee.last_sequenced = kernel_.now();
        in_turn_of(end.other(), [this](connection_end to, end_state& state) {
            auto const tag = state.user->on_accepted(to);
            if (auto* const accepted = find(to))
                accepted->tag = tag;
        });
        carry(end.other(), arrival(end.other()),
            [this, end] { in_turn_of(end, [](connection_end, end_state& state) { state.user->on_connected(state.tag); }); });
    }

    void refuse(connection_end end)
    {
        in_turn_of(end, [this](connection_end to, end_state& state) {
            auto* const user = state.user;
            auto const tag = state.tag;
            shut_end(state);
            free_when_unused(to);
            user->on_refused(tag);
        });
    }

    /// The far side of `end` does not know the connection: says so.
    void reset(connection_end end)
    {
        if (find(end) != nullptr)
            carry(end.other(), arrival(end.other()), [this, end] { end_by_other_side(end); });
    }

    void end_by_other_side(connection_end end)
    {
        in_turn_of(end, [this](connection_end to, end_state& state) {
            auto* const user = state.user;
            auto const tag = state.tag;
            shut_end(state);
            free_when_unused(to);
            user->on_ended(tag);
        });
    }

    /// Runs `action` in a turn of the end's host, if the end is still open then.
    template <class Action>
    void in_turn_of(connection_end end, Action action)
    {
        auto const* const now = find(end);
        if (now == nullptr || !now->open)
            return;
        kernel_.schedule(kernel_.now(), now->owner, event_kind::connection, [this, end, action] {
            if (auto* const state = find(end); state != nullptr && state->open)
                action(end, *state);
        });
    }

    void deliver_at(connection_end to, time_point at, bytes&& frame, bool sequenced)
    {
        auto& target = *find(to);
        at = later(at, sequenced || !options_.reorder ? target.last_arrival : target.last_sequenced);
        target.last_arrival = later(target.last_arrival, at);
        if (sequenced)
            target.last_sequenced = at;
        target.in_flight += frame.size();
        kernel_.schedule(at, target.owner, event_kind::frame, [this, to, arrived = std::move(frame)] { deliver(to, arrived); });
    }

    void deliver(connection_end to, bytes_view frame)
    {
        auto* const target = find(to);
        if (target == nullptr)
            return;
        target->in_flight -= frame.size();
        if (!target->open)
            return;
        auto const from = find(to.other())->owner.host;
        if (links_.is_cut(from, target->owner.host))
            return trace_lost(from, target->owner.host, false);
        kernel_.absorb(hash64(frame));
        target->user->on_arrived(target->tag, frame);
    }

    static void shut_end(end_state& state)
    {
        state.open = false;
        state.user = nullptr;
    }

    [[nodiscard]] connection_end take_slot()
    {
        if (free_.empty()) {
            connections_.emplace_back();
            free_.push_back(static_cast<std::uint32_t>(connections_.size() - 1));
        }
        auto const slot = free_.back();
        free_.pop_back();
        connections_[slot].used = true;
        return {slot, connections_[slot].generation, 0};
    }

    void free_when_unused(connection_end end)
    {
        auto& which = connections_[end.slot];
        if (which.ends[0].open || which.ends[1].open)
            return;
        which = {.generation = which.generation + 1 == 0 ? 1 : which.generation + 1, .used = false, .ends = {}};
        free_.push_back(end.slot);
    }

    template <class Visit>
    void for_each_end(Visit visit)
    {
        for (std::size_t slot = 0; slot < connections_.size(); ++slot)
            for (std::uint32_t side = 0; side < 2; ++side)
                if (auto const& found = connections_[slot]; found.used && found.ends[side].open)
                    visit(
                        connection_end{static_cast<std::uint32_t>(slot), found.generation, side}, connections_[slot].ends[side]);
    }

    void trace_lost(host_index from, host_index to, bool by_chance)
    {
        if (kernel_.tracing())
            kernel_.trace(from,
                std::string{"a frame to "}
                    .append(kernel_.name_of(to))
                    .append(by_chance ? " is lost" : " vanishes on a cut link"));
    }

    kernel& kernel_;
    network_options const& options_;
    links links_;
    std::vector<connection> connections_;
    std::vector<std::uint32_t> free_;
    std::map<std::string, listener, std::less<>> listeners_;
};

} // namespace drover::simulation
