// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// Supervision in one process, without a cluster: starts, restarts in place, and the stop of many, on virtual time and on an
// io_context. All of a start counts: the call, its turn on the strand, the spec, the object, its hook, and the completion. The
// yardstick is the least that any supervisor does: make the object, and keep it under its id.
#include "counted_allocations.hpp"
#include "measuring.hpp"
#include "numbered_keys.hpp"

#include <drover/net/local_supervisor.hpp>
#include <drover/simulation/local_supervisor.hpp>

#include <benchmark/benchmark.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

constexpr std::uint64_t in_flight = 256;
constexpr std::uint64_t failures_count = 1'000; // of one child, one after another

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

/// Fails as soon as it runs, so often; writes down when it runs.
class failing {
public:
    static constexpr auto type_name = "failing";
    explicit failing(drover::child_context context) : context_{std::move(context)} {}
    void on_start()
    {
        started_at.push_back(measuring::processor_time());
        if (started_at.size() <= failures_count)
            context_.exit("as told");
    }

    static inline std::vector<double> started_at;

private:
    drover::child_context context_;
};

[[nodiscard]] drover::child_spec spec_of(std::uint64_t index, char const* type)
{
    return {.id = numbered_keys::key_of(index), .type = type, .arguments = drover::bytes(32, 'a')};
}

struct simulated {
    using supervisor = drover::simulation::local_supervisor;

    drover::simulation::world context{1};
    template <class Predicate>
    void run_until(Predicate const& done)
    {
        while (!done() && context.step()) {
        }
    }
};

struct on_real_time {
    using supervisor = drover::net::local_supervisor;

    boost::asio::io_context context{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work = boost::asio::make_work_guard(context);
    template <class Predicate>
    void run_until(Predicate const& done)
    {
        while (!done())
            context.run_one();
    }
};

template <class Place>
class stage {
public:
    explicit stage(drover::stop_order order = drover::stop_order::parallel)
        : supervisor_{
            place_.context, drover::local_supervisor_options{.intensity = {1'000, std::chrono::hours{1}}, .stop_order = order}}
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

    void stop()
    {
        bool stopped = false;
        supervisor_.async_stop([&](drover::error_code) { stopped = true; });
        place_.run_until([&] { return stopped; });
    }

    template <class Predicate>
    void run_until(Predicate const& done)
    {
        place_.run_until(done);
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
    typename Place::supervisor supervisor_;
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
        stage<Place> play;
        auto const before = counted_allocations::count;
        std::uint64_t started = 0;
        account.iteration(state, count, [&] { started = play.start(count, idle::type_name); });
        if (started != count)
            return state.SkipWithError("a child was not started");
        allocations = counted_allocations::count - before;
        held = counted_allocations::octets_held() - held_before;
    }
    account.report(state, time_of_objects(count));
    state.counters["allocations"] = static_cast<double>(allocations) / static_cast<double>(count);
    state.counters["octets_held"] = static_cast<double>(held) / static_cast<double>(count);
}

/// A child's failure to its next `on_start`: the median of a thousand in a row, its own clock included.
template <class Place>
void restart(benchmark::State& state)
{
    measuring::account account;
    for (auto _ : state) {
        stage<Place> play;
        failing::started_at.clear();
        failing::started_at.reserve(failures_count + 1);
        play.start(1, failing::type_name);
        play.run_until([] { return failing::started_at.size() > failures_count; });
        std::vector<double> gaps;
        for (std::size_t i = 1; i < failing::started_at.size(); ++i)
            gaps.push_back(failing::started_at[i] - failing::started_at[i - 1]);
        std::nth_element(gaps.begin(), gaps.begin() + failures_count / 2, gaps.end());
        auto const median = gaps[failures_count / 2];
        state.SetIterationTime(std::max(median, 1e-9));
        account.add(1, median);
    }
    account.report(state, time_of_objects(1'000));
}

/// All children at once, or one after another.
template <class Place>
void stop(benchmark::State& state)
{
    auto const count = static_cast<std::uint64_t>(state.range(0));
    auto const order = state.range(1) == 0 ? drover::stop_order::reverse : drover::stop_order::parallel;
    measuring::account account;
    for (auto _ : state) {
        stage<Place> play{order};
        play.start(count, idle::type_name);
        account.iteration(state, count, [&] { play.stop(); });
    }
    account.report(state, time_of_objects(count));
}

} // namespace

#define BENCHMARK_PLACE(place)                                                                                                   \
    BENCHMARK_TEMPLATE(start, place)                                                                                             \
        ->ArgName("children")                                                                                                    \
        ->Arg(1'000)                                                                                                             \
        ->Arg(100'000)                                                                                                           \
        ->UseManualTime()                                                                                                        \
        ->Unit(benchmark::kMillisecond);                                                                                         \
    BENCHMARK_TEMPLATE(restart, place)->UseManualTime()->Iterations(20)->Unit(benchmark::kMicrosecond);                          \
    BENCHMARK_TEMPLATE(stop, place)                                                                                              \
        ->ArgNames({"children", "parallel"})                                                                                     \
        ->Args({1'000, 0})                                                                                                       \
        ->Args({1'000, 1})                                                                                                       \
        ->Args({100'000, 1})                                                                                                     \
        ->UseManualTime()                                                                                                        \
        ->Unit(benchmark::kMillisecond)
BENCHMARK_PLACE(simulated);
BENCHMARK_PLACE(on_real_time);
