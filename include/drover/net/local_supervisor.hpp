// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/local_supervisor.hpp>
#include <drover/net/runtime.hpp>

namespace drover::net {

/// On real time and real threads, over an executor or an execution context.
using local_supervisor = drover::local_supervisor<runtime>;

} // namespace drover::net
