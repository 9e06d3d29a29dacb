// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/time.hpp>
#include <drover/link/link_effects.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace drover::link {

/// One address that is wanted, and how far we are with it: dialling, waiting for the next attempt, or satisfied.
struct dial_entry {
    std::set<std::string, std::less<>> wanted_as; ///< the addresses under which it was asked for
    connection_id dialling = 0;                   ///< the attempt under way, or 0
    time_point next_attempt = never;              ///< set by `dial_book::schedule`
    unsigned failures = 0;                        ///< attempts that failed in a row
    unsigned brief_connections = 0;               ///< connections in a row that were lost soon after they came up
    duration soon = duration::zero();             ///< the next wait, while a connection has just been lost; otherwise zero
    bool insist = false;                          ///< the last attempt was turned away as a duplicate
};

/// The addresses that are wanted, with the time of the next attempt at each.
///
/// An address that turns out to be another name for a node is merged into the entry of that node's own address, so that one
/// node is not dialled twice; it is remembered under which names it was asked for.
///
/// `Entry`: a `dial_entry`, or what derives from one.
template <class Entry>
class dial_book {
public:
    using entries = std::map<std::string, Entry, std::less<>>;
    using entry_place = typename entries::iterator;

    /// The entry that was asked for as `address`, made when there is none. `second`: it was made.
    std::pair<entry_place, bool> want(std::string_view address)
    {
        auto const known = resolve(address);
        auto const [at, made] = entries_.try_emplace(std::string{known});
        at->second.wanted_as.emplace(address);
        return {at, made};
    }

    /// Nobody asks for `address` any more. Gives the connection attempt to abandon, or 0.
    connection_id unwant(std::string_view address)
    {
        auto const at = entries_.find(resolve(address));
        if (at == entries_.end())
            return 0;
        auto& wanted_as = at->second.wanted_as;
        auto const name = wanted_as.find(address);
        if (name == wanted_as.end())
            forget_aliases(at->second);
        else
            forget_alias(name, at->second);
        return wanted_as.empty() ? erase(at) : 0;
    }

    /// Null when it is not wanted.
    [[nodiscard]] Entry* find(std::string_view address)
    {
        auto const at = entries_.find(address);
        return at == entries_.end() ? nullptr : &at->second;
    }

    /// `from` is another name for `to`. Gives the attempt to abandon, when both were being dialled: that at `from`.
    connection_id rename(std::string_view from, std::string_view to)
    {
        auto const at = entries_.find(from);
        if (at == entries_.end() || from == to)
            return 0;
        schedule(at, never);
        auto moved = std::move(at->second);
        entries_.erase(at);
        give_back(to);
        for (auto const& name : moved.wanted_as)
            aliases_.insert_or_assign(name, std::string{to});
        auto const [target, made] = entries_.try_emplace(std::string{to}, moved);
        if (made)
            return 0;
        target->second.wanted_as.merge(moved.wanted_as);
        return moved.dialling;
    }

    /// Drops the entry, whoever asked for it.
    void drop(std::string_view address)
    {
        if (auto const at = entries_.find(address); at != entries_.end())
            erase(at);
    }

    /// When to try again; `never` for not at all. Pre: the address is wanted.
    void schedule(std::string_view address, time_point at)
    {
        auto const entry = entries_.find(address);
        expects(entry != entries_.end(), "only an address that is wanted can be scheduled");
        schedule(entry, at);
    }

    /// An address whose time has come, or nothing.
    [[nodiscard]] std::optional<std::string> due(time_point now) const
    {
        if (deadline() > now || attempts_.empty())
            return std::nullopt;
        return attempts_.begin()->second;
    }

    [[nodiscard]] time_point deadline() const { return attempts_.empty() ? never : attempts_.begin()->first; }
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
    using names = std::set<std::string, std::less<>>;

    /// The address of the entry that was asked for as `address`.
    [[nodiscard]] std::string_view resolve(std::string_view address) const
    {
        auto const alias = aliases_.find(address);
        return alias == aliases_.end() ? address : std::string_view{alias->second};
    }

    /// `address` is a node's own from now on: an entry that was asked for under it is asked for under its own address instead.
    void give_back(std::string_view address)
    {
        auto const alias = aliases_.find(address);
        if (alias == aliases_.end())
            return;
        if (auto const holder = entries_.find(alias->second); holder != entries_.end() && holder->first != address) {
            holder->second.wanted_as.erase(alias->first);
            holder->second.wanted_as.insert(holder->first);
        }
        aliases_.erase(alias);
    }

    void schedule(entry_place entry, time_point at)
    {
        auto& next = entry->second.next_attempt;
        if (next != never)
            attempts_.erase({next, entry->first});
        next = at;
        if (next != never)
            attempts_.emplace(next, entry->first);
    }

    void forget_alias(names::iterator name, Entry& entry)
    {
        aliases_.erase(*name);
        entry.wanted_as.erase(name);
    }

    void forget_aliases(Entry& entry)
    {
        while (!entry.wanted_as.empty())
            forget_alias(entry.wanted_as.begin(), entry);
    }

    connection_id erase(entry_place at)
    {
        auto const dialling = at->second.dialling;
        schedule(at, never);
        forget_aliases(at->second);
        entries_.erase(at);
        return dialling;
    }

    entries entries_;
    std::map<std::string, std::string, std::less<>> aliases_; // asked-for name -> address of its entry
    std::set<std::pair<time_point, std::string>> attempts_;
};

} // namespace drover::link
