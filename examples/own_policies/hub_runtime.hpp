// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// The world of a `hub_transport`: what the nodes of one process are plugged into, and their time and strands.

#include <drover/base/error.hpp>
#include <drover/base/limits.hpp>
#include <drover/policy/transport.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <utility>

namespace own {

struct plug;
class hub_station;
class hub_timer;

/// What the nodes of one process are plugged into, and the context that they run on. Addresses are "hub:" and a name; to listen
/// at "hub:" alone takes a free one. May be used from any thread. Outlives its nodes, but for what they left in the context.
class hub {
public:
    hub() = default;
    hub(hub const&) = delete;
    hub& operator=(hub const&) = delete;

    [[nodiscard]] boost::asio::io_context& context() { return context_; }

    /// Larger than every earlier one: the time of the wall clock, so that it goes on growing after a restart of the process.
    [[nodiscard]] drover::incarnation_number new_incarnation()
    {
        auto const now = std::chrono::system_clock::now().time_since_epoch();
        auto const guard = std::scoped_lock{mutex_};
        return last_incarnation_ = std::max(last_incarnation_ + 1, static_cast<drover::incarnation_number>(now.count()));
    }

    /// Completes `address` where it asks for a free one.
    [[nodiscard]] drover::errc listen(std::string& address, std::weak_ptr<hub_station> who)
    {
        if (!is_address(address))
            return drover::errc::invalid_address;
        auto const guard = std::scoped_lock{mutex_};
        if (address == prefix) {
            do
                address = std::string{prefix} + std::to_string(++last_free_);
            while (stations_.contains(address));
        }
        return stations_.try_emplace(address, std::move(who)).second ? drover::errc::success : drover::errc::address_in_use;
    }

    void leave(std::string const& address)
    {
        auto const guard = std::scoped_lock{mutex_};
        stations_.erase(address);
    }

    /// Hands the far end of a new connection to the one who listens there. False: nobody does.
    [[nodiscard]] bool call(std::string const& address, std::shared_ptr<plug> const& far);

    [[nodiscard]] static bool is_address(std::string_view text)
    {
        return text.starts_with(prefix) && text.size() <= drover::limits::address_size_max;
    }

    // ---- faults, for tests; to be called while no turn runs ----------------------------------------------------------------

    /// The address is taken, and whoever calls there gets no answer.
    void silence(std::string address) { (void)listen(address, {}); }
    /// The connection between the nodes of these names breaks.
    void cut(std::string_view one, std::string_view other);
    /// The node of this name is gone, as if its process had been killed.
    void kill(std::string_view name);

private:
    static constexpr std::string_view prefix = "hub:";

    [[nodiscard]] std::shared_ptr<hub_station> station_of(std::string_view name);

    std::mutex mutex_;
    std::map<std::string, std::weak_ptr<hub_station>> stations_; // by address
    drover::incarnation_number last_incarnation_ = 0;
    int last_free_ = 0;
    boost::asio::io_context context_; // last: a turn that it drops may hold a node, which then leaves
};

/// Real time, and a strand of the hub's context. Copies are handles of the same.
class hub_runtime {
public:
    using executor_type = boost::asio::strand<boost::asio::io_context::executor_type>;
    using mutex_type = std::mutex;
    using timer_type = hub_timer;
    using turn = drover::unique_function<void()>;

    hub_runtime(own::hub& where, std::string const& /*node_name*/) : hub_{&where}, strand_{where.context().get_executor()} {}

    [[nodiscard]] own::hub& hub() const { return *hub_; }
    [[nodiscard]] executor_type get_executor() const { return strand_; }
    [[nodiscard]] drover::time_point now() const
    {
        return drover::time_point{std::chrono::steady_clock::now().time_since_epoch()};
    }
    [[nodiscard]] drover::random_stream random(std::uint64_t purpose) const { return drover::random_stream{seed_, purpose}; }
    [[nodiscard]] drover::incarnation_number new_incarnation() { return hub_->new_incarnation(); }

    void post(turn what)
    {
        boost::asio::post(strand_, [what = std::move(what)]() mutable { what(); });
    }
    void dispatch(turn what)
    {
        if (strand_.running_in_this_thread())
            what();
        else
            post(std::move(what));
    }

private:
    own::hub* hub_;
    executor_type strand_;
    std::uint64_t seed_ = std::uint64_t{std::random_device{}()} << 32 | std::random_device{}();
};

/// Asio's timer may find out too late that it was cancelled, so the turn is kept where `cancel` can take it away.
class hub_timer {
public:
    explicit hub_timer(hub_runtime& runtime) : timer_{runtime.get_executor()} {}
    hub_timer(hub_timer const&) = delete;
    hub_timer& operator=(hub_timer const&) = delete;
    ~hub_timer() { cancel(); }

    void expires_at(drover::time_point at, hub_runtime::turn what)
    {
        cancel();
        if (at == drover::never)
            return;
        turn_ = std::make_shared<hub_runtime::turn>(std::move(what));
        timer_.expires_at(std::chrono::steady_clock::time_point{at.time_since_epoch()});
        timer_.async_wait([kept = turn_](auto) {
            if (auto due = std::exchange(*kept, nullptr))
                due();
        });
    }

    void cancel()
    {
        if (auto const kept = std::exchange(turn_, nullptr))
            *kept = nullptr;
        timer_.cancel();
    }

private:
    boost::asio::steady_timer timer_;
    std::shared_ptr<hub_runtime::turn> turn_;
};

static_assert(drover::runtime<hub_runtime>);

} // namespace own
