// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/core/child_table.hpp>
#include <drover/core/effects.hpp>
#include <drover/core/messages.hpp>
#include <drover/core/source_entry.hpp>
#include <drover/core/version_token.hpp>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace drover::core {

/// A command that was given on this node, and waits for its answer.
struct command_operation {
    command_message message;
    time_point deadline{};
    time_point due = never; ///< to be looked at
    unsigned attempts = 0;
    node_index target = no_node;
    std::uint32_t source = no_source; ///< that asked for it
    bool answered = false;            ///< done there; only the acknowledgement is missing
    std::uint64_t version = 0;        ///< of the store of the node that answered
    std::uint64_t holders = 0;
    node_id answerer;
    child_ref ref;
};

/// A call or cast that was given on this node.
struct call_operation {
    call_message message;
    time_point deadline{};
    node_index target = no_node; ///< while it is under way
    time_point due = never;      ///< to be looked at
};

/// A read that waits until this node has seen a write.
struct awaited_write {
    version_token token;
    time_point deadline{};
};

/// By how many members a write is to be held.
struct holders_asked {
    std::size_t count = 1;
    bool fixed = false; ///< also when fewer are left

    friend auto operator<=>(holders_asked const&, holders_asked const&) = default;
};

/// Something that is complete, or may begin, once a write of this node is held by enough members.
struct hold {
    std::uint64_t version = 0;
    time_point deadline{};
    enum class kind : std::uint8_t { command, checkpoint, start } what{};
    std::string requester;              ///< of a command
    std::uint64_t number = 0;           ///< of the command, or of the checkpoint
    std::vector<std::uint64_t> covered; ///< earlier checkpoints that this one replaced
    child_id id;                        ///< of a checkpoint or a start; of a command that runs a child
    generation_number generation = 0;
    std::uint64_t creation = 0; ///< of the child that a command runs
};

/// A child that is to be started in its turn.
struct start_in_turn {
    std::int32_t priority = 0;
    std::uint64_t ordinal = 0;
    generation_number generation = 0;
    child_id id;

    /// For a heap whose first is started next.
    static bool later(start_in_turn const& left, start_in_turn const& right)
    {
        if (left.priority != right.priority)
            return left.priority < right.priority;
        return left.ordinal != right.ordinal ? left.ordinal > right.ordinal : left.id > right.id;
    }
};

/// Children that are restarted together.
struct sibling_run {
    std::vector<child_id> members; ///< in the order in which they start
    std::size_t left = 0;          ///< so many of them may still run, when they stop one after another
    std::size_t stopping = 0;      ///< so many of them, when they stop side by side
    bool side_by_side = false;
    time_point not_before{};
};

} // namespace drover::core
