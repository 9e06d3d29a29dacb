// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: check_placement is given a Placement (see docs/concepts/placement.md)
#include "archetypes.hpp"

#include <drover/conformance/placement.hpp>

struct no_placement {};
bool use();
bool use() { return drover::conformance::check_placement<no_placement>().passed(); }
