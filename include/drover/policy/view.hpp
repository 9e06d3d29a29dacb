// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

/// What one node believes of one member.
enum class member_state : std::uint8_t {
    alive, ///< takes part
    dead,  ///< was alive, and is believed to be gone without having said so
    left,  ///< said that it leaves
};

/// For people, and for logs.
[[nodiscard]] constexpr char const* to_string(member_state state)
{
    switch (state) {
    case member_state::alive: return "alive";
    case member_state::dead: return "dead";
    case member_state::left: return "left";
    }
    return "?";
}

/// One member, as one node sees it.
struct member {
    node_id id;
    std::string address;
    member_state state = member_state::alive;

    friend bool operator==(member const&, member const&) = default;
};

/// Who is in the cluster, as one node sees it: one entry a name, its newest incarnation only, the dead included, the node
/// itself included, sorted by name.
struct view {
    std::uint64_t number = 0; ///< grows by one with every change, on this node only
    std::vector<member> members;

    /// The entry of `name`, or null. O(log members).
    [[nodiscard]] member const* find(std::string_view name) const
    {
        auto const at = std::lower_bound(members.begin(), members.end(), name,
            [](member const& entry, std::string_view wanted) { return entry.id.name < wanted; });
        return at != members.end() && at->id.name == name ? &*at : nullptr;
    }

    /// This very incarnation is believed to be alive.
    [[nodiscard]] bool alive(node_id const& id) const
    {
        auto const* const entry = find(id.name);
        return entry != nullptr && entry->id.incarnation == id.incarnation && entry->state == member_state::alive;
    }
};

} // namespace drover
