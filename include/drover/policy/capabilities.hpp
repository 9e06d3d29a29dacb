// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstdint>

namespace drover {

/// What a Transport can promise. Every model has a `static constexpr transport_capabilities capabilities`.
struct transport_capabilities {
    bool simulated = false;     ///< time and network are those of a `simulation::world`
    bool encrypted = false;     ///< nobody on the way reads what is sent
    bool authenticated = false; ///< a peer's name is proven, not claimed
};

/// What a Membership can promise.
struct membership_capabilities {
    bool detects_silence = false;   ///< a member that falls silent leaves the view within a bound
    bool needs_full_mesh = false;   ///< every member holds a connection to every other
    bool indirect_evidence = false; ///< one broken link alone never declares a member dead
};

/// What a Placement can promise.
struct placement_capabilities {
    bool agreed = false;        ///< a function of the candidates alone: equal views give equal answers, without talk
    bool minimal_moves = false; ///< a candidate that comes or goes moves only its own share
    bool voters = false;        ///< a majority of voters grants ownership
    /// The answer depends on what each candidate carries: one node decides, its decision is recorded, and it sticks until the
    /// candidates change. Such a placement is not `agreed`.
    bool by_load = false;
};

/// What a StateStore can promise.
struct store_capabilities {
    bool replicated = false;   ///< other members hold what is written
    bool durable = false;      ///< what was acknowledged survives the loss of every process
    bool linearizable = false; ///< writes are conditional and totally ordered: the store can grant ownership
    bool ordered = false;      ///< concurrent writes have one winner on every node
    bool standalone = false;   ///< the user's word (`standalone<StateStore>`) that what it holds may be lost with its node
};

/// Who grants ownership of a child.
enum class authority : std::uint8_t {
    none,   ///< nobody: each connected part of the cluster decides for itself
    voters, ///< a majority of voters (`quorum<Placement>`)
    store,  ///< the store's own conditional writes
};

/// What a supervisor promises about the number of instances of one child.
enum class promise_level : std::uint8_t {
    at_least_once,         ///< each part of a split runs every child that it knows; one instance after the heal
    at_most_one_effective, ///< stale instances may exist for a bounded time, and the token tells them apart
    at_most_one_running,   ///< never two at once, while clock rates stay within the stated bound
};

/// Who grants ownership under this Placement and StateStore. Both at once are refused by `distributed_supervisor`.
template <class Placement, class StateStore>
inline constexpr authority authority_of = Placement::capabilities.voters ? authority::voters
    : StateStore::capabilities.linearizable                              ? authority::store
                                                                         : authority::none;

/// Opts out of replication, by name: a supervisor takes a StateStore that is not `replicated` only in this wrapper, because
/// each node then knows its own children only, and they are lost with it.
template <class StateStore>
struct standalone : StateStore {
    using StateStore::StateStore;

    static constexpr store_capabilities capabilities = [] {
        auto result = store_capabilities{StateStore::capabilities};
        result.standalone = true;
        return result;
    }();
};

/// What follows for the number of instances.
template <class Placement, class StateStore>
inline constexpr promise_level promise_of = authority_of<Placement, StateStore> == authority::none ? promise_level::at_least_once
    : authority_of<Placement, StateStore> == authority::voters ? promise_level::at_most_one_running
                                                               : promise_level::at_most_one_effective;

} // namespace drover
