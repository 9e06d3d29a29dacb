// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/function.hpp>
#include <drover/base/time.hpp>
#include <drover/child/context.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace drover::detail {

/// The timers of all children of one supervisor, and the shutdown deadlines of those that stop. O(log timers) each.
class child_timers {
public:
    struct due {
        std::shared_ptr<child_link> link;
        unique_function<void()> turn; ///< empty: the instance has not stopped by its shutdown deadline
    };

    std::uint64_t set(std::shared_ptr<child_link> const& link, time_point at, unique_function<void()> turn)
    {
        auto const number = ++last_;
        turns_.emplace(number, std::move(turn));
        push({at, number, link});
        return number;
    }

    void set_deadline(std::shared_ptr<child_link> const& link, time_point at) { push({at, 0, link}); }

    void cancel(std::uint64_t number) { turns_.erase(number); }

    [[nodiscard]] time_point deadline() const { return entries_.empty() ? never : entries_.front().at; }

    /// The next that is due and whose instance is still there.
    [[nodiscard]] std::optional<due> take_due(time_point now)
    {
        while (deadline() <= now && !entries_.empty()) {
            std::pop_heap(entries_.begin(), entries_.end(), later);
            auto const next = std::move(entries_.back());
            entries_.pop_back();
            auto link = next.link.lock();
            auto const found = turns_.find(next.number);
            auto const cancelled = next.number != 0 && found == turns_.end();
            unique_function<void()> turn;
            if (found != turns_.end()) {
                turn = std::move(found->second);
                turns_.erase(found);
            }
            if (link && link->host != nullptr && !cancelled)
                return due{std::move(link), std::move(turn)};
        }
        return std::nullopt;
    }

private:
    struct entry {
        time_point at;
        std::uint64_t number; ///< in the order in which they were set; 0 for a shutdown deadline
        std::weak_ptr<child_link> link;
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

    std::vector<entry> entries_;                                       // a heap
    std::unordered_map<std::uint64_t, unique_function<void()>> turns_; // looked up, never iterated
    std::uint64_t last_ = 0;
};

} // namespace drover::detail
