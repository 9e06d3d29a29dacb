// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "story_ledger.hpp"

#include <drover/simulation.hpp>
#include <drover/simulation/disk_journal.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

/// The story that the library is for, on a simulated cluster under faults: children are started, counted on, terminated and
/// deleted, while nodes crash and return, links are cut and mended, and messages are lost. What must hold is judged by a ledger
/// outside the library, which the children and the completions write.
namespace story {

using namespace std::chrono_literals;
using drover::duration;
using drover::error_code;
using drover::random_stream;

/// Everything that a run draws from its seed.
struct parameters {
    std::uint64_t seed = 1;
    std::size_t nodes = 3;
    std::size_t children = 8;
    std::uint32_t loss_per_million = 0;
    std::uint32_t duplicate_per_million = 0;
    bool reorder = false;
    std::uint32_t failures_per_million = 0; ///< of a child, each time that it counts
    duration chaos = 20s;

    static parameters draw(std::uint64_t seed, std::size_t nodes)
    {
        random_stream draw{seed, 1};
        parameters result;
        result.seed = seed;
        result.nodes = nodes;
        result.children = draw.between(4, 12);
        result.loss_per_million =
            draw.chance(500'000) ? static_cast<std::uint32_t>(draw.below(draw.chance(300'000) ? 200'000 : 50'000)) : 0;
        result.duplicate_per_million = draw.chance(300'000) ? static_cast<std::uint32_t>(draw.below(20'000)) : 0;
        result.reorder = draw.chance(200'000);
        result.failures_per_million = draw.chance(500'000) ? static_cast<std::uint32_t>(draw.below(20'000)) : 0;
        return result;
    }

    [[nodiscard]] std::string text() const
    {
        std::ostringstream out;
        out << "seed " << seed << ": nodes " << nodes << ", children " << children << ", loss " << loss_per_million
            << "/million, duplicates " << duplicate_per_million << "/million, reorder " << (reorder ? "yes" : "no")
            << ", failures of children " << failures_per_million << "/million"
            << ", chaos " << std::chrono::duration_cast<std::chrono::seconds>(chaos).count() << " s";
        return out.str();
    }
};

using durable_store = drover::crdt_store<drover::simulation::disk_journal>;

/// One run, under this Placement and on this StateStore. With a `durable_store` every host has a disk, and there are more faults:
/// the power fails for all at once, a disk refuses to write for a while, and is wiped or an old copy when its host is back.
template <class Placement = drover::ring, class Store = drover::crdt_store<>>
class run {
public:
    using supervisor = drover::distributed_supervisor<drover::in_memory_transport, drover::static_members, Placement, Store>;
    static constexpr bool durable = Store::capabilities.durable;

    explicit run(parameters const& drawn)
        : drawn_{drawn}, world_{drawn.seed}, faults_{drawn.seed, 2}, work_{drawn.seed, 3}, luck_{drawn.seed, 4},
          nodes_(drawn.nodes)
    {
        for (std::size_t i = 0; i < nodes_.size(); ++i)
            nodes_[i].name = "node-" + std::to_string(i + 1);
        // A claim is on its way to others before the child starts, not on the disk.
        ledger_.lossless = !durable && drawn.loss_per_million == 0 && drawn.failures_per_million == 0;
        ledger_.fails = [this] { return chaotic_ && luck_.below(1'000'000) < drawn_.failures_per_million; };
        ledger_.on_acknowledged = [this](std::string const& name) {
            if (faults_.chance(10'000))
                crash_after_answer(name);
        };
    }

    ~run()
    {
        for (auto& node : nodes_)
            world_.crash(node.name);
    }

    [[nodiscard]] drover::simulation::world& world() { return world_; }
    [[nodiscard]] ledger const& book() const { return ledger_; }
    std::uint64_t power_cuts = 0;
    void narrate(std::ostream& out) { narration_ = &out; }

    /// True when nothing was violated.
    bool play()
    {
        if (durable)
            world_.set_offload_latency(faults_.between(duration{1ms}, duration{30ms}));
        boot();
        world_.network().loss_per_million = drawn_.loss_per_million;
        world_.network().duplicate_per_million = drawn_.duplicate_per_million;
        world_.network().reorder = drawn_.reorder;
        auto const end = world_.now() + drawn_.chaos;
        chaotic_ = true;
        while (world_.now() < end && ledger_.violations.empty()) {
            disturb();
            work();
            pass(work_.between(duration{50ms}, duration{600ms}));
            if (!fault_active_ && calm_since_ && world_.now() - *calm_since_ > settle_time)
                ledger_.whole = true;
        }
        chaotic_ = false;
        heal();
        pass(20s);
        judge();
        return ledger_.violations.empty();
    }

private:
    struct host {
        std::string name;
        std::unique_ptr<supervisor> running;
        std::uint64_t life = 0;
        std::shared_ptr<drover::simulation::disk> disk = std::make_shared<drover::simulation::disk>();
        drover::simulation::disk old_disk{}; ///< a copy
    };

    static constexpr duration settle_time = 5s;

    // ---- the cluster -------------------------------------------------------------------------------------------------

    void boot()
    {
        for (auto& node : nodes_)
            start(node);
        pass(3s);
        for (auto const& node : nodes_)
            if (!node.running || node.running->members().size() != nodes_.size())
                ledger_.fail(node.name + " has not joined");
    }

    // Nodes die here as soon as they have answered, again and again: that is not the fault of a child, and looks like it.
    [[nodiscard]] drover::supervisor_options options_of_all() const
    {
        drover::supervisor_options options;
        options.operation_timeout = 3s;
        options.quarantine_time = 1s;
        if (durable) // after a power cut, those who are back first know no more than they did
            options.form_members = nodes_.size() / 2 + 1;
        return options;
    }

    void start(host& which)
    {
        drover::node_options options{.name = which.name, .listen = which.name};
        for (auto const& other : nodes_)
            options.seeds.push_back(other.name);
        auto const life = ++which.life;
        if constexpr (durable)
            which.running = std::make_unique<supervisor>(world_, options, options_of_all(), drover::static_members{}, Placement{},
                Store{drover::simulation::disk_journal{which.disk}});
        else
            which.running = std::make_unique<supervisor>(world_, options, options_of_all());
        which.running->add_child_type("counting", [this, life](drover::child_context context) {
            return std::unique_ptr<drover::child_instance>{std::make_unique<drover::detail::object_instance<counting_child>>(
                std::move(context), [this, life](drover::child_context inner) {
                    return counting_child{std::move(inner), ledger_, life};
                })};
        });
        if (narration_ != nullptr)
            which.running->events([this, name = which.name](drover::event const& what) { say(name, to_string(what)); });
        which.running->async_start([](error_code) {});
    }

    void crash(host& which)
    {
        say(which.name, "CRASH");
        world_.crash(which.name);
        ledger_.node_died(which.name);
        which.running.reset();
    }

    // ---- faults ------------------------------------------------------------------------------------------------------

    // One fault at a time; a crash, which loses what the node knew, only after the others had time to become level again.
    void disturb()
    {
        if (fault_active_ || !faults_.chance(250'000))
            return;
        auto const length = faults_.between(duration{200ms}, duration{5s});
        auto const choice = faults_.below(durable ? 9 : 5);
        if (durable && choice >= 5 && choice <= 6 && settled())
            power_cut(length);
        else if (choice == 7)
            break_disk(length);
        else if (choice == 8)
            for (auto& node : nodes_)
                node.old_disk = *node.disk;
        else if (choice <= 1 && settled())
            crash_for_a_while(nodes_[faults_.below(nodes_.size())], length);
        else if (choice == 2)
            pause_for_a_while(length);
        else
            split_for_a_while(length);
    }

    void begin_fault()
    {
        fault_active_ = true;
        ledger_.disturbed();
    }

    void end_fault()
    {
        fault_active_ = false;
        calm_since_ = world_.now();
    }

    [[nodiscard]] bool settled() const { return !fault_active_ && (!calm_since_ || world_.now() - *calm_since_ > settle_time); }

    // The node that has just said that a child runs dies at once.
    void crash_after_answer(std::string const& name)
    {
        if (!chaotic_ || !settled())
            return;
        for (auto& node : nodes_)
            if (node.name == name)
                world_.after(duration{0}, [this, &node] {
                    if (chaotic_ && settled() && node.running)
                        durable&& faults_.chance(700'000) ? power_cut(1s) : crash_for_a_while(node, 2s);
                });
    }

    void crash_for_a_while(host& victim, duration length)
    {
        begin_fault();
        crash(victim);
        ledger_.whole = true; // nobody but the dead is disturbed: nothing that was acknowledged may be missed
        if constexpr (durable) {
            victim.disk->mend();
            if (auto const fate = faults_.below(4); fate < 2)
                *victim.disk = fate == 0 ? drover::simulation::disk{} : victim.old_disk;
        }
        world_.after(length, [this, &victim] {
            start(victim);
            end_fault();
        });
    }

    // All are off, and come back one after the other: nothing that was acknowledged may be missed.
    void power_cut(duration length)
    {
        begin_fault();
        ++power_cuts;
        for (auto& node : nodes_)
            if (node.running)
                crash(node);
        ledger_.whole = true;
        std::size_t left = nodes_.size();
        for (auto& node : nodes_) {
            node.disk->mend();
            auto const back = length + faults_.between(duration{0}, duration{2s});
            world_.after(back, [this, &node] { start(node); });
            if (--left == 0)
                world_.after(length + 3s, [this] { end_fault(); });
        }
    }

    void break_disk(duration length)
    {
        auto& victim = nodes_[faults_.below(nodes_.size())];
        fault_active_ = true;
        say(victim.name, "DISK FULL");
        victim.disk->break_down(drover::errc::journal_full, "no room");
        world_.after(length, [this, &victim] {
            victim.disk->mend();
            end_fault();
        });
    }

    void pause_for_a_while(duration length)
    {
        auto const& victim = nodes_[faults_.below(nodes_.size())];
        begin_fault();
        say(victim.name, "PAUSE");
        world_.pause(victim.name, length);
        world_.after(length, [this] { end_fault(); });
    }

    void split_for_a_while(duration length)
    {
        begin_fault();
        std::vector<std::vector<std::string>> groups(2);
        for (auto const& node : nodes_)
            groups[faults_.below(2)].push_back(node.name);
        if (faults_.chance(200'000) && !groups[0].empty() && !groups[1].empty()) {
            say(groups[0].front(), "sends nothing to " + groups[1].front());
            world_.cut(groups[0].front(), groups[1].front());
        } else {
            say("network",
                "SPLIT, on one side " + std::to_string(groups[0].size()) + ": " + (groups[0].empty() ? "" : groups[0].front()));
            world_.partition(groups);
        }
        world_.after(length, [this] {
            say("network", "HEAL");
            world_.heal();
            end_fault();
        });
    }

    void heal()
    {
        world_.network().loss_per_million = 0;
        world_.network().duplicate_per_million = 0;
        world_.network().reorder = false;
        (void)world_.run_until([this] { return !fault_active_; }, 30s);
        world_.heal();
        ledger_.whole = false;
    }

    // ---- work --------------------------------------------------------------------------------------------------------

    void work()
    {
        auto& node = nodes_[work_.below(nodes_.size())];
        auto const id = "child-" + std::to_string(work_.below(drawn_.children));
        auto const what = work_.below(20);
        if (!node.running || !world_.alive(node.name))
            return;
        if (what < 16 && attempted_.insert(id).second) {
            say(node.name, "start " + id);
            node.running->async_start_child(
                {.id = id, .type = "counting"}, [this, id](error_code code, drover::child_ref const& ref) {
                    say(id, "start: " + code.message());
                    if (code)
                        return;
                    ledger_.started.insert(id);
                    if (faults_.chance(200'000))
                        crash_after_answer(ref.node);
                });
        } else if (what == 16) {
            ledger_.touched.insert(id);
            say(node.name, "terminate " + id);
            node.running->async_terminate_child(id, [this, id, &node](error_code code, drover::child_ref const&) {
                say(id, "terminate: " + code.message());
                if (!code && node.running)
                    node.running->async_delete_child(id, [this, id](error_code result, drover::child_ref const&) {
                        say(id, "delete: " + result.message());
                        if (!result)
                            ledger_.deleted.insert(id);
                    });
            });
        } else {
            node.running->async_call(id, "count?", [](error_code, drover::bytes const&) {});
        }
    }

    // ---- the census --------------------------------------------------------------------------------------------------

    // On every node every spec is in exactly one state, and all that is kept count of adds up: after each event in one run of
    // five, which costs as much as the run itself, and now and then in the others.
    void pass(duration length)
    {
        if (drawn_.seed % 5 != 0) {
            world_.run_for(length);
            return take_census();
        }
        (void)world_.run_until(
            [this] {
                take_census();
                return !ledger_.violations.empty();
            },
            length);
    }

    void take_census()
    {
        for (auto const& node : nodes_)
            if (node.running)
                if (auto wrong = node.running->inconsistency(); !wrong.empty())
                    ledger_.fail(node.name + ": " + wrong);
    }

    // ---- judgement ---------------------------------------------------------------------------------------------------

    void judge()
    {
        for (auto const& id : ledger_.started)
            if (!ledger_.touched.contains(id))
                judge_running(id);
        for (auto const& id : ledger_.deleted)
            judge_deleted(id);
        for (auto const& [id, instances] : ledger_.running)
            if (instances.size() > 1)
                ledger_.fail(id + ": " + std::to_string(instances.size()) + " instances after the heal");
        if constexpr (Placement::capabilities.by_load)
            judge_loads();
        judge_agreement();
        for (auto const& node : nodes_)
            if (auto const lost = node.running->unaccounted(); lost.count != 0)
                ledger_.fail(node.name + " does not account for " + std::to_string(lost.count) + " children");
        judge_quiet();
    }

    void judge_running(std::string const& id)
    {
        auto const found = ledger_.running.find(id);
        if (found == ledger_.running.end())
            return ledger_.fail(id + ": was acknowledged, and does not run: " + nodes_[0].running->explain(id));
        if (found->second.size() != 1)
            return;
        auto const& instance = found->second.begin()->second;
        if (instance.count < ledger_.acknowledged[id])
            ledger_.fail(id + ": count " + std::to_string(instance.count) + " is behind the acknowledged "
                + std::to_string(ledger_.acknowledged[id]));
        for (auto const& node : nodes_) {
            auto const ref = node.running->find(id);
            if (!ref || ref->node != instance.node || ref->generation != instance.generation)
                ledger_.fail(id + ": runs on " + instance.node + " with generation " + std::to_string(instance.generation)
                    + ", but " + node.name + " says "
                    + (ref ? ref->node + ", " + std::to_string(ref->generation) : std::string{"nowhere"}));
        }
    }

    void judge_deleted(std::string const& id)
    {
        if (ledger_.running.contains(id))
            ledger_.fail(id + ": was deleted, and runs");
        for (auto const& node : nodes_)
            if (node.running->child_spec_of(id))
                ledger_.fail(id + ": was deleted, and is back on " + node.name);
    }

    void judge_agreement()
    {
        auto const reference = listing(*nodes_.front().running);
        for (auto const& node : nodes_)
            if (listing(*node.running) != reference)
                ledger_.fail("the listings differ:\n" + reference + "on " + node.name + ":\n" + listing(*node.running));
    }

    // No node carries more than its bound.
    void judge_loads()
    {
        std::map<std::string, std::uint64_t> loads;
        std::uint64_t total = 0;
        for (auto const& [id, instances] : ledger_.running)
            for (auto const& [who, instance] : instances) {
                ++loads[instance.node];
                ++total;
            }
        auto const bound = (Placement{}.load_percent_max * total + 100 * nodes_.size() - 1) / (100 * nodes_.size());
        for (auto const& [node, load] : loads)
            if (load > bound)
                ledger_.fail(node + " runs " + std::to_string(load) + " of " + std::to_string(total) + " children, more than "
                    + std::to_string(bound));
    }

    static std::string listing(supervisor const& which)
    {
        std::string text;
        for (auto const& child : which.which_children())
            text += child.id + " " + child.node + " " + std::to_string(child.generation) + "\n";
        return text;
    }

    // Without faults nothing moves.
    void judge_quiet()
    {
        auto const before = ledger_.starts;
        world_.run_for(3s);
        if (ledger_.starts != before)
            ledger_.fail(std::to_string(ledger_.starts - before) + " starts in a quiet time");
    }

    void say(std::string const& who, std::string const& what)
    {
        if (narration_ != nullptr)
            *narration_ << std::chrono::duration_cast<std::chrono::microseconds>(world_.now().time_since_epoch()).count()
                        << " us  " << who << "  " << what << "\n";
    }

    parameters drawn_;
    drover::simulation::world world_;
    random_stream faults_;
    random_stream work_;
    random_stream luck_;
    ledger ledger_;
    std::vector<host> nodes_;
    std::set<std::string> attempted_;
    std::optional<drover::time_point> calm_since_;
    bool fault_active_ = false;
    bool chaotic_ = false;
    std::ostream* narration_ = nullptr;
};

} // namespace story
