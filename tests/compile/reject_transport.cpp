// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the first parameter of distributed_supervisor must be a Transport (see docs/concepts/transport.md)
#include "archetypes.hpp"

struct sends_nothing : archetype::transport {
    using archetype::transport::transport;
    bool send(std::string_view to, drover::bytes frame) = delete;
};
template class drover::distributed_supervisor<sends_nothing, archetype::membership, archetype::placement, archetype::store>;
