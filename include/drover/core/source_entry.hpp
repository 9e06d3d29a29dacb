// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/core/effects.hpp>
#include <drover/core/messages.hpp>
#include <drover/core/source_comparison.hpp>
#include <drover/supervision/child_listing.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::core {

/// Index into the sources of this node.
inline constexpr std::uint32_t no_source = ~std::uint32_t{0};

/// Nodes announce the sources that they have registered as they announce the types of children that they can run: under this,
/// followed by the source's name.
inline constexpr std::string_view source_type_prefix = "drover child source ";

/// One source of children, as this node follows it.
///
///     (not driving) --placement names this node--> due --> reading --list--> comparing --all done--> due, after a while
///                                                             |                 ^
///                                                          failure           changed
///                                                             +--> due, after a growing wait
struct source_entry {
    std::shared_ptr<source_port> port;
    child_source_options options;
    std::uint32_t type = 0;    ///< index of the name under which it is announced
    std::uint64_t key = 0;     ///< for placement
    bool driving = false;      ///< this node reads it
    std::uint64_t regroup = 0; ///< the last one after which it was read

    time_point due = never;    ///< when it is read next
    std::uint64_t reading = 0; ///< number of the reading that is under way; 0: none
    time_point reading_ends = never;
    std::optional<child_listing> next; ///< was read while operations of the last comparison were under way
    std::optional<source_comparison> comparison;
    std::size_t in_flight = 0; ///< operations
    unsigned failures_in_row = 0;
    bool failed = false; ///< an operation of this comparison
    std::size_t started = 0, updated = 0, removed = 0;
    std::set<std::pair<child_id, std::string>> refused;  ///< and told: entries of the last list, with the reason
    std::set<std::pair<child_id, std::string>> refusing; ///< of the list that is being compared
};

/// What came of an operation that a source asked for.
struct source_answer {
    std::uint32_t source = no_source;
    command_kind kind{};
    child_id id;
    errc code{};
    std::string reason;
};

/// All of this node, in the order in which they were registered.
struct source_list {
    std::vector<source_entry> entries;
    std::vector<source_answer> answers; ///< to what they asked for
    std::uint64_t readings_begun = 0;
    time_point due = never; ///< when they are looked at next,
    bool waiting = false;   ///< or as soon as there is nothing else

    void wake() { waiting = !entries.empty(); }

    /// Whose part of the id space this id lies in. O(sources).
    [[nodiscard]] source_entry const* owner_of(bytes_view id) const
    {
        for (auto const& source : entries)
            if (source.port->owns(id))
                return &source;
        return nullptr;
    }

    /// A user may not start, update or delete a child of this id.
    [[nodiscard]] bool are_read_only_for(bytes_view id) const
    {
        auto const* const source = owner_of(id);
        return source != nullptr && !source->port->is_writable();
    }
};

} // namespace drover::core
