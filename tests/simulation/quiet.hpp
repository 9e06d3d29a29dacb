// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/simulation.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

/// A cluster without faults: children are started, updated, terminated, restarted and deleted, some of them fail; nodes join, and
/// leave as planned. After each event every spec must be in one state on every node, and there is nothing for the audit to
/// repair.
namespace quiet {

using namespace std::chrono_literals;
using drover::duration;
using drover::error_code;

struct child {
    explicit child(drover::child_context own) : context{std::move(own)} {}

    static void on_message(drover::child_message& message)
    {
        if (message.payload() == "fail")
            throw std::runtime_error("told to");
    }
    static drover::bytes save() { return "state"; }

    drover::child_context context;
};

template <class Placement = drover::ring>
class run {
public:
    using supervisor = drover::distributed_supervisor<drover::in_memory_transport, drover::static_members, Placement>;

    static constexpr duration audit_interval = 1s;

    explicit run(std::uint64_t seed) : world_{seed}, draw_{seed, 9} {}

    /// What did not hold. Repairs of the audit are counted apart.
    std::vector<std::string> play()
    {
        auto const first = 2 + draw_.below(3);
        for (std::uint64_t i = 0; i < first; ++i)
            join();
        pass(3s);
        for (int step = 0; step < 80 && violations_.empty(); ++step) {
            act();
            pass(draw_.between(duration{0}, duration{400ms}));
        }
        pass(8s);
        at_end();
        for (auto const& [name, node] : nodes_)
            repairs_ += node->counters().audit_repairs;
        return violations_;
    }

    [[nodiscard]] std::uint64_t repairs() const { return repairs_; }
    [[nodiscard]] duration unaccounted_age_max() const { return unaccounted_age_max_; }
    /// The longest that a node had children to start, and some were not started.
    [[nodiscard]] duration starting_time_max() const { return starting_time_max_; }

private:
    // ---- what happens ------------------------------------------------------------------------------------------------

    void join()
    {
        auto const name = "n" + std::to_string(++joined_);
        drover::node_options node{.name = name, .listen = name};
        for (auto const& [other, running] : nodes_)
            node.seeds.push_back(other);
        drover::supervisor_options options;
        options.audit_interval = audit_interval;
        auto made = std::make_unique<supervisor>(world_, node, options);
        made->template add_child_type<child>("quiet");
        made->async_start([](error_code) {});
        nodes_[name] = std::move(made);
    }

    void leave()
    {
        if (nodes_.size() < 3 || leaving_)
            return;
        leaving_ = true;
        auto const name = any_node();
        nodes_[name]->async_stop([this, name](error_code) {
            world_.after(1ms, [this, name] {
                repairs_ += nodes_[name]->counters().audit_repairs;
                nodes_.erase(name);
                leaving_ = false;
            });
        });
    }

    void act()
    {
        auto& node = *nodes_[any_node()];
        auto const id = "child-" + std::to_string(draw_.below(10));
        auto const done = [](error_code, drover::child_ref const&) {};
        auto const spec = [&] {
            drover::child_spec result{.id = id, .type = "quiet", .arguments = std::to_string(draw_.below(3))};
            if (draw_.chance(150'000))
                result.restart = drover::restart_rule::temporary;
            return result;
        };
        switch (draw_.below(12)) {
        case 0: return nodes_.size() < 6 ? join() : leave();
        case 1: return leave();
        case 2: return node.async_terminate_child(id, done);
        case 3: return node.async_restart_child(id, done);
        case 4:
            return node.async_terminate_child(
                id, [&node, id, done](error_code, drover::child_ref const&) { node.async_delete_child(id, done); });
        case 5: return node.async_update_child(spec(), done);
        case 6: return node.cast(id, "fail");
        default: return node.async_start_child(spec(), done);
        }
    }

    [[nodiscard]] std::string any_node()
    {
        return std::next(nodes_.begin(), static_cast<std::ptrdiff_t>(draw_.below(nodes_.size())))->first;
    }

    // ---- what must hold ----------------------------------------------------------------------------------------------

    void pass(duration length)
    {
        (void)world_.run_until(
            [this] {
                check();
                return !violations_.empty();
            },
            length);
    }

    void check()
    {
        for (auto const& [name, node] : nodes_) {
            if (auto wrong = node->inconsistency(); !wrong.empty())
                violations_.push_back(name + ": " + wrong);
            unaccounted_age_max_ = std::max(unaccounted_age_max_, node->unaccounted().oldest_age);
            auto const starting = node->count_children().in(drover::child_status::starting) > 0;
            auto const since = starting_since_.try_emplace(name, world_.now()).first;
            if (starting)
                starting_time_max_ = std::max(starting_time_max_, world_.now() - since->second);
            else
                since->second = world_.now();
        }
    }

    void at_end()
    {
        auto const& first = *nodes_.begin()->second;
        for (auto const& info : first.which_children())
            for (auto const& [name, node] : nodes_) {
                auto const ref = node->find(info.id);
                if (ref != first.find(info.id))
                    violations_.push_back(info.id + ": the nodes do not agree where it runs");
                if (ref && !nodes_.contains(ref->node))
                    violations_.push_back(info.id + ": runs on " + ref->node + ", which is gone");
            }
        for (auto const& [name, node] : nodes_)
            if (node->unaccounted().count != 0)
                violations_.push_back(name + " does not account for " + std::to_string(node->unaccounted().count));
    }

    drover::simulation::world world_;
    drover::random_stream draw_;
    std::map<std::string, std::unique_ptr<supervisor>> nodes_;
    int joined_ = 0;
    bool leaving_ = false;
    std::uint64_t repairs_ = 0;
    duration unaccounted_age_max_{};
    std::map<std::string, drover::time_point> starting_since_;
    duration starting_time_max_{};
    std::vector<std::string> violations_;
};

} // namespace quiet
