// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: a child factory is called with a drover::child_context
#include "archetypes.hpp"

struct counter {};
void use(archetype::supervisor& supervisor)
{
    supervisor.add_child_type("counter", [] { return counter{}; });
}
