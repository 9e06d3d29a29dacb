// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/time.hpp>
#include <drover/supervision/child_list.hpp>
#include <drover/supervision/effects.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace drover::supervision {

/// Children that are to be tried again at a time. An entry whose child no longer waits for that time is stale and skipped.
/// O(log size), amortised.
class due_list {
public:
    void add(time_point at, instance_ref which, child_list& children)
    {
        // Children that are restarted by hand while they wait leave stale entries behind, whose times may be a day away.
        if (entries_.size() >= 2 * children.size() + 64) {
            std::erase_if(entries_, [&](entry const& each) { return !waits(each, children); });
            std::make_heap(entries_.begin(), entries_.end(), later);
        }
        entries_.push_back({at, ++last_, which});
        std::push_heap(entries_.begin(), entries_.end(), later);
    }

    [[nodiscard]] time_point deadline() const { return entries_.empty() ? never : entries_.front().at; }

    [[nodiscard]] std::optional<instance_ref> take(time_point now, child_list& children)
    {
        while (!entries_.empty() && entries_.front().at <= now) {
            std::pop_heap(entries_.begin(), entries_.end(), later);
            auto const next = entries_.back();
            entries_.pop_back();
            if (waits(next, children))
                return next.which;
        }
        return std::nullopt;
    }

private:
    struct entry {
        time_point at;
        std::uint64_t number; ///< those of one time come in the order in which they were added
        instance_ref which;
    };

    static bool waits(entry const& each, child_list& children)
    {
        auto const* const found = children.find(each.which);
        return found != nullptr && (found->state == child_state::restarting || found->state == child_state::parked)
            && found->history && found->history->due == each.at;
    }

    static bool later(entry const& left, entry const& right)
    {
        return left.at != right.at ? left.at > right.at : left.number > right.number;
    }

    std::vector<entry> entries_; // a heap
    std::uint64_t last_ = 0;
};

} // namespace drover::supervision
