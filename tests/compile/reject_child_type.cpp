// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: a child type is constructible from a drover::child_context, or without arguments
#include "archetypes.hpp"

struct counter {
    explicit counter(int first);
};
void use(archetype::supervisor& supervisor) { supervisor.add_child_type<counter>(); }
