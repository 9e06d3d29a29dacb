// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/core_state.hpp>
#include <drover/policy/view.hpp>

#include <cstddef>
#include <vector>

namespace drover::core {

/// What changes with a new view: who is alive, and, of those that died, whether it may have been the fault of a child.
template <class State>
class view_changes {
public:
    view_changes(State& state, time_point now) : core_{state}, now_{now} {}

    /// Returns the nodes that are gone. O(nodes).
    std::vector<node_index> take(view const& members)
    {
        std::vector<node_index> lost;
        for (auto const& member : members.members)
            if (member.state == member_state::alive)
                core_.nodes.intern(member.id);
        for (node_index index = 0; index < core_.nodes.size(); ++index) {
            if (index == core_.own)
                continue;
            auto const alive = members.alive(core_.nodes[index].id);
            if (alive == core_.nodes[index].alive)
                continue;
            if (alive)
                on_node_up(index);
            else
                on_node_lost(index, members, lost);
        }
        return lost;
    }

private:
    void on_node_up(node_index index)
    {
        auto& node = core_.nodes[index];
        node.alive = true;
        node.recovered = false;
        node.here = presence::unknown;
        core_.store.on_peer_up(node.id, now_);
        core_.tell(event_kind::member_joined, node.id.name);
    }

    void on_node_lost(node_index index, view const& members, std::vector<node_index>& lost)
    {
        auto& node = core_.nodes[index];
        node.alive = false;
        node.recovered = false;
        node.died = now_;
        lost.push_back(index);
        core_.store.on_peer_down(node.id, now_);
        auto const* const seen = members.find(node.id.name);
        auto const left = seen != nullptr && seen->id == node.id && seen->state == member_state::left;
        node.left = left;
        node.young_counts = {};
        count_young(node);
        core_.tell(left ? event_kind::member_left : event_kind::member_died, node.id.name);
    }

    // O(children that it owned), which are about to move.
    void count_young(node_entry& node)
    {
        for (auto const* child = node.owned; child != nullptr; child = child->next_owned) {
            if (!child->is_young(now_, core_.options.suspicion_time))
                continue;
            ++node.young_counts[0];
            auto const record = core_.owner_of(*child->id);
            node.young_counts[1] += record && record->node_deaths > 0 ? 1U : 0U;
        }
    }

    State& core_;
    time_point now_;
};

} // namespace drover::core
