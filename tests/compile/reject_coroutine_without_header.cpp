// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: a child that is a coroutine returns an awaitable<void>, and needs #include <drover/coroutine.hpp>
#include "archetypes.hpp"

#include <boost/asio/awaitable.hpp>

void use(archetype::supervisor& supervisor)
{
    supervisor.add_child_type("counter", [](drover::child_context) -> boost::asio::awaitable<void> { co_return; });
}
