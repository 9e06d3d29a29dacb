// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the second parameter of node must be a Membership (see docs/concepts/membership.md)
#include "archetypes.hpp"

struct sees_nobody : archetype::membership {
    drover::view current_view() const;
};
template class drover::node<archetype::transport, sees_nobody>;
