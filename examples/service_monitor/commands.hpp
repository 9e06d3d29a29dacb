// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <span>

namespace service_monitor {

/// One node of the cluster, until it is told to leave. The words after "node"; returns the exit code, or throws `bad_input`
/// or `failure`.
int run_node(std::span<char* const> words);

/// The demonstration: starts nodes as processes, kills one, and judges what it sees. As above.
int run_demo(std::span<char* const> words);

} // namespace service_monitor
