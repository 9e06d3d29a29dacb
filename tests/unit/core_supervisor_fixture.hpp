// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "core_messages_fixture.hpp"

#include <drover/core/supervisor_core.hpp>
#include <drover/store/crdt_store.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

/// Cores of one scope wired by hand: messages, starts and stops are carried out in order, and nothing else happens.
namespace core_test {

using namespace drover::core;
namespace ownership = drover::ownership;
using drover::bytes;
using drover::bytes_view;
using drover::child_spec;
using drover::child_status;
using drover::errc;
using drover::record_table;
using drover::supervisor_options;
using drover::time_point;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// Names the node that the test says, when it is a candidate; otherwise the first.
struct pinned {
    using pins_type = std::map<std::uint64_t, std::string>;
    struct table_type {
        std::vector<std::string> names;
        std::shared_ptr<pins_type const> pins;

        std::size_t place(std::uint64_t key) const
        {
            auto const pin = pins->find(key);
            if (pin == pins->end())
                return 0;
            auto const found = std::find(names.begin(), names.end(), pin->second);
            return found == names.end() ? 0 : static_cast<std::size_t>(found - names.begin());
        }
    };
    static constexpr drover::placement_capabilities capabilities{.agreed = true, .minimal_moves = true, .voters = false};

    table_type build(std::span<drover::candidate const> candidates) const
    {
        table_type table{{}, pins};
        for (auto const& each : candidates)
            table.names.emplace_back(each.name);
        return table;
    }

    std::shared_ptr<pins_type> pins = std::make_shared<pins_type>();
};

using core_type = supervisor_core<pinned, drover::crdt_store<>>;

/// One line: what an effect is, for comparison.
inline std::string print(effect const& what)
{
    struct printer {
        static std::string child(bytes_view id, drover::generation_number generation)
        {
            return std::string{id} + "/" + std::to_string(generation);
        }
        std::string operator()(send_effect const& each) const { return "send " + each.to + (each.for_store ? " store" : ""); }
        std::string operator()(start_effect const& each) const
        {
            return "start " + child(each.id, each.generation) + (each.state ? " from " + each.state->data : "");
        }
        std::string operator()(stop_effect const& each) const
        {
            return "stop " + child(each.id, each.generation) + (each.save ? " and save" : "");
        }
        std::string operator()(regrant_effect const& each) const
        {
            return "regrant " + child(each.id, each.old_generation) + " as " + std::to_string(each.generation);
        }
        std::string operator()(deliver_effect const& each) const
        {
            return "deliver " + child(each.id, each.generation) + " " + each.payload;
        }
        std::string operator()(command_done_effect const&) const { return "command done"; }
        std::string operator()(call_done_effect const&) const { return "call done"; }
        std::string operator()(checkpoint_done_effect const&) const { return "checkpoint done"; }
        std::string operator()(wait_done_effect const&) const { return "wait done"; }
        std::string operator()(read_source_effect const& each) const { return "read " + each.source->name(); }
        std::string operator()(started_effect const&) const { return "started"; }
        std::string operator()(stopped_effect const&) const { return "stopped"; }
        std::string operator()(drover::event const& each) const { return to_string(each); }
    };
    return std::visit(printer{}, what);
}

struct outcome {
    errc code{};
    drover::child_ref ref;
    std::string reason;
};

/// One node: its core, the instances that run on it, and all that came of it.
struct test_node {
    drover::node_id id;
    std::unique_ptr<core_type> core;
    bool running = true;                              // the process
    std::map<std::string, drover::member_state> sees; // of the others
    std::map<std::string, drover::generation_number> instances;
    std::map<std::string, drover::start_cause> causes; // of the last start of each child
    std::map<std::string, std::string> types;          // and its type
    std::vector<std::string> log;                      // without sends
    std::map<std::uint64_t, outcome> commands_done;
    std::map<std::uint64_t, std::pair<errc, bytes>> calls_done;
    std::map<std::uint64_t, errc> checkpoints_done;
    std::map<std::uint64_t, errc> waits_done;
    bool started = false;
    bool stopped = false;
    std::string stopped_because;
};

class cluster {
public:
    explicit cluster(std::size_t count, supervisor_options options = {}, std::vector<std::string> types = {"counter"})
        : options_{std::move(options)}, types_{std::move(types)}
    {
        for (std::size_t i = 0; i < count; ++i)
            add("n" + std::to_string(i + 1));
        settle();
    }

    /// Starts a node; all that run see it, and it sees them.
    test_node& add(std::string const& name, drover::incarnation_number incarnation = 1)
    {
        nodes_.push_back(std::make_unique<test_node>());
        auto& added = *nodes_.back();
        added.id = {name, incarnation};
        added.core = std::make_unique<core_type>(added.id, options_, placement_, drover::crdt_store<>{});
        for (auto& other : nodes_)
            if (other.get() != &added && other->running) {
                other->sees[name] = drover::member_state::alive;
                added.sees[other->id.name] = drover::member_state::alive;
                other->core->on_view(view_of(*other), now);
            }
        added.core->start(types_, view_of(added), now);
        return added;
    }

    /// For the nodes that are added from now on.
    void configure(supervisor_options options) { options_ = std::move(options); }

    /// The newest life of a name.
    test_node& operator[](std::string_view name)
    {
        auto const found = std::find_if(nodes_.rbegin(), nodes_.rend(), [&](auto const& each) { return each->id.name == name; });
        REQUIRE(found != nodes_.rend());
        return **found;
    }

    /// Those whose process is there.
    std::vector<test_node*> running_nodes()
    {
        std::vector<test_node*> result;
        for (auto const& each : nodes_)
            if (each->running)
                result.push_back(each.get());
        return result;
    }

    void pin(std::string const& id, std::string const& name)
    {
        (*placement_.pins)[drover::hash64(id, drover::hash64(options_.name))] = name;
    }

    void pin_group(std::string const& group, std::string const& name)
    {
        (*placement_.pins)[drover::mix64(drover::hash64(group, drover::hash64(options_.name)))] = name;
    }

    // ---- what happens to nodes ---------------------------------------------------------------------------------------

    /// The process is gone; nobody has noticed.
    void crash(std::string_view name) { (*this)[name].running = false; }

    /// One node's view of another changes.
    void see(std::string_view who, std::string const& whom, drover::member_state state)
    {
        auto& node = (*this)[who];
        node.sees[whom] = state;
        node.core->on_view(view_of(node), now);
    }

    void crash_and_notice(std::string const& name)
    {
        crash(name);
        for (auto& each : nodes_)
            if (each->running)
                see(each->id.name, name, drover::member_state::dead);
        settle();
    }

    /// Those named and the others hold each other for dead, and hear nothing; or they find each other again.
    void split(std::set<std::string> const& side, drover::member_state state = drover::member_state::dead)
    {
        for (auto& each : nodes_)
            for (auto& other : nodes_)
                if (each->running && other->running && side.contains(each->id.name) != side.contains(other->id.name))
                    see(each->id.name, other->id.name, state);
        settle();
    }
    void heal(std::set<std::string> const& side) { split(side, drover::member_state::alive); }

    // ---- commands ----------------------------------------------------------------------------------------------------

    /// Gives a command, and has everything happen that needs no time.
    std::uint64_t command(std::string_view at, command_kind kind, child_spec spec)
    {
        auto const number = (*this)[at].core->command(kind, std::move(spec), now);
        settle();
        return number;
    }

    /// The same, and its outcome. Pre: it needs no time.
    outcome done(std::string_view at, command_kind kind, child_spec spec)
    {
        auto const number = command(at, kind, std::move(spec));
        auto const& all = (*this)[at].commands_done;
        REQUIRE(all.contains(number));
        return all.at(number);
    }

    outcome start(std::string_view at, std::string const& id) { return done(at, command_kind::start, spec_of(id)); }
    errc code_of(std::string_view at, command_kind kind, std::string const& id) { return done(at, kind, spec_of(id)).code; }

    static child_spec spec_of(std::string const& id) { return {.id = id, .type = "counter"}; }

    // ---- children ----------------------------------------------------------------------------------------------------

    void save(std::string_view at, std::string const& id, bytes data)
    {
        auto& node = (*this)[at];
        node.core->on_checkpoint(id, node.instances.at(id), {1, std::move(data)}, ++checkpoint_number, now);
        settle();
    }

    void exit(std::string_view at, std::string const& id, drover::supervision::exit_kind kind, std::string_view reason = "")
    {
        auto& node = (*this)[at];
        auto const generation = node.instances.at(id);
        node.instances.erase(id);
        node.core->on_child_exit(id, generation, kind, reason, now);
        settle();
    }

    void fail(std::string_view at, std::string const& id) { exit(at, id, drover::supervision::exit_kind::failure, "it threw"); }

    child_status status(std::string_view at, std::string const& id)
    {
        for (auto const& info : (*this)[at].core->which_children(false))
            if (info.id == id)
                return info.status;
        FAIL("no child " << id << " is known on " << at);
        return {};
    }

    /// The instance of a child that is being stopped has stopped.
    void answer_stop(std::string_view at, std::string const& id)
    {
        auto& node = (*this)[at];
        auto const generation = node.instances.at(id);
        node.instances.erase(id);
        node.core->on_child_stopped(id, generation, std::nullopt, now);
        settle();
    }

    /// Starts are answered from now on; those that were held back come to their end first.
    void answer_starts()
    {
        starts_are_answered = true;
        while (!starts_held_back_.empty()) {
            auto const next = take_first(starts_held_back_);
            if (next.node->running)
                answer_start(*next.node, next.effect);
            settle();
        }
    }

    /// Stops are answered from now on, those that were held back first.
    void answer_stops()
    {
        stops_are_answered = true;
        while (!stops_held_back_.empty()) {
            auto const next = take_first(stops_held_back_);
            if (next.node->running)
                answer_stop(*next.node, next.effect);
            settle();
        }
    }

    /// Where instances run, with their generations: "n1/1 n2/2".
    std::string running(std::string const& id)
    {
        std::string result;
        for (auto const& each : nodes_)
            if (each->running && each->instances.contains(id))
                result += (result.empty() ? "" : " ") + each->id.name + "/" + std::to_string(each->instances.at(id));
        return result;
    }

    /// What a node did since this was last asked, but for what it sent.
    std::vector<std::string> log(std::string_view at) { return std::exchange((*this)[at].log, {}); }

    // ---- time and turns ----------------------------------------------------------------------------------------------

    /// Everything that needs no time, until nothing moves.
    void settle()
    {
        for (int turns = 0; turn(); ++turns)
            REQUIRE(turns < 10'000);
        for (auto& each : nodes_)
            if (each->running)
                check_early_wake_up(*each->core);
    }

    void pass(drover::duration span)
    {
        auto const end = now + span;
        for (;;) {
            auto next = drover::never;
            for (auto const& each : nodes_)
                if (each->running)
                    next = std::min(next, each->core->deadline());
            if (next > end)
                break;
            now = std::max(now, next);
            settle();
        }
        now = end;
        settle();
    }

    time_point now{seconds{1'000}};
    bool starts_succeed = true; // otherwise with the reason "it threw"
    bool starts_are_answered = true;
    bool stops_are_answered = true;
    std::set<std::string> ignoring;                  // the starts of these children say that there is nothing to do
    std::set<std::string> failing;                   // the starts of these children fail
    std::map<std::string, bytes> state_when_stopped; // by child id
    std::function<bool(test_node const& from, std::string const& to, any_message const&)> is_lost;
    std::uint64_t checkpoint_number = 0;
    std::vector<std::vector<std::string>> batches; // each flush, sends included

private:
    struct flight {
        test_node* from;
        std::string to;
        bytes frame;
    };

    template <class Effect>
    struct held_back {
        test_node* node;
        Effect effect;
    };

    template <class Queue>
    static typename Queue::value_type take_first(Queue& queue)
    {
        auto first = std::move(queue.front());
        queue.pop_front();
        return first;
    }

    drover::view view_of(test_node const& node)
    {
        drover::view result;
        result.members.push_back({node.id, node.id.name, drover::member_state::alive});
        for (auto const& [name, state] : node.sees)
            result.members.push_back({(*this)[name].id, name, state});
        std::sort(result.members.begin(), result.members.end(),
            [](auto const& left, auto const& right) { return left.id.name < right.id.name; });
        return result;
    }

    bool turn()
    {
        auto moved = false;
        for (auto& each : nodes_)
            if (each->running) {
                while (each->core->deadline() <= now) {
                    each->core->on_time(now);
                    moved = true;
                }
                each->core->flush(now);
                moved = carry_out(*each) || moved;
            }
        while (!flying_.empty()) {
            auto const next = std::move(flying_.front());
            flying_.pop_front();
            auto& to = (*this)[next.to];
            if (to.running && next.from->running)
                to.core->on_message(next.from->id, next.frame, now);
            moved = true;
        }
        return moved;
    }

    bool carry_out(test_node& node)
    {
        auto const effects = std::exchange(node.core->effects(), {});
        if (effects.empty())
            return false;
        batches.emplace_back();
        for (auto const& each : effects) {
            batches.back().push_back(node.id.name + ": " + print(each));
            if (!std::holds_alternative<send_effect>(each))
                node.log.push_back(print(each));
            std::visit([&](auto const& content) { carry_out(node, content); }, each);
        }
        return true;
    }

    void carry_out(test_node& node, send_effect const& content)
    {
        auto frame = content.for_store ? encode(store_message{*content.frame}) : *content.frame;
        auto const message = decode_message(frame);
        REQUIRE(message);
        if (node.sees[content.to] != drover::member_state::alive || (is_lost && is_lost(node, content.to, *message)))
            return;
        flying_.push_back({&node, content.to, std::move(frame)});
    }

    void carry_out(test_node& node, start_effect const& content)
    {
        REQUIRE_FALSE(node.instances.contains(content.id));
        node.causes[content.id] = content.cause;
        node.types[content.id] = content.type;
        if (starts_are_answered)
            answer_start(node, content);
        else
            starts_held_back_.push_back({&node, content});
    }

    void answer_start(test_node& node, start_effect const& content)
    {
        if (ignoring.contains(content.id))
            return node.core->on_child_start_ignored(content.id, content.generation, now);
        if (!starts_succeed || failing.contains(content.id))
            return node.core->on_child_start_failed(content.id, content.generation, "it threw", now);
        node.instances[content.id] = content.generation;
        node.core->on_child_started(content.id, content.generation, now);
    }

    void carry_out(test_node& node, stop_effect const& content)
    {
        if (stops_are_answered)
            answer_stop(node, content);
        else
            stops_held_back_.push_back({&node, content});
    }

    void answer_stop(test_node& node, stop_effect const& content)
    {
        // A start that is stopped before its end has none.
        std::erase_if(starts_held_back_, [&](auto const& each) {
            return each.node == &node && each.effect.id == content.id && each.effect.generation == content.generation;
        });
        node.instances.erase(content.id);
        std::optional<saved_state> saved;
        if (content.save && state_when_stopped.contains(content.id))
            saved = saved_state{1, state_when_stopped[content.id]};
        node.core->on_child_stopped(content.id, content.generation, std::move(saved), now);
    }

    void carry_out(test_node& node, regrant_effect const& content)
    {
        REQUIRE(node.instances.at(content.id) == content.old_generation);
        node.instances[content.id] = content.generation;
    }

    void carry_out(test_node& node, deliver_effect const& content)
    {
        REQUIRE(node.instances.at(content.id) == content.generation);
        if (!content.cast)
            node.core->on_call_answered(content.from, content.number, errc::success, "answer to " + content.payload, now);
    }

    // Exactly one completion for each.
    void carry_out(test_node& node, command_done_effect const& content)
    {
        REQUIRE(node.commands_done.emplace(content.number, outcome{content.code, content.ref, content.reason}).second);
    }
    void carry_out(test_node& node, call_done_effect const& content)
    {
        REQUIRE(node.calls_done.emplace(content.number, std::pair{content.code, content.payload}).second);
    }
    void carry_out(test_node& node, checkpoint_done_effect const& content)
    {
        REQUIRE(node.checkpoints_done.emplace(content.number, content.code).second);
    }
    void carry_out(test_node& node, wait_done_effect const& content)
    {
        REQUIRE(node.waits_done.emplace(content.number, content.code).second);
    }
    void carry_out(test_node&, read_source_effect const& content) { content.source->read(content.number); }
    void carry_out(test_node& node, started_effect const&) { REQUIRE_FALSE(std::exchange(node.started, true)); }
    void carry_out(test_node& node, stopped_effect const& content)
    {
        REQUIRE_FALSE(std::exchange(node.stopped, true));
        node.stopped_because = content.reason;
    }
    void carry_out(test_node&, drover::event const&) {}

    // A wake-up before the deadline changes nothing.
    void check_early_wake_up(core_type& core)
    {
        auto const deadline = core.deadline();
        REQUIRE(deadline > now);
        core.on_time(now);
        core.flush(now);
        for (auto const& each : core.effects())
            UNSCOPED_INFO(print(each));
        REQUIRE(core.effects().empty());
        REQUIRE(core.deadline() == deadline);
    }

    supervisor_options options_;
    std::vector<std::string> types_;
    pinned placement_;
    std::vector<std::unique_ptr<test_node>> nodes_;
    std::deque<flight> flying_;
    std::deque<held_back<start_effect>> starts_held_back_;
    std::deque<held_back<stop_effect>> stops_held_back_;
};

using drover::supervision::exit_kind;
using lines = std::vector<std::string>;

} // namespace core_test
