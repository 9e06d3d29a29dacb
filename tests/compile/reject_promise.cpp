// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: these policies promise less than is asked: at_most_one_effective needs a StateStore that is linearizable,
// at_most_one_running a Placement with voters
#include "archetypes.hpp"

using wanted = drover::promising<drover::promise_level::at_most_one_effective, archetype::supervisor>;
wanted* made();
