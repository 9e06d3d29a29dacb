// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the parameter of bounded must be a placement with an order of preference (see docs/concepts/placement.md)
#include "archetypes.hpp"

#include <drover/placement/bounded.hpp>

template struct drover::bounded<archetype::placement>;
