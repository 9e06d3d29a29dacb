// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>
#include <drover/core/messages.hpp>
#include <drover/ownership/claim.hpp>
#include <drover/supervision/child_spec.hpp>

#include <cstddef>
#include <cstdint>
#include <string>

namespace drover {

/// How one supervisor behaves on one node. `name`, and whatever decides who owns what, must agree on all nodes.
struct supervisor_options {
    std::string name = "default"; ///< the scope: supervisors of one name on several nodes are one
    drover::acknowledge acknowledge = drover::acknowledge::majority; ///< for specs and for checkpoints
    restart_intensity intensity{};                                   ///< of each child, unless its spec has one
    conflict_policy conflict = conflict_policy::keep_placed;
    std::uint32_t weight =
        1; ///< this node's share of the children, in proportion to the others': twice the weight, twice the children

    std::size_t children_count_max = 4'000'000; ///< specs in the scope
    std::size_t operations_count_max = 100'000; ///< commands and calls that wait for an answer on this node

    duration operation_timeout = std::chrono::seconds{10};        ///< for a command or a call, start of the child included
    duration drain_timeout = std::chrono::seconds{20};            ///< for all children together to be handed on by `async_stop`
    duration retry_interval = std::chrono::milliseconds{200};     ///< until an unanswered message is sent again
    duration call_retry_interval = std::chrono::milliseconds{10}; ///< until a call to a child on the move is tried again
    duration park_min = std::chrono::seconds{1};                  ///< first wait of a parked child; doubles
    duration park_max = std::chrono::seconds{60};
    duration audit_interval = std::chrono::seconds{5}; ///< between passes that look at every child
    std::size_t audit_slice = 4'096;                   ///< children looked at in one turn
};

/// One sentence that names the field and says what is wrong with it, or an empty one.
[[nodiscard]] inline std::string validate(supervisor_options const& options)
{
    if (options.name.empty())
        return "name is empty";
    if (options.name.size() > limits::scope_name_size_max)
        return "name has " + std::to_string(options.name.size()) + " octets, more than "
            + std::to_string(limits::scope_name_size_max);
    if (options.weight < 1 || options.weight > limits::node_weight_max)
        return "weight is between 1 and " + std::to_string(limits::node_weight_max) + ", not " + std::to_string(options.weight);
    if (options.operation_timeout <= duration::zero())
        return "operation_timeout must be positive";
    if (options.drain_timeout <= duration::zero())
        return "drain_timeout must be positive";
    if (options.retry_interval <= duration::zero() || options.call_retry_interval <= duration::zero())
        return "retry_interval and call_retry_interval must be positive";
    if (options.park_min <= duration::zero() || options.park_max < options.park_min)
        return "park_min must be positive and at most park_max";
    if (options.audit_interval <= duration::zero() || options.audit_slice == 0)
        return "audit_interval and audit_slice must be positive";
    return validate(options.intensity);
}

} // namespace drover
