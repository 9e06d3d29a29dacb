// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/conformance/store_laws.hpp>
#include <drover/conformance/watched_store.hpp>
#include <drover/conformance/write_log.hpp>

#include <algorithm>
#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace drover::conformance {

/// Holds what each replica says of the others to what the others hold.
template <class Replica>
class store_judge {
public:
    /// `replicas`: everybody who ever was; `counting`: the members among them, dead or alive.
    store_judge(store_run& run, std::vector<std::unique_ptr<Replica>> const& replicas, std::vector<std::size_t> const& counting)
        : run_{run}, replicas_{replicas}, counting_{counting}
    {
    }

    void on_added()
    {
        judged_.emplace_back();
        unsynchronised_.emplace_back();
    }

    void on_killed(std::size_t index)
    {
        std::erase_if(waiting_, [&](waiting_context const& each) { return each.from == index || each.at == index; });
    }

    void on_connected(std::size_t here, std::size_t there)
    {
        unsynchronised_[here].insert_or_assign(at(there).id.name, at(there).sights());
    }

    void on_disconnected(std::size_t here, std::string const& name) { unsynchronised_[here].erase(name); }

    /// Holders are counted anew.
    void on_members_changed(std::size_t index) { judged_[index].clear(); }

    /// An input was given, and all that followed from it.
    void after_turn(std::size_t index)
    {
        auto& here = at(index);
        settle_removals(here);
        judge_forgotten(here);
        judge_holders(here);
        judge_synchronised(here);
        if (std::exchange(here.told, false))
            ask_again(index);
    }

    /// `from` tells what it has seen, as when members regroup; `index` is asked what follows.
    void tell_context(std::size_t from, std::size_t index)
    {
        auto& here = at(index);
        auto const& there = at(from);
        auto const context = there.store().context();
        for (auto const own : {here.own.size(), here.own.size() / 2})
            if (own > 0 && here.store().acknowledges(context, run_.log[here.own[own - 1]].version))
                for (std::size_t i = 0; i < own; ++i)
                    run_.check(store_law::acknowledges, there.holds(here.own[i]), here.id.name, " takes a context of ",
                        there.id.name, " for an acknowledgement of what that does not hold");
        run_.check(store_law::acknowledges, here.store().acknowledges(here.store().context(), here.store().version()),
            here.id.name, " does not find its own writes in its own context");
        if (waiting_.size() < waiting_count_max)
            ask(waiting_context{index, from, context, there.sights()});
    }

    /// Does it know this write, of anybody?
    void ask_seen(std::size_t index, std::size_t write)
    {
        auto const& made = run_.log[write];
        auto const& writer = at(made.writer).id;
        auto const origin = origin_of(writer);
        auto const& store = std::as_const(at(index)).store();
        if (made.version != 0)
            run_.check(store_law::has_seen, !store.has_seen(origin, made.version) || at(index).holds(write), at(index).id.name,
                " claims to have seen a write of ", writer.name);
        run_.check(store_law::has_seen, !store.has_seen(origin, made.version + 1'000'000), at(index).id.name,
            " claims to have seen a write that was never made");
    }

    /// All living show the same, and know it.
    [[nodiscard]] bool in_order() const { return level() && all_known(); }

    void at_end()
    {
        run_.check(store_law::agree, level(), "replicas that heard one another for long show different records");
        run_.check(store_law::all_held, all_known(),
            "in the end, some replica does not say that all hold its writes, or that it is level with all, or has seen all");
        for (auto const& each : waiting_) {
            auto const covered = covers(each);
            run_.check(covered ? store_law::told : store_law::all_held, false, at(each.at).id.name,
                covered ? " came to cover what another told, and did not say so" : " never came to cover what another told");
        }
        waiting_.clear();
    }

private:
    static constexpr std::size_t waiting_count_max = 50;

    /// A context that was told to `at` and was not covered, and what its owner showed then.
    struct waiting_context {
        std::size_t at;
        std::size_t from;
        bytes context;
        std::vector<record_sight> sights;
    };

    [[nodiscard]] Replica& at(std::size_t index) const { return *replicas_[index]; }

    // ---- removals ----------------------------------------------------------------------------------------------------

    void settle_removals(Replica const& here)
    {
        for (std::size_t slot = 0; slot < here.sights().size(); ++slot) {
            auto const& sight = here.sights()[slot];
            if (sight.write || !sight.rank || run_.log.settled(slot) >= sight.rank)
                continue;
            if (std::all_of(counting_.begin(), counting_.end(),
                    [&](std::size_t each) { return at(each).history.holds(slot, sight, run_.log); }))
                run_.log.settle(slot, *sight.rank);
        }
    }

    // What is forgotten was removed, and every other member has seen that it was.
    void judge_forgotten(Replica& here)
    {
        for (auto const& [slot, rank] : std::exchange(here.forgotten, {})) {
            auto all = true;
            for (auto const each : counting_)
                all &= each == here.index() || at(each).history.is_removed(slot, rank, run_.log);
            run_.check(store_law::remembered, all, here.id.name,
                " shows nothing of a record or a removal that was there, and some "
                "member has not seen that it was removed");
            run_.log.settle(slot, rank);
        }
    }

    // ---- acknowledgement ---------------------------------------------------------------------------------------------

    void judge_holders(Replica& here)
    {
        auto const& held = here.held();
        auto& judged = judged_[here.index()];
        judged.resize(held.size());
        for (std::size_t i = 0; i < held.size(); ++i) {
            if (held[i] <= judged[i])
                continue;
            for (auto const write : here.own)
                if (auto const version = run_.log[write].version; version > judged[i] && version <= held[i])
                    judge_holders_of(here, write, i + 2);
            judged[i] = held[i];
        }
    }

    void judge_holders_of(Replica const& here, std::size_t write, std::size_t count)
    {
        std::size_t holders = 0;
        std::size_t showed = 0;
        for (auto const& each : replicas_) {
            if (std::find(here.members.begin(), here.members.end(), each->id) == here.members.end()
                || (!each->alive && !Replica::store_type::capabilities.durable))
                continue;
            holders += each->holds(write) ? 1U : 0U;
            showed += each->history.shown(run_.log[write].slot).contains(write) ? 1U : 0U;
        }
        run_.check(store_law::held, holders >= count, here.id.name, " says that its write ", run_.log[write].version,
            " is held by ", count, " members, and it is held by ", holders);
        if (here.sights()[run_.log[write].slot].write == write)
            run_.check(store_law::stood, showed >= std::min(count, holders), here.id.name, " shows a write that ", count,
                " members acknowledged, and only ", showed, " of them ever showed it");
    }

    void judge_synchronised(Replica& here)
    {
        std::erase_if(unsynchronised_[here.index()], [&](auto const& item) {
            auto const known = here.up.find(item.first);
            if (known == here.up.end() || !std::as_const(here).store().synchronised(known->second))
                return known == here.up.end();
            for (std::size_t slot = 0; slot < item.second.size(); ++slot)
                run_.check(store_law::synchronised, here.history.holds(slot, item.second[slot], run_.log), here.id.name,
                    " says that it is synchronised with ", item.first, ", and lacks what that had when it came up");
            return true;
        });
    }

    // ---- contexts ----------------------------------------------------------------------------------------------------

    bool covers(waiting_context const& told)
    {
        auto covered = false;
        at(told.at).step(Replica::input::other, [&](auto& store) { covered = store.covers(told.context, at(told.from).id); });
        return covered;
    }

    void ask(waiting_context told)
    {
        auto& here = at(told.at);
        auto const& there = at(told.from).id;
        if (!covers(told)) {
            if (here.up.contains(there.name))
                run_.check(store_law::level, !std::as_const(here).store().level_with(there), here.id.name, " is level with ",
                    there.name, ", and does not cover what that told");
            waiting_.push_back(std::move(told));
            return;
        }
        for (std::size_t slot = 0; slot < told.sights.size(); ++slot)
            run_.check(store_law::covers, here.history.holds(slot, told.sights[slot], run_.log), here.id.name, " covers what ",
                there.name, " told, and lacks something that it had");
    }

    void ask_again(std::size_t index)
    {
        auto waiting = std::exchange(waiting_, {});
        for (auto& each : waiting)
            if (each.at == index)
                ask(std::move(each));
            else
                waiting_.push_back(std::move(each));
    }

    // ---- in the end --------------------------------------------------------------------------------------------------

    // A removal may be forgotten here and remembered there.
    [[nodiscard]] static bool same(record_sight const& a, record_sight const& b) { return a.write ? a == b : !b.write; }

    [[nodiscard]] bool level() const
    {
        Replica const* first = nullptr;
        for (auto const& each : replicas_) {
            if (!each->alive)
                continue;
            first = first == nullptr ? each.get() : first;
            if (!std::equal(first->sights().begin(), first->sights().end(), each->sights().begin(), same))
                return false;
        }
        return true;
    }

    [[nodiscard]] bool all_known() const
    {
        std::vector<Replica const*> living;
        for (auto const& each : replicas_)
            if (each->alive)
                living.push_back(each.get());
        return std::all_of(living.begin(), living.end(), [&](Replica const* here) {
            return here->store().held_by(living.size()) == here->store().version()
                && std::all_of(
                    living.begin(), living.end(), [&](Replica const* there) { return there == here || knows(*here, *there); });
        });
    }

    [[nodiscard]] static bool knows(Replica const& here, Replica const& there)
    {
        return here.store().level_with(there.id) && here.store().synchronised(there.id)
            && (there.store().version() == 0 || here.store().has_seen(origin_of(there.id), there.store().version()))
            && here.store().acknowledges(there.store().context(), here.store().version());
    }

    store_run& run_;
    std::vector<std::unique_ptr<Replica>> const& replicas_;
    std::vector<std::size_t> const& counting_;
    std::vector<std::vector<store_version>> judged_;                                            // by replica and count
    std::vector<std::map<std::string, std::vector<record_sight>, std::less<>>> unsynchronised_; // by replica and peer
    std::vector<waiting_context> waiting_;
};

} // namespace drover::conformance
