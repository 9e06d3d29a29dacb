// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/function.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace drover {

/// Callables that wait under numbers that grow, each to be taken once.
///
/// They lie in the order of their numbers in one array: no allocation each, and O(log size) to find one. Those that were taken
/// leave a gap, and the gaps are closed when they are more than half of all: O(1) amortised.
template <class Signature>
class function_table {
public:
    /// Pre: the number is larger than all that came before, the callable not empty.
    void add(std::uint64_t number, unique_function<Signature> callable)
    {
        expects(entries_.empty() || entries_.back().number < number, "the numbers of a function_table grow");
        entries_.push_back({number, std::move(callable)});
    }

    /// The callable of this number, which is no longer here; an empty one when there is none.
    [[nodiscard]] unique_function<Signature> take(std::uint64_t number)
    {
        auto const at = std::lower_bound(entries_.begin(), entries_.end(), number,
            [](entry const& each, std::uint64_t wanted) { return each.number < wanted; });
        if (at == entries_.end() || at->number != number || !at->callable)
            return nullptr;
        auto taken = std::exchange(at->callable, nullptr);
        if (++gaps_count_ > entries_.size() / 2)
            close_gaps();
        return taken;
    }

    /// Takes all, and calls `visit` with each in the order of the numbers. What is added meanwhile stays.
    template <class Visit>
    void take_all(Visit&& visit)
    {
        gaps_count_ = 0;
        for (auto& each : std::exchange(entries_, {}))
            if (each.callable)
                visit(each.callable);
    }

    [[nodiscard]] std::size_t size() const { return entries_.size() - gaps_count_; }

private:
    struct entry {
        std::uint64_t number;
        unique_function<Signature> callable; ///< empty: a gap
    };

    void close_gaps()
    {
        std::erase_if(entries_, [](entry const& each) { return !each.callable; });
        gaps_count_ = 0;
    }

    std::vector<entry> entries_;
    std::size_t gaps_count_ = 0;
};

} // namespace drover
