// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/membership/heartbeat_messages.hpp>
#include <drover/policy/view.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover {

/// What a node knows of one member.
struct member_record {
    member who;
    std::uint64_t counter = 0;                ///< the largest heartbeat counter heard of
    std::uint64_t death_counter = 0;          ///< while dead: only a larger counter, or the member itself, proves life
    time_point heard_at{};                    ///< when the counter last grew, or the member last spoke to us
    bool connected = false;                   ///< a connection to this very incarnation is open
    bool refusal_counts = true;               ///< a refused dial means that it is gone
    std::optional<std::uint64_t> peer_digest; ///< of its view, as it last told; none since it came up
};

/// Who is believed to be alive, by the rules of heartbeat-counter gossip (van Renesse, Minsky and Hayden, "A gossip-style
/// failure detection service", 1998).
///
/// One record a name. Evidence is merged by these rules, so the order in which it comes matters little: a larger incarnation
/// replaces a smaller one; within one incarnation `left` is final, a death is outdone by a larger counter, and what a member
/// says to us itself is better than what others say of it. The functions that merge say whether the view is another one now.
///
///                  counter stands still, dial refused, obituary
///           alive ---------------------------------------------> dead
///             |   <---------------------------------------------   |
///             |     speaks to us, or counter > death_counter       |
///             +---------------------> left <-----------------------+        a larger incarnation: alive
///                    it says so, or others heard it say so
///
/// `Record`: a `member_record`.
template <class Record>
class basic_member_table {
public:
    /// Counters that others may have heard of, and we not yet, when we find a member dead. A death that such a counter could
    /// undo would be undone at every crash.
    static constexpr std::uint64_t counters_in_flight = 3;

    /// Begins with `self`, alive. Pre: called once; count_max > 0.
    void open(peer const& self, std::size_t count_max, time_point now)
    {
        count_max_ = count_max;
        self_name_ = self.id.name;
        records_.push_back(
            {.who = {self.id, self.address, member_state::alive}, .counter = 1, .heard_at = now, .peer_digest = {}});
        changed();
    }

    /// Sorted by name, this node included.
    [[nodiscard]] std::vector<Record> const& records() const { return records_; }

    [[nodiscard]] bool is_self(Record const& record) const { return record.who.id.name == self_name_; }

    /// Pre: opened. Valid until a member is added.
    [[nodiscard]] Record& self()
    {
        auto* const record = find(self_name_);
        expects(record != nullptr, "a member_table was used before it was opened");
        return *record;
    }

    /// The record of this name, or null. Valid until a member is added. O(log members).
    [[nodiscard]] Record* find(std::string_view name)
    {
        auto const at = position_of(name);
        return at != records_.end() && at->who.id.name == name ? &*at : nullptr;
    }

    /// Members that were turned away because the table is full.
    [[nodiscard]] std::uint64_t turned_away_count() const { return turned_away_count_; }

    /// Equal for equal views, and never `heartbeat_messages::undecided`.
    [[nodiscard]] std::uint64_t digest()
    {
        refresh();
        return digest_;
    }

    /// When the first of the others to be silent was last heard of; `never` when nobody else is alive. O(members).
    [[nodiscard]] time_point oldest_heard_at() const
    {
        auto oldest = never;
        for (auto const& each : records_)
            if (each.who.state == member_state::alive && !is_self(each))
                oldest = std::min(oldest, each.heard_at);
        return oldest;
    }

    /// A connection to `who` is up.
    bool meet(peer const& who, time_point now)
    {
        if (who.id.name == self_name_)
            return false;
        auto* known = find(who.id.name);
        bool const outlived = known != nullptr && known->who.id.incarnation < who.id.incarnation;
        bool news = known == nullptr || outlived || known->who.address != who.address;
        if (known == nullptr)
            known = add({who.id, who.address, member_state::alive, 0}, now);
        else if (outlived)
            begin_life(*known, {who.id, who.address, member_state::alive, 0}, now);
        if (known == nullptr || known->who.id != who.id)
            return false;
        known->who.address = who.address;
        known->connected = true;
        known->refusal_counts = true;
        known->peer_digest.reset();
        news |= hear(*known, now);
        return news;
    }

    /// A connection to `id` was lost. That alone means nothing.
    void part(node_id const& id)
    {
        auto* const known = find(id.name);
        if (known != nullptr && known->who.id == id)
            known->connected = false;
    }

    /// The member itself spoke to us.
    bool hear(Record& record, time_point now)
    {
        if (record.who.state == member_state::left)
            return false;
        record.heard_at = now;
        return record.who.state == member_state::dead && become(record, member_state::alive);
    }

    /// Somebody told us of a member. Reports of this node itself are left out.
    bool merge(heartbeat_messages::report const& told, time_point now)
    {
        if (told.id.name == self_name_)
            return false;
        auto* const known = find(told.id.name);
        if (known == nullptr)
            return add(told, now) != nullptr;
        if (known->who.id.incarnation > told.id.incarnation)
            return false;
        if (known->who.id.incarnation < told.id.incarnation) {
            begin_life(*known, told, now);
            return true;
        }
        switch (told.state) {
        case member_state::alive: return merge_counter(*known, told.counter, now);
        case member_state::dead: return merge_death(*known, told.counter);
        case member_state::left: return known->who.state != member_state::left && become(*known, member_state::left);
        }
        return false;
    }

    /// Somebody told us of a counter. One of a life that we do not know is left out.
    bool merge(heartbeat_messages::pulse const& told, time_point now)
    {
        auto* const known = find_life(told.fingerprint);
        return known != nullptr && !is_self(*known) && merge_counter(*known, told.counter, now);
    }

    /// Somebody saw that a member is gone. Believed unless we hold a connection to it, which is better evidence.
    bool merge(heartbeat_messages::obituary const& told)
    {
        auto* const known = find(told.id.name);
        if (known == nullptr || known->who.id != told.id || !may_be_buried(*known))
            return false;
        bury(*known);
        known->death_counter = std::max(known->death_counter, told.counter);
        return true;
    }

    /// Nobody listens at `address`: a member that did, and to which we hold no connection, is dead. Calls `tell` with the
    /// obituary of each that is found dead.
    template <class Tell>
    void bury_refused(std::string_view address, Tell&& tell)
    {
        for (auto& each : records_) {
            if (each.who.address != address || !each.refusal_counts || !may_be_buried(each))
                continue;
            bury(each);
            tell(heartbeat_messages::obituary{each.who.id, each.death_counter});
        }
    }

    /// All whose counters have stood still for `timeout` are dead, connected or not.
    bool bury_silent(time_point now, duration timeout)
    {
        bool found = false;
        for (auto& each : records_) {
            if (is_self(each) || each.who.state != member_state::alive || saturating_add(each.heard_at, timeout) > now)
                continue;
            bury(each);
            found = true;
        }
        return found;
    }

    /// For a span of `pause` until `now` we have not listened: nobody was silent in it.
    void excuse(duration pause, time_point now)
    {
        for (auto& each : records_)
            each.heard_at = std::min(now, saturating_add(each.heard_at, pause));
    }

    /// This node leaves. Pre: opened.
    void leave() { become(self(), member_state::left); }

private:
    [[nodiscard]] typename std::vector<Record>::iterator position_of(std::string_view name)
    {
        return std::lower_bound(records_.begin(), records_.end(), name,
            [](Record const& record, std::string_view wanted) { return record.who.id.name < wanted; });
    }

    /// A new record, or null when there is no room for it. Pre: there is none of this name.
    Record* add(heartbeat_messages::report const& told, time_point now)
    {
        if (records_.size() >= count_max_) {
            ++turned_away_count_;
            return nullptr;
        }
        auto const added = records_.emplace(position_of(told.id.name));
        begin_life(*added, told, now);
        return &*added;
    }

    void begin_life(Record& record, heartbeat_messages::report const& told, time_point now)
    {
        bool const alive = told.state == member_state::alive;
        record = {.who = {told.id, told.address, told.state},
            .counter = alive ? told.counter : 0,
            .death_counter = alive ? 0 : told.counter,
            .heard_at = now,
            .peer_digest = {}};
        changed();
    }

    bool merge_counter(Record& record, std::uint64_t counter, time_point now)
    {
        bool const dead = record.who.state == member_state::dead;
        if (counter <= (dead ? record.death_counter : record.counter))
            return false;
        record.counter = counter;
        record.heard_at = now;
        if (!dead)
            return false;
        // Others hear it, so a refused dial says something about our way to it, and nothing about it.
        record.refusal_counts = false;
        return become(record, member_state::alive);
    }

    bool merge_death(Record& record, std::uint64_t counter)
    {
        if (record.who.state == member_state::dead)
            record.death_counter = std::max(record.death_counter, counter);
        if (!may_be_buried(record) || record.counter > counter)
            return false;
        record.death_counter = counter;
        return become(record, member_state::dead);
    }

    [[nodiscard]] bool may_be_buried(Record const& record) const
    {
        return record.who.state == member_state::alive && !record.connected && !is_self(record);
    }

    void bury(Record& record)
    {
        record.death_counter = heartbeat_messages::grown(record.counter, counters_in_flight);
        become(record, member_state::dead);
    }

    bool become(Record& record, member_state state)
    {
        record.who.state = state;
        changed();
        return true;
    }

    [[nodiscard]] Record* find_life(std::uint64_t fingerprint)
    {
        refresh();
        auto const at = std::lower_bound(lives_.begin(), lives_.end(), std::pair{fingerprint, std::uint32_t{0}});
        return at != lives_.end() && at->first == fingerprint ? &records_[at->second] : nullptr;
    }

    void changed() { stale_ = true; }

    /// Computes what is derived from the records, when they have changed.
    void refresh()
    {
        if (!std::exchange(stale_, false))
            return;
        lives_.clear();
        digest_ = 0;
        for (std::uint32_t i = 0; i < records_.size(); ++i) {
            auto const life = heartbeat_messages::fingerprint(records_[i].who.id);
            lives_.emplace_back(life, i);
            digest_ += mix64(life + static_cast<std::uint64_t>(records_[i].who.state));
        }
        if (digest_ == heartbeat_messages::undecided)
            digest_ = 1;
        std::sort(lives_.begin(), lives_.end());
    }

    std::size_t count_max_ = 0;
    std::string self_name_;
    std::vector<Record> records_;
    std::uint64_t turned_away_count_ = 0;
    bool stale_ = true;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> lives_; ///< fingerprint, index of the record; sorted
    std::uint64_t digest_ = 0;
};

using member_table = basic_member_table<member_record>;

} // namespace drover
