// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>
#include <drover/supervision/child_spec.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace drover {

/// In which order a supervisor that ends stops its children.
enum class stop_order : std::uint8_t {
    reverse = 0,  ///< one after another, the last started first: OTP's supervisor
    parallel = 1, ///< all at once: OTP's DynamicSupervisor; for `one_for_one`
};

/// How a supervisor in one process behaves. The defaults are OTP's, but for the intensity (OTP: 1 in 5 s).
struct local_supervisor_options {
    std::string name = "local"; ///< what its children are told is their node
    restart_strategy strategy = restart_strategy::one_for_one;
    restart_intensity intensity{};
    drover::intensity_scope intensity_scope = drover::intensity_scope::per_supervisor;
    restart_backoff backoff = immediate_restarts; ///< of each child, unless its spec has one
    drover::auto_shutdown auto_shutdown = drover::auto_shutdown::off;
    drover::stop_order stop_order = drover::stop_order::reverse;
    std::size_t children_count_max = 1'000'000; ///< specs
    std::vector<child_spec> children{};         ///< started left to right by `async_start`, which fails when one of them does

    duration park_min = std::chrono::seconds{1}; ///< first wait of a parked child; doubles (`intensity_scope::per_child`)
    duration park_max = std::chrono::seconds{60};
};

namespace supervision {

/// What is wrong with a spec under this supervisor: one sentence that names the field, or an empty one.
[[nodiscard]] inline std::string refusal_of(child_spec const& spec, local_supervisor_options const& options)
{
    if (auto sentence = validate(spec); !sentence.empty())
        return sentence;
    if (spec.significant && options.auto_shutdown == auto_shutdown::off)
        return "significant has no meaning while the supervisor's auto_shutdown is off";
    if (spec.intensity && options.intensity_scope == intensity_scope::per_supervisor)
        return "intensity of a child needs intensity_scope per_child: under per_supervisor all children share the supervisor's";
    if (!spec.group.empty())
        return "group is for a cluster: in a local supervisor, nest a supervisor_child";
    if (!spec.isolated_type.empty())
        return "isolated_type is for a cluster: a local supervisor has no other node to protect";
    return {};
}

} // namespace supervision

/// One sentence that names the field and says what is wrong with it, or an empty one. Its `children` are looked at as well.
[[nodiscard]] inline std::string validate(local_supervisor_options const& options)
{
    if (options.name.empty())
        return "name is empty";
    if (auto sentence = detail::check_size("name has", options.name.size(), limits::node_name_size_max); !sentence.empty())
        return sentence;
    if (options.strategy > restart_strategy::rest_for_one)
        return "strategy is not one of one_for_one, one_for_all, rest_for_one";
    if (options.intensity_scope > intensity_scope::per_supervisor)
        return "intensity_scope is not one of per_child, per_supervisor";
    if (options.auto_shutdown > auto_shutdown::all_significant)
        return "auto_shutdown is not one of off, any_significant, all_significant";
    if (options.stop_order > stop_order::parallel)
        return "stop_order is not one of reverse, parallel";
    if (options.stop_order == stop_order::parallel && options.strategy != restart_strategy::one_for_one)
        return "stop_order parallel is for one_for_one: under the other strategies children lean on those before them";
    if (options.children.size() > options.children_count_max)
        return "children are more than children_count_max";
    if (options.park_min <= duration::zero() || options.park_max < options.park_min || options.park_max > limits::backoff_max)
        return "park_min must be positive and at most park_max, and that at most a day";
    if (auto sentence = validate(options.intensity); !sentence.empty())
        return sentence;
    if (auto sentence = validate(options.backoff); !sentence.empty())
        return sentence;
    for (auto const& spec : options.children)
        if (auto const sentence = supervision::refusal_of(spec, options); !sentence.empty())
            return "child '" + spec.id + "': " + sentence;
    return check_child_specs(options.children);
}

} // namespace drover
