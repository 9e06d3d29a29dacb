// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>
#include <drover/core/messages.hpp>
#include <drover/ownership/claim.hpp>
#include <drover/supervision/child_spec.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace drover {

/// Children that belong together: placement keeps them on one node, and this strategy restarts them there.
struct child_group {
    std::string name;
    restart_strategy strategy = restart_strategy::one_for_all;
};

/// How one supervisor behaves on one node. `name`, and whatever decides who owns what, must agree on all nodes.
struct supervisor_options {
    std::string name = "default"; ///< the scope: supervisors of one name on several nodes are one
    drover::acknowledge acknowledge = drover::acknowledge::majority; ///< for specs and for checkpoints
    restart_intensity intensity{};                                   ///< of each child, unless its spec has one
    intensity_scope intensity_counts = intensity_scope::per_child;
    restart_backoff backoff{}; ///< of each child, unless its spec has one
    drover::auto_shutdown auto_shutdown = drover::auto_shutdown::off;
    std::vector<child_group> groups{};
    /// Started once in the cluster, in this order, whichever node comes first. The same list on all nodes; one that was deleted
    /// does not come back while a member lives.
    std::vector<child_spec> children{};
    std::size_t form_members = 1;                     ///< nothing is placed until so many members take part,
    duration form_timeout = std::chrono::seconds{30}; ///< or for so long
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
    std::size_t starts_at_once_max = 1'000; ///< of children that are taken over or handed over, on this node
    /// A child whose node dies this soon after it was about to start there is a suspect: after two such deaths in a row it is
    /// put in quarantine, or started as its `isolated_type`.
    duration suspicion_time = std::chrono::milliseconds{500};
    duration quarantine_time = std::chrono::minutes{5}; ///< until a child in quarantine is tried again; may be `infinity`
    duration audit_interval = std::chrono::seconds{5};  ///< between passes that look at every child
    std::size_t audit_slice = 4'096;                    ///< children looked at in one turn
};

namespace limits {

inline constexpr std::size_t groups_count_max = 1'000; ///< a start looks through them
inline constexpr std::size_t suspects_count_max = 16;  ///< so few young children of a node that died are always suspects

} // namespace limits

/// What is wrong with a spec under these options, in one sentence that names the field; or nothing.
[[nodiscard]] inline std::string validate(child_spec const& spec, supervisor_options const& options)
{
    if (auto sentence = validate(spec); !sentence.empty())
        return sentence;
    if (spec.significant && options.auto_shutdown == auto_shutdown::off)
        return "significant means something only where auto_shutdown of the supervisor is not off";
    if (!spec.group.empty() && std::none_of(options.groups.begin(), options.groups.end(), [&](auto const& known) {
            return known.name == spec.group;
        }))
        return "group is '" + spec.group + "', which is not one of the supervisor's groups";
    return {};
}

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
    if (options.form_members == 0 || options.form_timeout < duration::zero())
        return "form_members must be positive, and form_timeout not negative";
    if (options.starts_at_once_max == 0)
        return "starts_at_once_max must be positive";
    if (options.suspicion_time < duration::zero() || options.quarantine_time <= duration::zero())
        return "suspicion_time must not be negative, and quarantine_time must be positive";
    if (options.groups.size() > limits::groups_count_max)
        return "groups are " + std::to_string(options.groups.size()) + ", more than " + std::to_string(limits::groups_count_max);
    for (auto const& group : options.groups)
        if (group.name.empty() || group.name.size() > limits::group_name_size_max)
            return "groups: a name has 1 to " + std::to_string(limits::group_name_size_max) + " octets";
    for (auto const& group : options.groups)
        if (std::count_if(
                options.groups.begin(), options.groups.end(), [&](auto const& other) { return other.name == group.name; })
            > 1)
            return "groups: '" + group.name + "' is there twice";
    if (auto sentence = check_child_specs(options.children); !sentence.empty())
        return "children: " + sentence;
    for (auto const& spec : options.children)
        if (auto sentence = validate(spec, options); !sentence.empty())
            return "children: child '" + spec.id + "': " + sentence;
    if (auto sentence = validate(options.backoff); !sentence.empty())
        return sentence;
    return validate(options.intensity);
}

} // namespace drover
