// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// Events that a simulated world runs in a second: virtual time, order, digest, handshakes, frames that are lost and doubled, and
// messages that are really encoded and decoded. The yardstick is the least that any simulator does with an event: its time goes
// into a std::priority_queue with a std::function, and comes out again, with as many under way.
//
// gossip: each node tells one of eight peers a few members' counters, 24 times a second. supervisors: whole clusters, every node
// connected with every other, that start and terminate children all the time.
#include "measuring.hpp"
#include "numbered_keys.hpp"

#include <drover/drover.hpp>
#include <drover/simulation.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <queue>
#include <string>
#include <utility>
#include <vector>

namespace {

using drover::bytes;
using drover::bytes_view;
using drover::node_id;
namespace simulation = drover::simulation;

constexpr simulation::network_options network{.loss_per_million = 10'000, .duplicate_per_million = 5'000};
constexpr std::size_t peers_count = 8;
constexpr drover::duration pause_between_messages = std::chrono::nanoseconds{1'000'000'000 / 24};

[[nodiscard]] std::string name_of(std::size_t node) { return "node-" + std::to_string(node); }

/// A node without a supervisor: it keeps a counter of each member, and tells some of them to somebody, again and again.
class gossiper final : public drover::transport_events {
public:
    gossiper(simulation::world& world, std::size_t self, std::size_t nodes)
        : runtime_{world, name_of(self)}, draws_{runtime_.random(1)},
          transport_{runtime_, options_of(self)}, timer_{runtime_}, self_{self}, counters_(nodes, 0)
    {
        (void)transport_.start(*this);
    }

    /// Half of its peers; the other half dial it.
    void dial(std::size_t nodes)
    {
        for (std::size_t i = 1; i <= peers_count / 2; ++i)
            transport_.dial(name_of((self_ + i * i * i) % nodes));
    }

    void speak_for_ever() { speak_at(runtime_.now() + draws_.between(drover::duration::zero(), pause_between_messages)); }

    [[nodiscard]] std::size_t connected_count() const { return connected_.size(); }
    [[nodiscard]] std::uint64_t heard_count() const { return heard_count_; }

private:
    static constexpr std::size_t told_count = 6; // some 48 octets

    [[nodiscard]] static drover::transport_options options_of(std::size_t self)
    {
        drover::transport_options options;
        options.cluster_name = "benchmark";
        options.self = {name_of(self), 1};
        return options;
    }

    void speak_at(drover::time_point at)
    {
        timer_.expires_at(at, [this] { speak(); });
    }

    void speak()
    {
        ++counters_[self_];
        drover::wire::writer out{64};
        out.u8(1).number(told_count);
        tell(out, self_);
        for (std::size_t i = 1; i < told_count; ++i)
            tell(out, draws_.below(counters_.size()));
        (void)transport_.send(connected_[draws_.below(connected_.size())], out.take());
        speak_at(runtime_.now() + pause_between_messages);
    }

    void tell(drover::wire::writer& out, std::size_t member)
    {
        out.fixed32(static_cast<std::uint32_t>(member)).number(counters_[member]);
    }

    void on_frame(node_id const&, bytes_view frame) override
    {
        drover::wire::reader in{frame};
        if (in.u8() != 1)
            return;
        auto const told = in.count(told_count, 5);
        for (std::size_t i = 0; i < told; ++i) {
            auto const member = in.fixed32();
            auto const counter = in.number();
            if (in.ok() && member < counters_.size())
                counters_[member] = std::max(counters_[member], counter);
        }
        heard_count_ += in.complete() ? 1 : 0;
    }

    void on_peer_up(drover::peer const& who) override
    {
        if (std::find(connected_.begin(), connected_.end(), who.id.name) == connected_.end())
            connected_.push_back(who.id.name);
    }
    void on_peer_down(node_id const& who) override { std::erase(connected_, who.name); }
    void on_dial_failed(std::string_view, drover::dial_failure, drover::errc, std::string_view) override {}
    void on_batch_end() override {}

    simulation::runtime runtime_;
    drover::random_stream draws_;
    drover::in_memory_transport transport_;
    simulation::timer timer_;
    std::size_t self_;
    std::vector<std::uint64_t> counters_;
    std::vector<std::string> connected_;
    std::uint64_t heard_count_ = 0;
};

/// Seconds of one event of a simulator that does nothing else, with so many under way.
[[nodiscard]] double time_of_plain_event(std::size_t nodes)
{
    struct plain_event {
        std::uint64_t at;
        std::uint64_t order;
        std::function<void()> action;
    };
    auto const later = [](plain_event const& left, plain_event const& right) {
        return left.at != right.at ? left.at > right.at : left.order > right.order;
    };
    std::priority_queue<plain_event, std::vector<plain_event>, decltype(later)> queue{later};
    drover::random_stream draws{1};
    std::uint64_t ran = 0;
    std::uint64_t order = 0;
    bytes const frame(48, 'f');
    auto const push = [&](std::uint64_t at) { queue.push({at, ++order, [&ran, frame] { ran += frame.size(); }}); };
    for (std::size_t i = 0; i < nodes; ++i)
        push(draws.below(1'000'000));
    return measuring::time_of_one(50'000, [&] {
        auto const next = queue.top();
        queue.pop();
        next.action();
        push(next.at + draws.below(1'000'000));
    });
}

void report(benchmark::State& state, measuring::account const& account, drover::duration simulated, std::size_t nodes)
{
    account.report(state, time_of_plain_event(nodes));
    auto const seconds = account.each() * static_cast<double>(account.operations());
    state.counters["simulated_s_a_s"] = std::chrono::duration<double>(simulated).count() / seconds;
    state.counters["events_a_node_and_s"] = static_cast<double>(account.operations())
        / (std::chrono::duration<double>(simulated).count() * static_cast<double>(nodes));
}

/// Runs the world for a while, in each iteration.
void run(benchmark::State& state, simulation::world& world, measuring::account& account, drover::duration length)
{
    auto const before = world.events_count();
    auto const seconds = measuring::time_of([&] { world.run_for(length); });
    state.SetIterationTime(std::max(seconds, 1e-9));
    account.add(world.events_count() - before, seconds);
}

void gossip(benchmark::State& state)
{
    auto const nodes_count = static_cast<std::size_t>(state.range(0));
    simulation::world world{1, network};
    std::vector<std::unique_ptr<gossiper>> nodes;
    for (std::size_t i = 0; i < nodes_count; ++i)
        nodes.push_back(std::make_unique<gossiper>(world, i, nodes_count));
    for (auto& each : nodes)
        each->dial(nodes_count);
    world.run_for(std::chrono::seconds{10});
    for (auto& each : nodes) {
        if (each->connected_count() == 0)
            return state.SkipWithError("a node found no peer");
        each->speak_for_ever();
    }
    measuring::account account;
    drover::duration simulated{};
    auto const length = std::chrono::milliseconds{100};
    for (auto _ : state) {
        run(state, world, account, length);
        simulated += length;
    }
    world.run_for(std::chrono::seconds{1});
    if (std::any_of(nodes.begin(), nodes.end(), [](auto const& each) { return each->heard_count() == 0; }))
        return state.SkipWithError("a node heard nothing");
    report(state, account, simulated, nodes_count);
}

struct idle {
    static constexpr auto type_name = "idle";
};

/// Nodes with whole supervisors, one of which starts a child every 10 ms, and terminates and deletes it a little later.
class supervised_cluster {
public:
    supervised_cluster(simulation::world& world, std::size_t nodes) : world_{world}
    {
        for (std::size_t i = 0; i < nodes; ++i) {
            drover::node_options options{.name = name_of(i), .listen = name_of(i)};
            if (i > 0)
                options.seeds.push_back(name_of(0));
            supervisors_.push_back(std::make_unique<supervisor>(world, options));
            supervisors_.back()->add_child_type<idle>();
            supervisors_.back()->async_start([this](drover::error_code failure) { started_count_ += failure ? 0 : 1; });
            if (!world.run_until([&] { return started_count_ == i + 1; }, std::chrono::seconds{60}))
                return;
        }
    }

    [[nodiscard]] bool started() const { return started_count_ == supervisors_.size(); }
    [[nodiscard]] std::uint64_t children_count() const { return children_count_; }

    void start_children_for_ever()
    {
        auto& at = *supervisors_[next_ % supervisors_.size()];
        auto const key = numbered_keys::key_of(next_++);
        at.async_start_child({.id = key, .type = "idle"}, [this, &at, key](drover::error_code failure, drover::child_ref const&) {
            children_count_ += failure ? 0 : 1;
            at.async_terminate_child(key, [&at, key](drover::error_code, drover::child_ref const&) {
                at.async_delete_child(key, [](drover::error_code, drover::child_ref const&) {});
            });
        });
        world_.after(std::chrono::milliseconds{10}, [this] { start_children_for_ever(); });
    }

private:
    using supervisor = drover::distributed_supervisor<drover::in_memory_transport>;

    simulation::world& world_;
    std::vector<std::unique_ptr<supervisor>> supervisors_;
    std::size_t started_count_ = 0;
    std::uint64_t next_ = 0;
    std::uint64_t children_count_ = 0;
};

void supervisors(benchmark::State& state)
{
    auto const nodes_count = static_cast<std::size_t>(state.range(0));
    simulation::world world{1, network};
    supervised_cluster cluster{world, nodes_count};
    if (!cluster.started())
        return state.SkipWithError("the cluster did not form");
    cluster.start_children_for_ever();
    measuring::account account;
    drover::duration simulated{};
    auto const length = std::chrono::milliseconds{200};
    for (auto _ : state) {
        run(state, world, account, length);
        simulated += length;
    }
    if (cluster.children_count() == 0)
        return state.SkipWithError("no child was started");
    report(state, account, simulated, nodes_count);
}

} // namespace

BENCHMARK(gossip)->ArgName("nodes")->Arg(5)->Arg(100)->Arg(1'000)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(supervisors)->ArgName("nodes")->Arg(5)->Arg(30)->Arg(100)->UseManualTime()->Unit(benchmark::kMillisecond);
