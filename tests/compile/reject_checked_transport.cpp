// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: an environment for check_transport has a transport_type, which is a Transport
#include "archetypes.hpp"

#include <drover/conformance/transport.hpp>

struct nowhere {};
void use(nowhere environment) { static_cast<void>(drover::conformance::check_transport(environment)); }
