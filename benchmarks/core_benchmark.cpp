// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// Steps of the core, as a value: no transport, no thread, no child's code. What one event costs must not grow with the number of
// children but for the caches that a look-up misses; so the yardstick is one look-up, and one write of a record, in a
// std::unordered_map of as many.
#include "measuring.hpp"
#include "numbered_keys.hpp"
#include "plain_map.hpp"

#include <drover/base/hash.hpp>
#include <drover/core/supervisor_core.hpp>
#include <drover/store/crdt_store.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

using namespace drover::core;
using drover::bytes;
using drover::time_point;
using numbered_keys::key_of;

constexpr std::uint64_t batch = 500; // events that are timed together

/// One child in `period` belongs on the last of three nodes, all others on the first.
struct few_on_the_last {
    struct table_type {
        std::size_t candidates_count;
        std::uint64_t period;
        [[nodiscard]] std::size_t place(std::uint64_t key) const { return candidates_count == 3 && key % period == 0 ? 2 : 0; }
    };
    [[maybe_unused]] static constexpr drover::placement_capabilities capabilities{
        .agreed = true, .minimal_moves = true, .voters = false};

    [[nodiscard]] table_type build(std::span<drover::candidate const> candidates) const { return {candidates.size(), period}; }

    std::uint64_t period = ~std::uint64_t{0};
};

using core_type = supervisor_core<few_on_the_last, drover::crdt_store<>>;

/// Cores wired by hand: what one sends another takes, starts and stops are answered at once.
class cluster {
public:
    explicit cluster(std::size_t nodes, std::uint64_t period = ~std::uint64_t{0}) : placement_{period}
    {
        for (std::size_t i = 0; i < nodes; ++i)
            ids_.push_back({"node-" + std::to_string(i + 1), 1});
        alive_.assign(nodes, true);
        for (std::size_t i = 0; i < nodes; ++i)
            cores_.push_back(made(i));
        for (auto& each : cores_)
            each->start({"counter"}, current_view(), now);
        settle();
    }

    [[nodiscard]] core_type& operator[](std::size_t node) { return *cores_[node]; }

    void start_children(std::uint64_t first, std::uint64_t count)
    {
        for (std::uint64_t i = first; i < first + count; ++i) {
            cores_[0]->command(command_kind::start, spec_of(i), now);
            if (i % 256 == 0)
                settle();
        }
        settle();
    }

    void forget_children(std::uint64_t first, std::uint64_t count)
    {
        for (auto const kind : {command_kind::terminate, command_kind::remove})
            for (std::uint64_t i = first; i < first + count; ++i) {
                cores_[0]->command(kind, spec_of(i), now);
                settle();
            }
    }

    /// The process of the last node is gone, and the others know.
    void lose_last()
    {
        alive_.back() = false;
        tell_view();
        carry_on();
    }

    void return_last()
    {
        ++ids_.back().incarnation;
        alive_.back() = true;
        cores_.back() = made(cores_.size() - 1);
        tell_view();
        cores_.back()->start({"counter"}, current_view(), now);
        settle();
    }

    /// Time goes by; whatever is due happens.
    void pass(drover::duration span)
    {
        now += span;
        settle();
    }

    /// Everything that needs no time, until nothing moves.
    void settle()
    {
        while (wake() || turn()) {
        }
    }

    /// The same, but for what waits until there is nothing else: the audit, which looks at every child.
    void carry_on()
    {
        while (turn()) {
        }
    }

    /// What a node wants done is done; what it sends stays under way.
    bool step(std::size_t node)
    {
        cores_[node]->flush(now);
        auto effects = std::exchange(cores_[node]->effects(), {});
        for (auto& each : effects)
            std::visit([&](auto& content) { carry_out(node, content); }, each);
        return !effects.empty();
    }

    struct frame_under_way {
        std::size_t from;
        std::size_t to;
        bytes content;
    };
    std::deque<frame_under_way> under_way;

    void take(frame_under_way const& frame)
    {
        if (alive_[frame.from] && alive_[frame.to])
            cores_[frame.to]->on_message(ids_[frame.from], frame.content, now);
    }

    static drover::child_spec spec_of(std::uint64_t index)
    {
        drover::child_spec spec{.id = key_of(index), .type = "counter", .arguments = bytes(32, 'a')};
        spec.intensity = drover::restart_intensity{10, std::chrono::seconds{1}};
        spec.backoff = drover::immediate_restarts;
        return spec;
    }

    time_point now{std::chrono::seconds{1'000}};

private:
    [[nodiscard]] std::unique_ptr<core_type> made(std::size_t node) const
    {
        return std::make_unique<core_type>(ids_[node], drover::supervisor_options{}, placement_, drover::crdt_store<>{});
    }

    [[nodiscard]] drover::view current_view() const
    {
        drover::view result;
        for (std::size_t i = 0; i < ids_.size(); ++i)
            result.members.push_back(
                {ids_[i], ids_[i].name, alive_[i] ? drover::member_state::alive : drover::member_state::dead});
        return result;
    }

    void tell_view()
    {
        for (std::size_t i = 0; i < cores_.size(); ++i)
            if (alive_[i])
                cores_[i]->on_view(current_view(), now);
    }

    bool wake()
    {
        auto woken = false;
        for (std::size_t i = 0; i < cores_.size(); ++i)
            for (; alive_[i] && cores_[i]->deadline() <= now; woken = true)
                cores_[i]->on_time(now);
        return woken;
    }

    bool turn()
    {
        auto moved = false;
        for (std::size_t i = 0; i < cores_.size(); ++i)
            moved = (alive_[i] && step(i)) || moved;
        for (; !under_way.empty(); moved = true) {
            auto const next = std::move(under_way.front());
            under_way.pop_front();
            take(next);
        }
        return moved;
    }

    void carry_out(std::size_t node, send_effect& content)
    {
        auto const to = std::find_if(ids_.begin(), ids_.end(), [&](auto const& id) { return id.name == content.to; });
        auto frame = content.for_store ? encode(store_message{*content.frame}) : *content.frame;
        under_way.push_back({node, static_cast<std::size_t>(to - ids_.begin()), std::move(frame)});
    }
    void carry_out(std::size_t node, start_effect const& content)
    {
        cores_[node]->on_child_started(content.id, content.generation, now);
    }
    void carry_out(std::size_t node, stop_effect const& content)
    {
        cores_[node]->on_child_stopped(content.id, content.generation, std::nullopt, now);
    }
    template <class Other>
    void carry_out(std::size_t, Other const&)
    {
    }

    few_on_the_last placement_;
    std::vector<drover::node_id> ids_;
    std::vector<bool> alive_;
    std::vector<std::unique_ptr<core_type>> cores_;
};

void report(benchmark::State& state, measuring::account const& account, std::uint64_t children)
{
    account.report(state, plain_map::time_of_one(children, plain_map::put));
}

/// From the command to its completion, one at a time.
void start(benchmark::State& state)
{
    auto const children = static_cast<std::uint64_t>(state.range(0));
    cluster alone{1};
    alone.start_children(0, children);
    measuring::account account;
    for (auto _ : state) {
        account.iteration(state, batch, [&] {
            for (auto i = children; i < children + batch; ++i) {
                alone[0].command(command_kind::start, cluster::spec_of(i), alone.now);
                alone.step(0);
                alone.step(0);
            }
        });
        if (alone[0].count_children().active != children + batch)
            return state.SkipWithError("a child was not started");
        alone.forget_children(children, batch);
        alone.pass(std::chrono::seconds{31});
    }
    report(state, account, children);
}

/// A delta of another node, which started a child: its claim and its spec.
void remote_delta(benchmark::State& state)
{
    auto const children = static_cast<std::uint64_t>(state.range(0));
    cluster nodes{2};
    nodes.start_children(0, children);
    measuring::account account;
    for (auto _ : state) {
        for (auto i = children; i < children + batch; ++i) {
            nodes[0].command(command_kind::start, cluster::spec_of(i), nodes.now);
            nodes.step(0);
        }
        auto const frames = std::exchange(nodes.under_way, {});
        account.iteration(state, frames.size(), [&] {
            for (auto const& each : frames) {
                nodes.take(each);
                nodes.step(1);
            }
        });
        nodes.settle();
        if (nodes[1].count_children().active != children + batch)
            return state.SkipWithError("a delta was not taken");
        nodes.forget_children(children, batch);
        nodes.pass(std::chrono::seconds{31});
    }
    report(state, account, children);
}

/// From the exit of a child to its next start.
void restart(benchmark::State& state)
{
    auto const children = static_cast<std::uint64_t>(state.range(0));
    cluster alone{1};
    alone.start_children(0, children);
    plain_map::random_indices indices{children};
    measuring::account account;
    for (auto _ : state) {
        std::vector<drover::child_ref> chosen;
        for (std::uint64_t i = 0; i < batch; ++i)
            chosen.push_back(*alone[0].find(key_of(indices.next())));
        std::sort(chosen.begin(), chosen.end(), [](auto const& left, auto const& right) { return left.id < right.id; });
        chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
        auto const before = alone[0].counters().restarts;
        account.iteration(state, chosen.size(), [&] {
            for (auto const& each : chosen) {
                alone[0].on_child_exit(each.id, each.generation, drover::supervision::exit_kind::failure, "as told", alone.now);
                alone.step(0);
                alone.step(0);
            }
        });
        if (alone[0].counters().restarts != before + chosen.size())
            return state.SkipWithError("a child was not started again");
        alone.pass(std::chrono::seconds{2});
    }
    report(state, account, children);
}

/// A node of three dies that ran about a hundred children, however many there are: all that follows on the other two until they
/// run again, by child that moves. Then the audit looks at every child, in slices: `audit_ns` each, on one node.
void view_change(benchmark::State& state)
{
    auto const children = static_cast<std::uint64_t>(state.range(0));
    cluster nodes{3, children / 100};
    nodes.start_children(0, children);
    measuring::account account;
    measuring::account audits;
    std::uint64_t moved = 0;
    for (auto _ : state) {
        auto const before = nodes[0].counters().failovers;
        auto const seconds = measuring::time_of([&] { nodes.lose_last(); });
        moved = nodes[0].counters().failovers - before;
        if (moved == 0 || nodes[0].count_children().local != children)
            return state.SkipWithError("a child did not move");
        state.SetIterationTime(seconds);
        account.add(moved, seconds);
        audits.add(2 * children, measuring::time_of([&] { nodes.settle(); }));
        nodes.return_last();
        if (nodes[2].count_children().local != moved)
            return state.SkipWithError("a child did not move back");
        nodes.pass(std::chrono::seconds{31});
    }
    report(state, account, children);
    state.counters["audit_ns"] = audits.each() * 1e9;
    state.counters["moved"] = static_cast<double>(moved);
}

} // namespace

BENCHMARK(start)->ArgName("children")->Arg(1'000)->Arg(100'000)->UseManualTime();
BENCHMARK(remote_delta)->ArgName("children")->Arg(1'000)->Arg(100'000)->UseManualTime();
BENCHMARK(restart)->ArgName("children")->Arg(1'000)->Arg(100'000)->UseManualTime();
BENCHMARK(view_change)->ArgName("children")->Arg(1'000)->Arg(100'000)->Iterations(10)->UseManualTime();
