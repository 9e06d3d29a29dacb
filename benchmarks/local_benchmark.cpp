// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// Starts and restarts on one node, without a cluster: in a simulated world, and on the shell of a socket transport. All of a
// start counts: the call, the claim and the spec in the store, the object, its hook, and the completion. The yardstick is the
// least that any supervisor does: make the object, and keep it under its id.
#include "counted_allocations.hpp"
#include "measuring.hpp"
#include "numbered_keys.hpp"

#include <drover/drover.hpp>
#include <drover/net.hpp>
#include <drover/simulation.hpp>

#include <benchmark/benchmark.h>

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

constexpr std::uint64_t in_flight = 256;
constexpr std::uint64_t failures_each = 10; // of one child within its intensity

std::uint64_t running_count = 0;

/// Does nothing, but is there.
class idle {
public:
    static constexpr auto type_name = "idle";
    explicit idle(drover::child_context context) : context_{std::move(context)} {}
    void on_start() { ++running_count; }

private:
    drover::child_context context_;
};

/// Fails as soon as it runs, until it was restarted often enough.
class failing {
public:
    static constexpr auto type_name = "failing";
    explicit failing(drover::child_context context) : context_{std::move(context)} {}
    void on_start()
    {
        ++running_count;
        if (context_.generation() <= failures_each)
            context_.exit("as told");
    }

private:
    drover::child_context context_;
};

[[nodiscard]] drover::child_spec spec_of(std::uint64_t index, char const* type)
{
    drover::child_spec spec{.id = numbered_keys::key_of(index), .type = type, .arguments = drover::bytes(32, 'a')};
    spec.intensity = drover::restart_intensity{failures_each, std::chrono::hours{1}};
    spec.backoff = drover::immediate_restarts;
    return spec;
}

/// One node in a world of its own.
struct simulated {
    using transport = drover::in_memory_transport;

    drover::simulation::world context{1};
    template <class Predicate>
    void run_until(Predicate const& done)
    {
        while (!done() && context.step()) {
        }
    }
};

/// One node that listens on a socket.
struct on_sockets {
    using transport = drover::tcp_transport;

    boost::asio::io_context context{1};
    template <class Predicate>
    void run_until(Predicate const& done)
    {
        while (!done())
            context.run_one();
    }
};

template <class Place>
class one_node {
public:
    one_node() : supervisor_{place_.context, drover::node_options{.name = "node"}}
    {
        supervisor_.template add_child_type<idle>();
        supervisor_.template add_child_type<failing>();
        bool started = false;
        supervisor_.async_start([&](drover::error_code failure) { started = !failure; });
        place_.run_until([&] { return started; });
    }

    /// Starts children, so many at once, until all are started. Their number, without those that failed.
    std::uint64_t start(std::uint64_t count, char const* type)
    {
        wanted_ = count;
        type_ = type;
        for (std::uint64_t i = 0; i < in_flight; ++i)
            start_next();
        place_.run_until([&] { return finished_ == count; });
        return succeeded_;
    }

    void run_until_running(std::uint64_t count)
    {
        place_.run_until([&] { return running_count == count; });
    }

private:
    void start_next()
    {
        if (next_ == wanted_)
            return;
        supervisor_.async_start_child(spec_of(next_++, type_), [this](drover::error_code failure, drover::child_ref const&) {
            succeeded_ += failure ? 0 : 1;
            ++finished_;
            start_next();
        });
    }

    Place place_;
    drover::distributed_supervisor<typename Place::transport> supervisor_;
    std::uint64_t wanted_ = 0;
    char const* type_ = "";
    std::uint64_t next_ = 0;
    std::uint64_t finished_ = 0;
    std::uint64_t succeeded_ = 0;
};

/// Makes as many objects, and keeps them under their ids. Seconds of one.
[[nodiscard]] double time_of_objects(std::uint64_t count)
{
    struct object {
        std::string id;
        std::string arguments;
    };
    return measuring::time_of([&] {
        std::unordered_map<std::string, std::unique_ptr<object>> kept;
        for (std::uint64_t i = 0; i < count; ++i) {
            auto spec = spec_of(i, idle::type_name);
            auto made = std::make_unique<object>(object{spec.id, std::move(spec.arguments)});
            kept.emplace(std::move(spec.id), std::move(made));
        }
        benchmark::DoNotOptimize(kept.size());
    }) / static_cast<double>(count);
}

template <class Place>
void start(benchmark::State& state)
{
    auto const count = static_cast<std::uint64_t>(state.range(0));
    measuring::account account;
    std::uint64_t allocations = 0;
    std::int64_t held = 0;
    for (auto _ : state) {
        auto const held_before = counted_allocations::octets_held();
        auto node = std::make_unique<one_node<Place>>();
        auto const before = counted_allocations::count;
        std::uint64_t started = 0;
        account.iteration(state, count, [&] { started = node->start(count, idle::type_name); });
        if (started != count)
            return state.SkipWithError("a child was not started");
        allocations = counted_allocations::count - before;
        held = counted_allocations::octets_held() - held_before;
    }
    account.report(state, time_of_objects(count));
    state.counters["allocations"] = static_cast<double>(allocations) / static_cast<double>(count);
    state.counters["octets_held"] = static_cast<double>(held) / static_cast<double>(count);
}

/// A child's failure to its next `on_start`, ten times each; a tenth of the first start is in the figure, too.
template <class Place>
void restart(benchmark::State& state)
{
    auto const children = static_cast<std::uint64_t>(state.range(0));
    measuring::account account;
    std::uint64_t allocations = 0;
    for (auto _ : state) {
        auto node = std::make_unique<one_node<Place>>();
        auto const before = counted_allocations::count;
        account.iteration(state, children * failures_each, [&] {
            running_count = 0;
            node->start(children, failing::type_name);
            node->run_until_running(children * (failures_each + 1));
        });
        allocations = counted_allocations::count - before;
    }
    account.report(state, time_of_objects(1'000));
    state.counters["allocations"] = static_cast<double>(allocations) / static_cast<double>(children * failures_each);
}

} // namespace

BENCHMARK_TEMPLATE(start, simulated)
    ->ArgName("children")
    ->Arg(1'000)
    ->Arg(100'000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(start, on_sockets)
    ->ArgName("children")
    ->Arg(1'000)
    ->Arg(100'000)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(restart, simulated)->ArgName("children")->Arg(1)->Arg(100)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK_TEMPLATE(restart, on_sockets)->ArgName("children")->Arg(1)->Arg(100)->UseManualTime()->Unit(benchmark::kMillisecond);
