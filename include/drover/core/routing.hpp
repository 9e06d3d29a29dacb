// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>
#include <drover/core/core_state.hpp>
#include <drover/core/messages.hpp>

namespace drover::core {

/// Where a command is carried out, as this node sees it.
template <class State>
class routing {
public:
    explicit routing(State& state) : core_{state} {}

    /// A start goes where placement says; the others to whoever owns the child, or would. `no_node`: nobody can.
    [[nodiscard]] node_index target_of(command_message const& message)
    {
        auto const* const child = core_.children.find(message.spec.id);
        if (message.kind == command_kind::start) {
            if (child != nullptr && child->present)
                return core_.own; // answered here: it is known already
            return start_target_of(
                message.spec, message.requester == core_.self.name && message.requester_origin == core_.origin);
        }
        if (child == nullptr || !child->present)
            return core_.own;
        auto const ended = child->owned && child->status == owner_status::ended;
        if (child->owned && core_.nodes[child->owner].alive && !(message.kind == command_kind::restart && ended))
            return child->owner;
        auto const placed = message.kind == command_kind::restart ? core_.placed(*child) : core_.home(*child);
        if (placed != no_node)
            return placed;
        return message.kind == command_kind::restart ? no_node : core_.own;
    }

    /// Why there is no target.
    [[nodiscard]] errc nobody_for(command_message const& message)
    {
        if (message.kind != command_kind::start || core_.roster.knows_type(core_.roster.intern_type(message.spec.type)))
            return errc::no_eligible_node;
        return errc::unknown_type;
    }

    /// Of a child that nobody knows yet.
    [[nodiscard]] node_index start_target_of(child_spec const& spec, bool from_here = true)
    {
        child_entry wanted;
        wanted.type = core_.roster.intern_type(spec.type);
        wanted.key = core_.key_of(spec.id, spec.group);
        // By load, the node where the start was asked for has decided: it knows what else it has sent.
        if (State::by_load && !from_here && core_.roster.is_candidate(wanted.type, core_.own, core_.nodes))
            return core_.own;
        return core_.placed(wanted);
    }

private:
    State& core_;
};

} // namespace drover::core
