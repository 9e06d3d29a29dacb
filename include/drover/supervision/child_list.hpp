// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes_table.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/supervision/child_spec.hpp>
#include <drover/supervision/effects.hpp>
#include <drover/supervision/restart_window.hpp>
#include <drover/supervision/start_cause.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drover::supervision {

/// Where a child is in its life. One that is starting or stopping owes an answer.
enum class child_state : std::uint8_t {
    idle,       ///< it has a spec and does not run: ended, terminated, ignored, or not started yet
    starting,   ///< a start is to be answered
    running,    ///< it has an instance
    exited,     ///< its instance ended while the supervisor was at something else; its turn comes
    stopping,   ///< a stop is to be answered
    restarting, ///< its restart failed, or waits for its time
    parked,     ///< it spent its budget, and waits
};

/// What the start or stop that is under way belongs to.
enum class task : std::uint8_t {
    none,
    in_order,  ///< a row of children, started or stopped one after another
    restart,   ///< after an exit of this child alone
    first,     ///< of a command: if it fails, nothing is left
    command,   ///< of a command
    revival,   ///< of a command, for a child that was parked
    replacing, ///< of a command: it is stopped, and started again under another spec
};

/// Why an instance is started that is not one of a row.
[[nodiscard]] constexpr start_cause cause_of(task doing, child_state before)
{
    if (doing == task::restart)
        return before == child_state::parked ? start_cause::retry : start_cause::crash;
    return doing == task::first ? start_cause::first : start_cause::request;
}

/// What is kept of a child only once something went wrong with it, or is to be changed.
struct child_history {
    restart_window window{}; ///< under `intensity_scope::per_child`
    std::uint32_t row = 0;   ///< restarts since it last ran for long
    std::uint32_t parks = 0; ///< the same, for parking
    time_point due = never;  ///< when it is tried again; `never`: in its turn
    std::string reason{};    ///< why it ended last
    std::optional<child_spec> replacement{};
};

struct child {
    child_spec spec;
    generation_number generation = 0;
    time_point started_at{};
    std::uint64_t command = 0; ///< is answered when what is under way ends; 0: none
    child_slot slot = no_child;
    child_slot previous = no_child;
    child_slot next = no_child;
    child_state state = child_state::idle;
    task doing = task::none;
    exit_kind ended_as = exit_kind::normal; ///< of one that exited
    bool commands_wait = false;             ///< for what is under way
    bool terminated = false;                ///< is idle by request
    std::unique_ptr<child_history> history{};

    [[nodiscard]] instance_ref ref() const { return {slot, generation}; }
    [[nodiscard]] bool unsettled() const { return state == child_state::starting || state == child_state::stopping; }
    /// A temporary child that does not run has no spec any more.
    [[nodiscard]] bool is_forgotten() const { return state == child_state::idle && spec.restart == restart_rule::temporary; }
    [[nodiscard]] child_history& past()
    {
        if (!history)
            history = std::make_unique<child_history>();
        return *history;
    }
};

/// The children of one supervisor, in the order of their start, found by id in O(1) expected. A child stays where it is until
/// it is removed.
class child_list {
public:
    /// At the end. Pre: there is none of this id.
    child& add(child_spec&& spec)
    {
        auto const slot = free_.empty() ? static_cast<child_slot>(slots_.size()) : free_.back();
        auto const [at, made] = by_id_.insert(spec.id);
        expects(made, "one child of an id in a supervisor");
        at->value = slot;
        if (free_.empty())
            slots_.emplace_back();
        else
            free_.pop_back();
        auto& added = slots_[slot];
        added.spec = std::move(spec);
        added.generation = generation_floor_;
        added.slot = slot;
        added.previous = last_;
        (last_ == no_child ? first_ : slots_[last_].next) = slot;
        last_ = slot;
        count_supervisor(added, +1);
        return added;
    }

    void remove(child& gone)
    {
        set_state(gone, child_state::idle);
        count_supervisor(gone, -1);
        generation_floor_ = std::max(generation_floor_, gone.generation);
        (gone.previous == no_child ? first_ : slots_[gone.previous].next) = gone.next;
        (gone.next == no_child ? last_ : slots_[gone.next].previous) = gone.previous;
        by_id_.erase(gone.spec.id);
        auto const slot = gone.slot;
        gone = child{};
        free_.push_back(slot);
    }

    void clear()
    {
        by_id_ = {};
        slots_.clear();
        free_.clear();
        first_ = last_ = no_child;
        unsettled_count_ = active_count_ = parked_count_ = significant_count_ = supervisors_count_ = 0;
    }

    void set_state(child& of, child_state state)
    {
        count_state(of, -1);
        of.state = state;
        count_state(of, +1);
    }

    void set_spec(child& of, child_spec&& spec)
    {
        count_state(of, -1);
        count_supervisor(of, -1);
        of.spec = std::move(spec);
        count_supervisor(of, +1);
        count_state(of, +1);
    }

    [[nodiscard]] child* find(bytes_view id)
    {
        auto const* const found = by_id_.find(id);
        return found == nullptr ? nullptr : &slots_[found->value];
    }
    [[nodiscard]] child const* find(bytes_view id) const
    {
        auto const* const found = by_id_.find(id);
        return found == nullptr ? nullptr : &slots_[found->value];
    }

    /// The child whose present instance this is.
    [[nodiscard]] child* find(instance_ref which)
    {
        auto* const found = which.slot < slots_.size() ? &slots_[which.slot] : nullptr;
        return found != nullptr && found->slot == which.slot && found->generation == which.generation ? found : nullptr;
    }

    /// The same, when it is in this state.
    [[nodiscard]] child* find(instance_ref which, child_state state)
    {
        auto* const found = find(which);
        return found != nullptr && found->state == state ? found : nullptr;
    }

    [[nodiscard]] child& operator[](child_slot slot) { return slots_[slot]; }
    [[nodiscard]] child const& operator[](child_slot slot) const { return slots_[slot]; }
    [[nodiscard]] child_slot first() const { return first_; }
    [[nodiscard]] child_slot last() const { return last_; }
    [[nodiscard]] std::size_t size() const { return by_id_.size(); }

    /// Of which an answer is due.
    [[nodiscard]] std::size_t unsettled_count() const { return unsettled_count_; }
    /// That run, or are about to.
    [[nodiscard]] std::size_t active_count() const { return active_count_; }
    [[nodiscard]] std::size_t parked_count() const { return parked_count_; }
    /// That are significant, and not idle.
    [[nodiscard]] std::size_t significant_count() const { return significant_count_; }
    [[nodiscard]] std::size_t supervisors_count() const { return supervisors_count_; }

private:
    void count_state(child const& of, int sign)
    {
        auto const count = [sign](std::size_t& counter, bool counted) {
            if (counted)
                counter += static_cast<std::size_t>(sign);
        };
        count(unsettled_count_, of.unsettled());
        count(active_count_, of.unsettled() || of.state == child_state::running);
        count(parked_count_, of.state == child_state::parked);
        count(significant_count_, of.spec.significant && of.state != child_state::idle);
    }

    void count_supervisor(child const& of, int sign)
    {
        if (of.spec.is_supervisor)
            supervisors_count_ += static_cast<std::size_t>(sign);
    }

    std::deque<child> slots_;
    std::vector<child_slot> free_;
    bytes_table<child_slot> by_id_;
    child_slot first_ = no_child;
    child_slot last_ = no_child;
    std::size_t unsettled_count_ = 0;
    std::size_t active_count_ = 0;
    std::size_t parked_count_ = 0;
    std::size_t significant_count_ = 0;
    std::size_t supervisors_count_ = 0;
    generation_number generation_floor_ = 0; // of those that are gone, so that an id which returns goes on above
};

} // namespace drover::supervision
