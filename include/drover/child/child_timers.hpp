// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/function.hpp>
#include <drover/base/function_table.hpp>
#include <drover/base/time.hpp>
#include <drover/child/context.hpp>

#include <algorithm>
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
        turns_.add(number, std::move(turn));
        push({at, number, link});
        return number;
    }

    void set_deadline(std::shared_ptr<Link> const& link, time_point at) { push({at, 0, link}); }

    void cancel(std::uint64_t number) { (void)turns_.take(number); }

    [[nodiscard]] time_point deadline() const { return entries_.empty() ? never : entries_.front().at; }

    /// The next that is due and whose instance is still there.
    [[nodiscard]] std::optional<due> take_due(time_point now)
    {
        while (deadline() <= now && !entries_.empty()) {
            std::pop_heap(entries_.begin(), entries_.end(), later);
            auto const next = std::move(entries_.back());
            entries_.pop_back();
            auto link = next.link.lock();
            auto turn = turns_.take(next.number);
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

    static bool later(entry const& left, entry const& right)
    {
        return left.at != right.at ? left.at > right.at : left.number > right.number;
    }

    void push(entry next)
    {
        entries_.push_back(std::move(next));
        std::push_heap(entries_.begin(), entries_.end(), later);
    }

    std::vector<entry> entries_; // a heap
    function_table<void()> turns_;
    std::uint64_t last_ = 0;
};

using child_timers = basic_child_timers<child_link>;

} // namespace drover::detail
