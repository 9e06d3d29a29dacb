// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes_table.hpp>
#include <drover/base/hash.hpp>
#include <drover/core/effects.hpp>
#include <drover/core/messages.hpp>
#include <drover/core/records.hpp>
#include <drover/ownership/claim.hpp>
#include <drover/supervision/child_spec.hpp>
#include <drover/supervision/restart_window.hpp>
#include <drover/supervision/start_cause.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace drover::core {

/// Index into the `node_table`.
using node_index = std::uint32_t;
inline constexpr node_index no_node = ~node_index{0};

/// Where a local instance is in its life.
///
///     (none) --launch--> starting --started--> running --stop--> stopping --stopped--> (none)
///                            |                    |
///                            +----- failure ------+--> waiting (its turn, or its backoff) --> starting
///                                                  --> parked (its budget is spent) --time--> starting
enum class local_state : std::uint8_t {
    starting,
    running,
    stopping,
    waiting, ///< claimed here, and nothing runs yet
    parked,
};

/// Why a local instance is being stopped: what follows when it has.
enum class stop_cause : std::uint8_t {
    terminate, ///< its spec says so
    remove,    ///< its spec is gone
    hand_over, ///< another node is to run it
    yield,     ///< another instance goes on
    replace,   ///< its spec changed: start again here
    sibling,   ///< another child failed: start again here, in order
    rebase,    ///< state was acknowledged to users on another branch: start again here, from that
    shutdown,  ///< the supervisor leaves, and nobody is there to take it
};

/// What becomes of a child whose start fails.
enum class start_kind : std::uint8_t {
    first,   ///< nothing is left behind
    revived, ///< it is terminated again
    again,   ///< it counts as a failure
};

/// Somebody who waits for what becomes of a command.
struct waiter {
    std::string requester; ///< node name
    std::uint64_t number = 0;
    request_id request;
    acknowledge level{};
    std::uint64_t version = 0; ///< the write that must be held
};

/// What is kept of the spec that an instance was started with; the store has the rest.
struct launched_spec {
    /// What few specs have.
    struct own_rules {
        std::optional<restart_intensity> intensity;
        std::optional<restart_backoff> backoff;
    };

    duration shutdown{};
    std::uint64_t digest = 0; ///< of all of it
    std::unique_ptr<own_rules const> own;
    restart_rule restart{};
    exhaustion on_exhausted{};
    bool significant = false;

    launched_spec() = default;
    explicit launched_spec(child_spec const& spec)
        : shutdown{spec.shutdown}, digest{digest_of(spec)}, own{spec.intensity || spec.backoff
                                                                    ? new own_rules{spec.intensity, spec.backoff}
                                                                    : nullptr},
          restart{spec.restart}, on_exhausted{spec.on_exhausted}, significant{spec.significant}
    {
    }

    [[nodiscard]] restart_intensity const& intensity_or(restart_intensity const& general) const
    {
        return own && own->intensity ? *own->intensity : general;
    }

    [[nodiscard]] restart_backoff const& backoff_or(restart_backoff const& general) const
    {
        return own && own->backoff ? *own->backoff : general;
    }

    [[nodiscard]] static std::uint64_t digest_of(child_spec const& spec)
    {
        auto const rules = static_cast<std::uint64_t>(spec.restart) ^ mix64(static_cast<std::uint64_t>(spec.shutdown.count()));
        auto const limit = spec.intensity ? mix64(std::uint64_t{spec.intensity->max_restarts} << 32
                               | static_cast<std::uint64_t>(spec.intensity->max_seconds.count()))
                                          : 0;
        auto const delay = spec.backoff
            ? mix64(static_cast<std::uint64_t>(spec.backoff->min.count())
                ^ mix64(static_cast<std::uint64_t>(spec.backoff->max.count())
                    ^ mix64(static_cast<std::uint64_t>(spec.backoff->stable_after.count()) + spec.backoff->jitter_percent)))
            : 0;
        auto const more = mix64(std::uint64_t{static_cast<std::uint32_t>(spec.priority)} << 32
            | static_cast<std::uint64_t>(spec.on_exhausted) << 2 | (spec.significant ? 2U : 0U) | (spec.is_supervisor ? 1U : 0U));
        auto const names = spec.group.empty() && spec.isolated_type.empty() ? 0 : hash64(spec.group, hash64(spec.isolated_type));
        return hash64(spec.arguments, hash64(spec.type, mix64(rules) ^ limit ^ delay ^ more ^ names));
    }
};

/// What an instance saves while what it saved before is on its way to the others.
struct checkpoint_backlog {
    std::uint64_t in_flight = 0; ///< number of the newest that was written and is not known to be held; 0: none
    time_point written{};        ///< that one
    std::optional<saved_state> waiting;
    std::vector<std::uint64_t> numbers; ///< that one's last, before it those that it replaced
};

/// Index into `supervisor_options::groups`.
inline constexpr std::uint32_t no_group = ~std::uint32_t{0};

/// What only the node that runs a child knows.
struct local_child {
    local_state state = local_state::waiting;
    stop_cause cause{};
    start_kind kind = start_kind::again;
    start_cause why{};                 ///< of this instance, or of the next one while it waits
    bool on_trial = false;             ///< started again after it was parked, and not stable yet: the next failure parks it
    bool isolated = false;             ///< runs as its isolated type
    bool asserted = false;             ///< has won a conflict by asserting itself
    std::uint32_t parked_count = 0;    ///< in a row
    std::uint32_t failures_in_row = 0; ///< without a stable run between them
    std::uint32_t node_deaths = 0;     ///< in a row, of nodes where it was starting or had just started
    std::int32_t priority = 0;
    std::uint32_t group = no_group;
    std::uint32_t run = 0; ///< of the sibling restart that it is part of
    node_index wanted_by = no_node;
    std::uint64_t ordinal = 0; ///< in the order of starts
    time_point running_since{};
    std::uint64_t forked_from = 0; ///< stamp of the acknowledged checkpoint that its branch started from
    ownership::claim claim;        ///< of this instance
    launched_spec spec;            ///< that this instance was started with
    supervision::restart_window window;
    std::string reason; ///< of the last failure
    std::vector<waiter> waiters;
    std::unique_ptr<checkpoint_backlog> checkpoints; ///< while there are any
};

/// One child, as this node knows it. Every field but `local` follows the store.
struct child_entry {
    kept_key const* id = nullptr;
    std::uint64_t key = 0;    ///< for placement
    std::size_t position = 0; ///< in the order of the table

    bool present : 1 = false; ///< there is a spec
    bool terminated : 1 = false;
    bool owned : 1 = false; ///< there is a claim
    bool quorate : 1 = false;
    bool counted : 1 = false;   ///< as load of its owner
    bool review : 1 = false;    ///< by load: its place is to be decided anew
    bool want_sent : 1 = false; ///< until the timer says otherwise
    bool dirty : 1 = false;     ///< in the queue of the reconciler
    bool significant : 1 = false;
    bool significant_counted : 1 = false; ///< it is significant, and has not ended
    bool grouped : 1 = false;             ///< placed with its group
    bool supervisor : 1 = false;          ///< it supervises children of its own
    bool unassigned : 1 = false;          ///< in the list of those that should run and have no owner
    bool audited : 1 = false;             ///< in the queue of the reconciler because of the audit alone
    restart_rule restart{};
    owner_status status{};
    std::uint32_t type = 0; ///< index of the type's name
    node_index owner = no_node;
    std::uint32_t since_ms = 0; ///< when the claim, or that there is none, became known here; comes round every seven weeks
    std::uint64_t creation = 0;
    request_id request;
    generation_number generation = 0;
    generation_number term = 0;

    child_entry* next_owned = nullptr; ///< of the same owner, or of those that have none
    child_entry* previous_owned = nullptr;

    std::unique_ptr<local_child> local;

    /// The claim became known here no longer ago than that.
    [[nodiscard]] bool is_young(time_point now, duration age_max) const
    {
        auto const age_ms = static_cast<std::int32_t>(ms_of(now) - since_ms); // negative: it was heard of later
        return std::chrono::milliseconds{age_ms} <= age_max;
    }
    [[nodiscard]] static std::uint32_t ms_of(time_point at)
    {
        return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count());
    }

    [[nodiscard]] bool has_instance() const { return local != nullptr && local->state < local_state::waiting; }
    [[nodiscard]] ownership::standing right() const { return {term, quorate}; }
    [[nodiscard]] bool wanted_running() const { return present && !terminated && !(owned && status == owner_status::ended); }
};

/// All children of the scope: by id, and in an order that is the same for equal histories. Addresses are stable.
/// `Entry`: a `child_entry`.
template <class Entry>
class basic_child_table {
public:
    /// `scope_key` makes two supervisors spread the same ids differently.
    explicit basic_child_table(std::uint64_t scope_key) : scope_key_{scope_key} {}

    [[nodiscard]] Entry* find(bytes_view id)
    {
        auto* const found = entries_.find(id);
        return found == nullptr ? nullptr : &found->value;
    }

    [[nodiscard]] Entry const* find(bytes_view id) const
    {
        auto const* const found = entries_.find(id);
        return found == nullptr ? nullptr : &found->value;
    }

    [[nodiscard]] std::uint64_t key_of(bytes_view id) const { return hash64(id, scope_key_); }

    Entry& get(bytes_view id)
    {
        auto const [at, made] = entries_.insert(id);
        auto& entry = at->value;
        if (!made)
            return entry;
        entry.id = &at->key;
        entry.key = key_of(id);
        entry.position = order_.size();
        order_.push_back(&entry);
        return entry;
    }

    /// Pre: no longer owned, present, local or dirty.
    void erase(Entry& entry)
    {
        order_.back()->position = entry.position;
        order_[entry.position] = order_.back();
        order_.pop_back();
        entries_.erase(*entry.id);
    }

    [[nodiscard]] std::vector<Entry*> const& order() const { return order_; }
    [[nodiscard]] std::size_t size() const { return order_.size(); }

private:
    std::uint64_t scope_key_;
    bytes_table<Entry> entries_;
    std::vector<Entry*> order_;
};

using child_table = basic_child_table<child_entry>;

} // namespace drover::core
