// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/function.hpp>
#include <drover/base/time.hpp>
#include <drover/child/context.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace drover::detail {

/// The timers of all children of one supervisor, and the shutdown deadlines of those that stop. O(log timers) each.
/// `Link`: a `child_link`; nothing is due any more for one that is gone or has no host.
template <class Link>
class basic_child_timers {
public:
    struct due {
        std::shared_ptr<Link> link;
        unique_function<void()> turn; ///< empty: the instance has not stopped by its shutdown deadline
    };

    std::uint64_t set(std::shared_ptr<Link> const& link, time_point at, unique_function<void()> turn)
    {
        auto const number = ++last_;
        turns_.push_back({number, std::move(turn)});
        push({at, number, link});
        return number;
    }

    void set_deadline(std::shared_ptr<Link> const& link, time_point at) { push({at, 0, link}); }

    void cancel(std::uint64_t number) { (void)take_turn(number); }

    [[nodiscard]] time_point deadline() const { return entries_.empty() ? never : entries_.front().at; }

    /// The next that is due and whose instance is still there.
    [[nodiscard]] std::optional<due> take_due(time_point now)
    {
        while (deadline() <= now && !entries_.empty()) {
            std::pop_heap(entries_.begin(), entries_.end(), later);
            auto const next = std::move(entries_.back());
            entries_.pop_back();
            auto link = next.link.lock();
            auto turn = take_turn(next.number);
            auto const cancelled = next.number != 0 && !turn;
            if (link && link->host != nullptr && !cancelled)
                return due{std::move(link), std::move(turn)};
        }
        return std::nullopt;
    }

private:
    struct entry {
        time_point at;
        std::uint64_t number; ///< in the order in which they were set; 0 for a shutdown deadline
        std::weak_ptr<Link> link;
    };

    struct numbered_turn {
        std::uint64_t number;
        unique_function<void()> turn; ///< empty once it was taken
    };

    /// The turn of this number, which is no longer here; empty when there is none.
    unique_function<void()> take_turn(std::uint64_t number)
    {
        auto const found = std::lower_bound(turns_.begin(), turns_.end(), number,
            [](numbered_turn const& each, std::uint64_t wanted) { return each.number < wanted; });
        if (found == turns_.end() || found->number != number || !found->turn)
            return nullptr;
        auto turn = std::exchange(found->turn, nullptr);
        if (++taken_count_ > turns_.size() / 2) {
            std::erase_if(turns_, [](numbered_turn const& each) { return !each.turn; });
            taken_count_ = 0;
        }
        return turn;
    }

    static bool later(entry const& left, entry const& right)
    {
        return left.at != right.at ? left.at > right.at : left.number > right.number;
    }

    void push(entry next)
    {
        entries_.push_back(std::move(next));
        std::push_heap(entries_.begin(), entries_.end(), later);
    }

    std::vector<entry> entries_;       // a heap
    std::vector<numbered_turn> turns_; // by number; at most half of them are empty
    std::size_t taken_count_ = 0;
    std::uint64_t last_ = 0;
};

using child_timers = basic_child_timers<child_link>;

} // namespace drover::detail
