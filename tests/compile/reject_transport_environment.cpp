// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: an environment for check_transport has make_runtime, listen_address, address_of_nobody, malformed_address and
#include "archetypes.hpp"

#include <drover/conformance/transport.hpp>

// Nothing ever runs in it.
struct still {
    using transport_type = archetype::transport;
    archetype::runtime make_runtime(std::string const& host);
    std::string listen_address(std::string const& host);
    std::string address_of_nobody();
    std::string malformed_address();
};
void use(still environment) { static_cast<void>(drover::conformance::check_transport(environment)); }
