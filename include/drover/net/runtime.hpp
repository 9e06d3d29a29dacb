// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/function.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/completion.hpp>
#include <drover/net/work_thread.hpp>
#include <drover/policy/transport.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <string_view>
#include <type_traits>
#include <utility>

namespace drover::net {

/// The real world: the steady clock, the operating system's randomness, and one strand of an Asio executor for everything of
/// one node. Copies are handles of the same strand. The executor's context outlives every copy.
///
/// `Executor` is any that satisfies Asio's requirements, as for Asio's own sockets and timers: `runtime` erases its type.
template <class Executor>
class basic_runtime {
public:
    using executor_type = boost::asio::strand<Executor>;
    using mutex_type = std::mutex;
    class timer_type;

    /// `executor` is any that converts to `Executor`.
    template <class From>
        requires(!std::is_same_v<std::remove_cvref_t<From>, basic_runtime> && std::convertible_to<From const&, Executor>)
    basic_runtime(From const& executor, std::string_view node_name)
        : strand_{Executor{executor}}, entity_{hash64(node_name)}, seed_{draw_seed()}
    {
    }

    /// As above, with the context's own executor (an `io_context`, a `thread_pool`).
    template <class Context>
        requires(std::convertible_to<Context&, boost::asio::execution_context&>)
    basic_runtime(Context& context, std::string_view node_name) : basic_runtime{context.get_executor(), node_name} {}

    [[nodiscard]] executor_type get_executor() const { return strand_; }

    [[nodiscard]] time_point now() const
    {
        return time_point{std::chrono::duration_cast<duration>(std::chrono::steady_clock::now().time_since_epoch())};
    }

    /// Differs from run to run, and from purpose to purpose.
    [[nodiscard]] random_stream random(std::uint64_t purpose) const { return random_stream{seed_, purpose, entity_}; }

    /// Microseconds of the system clock, or one more than the last, whichever is larger. A machine whose clock is set back
    /// between two lives of a node gives the second a smaller number, which is refused while the first is remembered.
    [[nodiscard]] incarnation_number new_incarnation() const
    {
        static std::atomic<incarnation_number> last{0};
        using std::chrono::microseconds;
        auto const clock = std::chrono::duration_cast<microseconds>(std::chrono::system_clock::now().time_since_epoch());
        auto before = last.load();
        incarnation_number next = 0;
        do
            next = std::max(before + 1, static_cast<incarnation_number>(clock.count()));
        while (!last.compare_exchange_weak(before, next));
        return next;
    }

    /// Runs `turn` later, on the strand. From any thread.
    void post(unique_function<void()> turn) const { boost::asio::post(strand_, std::move(turn)); }

    /// Runs `turn` on the strand: at once when called on it. From any thread.
    void dispatch(unique_function<void()> turn) const { boost::asio::dispatch(strand_, std::move(turn)); }

    /// Runs `work`, which may block, on a thread that all copies share, then `done` on the strand; the context has work until
    /// then. In the order in which they were given, whoever gave them. The thread is made on the first use. Neither throws.
    ///
    /// When the context is destroyed, it waits for the work that has begun; what has not is dropped, and no `done` runs. From
    /// any thread; throws `std::system_error` when the first use cannot make a thread.
    void offload(unique_function<void()> work, unique_function<void()> done) const
    {
        auto& context = boost::asio::query(strand_, boost::asio::execution::context);
        auto tracked = boost::asio::prefer(strand_, boost::asio::execution::outstanding_work.tracked);
        worker_->give(context, std::move(work),
            [tracked = std::move(tracked), done = std::move(done)]() mutable { boost::asio::post(tracked, std::move(done)); });
    }

private:
    [[nodiscard]] static std::uint64_t draw_seed()
    {
        std::random_device device;
        std::uint64_t const high = device();
        return (high << 32) | device();
    }

    executor_type strand_;
    std::uint64_t entity_;
    std::uint64_t seed_;
    std::shared_ptr<detail::work_thread> worker_ = std::make_shared<detail::work_thread>();
};

/// Runs one turn at a time, on the strand. A turn that was cancelled or replaced, or whose timer is gone, does not run, even
/// when its time had come already. Used on the strand only.
template <class Executor>
class basic_runtime<Executor>::timer_type {
public:
    explicit timer_type(basic_runtime const& owner) : state_{std::make_shared<state>(owner.get_executor())} {}

    timer_type(timer_type&&) noexcept = default;
    timer_type& operator=(timer_type&& other) noexcept
    {
        if (this != &other) {
            release();
            state_ = std::move(other.state_);
        }
        return *this;
    }
    ~timer_type() { release(); }

    /// Replaces what was set. A time in the past means as soon as possible; `never` means not at all.
    void expires_at(time_point at, unique_function<void()> turn)
    {
        cancel();
        if (at == never)
            return;
        state_->turn = std::move(turn);
        state_->timer.expires_at(std::chrono::steady_clock::time_point{
            std::chrono::duration_cast<std::chrono::steady_clock::duration>(at.time_since_epoch())});
        state_->timer.async_wait([held = state_, number = state_->number](boost::system::error_code const&) {
            if (held->number == number)
                std::exchange(held->turn, nullptr)();
        });
    }

    void cancel()
    {
        ++state_->number;
        state_->turn = nullptr;
        state_->timer.cancel();
    }

private:
    /// Held by the waiting handler as well, which may be queued already when the timer is cancelled.
    struct state {
        explicit state(executor_type const& executor) : timer{executor} {}

        boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
            executor_type>
            timer;
        std::uint64_t number = 0; // of the turn that is set; another one is stale
        unique_function<void()> turn{};
    };

    void release()
    {
        if (state_ != nullptr)
            cancel();
    }

    std::shared_ptr<state> state_;
};

/// On an executor of whatever type.
using runtime = basic_runtime<boost::asio::any_io_executor>;

static_assert(offloading_runtime<runtime>);

} // namespace drover::net
