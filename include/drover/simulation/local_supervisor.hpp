// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/local_supervisor.hpp>
#include <drover/simulation/runtime.hpp>

namespace drover::simulation {

/// On virtual time, as a host of a world.
using local_supervisor = drover::local_supervisor<runtime>;

} // namespace drover::simulation
