// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/core_state.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

/// Where a spec is in its life, as one node sees it. Every spec is in exactly one of these.
enum class child_status : std::uint8_t {
    running_here,
    running_elsewhere, ///< by the record of another node that is alive
    starting,
    restarting, ///< it has failed, and waits to be started again
    stopping,
    moving,     ///< this node has asked the owner to hand it over
    claiming,   ///< its owner is dead, and this node or another is about to take it over
    parked,     ///< failed too often; `reason` says how
    ended,      ///< its work is done
    terminated, ///< by request
    unassigned, ///< nobody is recorded to own it
};
inline constexpr std::size_t child_statuses_count = 11;

[[nodiscard]] constexpr char const* to_string(child_status status)
{
    switch (status) {
    case child_status::running_here: return "running here";
    case child_status::running_elsewhere: return "running elsewhere";
    case child_status::starting: return "starting";
    case child_status::restarting: return "restarting";
    case child_status::stopping: return "stopping";
    case child_status::moving: return "moving";
    case child_status::claiming: return "claiming";
    case child_status::parked: return "parked";
    case child_status::ended: return "ended";
    case child_status::terminated: return "terminated";
    case child_status::unassigned: return "unassigned";
    }
    return "?";
}

/// One child of a listing.
struct child_info {
    child_id id;
    std::string type;
    child_status status{};
    std::string node; ///< the recorded owner
    generation_number generation = 0;
    restart_rule restart{};
    std::string reason;                ///< of a parked one; of the last failure, where it runs
    std::uint32_t failures_in_row = 0; ///< without a stable run between them
    std::uint32_t node_deaths = 0;     ///< in a row, of nodes where it had just started
};

/// As OTP's `count_children`, and the census.
struct child_counts {
    std::size_t specs = 0;
    std::size_t supervisors = 0; ///< children that are supervisors themselves
    std::size_t workers = 0;     ///< the others
    std::size_t active = 0;      ///< running or about to, anywhere
    std::size_t parked = 0;
    std::size_t local = 0;                                     ///< instances on this node
    std::array<std::size_t, child_statuses_count> by_status{}; ///< each spec is counted once

    [[nodiscard]] std::size_t in(child_status status) const { return by_status[static_cast<std::size_t>(status)]; }
};

/// Specs that should run and that no node accounts for, as this node sees it: nobody is recorded to own them, or their owner is
/// dead, and nobody has taken them over yet.
struct unaccounted_children {
    std::size_t count = 0;
    duration oldest_age{}; ///< since the owner died, or since this node heard of the spec or lost the owner's record
};

namespace core {

template <class State>
[[nodiscard]] child_status status_of(State const& core, child_entry const& child)
{
    if (child.local) {
        switch (child.local->state) {
        case local_state::starting: return child_status::starting;
        case local_state::running: return child_status::running_here;
        case local_state::stopping: return child_status::stopping;
        case local_state::waiting: return child.local->failures_in_row > 0 ? child_status::restarting : child_status::starting;
        case local_state::parked: return child_status::parked;
        }
    }
    if (child.terminated)
        return child_status::terminated;
    if (!child.owned)
        return child_status::unassigned;
    if (child.status == owner_status::ended)
        return child_status::ended;
    if (!core.nodes[child.owner].alive)
        return child_status::claiming;
    if (child.want_sent)
        return child_status::moving;
    if (child.status == owner_status::parked)
        return child_status::parked;
    return child.owner == core.own ? child_status::starting : child_status::running_elsewhere;
}

template <class State>
[[nodiscard]] bool is_unaccounted(State const& core, child_entry const& child)
{
    return child.wanted_running() && !child.local && (!child.owned || !core.nodes[child.owner].alive);
}

/// O(children whose owner is dead or missing). Ages are exact to a millisecond, and come round every seven weeks.
template <class State>
[[nodiscard]] unaccounted_children unaccounted(State const& core, time_point now)
{
    unaccounted_children result;
    auto const look_through = [&](child_entry const* child, duration age_max) {
        for (; child != nullptr; child = child->next_owned) {
            if (!is_unaccounted(core, *child))
                continue;
            ++result.count;
            auto const age = std::chrono::milliseconds{child_entry::ms_of(now) - child->since_ms};
            result.oldest_age = std::max(result.oldest_age, std::min<duration>(age, age_max));
        }
    };
    look_through(core.nodes.unassigned(), duration::max());
    for (node_index index = 0; index < core.nodes.size(); ++index)
        if (auto const& node = core.nodes[index]; !node.alive)
            look_through(node.owned, now - node.died);
    return result;
}

template <class State>
[[nodiscard]] child_info info_of(State const& core, child_entry const& child)
{
    child_info info;
    info.id = *child.id;
    info.type = std::string{core.roster.type_name(child.type)};
    info.status = status_of(core, child);
    info.node = child.owned ? core.nodes[child.owner].id.name : std::string{};
    info.generation = child.owned ? child.generation : 0;
    info.restart = child.restart;
    if (child.local) {
        info.reason = child.local->reason;
        info.failures_in_row = child.local->failures_in_row;
        info.node_deaths = child.local->node_deaths;
    } else if (auto record = child.owned ? core.owner_of(*child.id) : std::nullopt) {
        info.reason = std::move(record->reason);
        info.failures_in_row = record->failures_in_row;
        info.node_deaths = record->node_deaths;
    }
    return info;
}

/// Sorted by id. O(children log children).
template <class State>
[[nodiscard]] std::vector<child_info> which_children(State const& core, bool only_local)
{
    std::vector<child_entry const*> listed;
    for (auto const* const child : core.children.order())
        if (only_local ? child->has_instance() : child->present)
            listed.push_back(child);
    std::sort(listed.begin(), listed.end(), [](auto const* left, auto const* right) { return *left->id < *right->id; });
    std::vector<child_info> result;
    result.reserve(listed.size());
    for (auto const* const child : listed)
        result.push_back(info_of(core, *child));
    return result;
}

/// O(children).
template <class State>
[[nodiscard]] child_counts count_children(State const& core)
{
    child_counts counts;
    for (auto const* const child : core.children.order()) {
        counts.local += child->has_instance() ? 1U : 0U;
        if (!child->present)
            continue;
        ++counts.specs;
        ++counts.by_status[static_cast<std::size_t>(status_of(core, *child))];
        ++(child->supervisor ? counts.supervisors : counts.workers);
        auto const active = child->wanted_running() && child->owned;
        counts.active += active && child->status == owner_status::active ? 1U : 0U;
        counts.parked += active && child->status == owner_status::parked ? 1U : 0U;
    }
    return counts;
}

/// Why a child is where it is, in sentences.
template <class State>
[[nodiscard]] std::string explain(State& core, bytes_view id)
{
    auto const* const child = core.children.find(id);
    if (child == nullptr || !child->present)
        return "no child of this id is known on this node";
    auto const info = info_of(core, *child);
    std::string text = info.id + " is " + to_string(info.status);
    if (!info.node.empty())
        text += "; its recorded owner is " + info.node + ", generation " + std::to_string(info.generation);
    if (child->owned && !core.nodes[child->owner].alive)
        text += ", which is not alive in this node's view";
    auto const home = core.home(*child);
    text += home == no_node ? "; no member that has its type is alive and staying"
                            : "; placement names " + core.nodes[home].id.name + " among the members that have type " + info.type;
    if (State::by_load && home != no_node)
        text += ", or, when that carries its share, the next; what was decided stands until the members change";
    if (!core.regrouped)
        text += "; the members have not all answered since the view changed, so nothing is taken over yet";
    if (info.failures_in_row > 0)
        text += "; it failed " + std::to_string(info.failures_in_row) + " times in a row";
    if (info.node_deaths > 0)
        text += "; " + std::to_string(info.node_deaths) + " nodes in a row died when it had just started on them";
    if (auto const* const source = core.sources.owner_of(id))
        text += "; it belongs to the source '" + source->port->name() + "', which "
            + (source->driving ? "this node reads" : "another node reads");
    if (!info.reason.empty())
        text += "; reason: " + info.reason;
    return text;
}

} // namespace core
} // namespace drover
