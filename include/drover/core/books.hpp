// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/census.hpp>
#include <drover/core/core_state.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover::core {

/// Counts again what a core keeps count of, and looks whether each spec is in a state that its records allow.
template <class State>
class books {
public:
    explicit books(State const& state) : core_{state} {}

    /// The first thing that does not add up, in a sentence; empty when all does, as after every input. O(children + nodes).
    [[nodiscard]] std::string inconsistency()
    {
        std::vector<std::uint32_t> loads(core_.nodes.size());
        std::vector<std::size_t> owned(core_.nodes.size() + 1); // the last: nobody's
        std::size_t instances = 0;
        std::size_t starting = 0;
        std::size_t significant = 0;
        std::size_t grouped = 0;
        std::uint32_t wanted_here = 0;
        for (auto const* const child : core_.children.order()) {
            check_child(*child);
            instances += child->local ? 1U : 0U;
            starting += child->local && child->local->state == local_state::starting ? 1U : 0U;
            grouped += child->local && child->local->group != no_group ? 1U : 0U;
            significant += child->significant && child->wanted_running() ? 1U : 0U;
            wanted_here += child->want_sent ? 1U : 0U;
            if (child->owner != no_node) {
                ++owned[child->owner];
                loads[child->owner] += child->counted ? 1U : 0U;
            } else if (child->unassigned) {
                ++owned.back();
            }
        }
        check(core_.dirty.empty(), {}, "waits to be looked at, and nothing is under way");
        check(core_.instances_count == instances, {}, "the instances are counted wrongly");
        check(core_.starting_count == starting, {}, "the starts are counted wrongly");
        check(core_.significant_count == significant, {}, "the significant children are counted wrongly");
        check(length(core_.nodes.unassigned()) == owned.back(), {}, "the list of what nobody owns is not all of it");
        for (node_index index = 0; index < core_.nodes.size(); ++index) {
            auto const& node = core_.nodes[index];
            check(node.load == loads[index], node.id.name, "its load is counted wrongly");
            check(length(node.owned) == owned[index], node.id.name, "the list of its children is not all of them");
        }
        if constexpr (!State::by_load)
            check(core_.nodes[core_.own].coming == wanted_here, core_.self.name, "what comes to it is counted wrongly");
        std::size_t listed = 0;
        for (auto const& members : core_.group_members)
            listed += members.size();
        check(listed == grouped, {}, "the members of the groups are listed wrongly");
        check_counts();
        return wrong_;
    }

private:
    void check_child(child_entry const& child)
    {
        auto const status = status_of(core_, child);
        auto const wanted = child.wanted_running();
        auto const& id = *child.id;
        check(child.unassigned == (wanted && !child.owned), id, "is not listed as nobody's, or is and has an owner");
        check(!child.owned || child.owner != no_node, id, "is owned by nobody");
        check(!child.counted || (child.owned && wanted), id, "counts as load, and should not run");
        if (!child.present)
            return check(!child.local || child.local->state == local_state::stopping, id, "has no spec, and runs");
        switch (status) {
        case child_status::running_here:
        case child_status::restarting: return check(wanted, id, "runs, and should not");
        case child_status::parked: return check(wanted, id, "is parked, and should not run");
        case child_status::starting:
            return check(wanted && (child.local || core_.owned_here(child)), id, "starts, and should not, or nowhere");
        case child_status::stopping: return check(child.local != nullptr, id, "stops, and is nowhere");
        case child_status::running_elsewhere:
            return check(
                wanted && child.owner != core_.own && core_.nodes[child.owner].alive, id, "runs on a node that is not there");
        case child_status::moving: return check(wanted && child.owned && !child.local, id, "moves, and is nowhere");
        case child_status::claiming: return check(is_unaccounted(core_, child), id, "is claimed, and has an owner");
        case child_status::unassigned: return check(child.unassigned, id, "has no owner, and is not listed");
        case child_status::ended:
        case child_status::terminated: return check(!wanted && !child.local, id, "has ended, and runs");
        }
        check(false, id, "is in no state");
    }

    // By state, the numbers sum up to the number of specs.
    void check_counts()
    {
        auto const counts = count_children(core_);
        std::size_t sum = 0;
        for (auto const count : counts.by_status)
            sum += count;
        check(sum == counts.specs && counts.supervisors + counts.workers == counts.specs, {},
            "the sums are not the number of specs");
    }

    [[nodiscard]] static std::size_t length(child_entry const* list)
    {
        std::size_t count = 0;
        for (; list != nullptr; list = list->next_owned)
            ++count;
        return count;
    }

    void check(bool holds, std::string_view subject, std::string_view sentence)
    {
        if (!holds && wrong_.empty())
            wrong_.append(subject).append(subject.empty() ? "" : ": ").append(sentence);
    }

    State const& core_;
    std::string wrong_;
};

} // namespace drover::core
