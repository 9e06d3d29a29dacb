// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/core/child_table.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace drover::core {

/// Does a node have a supervisor of our name?
enum class presence : std::uint8_t { unknown, present, absent };

/// One life of one node, as the core of one scope knows it.
template <class Child>
struct basic_node_entry {
    node_id id;
    bool alive = false;
    bool recovered = false; ///< dead, and a regroup since then: its children may be claimed
    bool left = false;      ///< as planned
    /// Of a node that died: how many of its children had just started, by how many nodes had died with them before.
    std::array<std::uint32_t, 2> young_counts{};
    presence here = presence::unknown;
    time_point died{};
    std::uint32_t load = 0;   ///< how many of these should run
    std::uint32_t coming = 0; ///< more are on their way to it, by what this node asked
    Child* owned = nullptr;   ///< the children that it is recorded to own
};

/// Gives every life of every node a small number, and lists the children that it owns. `Child`: a `child_entry`.
template <class Child>
class basic_node_table {
public:
    using node_entry = basic_node_entry<Child>;

    node_index intern(node_id const& id)
    {
        auto const at = place_of(id);
        if (at != sorted_.end() && nodes_[*at].id == id)
            return *at;
        auto const made = size();
        nodes_.push_back(node_entry{.id = id});
        sorted_.insert(at, made);
        return made;
    }

    [[nodiscard]] node_index find(node_id const& id) const
    {
        auto const at = place_of(id);
        return at != sorted_.end() && nodes_[*at].id == id ? *at : no_node;
    }

    [[nodiscard]] node_entry& operator[](node_index index) { return nodes_[index]; }
    [[nodiscard]] node_entry const& operator[](node_index index) const { return nodes_[index]; }
    [[nodiscard]] node_index size() const { return static_cast<node_index>(nodes_.size()); }

    /// A child counts as load of its owner, or not any more. Pre: it counts only while it has an owner. O(1).
    void set_counted(Child& child, bool counted)
    {
        if (child.counted == counted)
            return;
        child.counted = counted;
        nodes_[child.owner].load += counted ? 1U : ~0U;
    }

    /// Moves a child to the list of its owner; it does not count as load until it is said to. O(1).
    void set_owner(Child& child, node_index owner)
    {
        if (child.owner == owner)
            return;
        set_counted(child, false);
        set_unassigned(child, false);
        if (child.owner != no_node)
            unlink(child, nodes_[child.owner].owned);
        child.owner = owner;
        if (owner != no_node)
            link(child, nodes_[owner].owned);
    }

    /// A child is listed as one that should run and has no owner, or not any more. Pre: it has none. O(1).
    void set_unassigned(Child& child, bool unassigned)
    {
        if (child.unassigned == unassigned)
            return;
        child.unassigned = unassigned;
        if (unassigned)
            link(child, unassigned_);
        else
            unlink(child, unassigned_);
    }

    /// The first of those that should run and have no owner.
    [[nodiscard]] Child const* unassigned() const { return unassigned_; }

private:
    static void link(Child& child, Child*& first)
    {
        child.next_owned = first;
        if (first != nullptr)
            first->previous_owned = &child;
        first = &child;
    }

    static void unlink(Child& child, Child*& first)
    {
        (child.previous_owned != nullptr ? child.previous_owned->next_owned : first) = child.next_owned;
        if (child.next_owned != nullptr)
            child.next_owned->previous_owned = child.previous_owned;
        child.previous_owned = child.next_owned = nullptr;
    }

    using place = std::vector<node_index>::const_iterator;

    [[nodiscard]] place place_of(node_id const& id) const
    {
        return std::lower_bound(sorted_.begin(), sorted_.end(), id,
            [this](node_index index, node_id const& wanted) { return nodes_[index].id < wanted; });
    }

    std::vector<node_entry> nodes_;
    std::vector<node_index> sorted_; // by id
    Child* unassigned_ = nullptr;
};

using node_entry = basic_node_entry<child_entry>;
using node_table = basic_node_table<child_entry>;

} // namespace drover::core
