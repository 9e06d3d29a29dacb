// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include <drover/simulation.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>

namespace {

using namespace std::chrono_literals;
using supervisor = drover::distributed_supervisor<drover::in_memory_transport>;

constexpr int failures_count = 500;

// Fails as soon as it has started, so often.
struct unlucky {
    explicit unlucky(drover::child_context own) : context{own} {}
    void on_start()
    {
        if (context.generation() <= failures_count)
            context.exit("bad luck");
    }

    drover::child_context context;
};

} // namespace

// More restarts than a turn on the strand carries out: the rest follows in the next turn, not when some timer is due.
TEST_CASE("a child that fails again and again at once is restarted without a pause", "[simulation][supervisor]")
{
    drover::simulation::world world{1};
    supervisor alone{world, drover::node_options{.name = "n1", .listen = "n1"}, drover::supervisor_options{}};
    alone.add_child_type<unlucky>();
    alone.async_start([](drover::error_code) {});
    world.run_for(1s);

    drover::child_spec spec{.id = "c", .type = "unlucky"};
    spec.intensity = drover::restart_intensity{failures_count, 60s};
    spec.backoff = drover::immediate_restarts;
    alone.async_start_child(spec, [](drover::error_code, drover::child_ref const&) {});
    world.run_for(10ms);
    CHECK(alone.counters().restarts == failures_count);
    auto const found = alone.find("c");
    REQUIRE(found);
    CHECK(found->generation == failures_count + 1);
}
