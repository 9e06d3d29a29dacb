// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/function.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/completion.hpp>
#include <drover/simulation/executor.hpp>
#include <drover/simulation/kernel.hpp>
#include <drover/simulation/world.hpp>

#include <cstdint>
#include <string_view>
#include <utility>

namespace drover::simulation {

/// A mutex for what is used from one thread.
struct null_mutex {
    void lock() {}
    [[nodiscard]] bool try_lock() { return true; }
    void unlock() {}
};

class timer;

/// One life of one host of a world: its time, its turns and its randomness. Copies are handles of the same life.
///
/// Satisfies the `runtime` concept. Once the life is over, because the host crashed or because another runtime was made with
/// its name, everything that is asked of it does nothing.
class runtime {
public:
    using executor_type = executor;
    using mutex_type = null_mutex;
    using timer_type = timer;

    /// Starts a life of the host of this name. If there is one already it ends, as in a crash.
    runtime(world& owner, std::string_view host) : world_{&owner}, life_{owner.begin_life(host)} {}

    [[nodiscard]] executor get_executor() const { return executor{*world_, life_}; }
    [[nodiscard]] time_point now() const { return world_->now(); }

    /// A stream that belongs to (seed, host, life, purpose).
    [[nodiscard]] random_stream random(std::uint64_t purpose) const
    {
        auto const entity = world_->events().name_hash(life_.host) + life_.epoch;
        return random_stream{world_->seed(), purpose, entity};
    }

    /// 1, 2, 3, ... for one host name, over all its lives.
    [[nodiscard]] incarnation_number new_incarnation() { return world_->events().next_incarnation(life_.host); }

    /// Runs `turn` as an event of its own, now.
    void post(unique_function<void()> turn) { world_->events().schedule(now(), life_, event_kind::turn, std::move(turn)); }

    /// Runs `turn` at once when a turn of this life is running, else as `post` does.
    void dispatch(unique_function<void()> turn)
    {
        auto& events = world_->events();
        if (!events.in_turn_of(life_))
            post(std::move(turn));
        else if (events.is_current(life_))
            turn();
    }

    /// Runs `work`, then `done`, in one event of this life, `world::offload_latency()` after the work that was given before
    /// it. A crash meanwhile destroys both unrun.
    void offload(unique_function<void()> work, unique_function<void()> done)
    {
        auto& events = world_->events();
        auto both = [&events, which = life_, work = std::move(work), done = std::move(done)]() mutable {
            std::exchange(work, nullptr)();
            if (events.is_current(which))
                done();
        };
        events.schedule_work(life_, world_->offload_latency(), std::move(both));
    }

    /// A line about this host for the world's trace.
    void trace(std::string_view text) const { world_->events().trace(life_.host, text); }

    [[nodiscard]] world& owner() const { return *world_; }
    [[nodiscard]] life which_life() const { return life_; }
    [[nodiscard]] std::string_view host_name() const { return world_->events().name_of(life_.host); }
    /// The host lives on, and this is its life.
    [[nodiscard]] bool is_current() const { return world_->events().is_current(life_); }

private:
    world* world_;
    life life_;
};

/// Runs a turn at a time. Destroying it cancels it.
class timer {
public:
    explicit timer(runtime const& of) : world_{&of.owner()}, life_{of.which_life()} {}
    timer(timer const&) = delete;
    timer& operator=(timer const&) = delete;
    ~timer() { cancel(); }

    /// Replaces what was set. A time in the past means now; `never` keeps the turn until it is replaced or cancelled.
    void expires_at(time_point at, unique_function<void()> turn)
    {
        cancel();
        if (at == never)
            kept_ = std::move(turn);
        else
            handle_ = world_->events().schedule(at, life_, event_kind::timer, std::move(turn));
    }

    /// The turn will not run; what it holds is destroyed.
    void cancel()
    {
        auto const kept = std::exchange(kept_, nullptr);
        world_->events().cancel(std::exchange(handle_, {}));
    }

private:
    world* world_;
    life life_;
    event_handle handle_;
    unique_function<void()> kept_;
};

} // namespace drover::simulation
