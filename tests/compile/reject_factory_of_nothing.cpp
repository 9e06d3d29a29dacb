// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: a child factory returns a child by value
#include "archetypes.hpp"

void use(archetype::supervisor& supervisor)
{
    supervisor.add_child_type("counter", [](drover::child_context) {});
}
