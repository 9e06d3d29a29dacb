// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// The library, without a transport: add `drover/simulation.hpp` or `drover/net.hpp`. Children that call asynchronous operations
/// with a handler, in a translation unit without a transport, need `drover/completion.hpp`.

#include <drover/distributed_supervisor.hpp>
#include <drover/node.hpp>
#include <drover/placement/bounded.hpp>
#include <drover/placement/uniform.hpp>
