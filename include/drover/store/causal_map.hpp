// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/bytes_table.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/time.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/store/causal_context.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>
#include <vector>

namespace drover::store {

/// A replicated map as a value: a delta-state CRDT with a causal context (Almeida, Shoker and Baquero 2018), one winner a key.
///
/// Every write, removals included, takes the next sequence number of its origin (a dot). The map keeps the winning write of
/// each key and table, threaded on a list of its origin in the order of the numbers, so that "what that replica has not seen" is
/// found from the ends of the lists, in proportion to the answer. A write that lost is not kept: the context remembers that it
/// was seen.
///
/// Winner of a key: larger rank, then larger stamp (a Lamport clock: a write that saw another is larger), then larger origin.
/// It is a maximum of a total order, so merging is commutative, associative and idempotent.
///
/// A removal stays as a marker until every member has seen it (`forget_removal`): no older write can come back after that.
///
/// `Value`: what is kept of each key; values are moved and never compared.
template <class Value>
class basic_causal_map {
public:
    struct key_type {
        record_table table;
        bytes key;

        friend bool operator==(key_type const&, key_type const&) = default;
    };

    /// One write: all of it but its key.
    struct write {
        origin_id origin = 0;
        sequence_number sequence = 0;
        std::uint64_t stamp = 0;
        record_rank rank;
        bool removed = false;
        Value value;
    };

    struct entry : write {
        kept_key const* key = nullptr;
        record_table table{};
        entry* older = nullptr; // of the same origin
        entry* newer = nullptr;
        std::unique_ptr<entry> sibling{}; // of the same key, in another table
    };

    struct removal {
        key_type key;
        origin_id origin;
        sequence_number sequence;
        time_point noted_at = never;
    };

    /// Once, first.
    void open(node_id const& self)
    {
        expects(self_.name.empty(), "a store is opened once");
        self_ = self;
        self_origin_ = origin_of(self);
        learn_origin(self);
    }

    [[nodiscard]] origin_id self() const { return self_origin_; }
    [[nodiscard]] causal_context const& context() const { return context_; }
    [[nodiscard]] sequence_number version() const { return version_; }

    /// The winning write of a key, removals included, or null. Valid until the next write of that key. O(1).
    [[nodiscard]] entry const* find(record_table table, bytes_view key) const
    {
        auto const* const found = rows_.find(key);
        return found == nullptr ? nullptr : of_table(found->value, table);
    }

    /// Writes here. Returns its sequence number, or 0 when the present write outranks it. O(1).
    sequence_number write_local(record_table table, bytes_view key, record_rank rank, bool removed, Value value)
    {
        auto* const present = removed ? find_mutable(table, key) : &get(table, key);
        if (removed && (present == nullptr || present->removed))
            return 0;
        if (present->sequence != 0 && present->rank > rank)
            return 0;
        replace(*present, write{self_origin_, ++version_, ++clock_, rank, removed, std::move(value)});
        context_.raise(self_origin_, version_);
        return version_;
    }

    /// Takes a write of another origin into the state, without marking it as seen (`see` does, once the whole batch is in).
    /// True when it won. Pre: the batch leaves no gap. O(1).
    bool merge(record_table table, bytes_view key, write&& incoming)
    {
        if (context_.at(incoming.origin) >= incoming.sequence)
            return false;
        if (clock_ < incoming.stamp)
            clock_ = incoming.stamp;
        auto& present = get(table, key);
        if (present.sequence != 0 && !wins(incoming, present))
            return false;
        replace(present, std::move(incoming));
        return true;
    }

    /// All writes of this origin up to this number have been merged.
    void see(origin_id origin, sequence_number sequence) { context_.raise(origin, sequence); }

    /// Remembers who an origin is: false when another node has the same 64-bit number.
    bool learn_origin(node_id const& node)
    {
        auto const id = origin_of(node);
        auto const at = place_of(id);
        if (at != origins_.end() && at->id == id)
            return at->node == node;
        origins_.insert(at, origin_state{id, node, nullptr});
        return true;
    }

    [[nodiscard]] node_id const* origin(origin_id id) const
    {
        auto const at = place_of(id);
        return at != origins_.end() && at->id == id ? &at->node : nullptr;
    }

    /// The winning writes of `origin` with a number above `after`, oldest first. O(answer).
    template <class Visit>
    void for_each_after(origin_id origin, sequence_number after, Visit&& visit) const
    {
        auto const found = place_of(origin);
        if (found == origins_.end() || found->id != origin)
            return;
        entry const* oldest = nullptr;
        for (entry const* at = found->newest; at != nullptr && at->sequence > after; at = at->older)
            oldest = at;
        for (; oldest != nullptr; oldest = oldest->newer)
            visit(*oldest);
    }

    /// Removals that are still kept, in the order in which they came.
    [[nodiscard]] std::deque<removal> const& removals() const { return removals_; }

    /// Drops the marker of the oldest removal. Pre: every member has seen it.
    void forget_removal()
    {
        auto const& oldest = removals_.front();
        if (auto const* const found = find(oldest.key.table, oldest.key.key);
            found != nullptr && found->removed && found->origin == oldest.origin && found->sequence == oldest.sequence)
            erase(oldest.key);
        removals_.pop_front();
    }

    /// Gives the removals that came since the last call their time. O(those).
    void note_removals(time_point now)
    {
        for (auto at = removals_.rbegin(); at != removals_.rend() && at->noted_at == never; ++at)
            at->noted_at = now;
    }

    [[nodiscard]] std::size_t size() const { return size_; }

private:
    struct origin_state {
        origin_id id;
        node_id node;
        entry* newest;
    };

    using origins_place = typename std::vector<origin_state>::const_iterator;

    [[nodiscard]] origins_place place_of(origin_id id) const
    {
        return std::lower_bound(
            origins_.begin(), origins_.end(), id, [](origin_state const& known, origin_id wanted) { return known.id < wanted; });
    }

    /// Pre: the origin has been learned.
    [[nodiscard]] origin_state& state_of(origin_id id)
    {
        return origins_[static_cast<std::size_t>(place_of(id) - origins_.begin())];
    }

    /// The record of a table among those of one key, or null. The first of them, which is part of the row, may be vacant: its
    /// sequence is 0 then.
    template <class Entry>
    [[nodiscard]] static Entry* of_table(Entry& first, record_table table)
    {
        for (auto* at = &first; at != nullptr; at = at->sibling.get())
            if (at->table == table && at->sequence != 0)
                return at;
        return nullptr;
    }

    entry* find_mutable(record_table table, bytes_view key) { return const_cast<entry*>(find(table, key)); }

    /// The record, made when there is none: then its sequence is 0, and it is to be written at once.
    entry& get(record_table table, bytes_view key)
    {
        auto& of_key = *rows_.insert(key).first;
        auto& first = of_key.value;
        if (auto* const present = of_table(first, table); present != nullptr)
            return *present;
        auto& made = first.sequence == 0 ? first : add_behind(first);
        made.key = &of_key.key;
        made.table = table;
        ++size_;
        return made;
    }

    static entry& add_behind(entry& first)
    {
        auto made = std::make_unique<entry>();
        made->sibling = std::move(first.sibling);
        first.sibling = std::move(made);
        return *first.sibling;
    }

    /// Pre: there is such a record.
    void erase(key_type const& key)
    {
        auto& first = rows_.find(key.key)->value;
        auto* const gone = of_table(first, key.table);
        unlink(*gone);
        --size_;
        if (gone == &first)
            static_cast<write&>(first) = write{};
        else
            erase_behind(first, gone);
        if (first.sequence == 0 && first.sibling == nullptr)
            rows_.erase(key.key);
    }

    static void erase_behind(entry& first, entry const* gone)
    {
        auto* place = &first.sibling;
        while (place->get() != gone)
            place = &(*place)->sibling;
        auto const last = std::move(*place);
        *place = std::move(last->sibling);
    }

    [[nodiscard]] bool wins(write const& incoming, write const& present) const
    {
        if (incoming.rank != present.rank)
            return incoming.rank > present.rank;
        if (incoming.stamp != present.stamp)
            return incoming.stamp > present.stamp;
        return place_of(incoming.origin)->node > place_of(present.origin)->node;
    }

    void replace(entry& target, write&& next)
    {
        unlink(target);
        static_cast<write&>(target) = std::move(next);
        link(target);
        if (target.removed)
            removals_.push_back({{target.table, *target.key}, target.origin, target.sequence, never});
    }

    void unlink(entry& target)
    {
        if (target.sequence == 0)
            return;
        if (target.older != nullptr)
            target.older->newer = target.newer;
        if (target.newer != nullptr)
            target.newer->older = target.older;
        else
            state_of(target.origin).newest = target.older;
        target.older = target.newer = nullptr;
    }

    void link(entry& target)
    {
        auto& origin = state_of(target.origin);
        expects(origin.newest == nullptr || origin.newest->sequence < target.sequence, "writes of one origin come in order");
        target.older = origin.newest;
        if (origin.newest != nullptr)
            origin.newest->newer = &target;
        origin.newest = &target;
    }

    node_id self_;
    origin_id self_origin_ = 0;
    sequence_number version_ = 0;
    std::uint64_t clock_ = 0;
    causal_context context_;
    std::size_t size_ = 0;
    bytes_table<entry> rows_;           // by key: one record of it, with those of other tables behind
    std::vector<origin_state> origins_; // sorted by id
    std::deque<removal> removals_;
};

using causal_map = basic_causal_map<bytes>;

} // namespace drover::store
