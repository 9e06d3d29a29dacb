// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the first parameter of node must be a Transport (see docs/concepts/transport.md)
#include "archetypes.hpp"

struct listens_nowhere : archetype::transport {
    using archetype::transport::transport;
    drover::errc start(drover::transport_events&) = delete;
};
template class drover::node<listens_nowhere, archetype::membership>;
