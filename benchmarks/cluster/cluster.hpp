// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "board.hpp"
#include "child.hpp"
#include "control.hpp"
#include "process.hpp"
#include "system.hpp"

#include <drover/base/hash.hpp>
#include <drover/core/options.hpp>
#include <drover/placement/ring.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <sys/mman.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace cluster_benchmark {

/// A wait that ended without what was waited for, or a node that said no: the run has failed.
struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The nodes of one cluster, each a process of its own, and the board that their children write to.
class cluster {
public:
    static constexpr std::uint64_t patience = 60 * second; ///< for anything that is waited for

    /// Starts so many nodes, one after the other; each has joined when this returns.
    explicit cluster(std::size_t nodes_count)
    {
        for (std::size_t slot = 0; slot < nodes_count; ++slot)
            start_node(slot);
    }
    cluster(cluster const&) = delete;
    cluster& operator=(cluster const&) = delete;
    ~cluster() { ::munmap(&board_, sizeof(board)); }

    [[nodiscard]] static std::string name_of(std::size_t slot) { return "node-" + std::to_string(slot); }

    [[nodiscard]] board& shared() { return board_; }
    [[nodiscard]] std::size_t size() const { return nodes_.size(); }
    [[nodiscard]] bool running(std::size_t slot) const { return slot < nodes_.size() && nodes_[slot].running(); }

    /// Starts the process of a node, with the nodes that run as its seeds. It has not joined yet.
    void spawn_node(std::size_t slot, bool runs_children = true)
    {
        std::vector<std::string> arguments{"node", name_of(slot), std::to_string(slot), "{control}",
            std::to_string(memory_.get()), std::to_string(bell_write_.get()), runs_children ? "yes" : "no"};
        for (std::size_t other = 0; other < nodes_.size(); ++other)
            if (nodes_[other].running())
                arguments.push_back(addresses_[other]);
        board_.alive[slot].store(1);
        runs_children_[slot] = runs_children;
        process started{arguments, {memory_.get(), bell_write_.get()}};
        if (slot == nodes_.size()) {
            nodes_.push_back(std::move(started));
            addresses_.emplace_back();
        } else {
            nodes_[slot] = std::move(started);
        }
    }

    /// Waits until a spawned node has joined.
    void await_joined(std::size_t slot) { addresses_[slot] = receive(slot, "join").words(); }

    void start_node(std::size_t slot, bool runs_children = true)
    {
        spawn_node(slot, runs_children);
        await_joined(slot);
    }

    /// Kills a node as `kill -9` does, without waiting for its end. Its instances are gone from the board. Returns when.
    std::uint64_t kill_node(std::size_t slot)
    {
        board_.alive[slot].store(0);
        auto const at = monotonic_now();
        nodes_[slot].send_kill();
        return at;
    }

    /// Waits for the end of a process that was killed, or left, and takes it off the board.
    void bury(std::size_t slot)
    {
        nodes_[slot].kill();
        board_.alive[slot].store(0);
        for (auto& child : board_.children)
            if (child.running[slot].load(std::memory_order_relaxed) != 0)
                child.running[slot].store(0);
    }

    void send(std::size_t slot, request const& what)
    {
        if (!send_message(nodes_[slot].control(), what))
            throw failure{name_of(slot) + " is gone"};
    }

    [[nodiscard]] response receive(std::size_t slot, char const* doing)
    {
        response result;
        if (!wait_readable(nodes_[slot].control(), monotonic_now() + patience))
            throw failure{name_of(slot) + " did not " + doing + " in time"};
        if (!receive_message(nodes_[slot].control(), result))
            throw failure{name_of(slot) + " ended while it was to " + doing};
        if (!result.ok)
            throw failure{name_of(slot) + " could not " + doing + ": " + std::string{result.words()}};
        return result;
    }

    [[nodiscard]] response ask(std::size_t slot, request const& what, char const* doing)
    {
        send(slot, what);
        return receive(slot, doing);
    }

    /// From now on `what` counts from zero, and rings at `goal`.
    void expect(gauge& what, std::uint64_t goal)
    {
        what.count.store(0);
        what.goal.store(goal);
    }

    /// Waits until `what` has reached its goal.
    void await(gauge& what, char const* sentence)
    {
        auto const deadline = monotonic_now() + patience;
        char octets[64];
        while (what.count.load() < what.goal.load()) {
            if (!wait_readable(bell_read_.get(), deadline))
                throw failure{std::string{sentence} + ": " + std::to_string(what.count.load()) + " of "
                    + std::to_string(what.goal.load()) + " in time"};
            static_cast<void>(!::read(bell_read_.get(), octets, sizeof octets));
        }
    }

    /// Instances that the board has of a child, on nodes that are alive.
    [[nodiscard]] std::uint64_t instances_of(std::uint64_t child) const
    {
        std::uint64_t sum = 0;
        for (std::size_t slot = 0; slot < nodes_.size(); ++slot)
            if (board_.alive[slot].load() != 0)
                sum += board_.children[child].running[slot].load();
        return sum;
    }

    /// Instances that the board has on one node.
    [[nodiscard]] std::uint64_t instances_on(std::size_t slot, std::uint64_t children) const
    {
        std::uint64_t sum = 0;
        for (std::uint64_t child = 0; child < children; ++child)
            sum += board_.children[child].running[slot].load();
        return sum;
    }

    /// Where the ring puts children 0 to `children` - 1 among the nodes that are alive, and `joining`, if any.
    [[nodiscard]] std::vector<std::size_t> placements(std::uint64_t children, std::size_t joining = nodes_count_max) const
    {
        std::vector<std::size_t> slots; // in the order of their names
        for (std::size_t slot = 0; slot < nodes_count_max; ++slot)
            if (slot == joining || (board_.alive[slot].load() != 0 && runs_children_[slot]))
                slots.push_back(slot);
        std::vector<std::string> names;
        for (auto const slot : slots)
            names.push_back(name_of(slot));
        std::vector<drover::candidate> candidates;
        for (auto const& name : names)
            candidates.push_back({name});
        auto const table = drover::ring{}.build(candidates);
        auto const scope_key = drover::hash64(drover::supervisor_options{}.name);
        std::vector<std::size_t> result;
        for (std::uint64_t child = 0; child < children; ++child)
            result.push_back(slots[table.place(drover::hash64(id_of(child), scope_key))]);
        return result;
    }

    /// Waits until every child runs where the ring says, and every node knows all of them as running.
    void await_settled(std::uint64_t children)
    {
        auto const placed = placements(children);
        auto const deadline = monotonic_now() + patience;
        while (!settled(placed))
            if (monotonic_now() > deadline)
                throw failure{"the nodes do not agree on " + std::to_string(children) + " children in time"};
    }

private:
    [[nodiscard]] bool settled(std::vector<std::size_t> const& placed)
    {
        for (std::uint64_t child = 0; child < placed.size(); ++child)
            if (board_.children[child].running[placed[child]].load() != 1)
                return false;
        std::uint64_t alive = 0;
        for (auto const& each : nodes_)
            alive += each.running() ? 1U : 0U;
        std::uint64_t local = 0;
        for (std::size_t slot = 0; slot < nodes_.size(); ++slot) {
            if (!nodes_[slot].running())
                continue;
            auto const counted = ask(slot, {.what = order::count}, "count its children").values;
            if (counted[0] != placed.size() || counted[1] != placed.size() || counted[3] != alive)
                return false;
            local += counted[2];
        }
        return local == placed.size();
    }

    descriptor memory_ = create_board();
    board& board_ = map_board(memory_.get());
    descriptor bell_read_;
    descriptor bell_write_ = make_bell(bell_read_);
    std::vector<process> nodes_;
    std::vector<std::string> addresses_;
    std::array<bool, nodes_count_max> runs_children_{};

    static descriptor make_bell(descriptor& read_end)
    {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0)
            throw_system_error("cannot create a pipe");
        read_end = descriptor{ends[0]};
        return descriptor{ends[1]};
    }
};

} // namespace cluster_benchmark
