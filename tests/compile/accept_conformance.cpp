// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// The suites on the least of each policy: they ask no more of a model than its concept says.
#include "archetypes.hpp"

#include <drover/conformance/membership.hpp>
#include <drover/conformance/placement.hpp>
#include <drover/conformance/state_store.hpp>
#include <drover/conformance/transport.hpp>

struct least_environment {
    using transport_type = archetype::transport;
    archetype::runtime make_runtime(std::string const& host);
    std::string listen_address(std::string const& host);
    std::string address_of_nobody();
    std::string malformed_address();
    bool run_until(std::function<bool()> const& done, drover::duration bound);
};

bool use(least_environment environment);
bool use(least_environment environment)
{
    return drover::conformance::check_membership<archetype::membership>().passed()
        && drover::conformance::check_placement<archetype::placement>().passed()
        && drover::conformance::check_state_store<archetype::state_store>().passed()
        && drover::conformance::check_transport(environment).passed();
}
