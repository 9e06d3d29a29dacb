// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/time.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace drover::core {

/// What is due when. Entries are not cancelled: whoever set one checks, when it is due, whether it still means something.
/// Equal times are due in the order in which they were set. O(log entries).
template <class Subject>
class timer_queue {
public:
    void set(time_point at, Subject subject)
    {
        entries_.push_back({at, next_++, std::move(subject)});
        std::push_heap(entries_.begin(), entries_.end(), later);
    }

    [[nodiscard]] time_point deadline() const { return entries_.empty() ? never : entries_.front().at; }

    /// The next that is due, removed.
    [[nodiscard]] std::optional<Subject> take_due(time_point now)
    {
        if (entries_.empty() || entries_.front().at > now)
            return std::nullopt;
        std::pop_heap(entries_.begin(), entries_.end(), later);
        auto subject = std::move(entries_.back().subject);
        entries_.pop_back();
        return subject;
    }

    [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
    struct entry {
        time_point at;
        std::uint64_t order;
        Subject subject;
    };

    static bool later(entry const& left, entry const& right)
    {
        return left.at != right.at ? left.at > right.at : left.order > right.order;
    }

    std::vector<entry> entries_;
    std::uint64_t next_ = 0;
};

} // namespace drover::core
