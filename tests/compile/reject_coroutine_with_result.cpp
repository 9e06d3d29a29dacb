// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: a child that is a coroutine returns an awaitable<void>
#include "archetypes.hpp"

#include <drover/coroutine.hpp>

// Who would be given the number?
void use(archetype::supervisor& supervisor)
{
    supervisor.add_child_type("counter", [](drover::child_context) -> boost::asio::awaitable<int> { co_return 1; });
}
