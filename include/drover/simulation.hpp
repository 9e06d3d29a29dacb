// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// Simulated networks on virtual time.

#include <drover/drover.hpp>
#include <drover/simulation/in_memory_transport.hpp>
#include <drover/simulation/world.hpp>
