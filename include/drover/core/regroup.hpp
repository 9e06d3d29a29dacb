// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/planted_fault.hpp>
#include <drover/core/core_state.hpp>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace drover::core {

/// After every change of the view: before this node takes over what the dead owned, each member that is alive tells all that
/// it knows, and agrees that they are dead. (The flush of virtual synchrony, Birman and Joseph 1987, without its ordering.)
///
///  - So nothing that was acknowledged is missed: whoever held it, and is alive, has told it.
///  - So who takes part is known to all: they have seen our own record in the roster.
///  - So one broken link does not move work: a member that still sees the owner does not agree, and the children stay.
///
/// A member that does not agree yet answers as soon as it does; asking costs one round trip when all see the same.
template <class State>
class regroup {
public:
    explicit regroup(State& state) : core_{state} {}

    /// The view changed: begin anew.
    void begin(time_point now)
    {
        ++core_.regroup_number;
        core_.regrouped = false;
        core_.regroup_version = core_.store.version();
        core_.regroup_waiting.clear();
        for (node_index index = 0; index < core_.nodes.size(); ++index)
            if (auto const& node = core_.nodes[index]; index != core_.own && node.alive && node.here != presence::absent)
                core_.regroup_waiting.emplace(node.id.name, bytes{});
        if (planted(planted_fault::claim_before_regroup))
            core_.regroup_waiting.clear();
        ask(now);
    }

    /// True when everybody has answered.
    [[nodiscard]] bool complete() const { return !core_.regrouped && core_.regroup_waiting.empty(); }

    /// A connection with this node came up: what was sent before may not have gone out.
    void ask_again(std::string const& name)
    {
        auto const found = core_.regroup_waiting.find(name);
        if (found != core_.regroup_waiting.end() && found->second.empty())
            core_.send(name, encode(question()));
    }

    void on_asked(node_id const& from, regroup_message message)
    {
        core_.regroup_asked.erase(from.name);
        if (agrees(message))
            return tell(from.name, message.number);
        core_.regroup_asked.emplace(from.name, std::pair{from, std::move(message)});
    }

    /// Our view changed: we may agree now.
    void answer_held_back()
    {
        for (auto at = core_.regroup_asked.begin(); at != core_.regroup_asked.end();) {
            if (!agrees(at->second.second)) {
                ++at;
                continue;
            }
            tell(at->first, at->second.second.number);
            at = core_.regroup_asked.erase(at);
        }
    }

    void on_told(node_id const& from, regrouped_message message)
    {
        if (message.number != core_.regroup_number)
            return;
        auto const found = core_.regroup_waiting.find(from.name);
        if (found == core_.regroup_waiting.end())
            return;
        if (!core_.store.acknowledges(message.context, core_.regroup_version))
            return; // asked again once it has
        if (core_.store.covers(message.context, from))
            core_.regroup_waiting.erase(found);
        else
            found->second = std::move(message.context); // its deltas are on their way
    }

    /// The store has learned: somebody whose context we lacked may be level now.
    void on_store_changed()
    {
        for (auto at = core_.regroup_waiting.begin(); at != core_.regroup_waiting.end();) {
            auto const* const node = alive_node(at->first);
            if (!at->second.empty() && node != nullptr && core_.store.covers(at->second, node->id))
                at = core_.regroup_waiting.erase(at);
            else
                ++at;
        }
    }

    void on_absent(std::string const& name) { core_.regroup_waiting.erase(name); }

    void on_timer(std::uint64_t number, time_point now)
    {
        if (number == core_.regroup_number && !core_.regroup_waiting.empty())
            ask(now);
    }

private:
    [[nodiscard]] regroup_message question() const
    {
        regroup_message message{core_.regroup_number, {}};
        for (node_index index = 0; index < core_.nodes.size(); ++index)
            if (auto const& node = core_.nodes[index]; !node.alive && !node.recovered && node.owned != nullptr)
                message.dead.push_back(node.id);
        return message;
    }

    void ask(time_point now)
    {
        auto const frame = encode(question());
        for (auto const& [name, context] : core_.regroup_waiting)
            if (context.empty())
                core_.send(name, frame);
        if (!core_.regroup_waiting.empty())
            core_.timers.set(now + core_.options.retry_interval, regroup_timer{core_.regroup_number});
    }

    [[nodiscard]] bool agrees(regroup_message const& message) const
    {
        return std::none_of(message.dead.begin(), message.dead.end(), [&](node_id const& id) {
            auto const index = core_.nodes.find(id);
            return index != no_node && core_.nodes[index].alive;
        });
    }

    void tell(std::string const& to, std::uint64_t number)
    {
        core_.effects_after_sends.push_back(
            send_effect{to, std::make_shared<bytes const>(encode(regrouped_message{number, core_.store.context()}))});
    }

    [[nodiscard]] node_entry const* alive_node(std::string_view name) const
    {
        for (node_index index = 0; index < core_.nodes.size(); ++index)
            if (core_.nodes[index].alive && core_.nodes[index].id.name == name)
                return &core_.nodes[index];
        return nullptr;
    }

    State& core_;
};

} // namespace drover::core
