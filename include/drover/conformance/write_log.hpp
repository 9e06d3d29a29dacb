// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/policy/state_store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace drover::conformance {

/// Where a record is.
struct record_slot {
    record_table table{};
    bytes key;
};

/// What one replica shows of one slot.
struct record_sight {
    std::optional<std::size_t> write;  ///< index in the log; none: nothing is found
    std::optional<record_rank> rank{}; ///< as `rank_of` says
    std::uint64_t stamp = 0;

    friend bool operator==(record_sight const&, record_sight const&) = default;
};

/// Every write that was made by anybody, and what its writer saw: the truth that replicas are held to. Values are distinct.
class write_log {
public:
    struct entry {
        std::size_t slot;
        record_rank rank;
        bool removed;
        std::size_t writer;
        store_version version;
        std::optional<std::size_t> over; ///< what the writer saw there
    };

    explicit write_log(std::size_t slots_count) : settled_(slots_count), largest_removal_(slots_count) {}

    std::size_t add(entry made, bytes_view value)
    {
        if (!made.removed)
            by_value_.emplace(bytes{value}, entries_.size());
        else if (largest_removal_[made.slot] < made.rank)
            largest_removal_[made.slot] = made.rank;
        entries_.push_back(made);
        return entries_.size() - 1;
    }

    /// A write has its version once it is made.
    void set_version(std::size_t index, store_version version) { entries_[index].version = version; }

    [[nodiscard]] entry const& operator[](std::size_t index) const { return entries_[index]; }
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

    [[nodiscard]] std::optional<std::size_t> of_value(bytes_view value) const
    {
        auto const found = by_value_.find(value);
        return found == by_value_.end() ? std::nullopt : std::optional{found->second};
    }

    /// By what the page says, `a` wins over `b`: it has the larger rank, or an equal one and saw it.
    [[nodiscard]] bool beats(std::size_t a, std::size_t b) const
    {
        if (entries_[a].rank != entries_[b].rank)
            return entries_[a].rank > entries_[b].rank;
        for (auto at = entries_[a].over; at && entries_[*at].rank == entries_[b].rank; at = entries_[*at].over)
            if (*at == b)
                return true;
        return false;
    }

    /// The largest rank of a removal of this slot that every member of its time has seen: it may be forgotten, and a new
    /// member need not hear of it.
    [[nodiscard]] std::optional<record_rank> settled(std::size_t slot) const { return settled_[slot]; }
    void settle(std::size_t slot, record_rank rank)
    {
        if (!settled_[slot] || *settled_[slot] < rank)
            settled_[slot] = rank;
    }

    [[nodiscard]] record_rank largest_removal(std::size_t slot) const { return largest_removal_[slot]; }

private:
    std::vector<entry> entries_;
    std::map<bytes, std::size_t, std::less<>> by_value_;
    std::vector<std::optional<record_rank>> settled_;
    std::vector<record_rank> largest_removal_;
};

/// Everything that one replica ever showed: what it must hold, or something that wins over it.
class sight_history {
public:
    explicit sight_history(std::size_t slots_count) : shown_(slots_count), removals_(slots_count) {}

    void note(std::size_t slot, record_sight const& sight)
    {
        if (sight.write)
            shown_[slot].insert(*sight.write);
        else if (sight.rank)
            removals_[slot].insert(*sight.rank);
    }

    [[nodiscard]] std::set<std::size_t> const& shown(std::size_t slot) const { return shown_[slot]; }
    [[nodiscard]] std::set<record_rank> const& removals(std::size_t slot) const { return removals_[slot]; }

    /// The write was taken here, or was outranked here, as far as can be told from outside.
    [[nodiscard]] bool holds(std::size_t write, write_log const& log) const
    {
        auto const& wanted = log[write];
        if (shown_[wanted.slot].contains(write) || is_removed(wanted.slot, wanted.rank, log))
            return true;
        return std::any_of(shown_[wanted.slot].begin(), shown_[wanted.slot].end(), [&](std::size_t each) {
            return log[each].rank > wanted.rank || (log[each].rank == wanted.rank && !log.beats(write, each));
        });
    }

    /// What another replica showed is not news here.
    [[nodiscard]] bool holds(std::size_t slot, record_sight const& sight, write_log const& log) const
    {
        if (sight.write)
            return holds(*sight.write, log);
        return !sight.rank || is_removed(slot, *sight.rank, log)
            || std::any_of(
                shown_[slot].begin(), shown_[slot].end(), [&](std::size_t each) { return log[each].rank >= *sight.rank; });
    }

    /// A removal of this rank or a larger one was seen here, or by all.
    [[nodiscard]] bool is_removed(std::size_t slot, record_rank rank, write_log const& log) const
    {
        return (!removals_[slot].empty() && *removals_[slot].rbegin() >= rank) || log.settled(slot) >= std::optional{rank};
    }

private:
    std::vector<std::set<std::size_t>> shown_;
    std::vector<std::set<record_rank>> removals_;
};

} // namespace drover::conformance
