// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/coroutine.hpp>
#include <drover/simulation.hpp>

void use(drover::distributed_supervisor<drover::in_memory_transport>& supervisor)
{
    supervisor.add_child_type("counter", [](drover::child_context) -> boost::asio::awaitable<void> { co_return; });
}
