// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

namespace cluster_benchmark {

/// The process of one node: "node NAME SLOT CONTROL BOARD BELL RUNS-CHILDREN [SEED...]". CONTROL, BOARD and BELL are
/// descriptors.
int run_node(int argc, char** argv);

} // namespace cluster_benchmark
