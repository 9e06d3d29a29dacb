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
    std::string requester;    ///< of a command
    std::uint64_t number = 0; ///< of the command, or of the checkpoint
    child_id id;              ///< of a checkpoint or a start
    generation_number generation = 0;
};

} // namespace drover::core
