// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/simulation/kernel.hpp>
#include <drover/simulation/world.hpp>

#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>

#include <type_traits>
#include <utility>

namespace drover::simulation {

/// Runs work in turns of one life of one host, on virtual time.
///
/// Satisfies Asio's executor requirements and converts to `boost::asio::any_io_executor`, so that `post`, `dispatch`,
/// `defer`, `co_spawn` and completion tokens work without an `io_context`. What is executed runs as an event of its own, now;
/// when blocking is allowed (as in `dispatch`), at once if a turn of this very life is running. When the life is over, what is
/// executed is destroyed unrun. Asio's own timers and sockets need real time and do not belong here.
class executor {
public:
    static constexpr bool is_simulated = true; ///< for what needs the real world, and refuses this one

    executor(world& owner, life which) noexcept : world_{&owner}, life_{which} {}

    [[nodiscard]] boost::asio::execution_context& query(boost::asio::execution::context_t) const noexcept
    {
        return world_->context();
    }

    [[nodiscard]] constexpr boost::asio::execution::blocking_t query(boost::asio::execution::blocking_t) const noexcept
    {
        using boost::asio::execution::blocking;
        return may_block_ ? boost::asio::execution::blocking_t{blocking.possibly}
                          : boost::asio::execution::blocking_t{blocking.never};
    }

    [[nodiscard]] executor require(boost::asio::execution::blocking_t::possibly_t) const noexcept { return blocking(true); }
    [[nodiscard]] executor require(boost::asio::execution::blocking_t::never_t) const noexcept { return blocking(false); }

    // Whether work continues other work, and whether it is counted, makes no difference: a world runs until it is told to
    // stop.
    [[nodiscard]] executor require(boost::asio::execution::relationship_t::fork_t) const noexcept { return *this; }
    [[nodiscard]] executor require(boost::asio::execution::relationship_t::continuation_t) const noexcept { return *this; }
    [[nodiscard]] executor require(boost::asio::execution::outstanding_work_t::tracked_t) const noexcept { return *this; }
    [[nodiscard]] executor require(boost::asio::execution::outstanding_work_t::untracked_t) const noexcept { return *this; }

    template <class Function>
    void execute(Function&& function) const
    {
        auto& events = world_->events();
        if (may_block_ && events.is_current(life_) && events.in_turn_of(life_)) {
            std::decay_t<Function> now{std::forward<Function>(function)};
            now();
            return;
        }
        events.schedule(events.now(), life_, event_kind::turn, std::forward<Function>(function));
    }

    friend bool operator==(executor const&, executor const&) noexcept = default;

private:
    [[nodiscard]] executor blocking(bool allowed) const noexcept
    {
        auto result = *this;
        result.may_block_ = allowed;
        return result;
    }

    world* world_;
    life life_;
    bool may_block_ = true;
};

} // namespace drover::simulation
