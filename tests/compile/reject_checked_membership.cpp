// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: check_membership takes a function that makes a Membership
#include "archetypes.hpp"

#include <drover/conformance/membership.hpp>

struct polled : archetype::membership {
    drover::time_point deadline() const = delete;
};
void use()
{
    static_cast<void>(drover::conformance::check_membership([] { return polled{}; }));
}
