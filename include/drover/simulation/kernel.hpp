// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/function.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/time.hpp>
#include <drover/simulation/digest.hpp>
#include <drover/simulation/event_queue.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::simulation {

/// Numbers the hosts of one world in the order in which they were first named.
using host_index = std::uint32_t;

/// No host: what belongs to the driver or to the network.
inline constexpr host_index no_host = UINT32_MAX;

/// One life of one host, from its start to its crash.
struct life {
    host_index host = no_host;
    std::uint32_t epoch = 0;

    friend bool operator==(life const&, life const&) = default;
};

/// What an event is, for the digest. The values are part of the digest: append, never renumber.
enum class event_kind : std::uint8_t {
    driver = 0,     ///< code of whoever drives the world
    turn = 1,       ///< work posted to a host
    timer = 2,      ///< a timer of a host
    frame = 3,      ///< a frame arrives
    connection = 4, ///< a connection opens, fails or ends
    network = 5,    ///< something happens between hosts
    resume = 6,     ///< a pause ends
    work = 7,       ///< blocking work of a host is done
};

/// The work of one event. Its inline size holds a frame's delivery and a `unique_function<void()>`.
using event_action = unique_function<void(), 64>;

/// Hears what happens, in words.
using trace_sink = unique_function<void(time_point, std::string_view host, std::string_view text)>;

/// Virtual time, the lives of hosts, and the order in which everything happens.
///
/// One thread. Events run one at a time, ordered by (time, order of scheduling). An event belongs to the life of a host, or to
/// none. Events of a life that is over are destroyed unrun when their time comes; those of a paused host wait for the end of
/// the pause, and then run in a burst, in their order, before anything else.
class kernel {
public:
    explicit kernel(std::uint64_t seed) : seed_{seed} { mixer_.absorb(seed); }
    kernel(kernel const&) = delete;
    kernel& operator=(kernel const&) = delete;
    ~kernel() { shut(); }

    [[nodiscard]] std::uint64_t seed() const { return seed_; }
    [[nodiscard]] time_point now() const { return now_; }
    [[nodiscard]] std::uint64_t events_count() const { return events_count_; }
    [[nodiscard]] digest_value digest() const { return mixer_.value(); }
    void absorb(std::uint64_t value) { mixer_.absorb(value); }

    /// Schedules `action`; a time in the past means now. Inert, with a handle that names nothing, when `owner` is over.
    event_handle schedule(time_point at, life owner, event_kind kind, event_action action)
    {
        if (shut_ || !is_current(owner))
            return {};
        return queue_.push(at < now_ ? now_ : at, {owner, kind, std::move(action)});
    }

    /// Schedules blocking work of a host: one after the other, each takes `length`. Inert when the life is over.
    void schedule_work(life owner, duration length, event_action action)
    {
        if (owner.host == no_host || !is_current(owner))
            return;
        auto& until = hosts_[owner.host].working_until;
        until = saturating_add(until < now_ ? now_ : until, length);
        schedule(until, owner, event_kind::work, std::move(action));
    }

    bool cancel(event_handle handle) { return queue_.cancel(handle); }

    /// Runs one event that is due at `limit` or earlier; false when there is none. What the event throws comes out.
    bool step(time_point limit)
    {
        expects(!running_, "a world cannot be run from within one of its own events");
        while (auto const slot = take_due(limit)) {
            auto const owner = queue_.payload(*slot).owner;
            if (owner.host != no_host && is_current(owner) && hosts_[owner.host].paused) {
                hosts_[owner.host].held.push_back(*slot);
                continue;
            }
            auto due = queue_.release(*slot);
            if (!due || !is_current(owner))
                continue;
            run(*due);
            return true;
        }
        return false;
    }

    /// Pre: no event is due before `at`.
    void advance_to(time_point at) { now_ = at > now_ ? at : now_; }

    /// The next event is due now, and is a frame for this life.
    [[nodiscard]] bool frame_follows(life owner)
    {
        if (!burst_.empty())
            return is_frame_for(owner, queue_.payload(burst_.front()));
        return !queue_.empty() && queue_.front_time() <= now_ && is_frame_for(owner, queue_.front());
    }

    /// The host of this name, which is made known when it is not.
    host_index host_of(std::string_view name)
    {
        if (auto const found = names_.find(name); found != names_.end())
            return found->second;
        auto const index = static_cast<host_index>(hosts_.size());
        hosts_.emplace_back();
        hosts_.back().name = name;
        hosts_.back().name_hash = hash64(name);
        names_.emplace(name, index);
        absorb(hosts_.back().name_hash);
        return index;
    }

    /// The host of this name, or `no_host`.
    [[nodiscard]] host_index find_host(std::string_view name) const
    {
        auto const found = names_.find(name);
        return found == names_.end() ? no_host : found->second;
    }

    [[nodiscard]] host_index hosts_count() const { return static_cast<host_index>(hosts_.size()); }
    [[nodiscard]] std::string_view name_of(host_index host) const
    {
        return host == no_host ? std::string_view{} : hosts_[host].name;
    }
    [[nodiscard]] std::uint64_t name_hash(host_index host) const { return hosts_[host].name_hash; }

    [[nodiscard]] bool is_alive(host_index host) const { return host != no_host && hosts_[host].alive; }
    [[nodiscard]] life life_of(host_index host) const { return {host, hosts_[host].epoch}; }

    /// This life goes on; no host goes on for ever.
    [[nodiscard]] bool is_current(life which) const
    {
        return which.host == no_host || (hosts_[which.host].epoch == which.epoch && hosts_[which.host].alive);
    }

    /// Pre: the host is not alive.
    life begin_life(host_index host)
    {
        expects(!hosts_[host].alive, "a host has one life at a time");
        hosts_[host].alive = true;
        hosts_[host].working_until = {};
        ++hosts_[host].epoch;
        return life_of(host);
    }

    void end_life(host_index host)
    {
        hosts_[host].alive = false;
        release_held(host);
    }

    std::uint64_t next_incarnation(host_index host) { return ++hosts_[host].incarnation; }

    void pause(host_index host, duration length)
    {
        if (!hosts_[host].alive)
            return;
        auto& which = hosts_[host];
        auto const until = saturating_add(now_, length);
        which.paused_until = which.paused && which.paused_until > until ? which.paused_until : until;
        which.paused = true;
        schedule(until, {}, event_kind::resume, [this, paused = life_of(host)] { resume(paused); });
    }

    /// An event of this very life is running.
    [[nodiscard]] bool in_turn_of(life which) const { return running_ && which.host != no_host && current_ == which; }

    void on_trace(trace_sink sink) { sink_ = std::move(sink); }
    [[nodiscard]] bool tracing() const { return static_cast<bool>(sink_); }
    void trace(host_index host, std::string_view text)
    {
        if (sink_)
            sink_(now_, name_of(host), text);
    }

    /// Destroys all that is scheduled; nothing can be scheduled afterwards.
    void shut()
    {
        shut_ = true;
        queue_.clear();
    }

private:
    struct event {
        life owner;
        event_kind kind = event_kind::driver;
        event_action action;
    };

    [[nodiscard]] static bool is_frame_for(life owner, event const& next)
    {
        return next.kind == event_kind::frame && next.owner == owner;
    }

    struct host_record {
        std::string name;
        std::uint64_t name_hash = 0;
        std::uint64_t incarnation = 0;
        std::uint32_t epoch = 0;
        bool alive = false;
        bool paused = false;
        time_point paused_until{};
        time_point working_until{};      // the end of all blocking work that was given to it
        std::vector<std::uint32_t> held; // slots of events whose time came during the pause
    };

    struct turn_guard {
        explicit turn_guard(kernel& owner, life which) : kernel_{owner}
        {
            kernel_.running_ = true;
            kernel_.current_ = which;
        }
        turn_guard(turn_guard const&) = delete;
        turn_guard& operator=(turn_guard const&) = delete;
        ~turn_guard()
        {
            kernel_.running_ = false;
            kernel_.current_ = {};
        }
        kernel& kernel_;
    };

    [[nodiscard]] std::optional<std::uint32_t> take_due(time_point limit)
    {
        if (!burst_.empty()) {
            auto const slot = burst_.front();
            burst_.pop_front();
            return slot;
        }
        if (queue_.empty() || queue_.front_time() > limit)
            return std::nullopt;
        advance_to(queue_.front_time());
        return queue_.take_front();
    }

    void run(event& due)
    {
        ++events_count_;
        mixer_.absorb(static_cast<std::uint64_t>(now_.time_since_epoch().count()));
        mixer_.absorb((std::uint64_t{due.owner.host} << 8) | static_cast<std::uint8_t>(due.kind));
        turn_guard const guard{*this, due.owner};
        due.action();
        due.action = {}; // what it holds is destroyed in its own turn
    }

    void resume(life which)
    {
        if (is_current(which) && hosts_[which.host].paused && hosts_[which.host].paused_until <= now_)
            release_held(which.host);
    }

    void release_held(host_index host)
    {
        auto& which = hosts_[host];
        which.paused = false;
        burst_.insert(burst_.end(), which.held.begin(), which.held.end());
        which.held.clear();
    }

    std::uint64_t seed_;
    time_point now_{};
    std::uint64_t events_count_ = 0;
    digest_mixer mixer_;
    std::vector<host_record> hosts_;
    std::map<std::string, host_index, std::less<>> names_;
    std::deque<std::uint32_t> burst_;
    life current_;
    bool running_ = false;
    bool shut_ = false;
    trace_sink sink_;
    event_queue<event> queue_;
};

} // namespace drover::simulation
