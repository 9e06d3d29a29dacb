// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the second parameter of node must be movable and default constructible
#include "archetypes.hpp"

struct asks_first : archetype::membership {
    explicit asks_first(int intervals);
};
template class drover::node<archetype::transport, asks_first>;
