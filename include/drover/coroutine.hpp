// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// Children that are coroutines, on sockets and in the simulation.

#include <drover/coroutine/coroutine_child.hpp>
#include <drover/drover.hpp>
