// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the second parameter of node must say what it promises: static constexpr membership_capabilities capabilities
#include "archetypes.hpp"

// Its own kind of promise.
struct promises_otherwise : archetype::membership {
    struct otherwise {};
    static constexpr otherwise capabilities{};
};
template class drover::node<archetype::transport, promises_otherwise>;
