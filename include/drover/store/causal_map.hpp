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
#include <tuple>
#include <utility>
#include <vector>

namespace drover::store {

/// Stamps are microseconds of a clock, or a little more; a larger one is not honest, and would make the clocks of all others
/// wrap.
inline constexpr std::uint64_t stamp_max = std::uint64_t{1} << 62;

/// A replicated map as a value: a delta-state CRDT with a causal context (Almeida, Shoker and Baquero 2018), one winner a key.
///
/// Every write, removals included, takes the next sequence number of its origin (a dot). The map keeps the winning write of
/// each key and table, threaded on a list of its origin in the order of the numbers, so that "what that replica has not seen" is
/// found from the ends of the lists, in proportion to the answer. A write that lost is not kept: the context remembers that it
/// was seen.
///
/// Winner of a key: larger rank, then larger stamp, then larger origin. It is a maximum of a total order, so merging is
/// commutative, associative and idempotent. Stamps are those of a hybrid logical clock (Kulkarni et al. 2014): a write that saw
/// another is larger, and of two that did not see each other, the later one is. Their physical part is the wall clock at the
/// start of this life, moved on by the monotonic clock: a step of the wall clock changes nothing.
///
/// A removal stays as a marker until every member has seen it (`forget_removal`): no older write can come back after that. Who
/// was not a member meanwhile may hold a record whose removal nobody remembers: `forgotten` says so, and a listing of what is
/// left (`listing.hpp`) tells such records.
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
    /// Of the records, removals apart: replicas that have seen the same, and lack no removal, have the same one.
    [[nodiscard]] std::uint64_t digest() const { return digest_; }

    /// Stamps are no less from now on: microseconds since any time that the replicas agree on, as well as they can.
    void set_time(std::uint64_t physical) { physical_ = physical; }

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
        write next{self_origin_, version_ + 1, next_stamp(*present), rank, removed, std::move(value)};
        if (present->sequence != 0 && !wins(next, *present))
            return 0;
        ++version_;
        replace(*present, std::move(next));
        context_.raise(self_origin_, version_);
        return version_;
    }

    /// Takes a write of another origin into the state, without marking it as seen: `see` does, once all is in that its sender had
    /// up to then, for what is missing may have been replaced by what is still to come. True when it won. O(1) in the order of
    /// the numbers, else O(newer ones of its origin).
    bool merge(record_table table, bytes_view key, write&& incoming)
    {
        if (context_.at(incoming.origin) >= incoming.sequence || has(incoming.origin, incoming.sequence))
            return false;
        follow(incoming.stamp);
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
        origins_.insert(at, origin_state{id, node});
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
        for (auto const* at = first_after(origin, after); at != nullptr; at = at->newer)
            visit(*at);
    }

    /// The oldest of those; `newer` leads on. Null when there is none. O(1) from the very first, else O(answer).
    [[nodiscard]] entry const* first_after(origin_id origin, sequence_number after) const { return start_after(origin, after); }

    /// A walk along the writes of one origin that goes on over later changes. Pre: it is ended before another begins under its
    /// number.
    void begin_walk(std::size_t walk, origin_id origin, sequence_number after)
    {
        if (walks_.size() <= walk)
            walks_.resize(walk + 1);
        walks_[walk] = start_after(origin, after);
    }

    /// What it stands at; null at the end, where it stays.
    [[nodiscard]] entry const* walk_at(std::size_t walk) const { return walks_[walk]; }
    void walk_on(std::size_t walk) { walks_[walk] = walks_[walk]->newer; }
    void end_walk(std::size_t walk) { walks_[walk] = nullptr; }

    /// Removals of this origin, up to this number, may have been forgotten here: who has not seen them may hold what they
    /// removed.
    [[nodiscard]] sequence_number forgotten(origin_id origin) const
    {
        auto const found = place_of(origin);
        return found != origins_.end() && found->id == origin ? found->forgotten : 0;
    }

    /// Pre: the origin has been learned.
    void raise_forgotten(origin_id origin, sequence_number upto)
    {
        auto& known = state_of(origin).forgotten;
        known = std::max(known, upto);
    }

    /// Drops a record without a marker. Pre: it is there.
    void drop(record_table table, bytes_view key) { erase({table, bytes{key}}); }

    /// Removals that are still kept, in the order in which they came.
    [[nodiscard]] std::deque<removal> const& removals() const { return removals_; }

    /// Drops the marker of the oldest removal. Pre: every member has seen it.
    void forget_removal()
    {
        auto const& oldest = removals_.front();
        if (stands(oldest)) {
            raise_forgotten(oldest.origin, oldest.sequence);
            erase(oldest.key);
        }
        removals_.pop_front();
    }

    /// Gives the removals that came since the last call their time. O(those).
    void note_removals(time_point now)
    {
        for (auto at = removals_.rbegin(); at != removals_.rend() && at->noted_at == never; ++at)
            at->noted_at = now;
    }

    [[nodiscard]] std::size_t size() const { return size_; }

    // ---- for a journal -----------------------------------------------------------------------------------------------

    /// From now on, what changes is noted.
    void note_touched() { noting_ = true; }

    /// The records that were written or dropped since the last call; one may be there twice. They are as many as twice the keys
    /// at most, or a few, however often each was written.
    [[nodiscard]] std::vector<key_type> take_touched()
    {
        touched_max_ = touched_min;
        return std::exchange(touched_, {});
    }

    /// Puts back what a journal had. Pre: opened, nothing written or merged; the writes ascend by (origin, sequence), and each
    /// origin has been learned. False: there is one of this origin and number already, or of this key.
    bool restore(record_table table, bytes_view key, write&& kept)
    {
        auto const* const newest = state_of(kept.origin).newest;
        if (kept.sequence == 0 || (newest != nullptr && newest->sequence >= kept.sequence) || find(table, key) != nullptr)
            return false;
        follow(kept.stamp);
        replace(get(table, key), std::move(kept));
        return true;
    }

    /// As `see`, of a journal: this very life may have written it, if its clock was set back.
    void restore_seen(origin_id origin, sequence_number sequence)
    {
        see(origin, sequence);
        if (origin == self_origin_)
            version_ = std::max(version_, sequence);
    }

private:
    static constexpr std::size_t touched_min = 1'024;

    struct origin_state {
        origin_id id;
        node_id node;
        entry* oldest = nullptr;
        entry* newest = nullptr;
        sequence_number forgotten = 0;
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

    [[nodiscard]] entry* start_after(origin_id origin, sequence_number after) const
    {
        auto const found = place_of(origin);
        if (found == origins_.end() || found->id != origin || found->newest == nullptr || found->newest->sequence <= after)
            return nullptr;
        if (found->oldest->sequence > after)
            return found->oldest;
        auto* first = found->newest;
        while (first->older->sequence > after) // ends: the oldest is not above
            first = first->older;
        return first;
    }

    // There is a write of this number. O(1) when all of its origin are older, else O(newer ones).
    [[nodiscard]] bool has(origin_id origin, sequence_number sequence) const
    {
        auto const* const first = start_after(origin, sequence - 1);
        return first != nullptr && first->sequence == sequence;
    }

    // Not to where no honest clock gets: what is written here must always find room above it.
    void follow(std::uint64_t stamp) { clock_ = std::max(clock_, std::min(stamp, stamp_max / 2)); }

    // Above `present`, unless that is as large as can be.
    [[nodiscard]] std::uint64_t next_stamp(write const& present)
    {
        clock_ = std::max(clock_ + 1, physical_);
        return std::max(clock_, std::min(present.stamp + 1, stamp_max));
    }

    [[nodiscard]] static std::uint64_t digest_of(write const& of)
    {
        return of.sequence == 0 || of.removed ? 0 : mix64(of.origin ^ mix64(of.sequence));
    }

    void touch(entry const& changed)
    {
        if (!noting_)
            return;
        if (touched_.size() >= touched_max_) {
            std::sort(touched_.begin(), touched_.end(), [](auto const& left, auto const& right) {
                return std::tie(left.table, left.key) < std::tie(right.table, right.key);
            });
            touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
            touched_max_ = std::max(touched_min, 2 * touched_.size());
        }
        touched_.push_back({changed.table, *changed.key});
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
        touch(*gone);
        digest_ -= digest_of(*gone);
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
        digest_ -= digest_of(target);
        static_cast<write&>(target) = std::move(next);
        digest_ += digest_of(target);
        link(target);
        touch(target);
        if (target.removed)
            note_removal(target);
    }

    // Those that were replaced are left out now and then: a key may be removed often while somebody is away. O(1) amortised.
    void note_removal(entry const& target)
    {
        if (removals_.size() >= removals_looked_at_) {
            std::erase_if(removals_, [&](removal const& each) { return !stands(each); });
            removals_looked_at_ = 2 * removals_.size() + removals_looked_at_min;
        }
        removals_.push_back({{target.table, *target.key}, target.origin, target.sequence, never});
    }

    [[nodiscard]] bool stands(removal const& each) const
    {
        auto const* const found = find(each.key.table, each.key.key);
        return found != nullptr && found->removed && found->origin == each.origin && found->sequence == each.sequence;
    }

    void unlink(entry& target)
    {
        if (target.sequence == 0)
            return;
        for (auto*& walk : walks_)
            if (walk == &target)
                walk = target.newer;
        if (target.older != nullptr && target.newer != nullptr) {
            target.older->newer = target.newer;
            target.newer->older = target.older;
        } else {
            auto& origin = state_of(target.origin);
            (target.older == nullptr ? origin.oldest : target.older->newer) = target.newer;
            (target.newer == nullptr ? origin.newest : target.newer->older) = target.older;
        }
        target.older = target.newer = nullptr;
    }

    void link(entry& target)
    {
        auto& origin = state_of(target.origin);
        target.older = origin.newest;
        while (target.older != nullptr && target.older->sequence > target.sequence) {
            target.newer = target.older;
            target.older = target.older->older;
        }
        expects(target.older == nullptr || target.older->sequence < target.sequence, "a number of an origin names one write");
        (target.older == nullptr ? origin.oldest : target.older->newer) = &target;
        (target.newer == nullptr ? origin.newest : target.newer->older) = &target;
    }

    node_id self_;
    origin_id self_origin_ = 0;
    sequence_number version_ = 0;
    std::uint64_t clock_ = 0;
    std::uint64_t physical_ = 0;
    std::uint64_t digest_ = 0;
    causal_context context_;
    std::size_t size_ = 0;
    bytes_table<entry> rows_;           // by key: one record of it, with those of other tables behind
    std::vector<origin_state> origins_; // sorted by id
    static constexpr std::size_t removals_looked_at_min = 1'024;

    std::deque<removal> removals_;
    std::size_t removals_looked_at_ = removals_looked_at_min;
    std::vector<entry*> walks_;
    std::vector<key_type> touched_;
    std::size_t touched_max_ = touched_min; // when what is there twice is thrown out
    bool noting_ = false;
};

using causal_map = basic_causal_map<bytes>;

} // namespace drover::store
