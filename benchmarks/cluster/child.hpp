// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "board.hpp"
#include "control.hpp"

#include <drover/base/hash.hpp>
#include <drover/child/context.hpp>
#include <drover/completion.hpp>
#include <drover/supervision/child_spec.hpp>

#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

namespace cluster_benchmark {

inline constexpr std::size_t id_size = 16;
inline constexpr std::size_t arguments_size = 32;

/// "child-0000000042".
[[nodiscard]] inline std::string id_of(std::uint64_t index)
{
    std::string id = "child-0000000000";
    for (auto at = id.size(); index > 0; index /= 10)
        id[--at] = static_cast<char>('0' + index % 10);
    return id;
}

/// A child of 16 octets of id and 32 of arguments.
[[nodiscard]] inline drover::child_spec spec_of(std::uint64_t index, child_behaviour behaviour)
{
    drover::child_spec spec;
    spec.id = id_of(index);
    spec.type = "benchmark_child";
    spec.arguments.assign(arguments_size, '\0');
    std::memcpy(spec.arguments.data(), &index, sizeof index);
    spec.arguments[sizeof index] = static_cast<char>(behaviour);
    if (behaviour == child_behaviour::failing) {
        spec.intensity = drover::restart_intensity{failures_count, std::chrono::hours{1}};
        spec.backoff = drover::immediate_restarts;
    }
    return spec;
}

/// Where the children of this process write to. Set before the first one starts.
struct child_surroundings {
    board* shared = nullptr;
    std::size_t slot = 0; ///< of this node
    int bell = -1;
};
inline child_surroundings surroundings;

/// Tells the board when it starts and stops, and whether it found its state.
class benchmark_child {
public:
    explicit benchmark_child(drover::child_context context) : context_{std::move(context)}
    {
        std::memcpy(&index_, context_.arguments().data(), sizeof index_);
        behaviour_ = static_cast<child_behaviour>(context_.arguments()[sizeof index_]);
    }

    void restore(drover::bytes_view state) { restored_ = state == state_of(index_); }

    void on_start()
    {
        auto& shared = *surroundings.shared;
        auto& slot = shared.children[index_];
        note_overlap(shared, slot);
        slot.running[surroundings.slot].fetch_add(1);
        slot.started_at.store(monotonic_now());
        if (behaviour_ == child_behaviour::stateful)
            restored_ ? note_saved(shared, index_) : save_first(shared);
        if (behaviour_ == child_behaviour::failing)
            fail_again(shared, slot);
        count_up(shared.starts, surroundings.bell);
    }

    void on_stop() { leave(surroundings.shared->children[index_]); }

    [[nodiscard]] drover::bytes save() const
    {
        return behaviour_ == child_behaviour::stateful ? state_of(index_) : drover::bytes{};
    }

private:
    [[nodiscard]] static drover::bytes state_of(std::uint64_t index)
    {
        drover::bytes state(sizeof index, '\0');
        auto const value = drover::mix64(index + 1);
        std::memcpy(state.data(), &value, sizeof value);
        return state;
    }

    static void note_overlap(board& shared, board::child_slot const& slot)
    {
        for (std::size_t node = 0; node < nodes_count_max; ++node)
            if (slot.running[node].load() != 0 && shared.alive[node].load() != 0)
                shared.overlaps.fetch_add(1);
    }

    void save_first(board& shared)
    {
        if (context_.generation() > 1)
            shared.states_lost.fetch_add(1);
        context_.checkpoint(state_of(index_), [&shared, index = index_](drover::error_code failure) {
            if (!failure)
                note_saved(shared, index);
        });
    }

    static void note_saved(board& shared, std::uint64_t index)
    {
        if (shared.children[index].saved.exchange(1) == 0)
            count_up(shared.saves, surroundings.bell);
    }

    void fail_again(board& shared, board::child_slot& slot)
    {
        auto const failures = context_.generation() - 1;
        if (failures > 0)
            shared.restart_times[failures - 1].store(slot.started_at.load() - slot.failed_at.load());
        if (failures == failures_count)
            return;
        leave(slot);
        slot.failed_at.store(monotonic_now());
        context_.exit("as told");
    }

    static void leave(board::child_slot& slot)
    {
        slot.running[surroundings.slot].fetch_sub(1);
        slot.stopped_at.store(monotonic_now());
    }

    drover::child_context context_;
    std::uint64_t index_ = 0;
    child_behaviour behaviour_{};
    bool restored_ = false;
};

} // namespace cluster_benchmark
