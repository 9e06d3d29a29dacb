// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace drover::simulation {

/// Names one event that was pushed. A handle whose event has run or was cancelled names nothing, for good.
struct event_handle {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0; ///< 0: names nothing
};

/// Events ordered by (time, order of pushing).
///
/// A 4-ary heap of small keys beside a slab of payloads, so that sifting moves 24 octets whatever an event holds, and pushing
/// allocates only when the queue is longer than it ever was. A cancelled event loses its payload at once and its key when it
/// comes to the front; the heap is rebuilt when most of its keys are such. Push and pop are O(log n), cancel is O(1) amortised.
///
/// `Payload` is default constructible and leaves nothing to destroy when it is moved from. Its destructor may call the queue.
template <class Payload>
class event_queue {
public:
    event_handle push(time_point at, Payload&& payload)
    {
        auto const slot = take_slot();
        auto& entry = slots_[slot];
        entry.payload = std::move(payload);
        entry.live = true;
        entry.queued = true;
        keys_.push_back({at.time_since_epoch().count(), sequence_++, slot});
        sift_up(keys_.size() - 1);
        return {slot, entry.generation};
    }

    /// Destroys the payload before it returns. False: the event has run, or was cancelled before.
    bool cancel(event_handle handle)
    {
        if (handle.slot >= slots_.size() || handle.generation == 0)
            return false;
        auto& entry = slots_[handle.slot];
        if (entry.generation != handle.generation || !entry.live)
            return false;
        entry.live = false;
        [[maybe_unused]] auto const dropped = std::move(entry.payload);
        if (entry.queued && ++cancelled_count_ > compact_count_min && cancelled_count_ > keys_.size() / 2)
            compact();
        return true;
    }

    /// No event is queued. (Events that were taken and not yet released do not count.)
    [[nodiscard]] bool empty() { return drop_cancelled(), keys_.empty(); }

    /// Pre: not empty.
    [[nodiscard]] time_point front_time()
    {
        drop_cancelled();
        expects(!keys_.empty(), "an empty event queue has no front");
        return time_point{duration{keys_.front().time}};
    }

    /// Pre: not empty.
    [[nodiscard]] Payload const& front()
    {
        drop_cancelled();
        expects(!keys_.empty(), "an empty event queue has no front");
        return slots_[keys_.front().slot].payload;
    }

    /// Takes the front event out of the order. It keeps its slot, and can still be cancelled, until `release`. Pre: not empty.
    [[nodiscard]] std::uint32_t take_front()
    {
        drop_cancelled();
        expects(!keys_.empty(), "an empty event queue has no front");
        auto const slot = keys_.front().slot;
        pop_key();
        slots_[slot].queued = false;
        return slot;
    }

    /// The payload of a slot that was taken and not released; moved from when it was cancelled.
    [[nodiscard]] Payload const& payload(std::uint32_t slot) const { return slots_[slot].payload; }

    /// Frees a slot that was taken, and gives its payload; nothing when it was cancelled in the meantime.
    [[nodiscard]] std::optional<Payload> release(std::uint32_t slot)
    {
        std::optional<Payload> result;
        if (slots_[slot].live)
            result.emplace(std::move(slots_[slot].payload));
        free_slot(slot);
        return result;
    }

    /// Destroys every payload, one at a time, also of slots that were taken.
    void clear()
    {
        for (std::size_t slot = 0; slot < slots_.size(); ++slot)
            cancel({static_cast<std::uint32_t>(slot), slots_[slot].generation});
    }

private:
    static constexpr std::size_t arity = 4;
    static constexpr std::size_t compact_count_min = 1'024;

    struct key {
        std::int64_t time;
        std::uint64_t sequence;
        std::uint32_t slot;

        [[nodiscard]] bool before(key const& other) const
        {
            return time != other.time ? time < other.time : sequence < other.sequence;
        }
    };
    static_assert(sizeof(key) == 24);

    struct entry_slot {
        Payload payload;
        std::uint32_t generation = 1;
        bool live = false;   // has a payload
        bool queued = false; // has a key in the heap
    };

    [[nodiscard]] std::uint32_t take_slot()
    {
        if (free_.empty()) {
            expects(slots_.size() < UINT32_MAX, "more events are queued than there are slots");
            slots_.emplace_back();
            return static_cast<std::uint32_t>(slots_.size() - 1);
        }
        auto const slot = free_.back();
        free_.pop_back();
        return slot;
    }

    void free_slot(std::uint32_t slot)
    {
        auto& entry = slots_[slot];
        entry.live = false;
        entry.queued = false;
        if (++entry.generation == 0)
            entry.generation = 1;
        free_.push_back(slot);
    }

    void drop_cancelled()
    {
        while (cancelled_count_ > 0 && !keys_.empty() && !slots_[keys_.front().slot].live) {
            auto const slot = keys_.front().slot;
            pop_key();
            free_slot(slot);
            --cancelled_count_;
        }
    }

    void compact()
    {
        std::size_t kept = 0;
        for (auto const& candidate : keys_) {
            if (slots_[candidate.slot].live)
                keys_[kept++] = candidate;
            else
                free_slot(candidate.slot);
        }
        keys_.resize(kept);
        cancelled_count_ = 0;
        for (auto parent = kept / arity + 1; parent-- > 0;)
            if (parent < kept)
                sift_down(parent);
    }

    void pop_key()
    {
        keys_.front() = keys_.back();
        keys_.pop_back();
        if (!keys_.empty())
            sift_down(0);
    }

    void sift_up(std::size_t index)
    {
        auto const moving = keys_[index];
        while (index > 0) {
            auto const parent = (index - 1) / arity;
            if (!moving.before(keys_[parent]))
                break;
            keys_[index] = keys_[parent];
            index = parent;
        }
        keys_[index] = moving;
    }

    void sift_down(std::size_t index)
    {
        auto const moving = keys_[index];
        for (;;) {
            auto const first = index * arity + 1;
            if (first >= keys_.size())
                break;
            auto const last = first + arity < keys_.size() ? first + arity : keys_.size();
            auto least = first;
            for (auto child = first + 1; child < last; ++child)
                if (keys_[child].before(keys_[least]))
                    least = child;
            if (!keys_[least].before(moving))
                break;
            keys_[index] = keys_[least];
            index = least;
        }
        keys_[index] = moving;
    }

    std::vector<key> keys_;
    std::vector<entry_slot> slots_;
    std::vector<std::uint32_t> free_;
    std::uint64_t sequence_ = 0;
    std::size_t cancelled_count_ = 0;
};

} // namespace drover::simulation
