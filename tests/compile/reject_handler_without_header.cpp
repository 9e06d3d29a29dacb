// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: completion handlers need #include <drover/completion.hpp>
#include "archetypes.hpp"

void use(archetype::supervisor& supervisor)
{
    supervisor.async_stop([](drover::error_code) {});
}
