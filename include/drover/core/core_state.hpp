// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/planted_fault.hpp>
#include <drover/core/child_table.hpp>
#include <drover/core/effects.hpp>
#include <drover/core/events.hpp>
#include <drover/core/messages.hpp>
#include <drover/core/node_table.hpp>
#include <drover/core/operations.hpp>
#include <drover/core/options.hpp>
#include <drover/core/records.hpp>
#include <drover/core/roster.hpp>
#include <drover/core/source_entry.hpp>
#include <drover/core/timer_queue.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/policy/view.hpp>
#include <drover/store/causal_context.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

namespace drover::core {

/// A child is to be looked at again.
struct child_timer {
    child_id id;
    enum class kind : std::uint8_t { want, unpark, settle, start } what{};
    generation_number generation = 0;
};
struct commands_timer {};
struct calls_timer {};
struct hold_timer {};
struct regroup_timer {
    std::uint64_t number = 0;
};
struct audit_timer {};
struct wait_timer {};
struct initial_timer {}; ///< children of the initial list that nobody has started yet are looked for
struct form_timer {};    ///< the cluster is not waited for any longer
struct drain_timer {};
struct sources_timer {}; ///< a source of children is to be looked at
using core_timer = std::variant<child_timer, commands_timer, calls_timer, hold_timer, regroup_timer, audit_timer, drain_timer,
    initial_timer, form_timer, wait_timer, sources_timer>;

enum class phase : std::uint8_t { created, joining, running, draining, saying_goodbye, stopped };

/// All that the core of one scope on one node knows. The rooms of the core (reconciler, regroup, commands, calls) are ways to
/// work on it.
template <class Placement, class StateStore>
struct core_state {
    /// Placement looks at what each node carries: one node decides, and its decision stands.
    static constexpr bool by_load = Placement::capabilities.by_load;
    /// What this node holds alone counts once it is on stable storage.
    static constexpr bool durable = StateStore::capabilities.durable;

    core_state(node_id identity, supervisor_options configuration, Placement placement, StateStore replicated)
        : self{std::move(identity)}, origin{store::origin_of(self)}, options{std::move(configuration)},
          store{std::move(replicated)}, roster{std::move(placement)}, children{hash64(options.name)}
    {
        own = nodes.intern(self);
        nodes[own].alive = true;
        nodes[own].here = presence::present;
        store.open(self);
    }

    core_state(core_state const&) = delete; // entries are pointed at
    core_state& operator=(core_state const&) = delete;

    node_id self;
    std::uint64_t origin; ///< short for `self`
    supervisor_options options;
    StateStore store;
    core::roster<Placement> roster;
    node_table nodes;
    node_index own = no_node;
    child_table children;
    std::size_t instances_count = 0;   ///< children with a `local`
    std::size_t starting_count = 0;    ///< of them, those whose start is under way
    std::size_t significant_count = 0; ///< children that are significant, and have not ended
    std::uint64_t last_ordinal = 0;
    std::vector<start_in_turn> starts_waiting;            ///< a heap
    std::vector<std::vector<child_entry*>> group_members; ///< by group: those that this node runs or is about to
    std::map<std::uint32_t, sibling_run> sibling_runs;
    std::uint32_t sibling_runs_begun = 0;
    timer_queue<core_timer> timers;
    std::vector<child_entry*> dirty;
    std::vector<std::string> types; ///< registered on this node
    std::vector<effect> effects;
    std::vector<effect> effects_after_sends; ///< starts, stops, deliveries: begun when the writes before them are on their way
    drover::counters counters;
    core::phase phase = phase::created;
    bool events_wanted = false;
    bool journal_failing = false; ///< the last commit failed, and is tried again
    time_point input_time{};      ///< of the input that is being taken

    // failures of the supervisor
    supervision::restart_window window; ///< of all children here, where they share a budget
    std::optional<time_point> restored; ///< when all children here were last restarted
    std::string giving_up;              ///< why this supervisor is about to stop on every node
    bool gave_up = false;               ///< it stops on every node

    // regroup
    std::uint64_t regroup_number = 0;
    bool regrouped = false; ///< all that are alive have told what they know since the view last changed
    bool regroup_wanted = false;
    bool announced = false;                                    ///< our roster record is written
    std::uint64_t regroup_version = 0;                         ///< our writes that all must have seen
    bool quorate = false;                                      ///< at the last regroup, those were a majority
    std::map<std::string, bytes, std::less<>> regroup_waiting; ///< name: the context that it told, once it did
    std::map<std::string, std::pair<node_id, regroup_message>, std::less<>> regroup_asked; ///< by whom, while we do not agree

    // commands, calls, acknowledgements
    std::map<std::uint64_t, command_operation> commands;
    std::map<std::uint64_t, call_operation> calls;
    time_point commands_due = never; ///< when the commands are looked at next
    time_point calls_due = never;
    std::map<holders_asked, std::deque<hold>> holds; ///< versions and deadlines ascend
    bool hold_timer_set = false;
    std::deque<std::pair<request_id, reply_message>> answered; ///< the last commands carried out here, against repetition
    std::uint64_t next_request = 1;
    std::map<std::uint64_t, awaited_write> awaited;                     ///< by number; deadlines ascend
    std::set<std::pair<version_token, std::uint64_t>> awaited_by_token; ///< the same
    bool awaited_timer_set = false;

    // forming and the initial list
    bool form_over = false;                  ///< the cluster is not waited for any longer
    std::vector<std::uint32_t> initial_left; ///< indexes into `options.children`: not seen yet

    source_list sources;

    // audit
    std::size_t audit_position = 0;
    bool audit_running = false;
    bool audit_timer_set = false;
    bool audit_by_time = false; ///< nothing but time began the pass: what it finds, an event has missed
    bool reviewing = false;     ///< by load: this node has become a candidate, so what it should take over is looked for
    bool relieving = false;     ///< by load: who takes part is settled, so what this node carries beyond its bound goes elsewhere
    std::uint64_t relieved_epoch = 0; ///< of the roster, at the last audit that a timer began

    // leaving
    std::uint64_t goodbye_version = 0;
    time_point drain_deadline = never;

    [[nodiscard]] bool leaving() const { return phase >= phase::draining; }

    /// This node has asked for a child: it counts as load here, and not where it is.
    void begin_want(child_entry& child)
    {
        child.want_sent = true;
        nodes.set_counted(child, false);
        ++nodes[own].coming;
    }

    void end_want(child_entry& child)
    {
        if (!child.want_sent)
            return;
        child.want_sent = false;
        --nodes[own].coming;
        count(child);
    }

    void mark(child_entry& child)
    {
        child.audited = false;
        if (child.dirty)
            return;
        child.dirty = true;
        dirty.push_back(&child);
    }

    /// Of whatever a step on a child may do, a number each: equal when it did nothing.
    [[nodiscard]] auto progress() const
    {
        return std::tuple{store.version(), effects.size(), effects_after_sends.size(), timers.size(), children.size(),
            instances_count, starts_waiting.size(), regroup_wanted};
    }

    /// The audit has found something to do for this child.
    void count_repair(bytes_view id, generation_number generation)
    {
        ++counters.audit_repairs;
        tell(event_kind::audit_repaired, id, generation);
    }

    /// Pre: the child has no local part.
    local_child& make_local(child_entry& child)
    {
        ++instances_count;
        child.local = std::make_unique<local_child>();
        return *child.local;
    }

    void drop_local(child_entry& child)
    {
        --instances_count;
        if (child.local->checkpoints)
            answer_checkpoints(child.local->checkpoints->numbers, errc::superseded);
        enter(*child.local, local_state::waiting);
        leave_group(child);
        child.local.reset();
    }

    void answer_checkpoints(std::vector<std::uint64_t> const& numbers, errc code)
    {
        for (auto const number : numbers)
            emit(checkpoint_done_effect{number, code});
    }

    void enter(local_child& local, local_state next)
    {
        starting_count += next == local_state::starting ? 1U : 0U;
        starting_count -= local.state == local_state::starting ? 1U : 0U;
        local.state = next;
    }

    /// A name that is not in the options is as none. O(groups), nothing for most.
    void join_group(child_entry& child, std::string_view name)
    {
        auto const found = name.empty()
            ? options.groups.end()
            : std::find_if(options.groups.begin(), options.groups.end(), [&](auto const& group) { return group.name == name; });
        auto const group = found == options.groups.end() ? no_group : static_cast<std::uint32_t>(found - options.groups.begin());
        if (group == child.local->group)
            return;
        leave_group(child);
        child.local->group = group;
        group_members.resize(options.groups.size());
        if (group != no_group)
            group_members[group].push_back(&child);
    }

    void leave_group(child_entry& child)
    {
        if (child.local->group != no_group)
            std::erase(group_members[std::exchange(child.local->group, no_group)], &child);
    }

    [[nodiscard]] bool is_present(bytes_view id) const
    {
        auto const* const child = children.find(id);
        return child != nullptr && child->present;
    }

    [[nodiscard]] static bool in_quarantine(child_entry const& child)
    {
        return child.local && child.local->state == local_state::parked && child.local->node_deaths >= limits::node_deaths_max;
    }

    /// A significant child has ended by itself.
    void on_significant_end(bytes_view id)
    {
        if (options.auto_shutdown == auto_shutdown::any_significant
            || (options.auto_shutdown == auto_shutdown::all_significant && significant_count == 0))
            giving_up = "shutdown: significant child '" + std::string{id} + "' has ended";
    }

    /// Placement keeps the children of a group together.
    [[nodiscard]] std::uint64_t key_of(bytes_view id, bytes_view group) const
    {
        return group.empty() ? children.key_of(id) : mix64(children.key_of(group));
    }

    /// The node that decides about a child that nobody runs; and runs it, unless placement is by load.
    [[nodiscard]] node_index home(child_entry const& child) { return roster.place(child.type, child.key, nodes); }

    /// The node that should run a child, as things are now.
    [[nodiscard]] node_index placed(child_entry const& child)
    {
        if constexpr (by_load)
            return roster.place_by_load(child.type, child.key, nodes, child.counted ? child.owner : no_node);
        else
            return home(child);
    }

    /// It runs on another node, or did until that died, and this node should take it over. By load, only the home decides about
    /// what nobody runs, and what was decided stands, but for a node that has just become a candidate.
    [[nodiscard]] bool falls_to_us(child_entry& child)
    {
        if constexpr (by_load) {
            if (!nodes[child.owner].alive)
                return home(child) == own;
            if (child.review && placed(child) == own)
                return true;
            child.review = false;
            return false;
        } else {
            return placed(child) == own;
        }
    }

    /// The owner, this node, should give a child to the node that asked for it.
    [[nodiscard]] bool falls_to(child_entry const& child, node_index wanted_by)
    {
        if constexpr (by_load)
            return wanted_by != own && roster.is_candidate(child.type, wanted_by, nodes);
        else
            return wanted_by != own && placed(child) == wanted_by;
    }

    [[nodiscard]] bool owned_here(child_entry const& child) const { return child.owned && child.owner == own; }

    /// This very node takes part, and has not left.
    [[nodiscard]] bool counts_as_member(node_id const& id) const
    {
        auto const* const record = roster.find(id.name);
        return record != nullptr && record->incarnation == id.incarnation && record->is_member();
    }

    /// The members that are alive, this node included whether or not it has announced itself.
    [[nodiscard]] std::size_t members_alive_count() const
    {
        std::size_t count = 1;
        for (node_index index = 0; index < nodes.size(); ++index)
            if (index != own && nodes[index].alive && counts_as_member(nodes[index].id))
                ++count;
        return count;
    }

    [[nodiscard]] holders_asked holders_of(acknowledge level) const
    {
        auto const members = std::max<std::size_t>(1, roster.members_count());
        switch (level) {
        case acknowledge::majority: return {planted(planted_fault::acknowledged_too_early) ? 1 : members / 2 + 1};
        case acknowledge::all: return {members};
        case acknowledge::local: return {1};
        }
        return {static_cast<std::size_t>(level), true};
    }

    /// The operation is to be looked at then, with those that are due as well by that time: one timer serves all of them.
    template <class Operation, class Timer>
    void look_again(Operation& operation, time_point at, time_point& all_due, Timer timer)
    {
        operation.due = at;
        if (at >= all_due)
            return;
        all_due = at;
        timers.set(at, timer);
    }

    /// A start is sent to that node, or, with `no_node`, is on its way no more.
    void aim(command_operation& operation, node_index target)
    {
        if (by_load && operation.message.kind == command_kind::start) {
            if (operation.target != no_node)
                --nodes[operation.target].coming;
            if (target != no_node)
                ++nodes[target].coming;
        }
        operation.target = target;
    }

    /// Takes what is due, and sets the timer for the others: in `pause` at the earliest, so that many operations cost little.
    template <class Operation, class Timer>
    [[nodiscard]] std::vector<std::uint64_t> take_due(
        std::map<std::uint64_t, Operation>& operations, time_point& all_due, duration pause, time_point now, Timer timer)
    {
        std::vector<std::uint64_t> due;
        if (now < all_due)
            return due; // set for what was done meanwhile
        auto next = never;
        for (auto& [number, operation] : operations) {
            if (operation.due <= now)
                due.push_back(number);
            else
                next = std::min(next, operation.due);
        }
        all_due = next == never ? never : std::max(next, now + pause);
        if (all_due != never)
            timers.set(all_due, timer);
        return due;
    }

    void send(std::string const& to, bytes frame) { emit(send_effect{to, std::make_shared<bytes const>(std::move(frame))}); }

    void tell(event_kind kind, std::string_view subject, generation_number generation = 0, std::string_view reason = {})
    {
        if (events_wanted)
            emit(event{kind, std::string{subject}, generation, std::string{reason}});
    }

    /// Appends to what is to be done now. A template, so that the effects cost a compiler only where there is a supervisor.
    template <class Effect>
    void emit(Effect&& what)
    {
        effects.push_back(std::forward<Effect>(what));
    }

    /// What was to wait for the sends before it is next.
    void append_later_effects()
    {
        auto& later = effects_after_sends;
        if (effects.empty())
            return effects.swap(later);
        effects.insert(effects.end(), std::make_move_iterator(later.begin()), std::make_move_iterator(later.end()));
        later.clear();
    }

    // ---- records -----------------------------------------------------------------------------------------------------

    void write_owner(child_entry& child, owner_record const& record)
    {
        record_rank const rank{record.claim.generation, record.claim.right.quorate ? 1U : 0U};
        if (store.put(record_table::owner, *child.id, rank, encode(record)) != 0)
            take_owner(child, record);
        else
            read_owner(child);
    }

    void write_spec(child_entry& child, spec_record const& record)
    {
        if (store.put(record_table::spec, *child.id, {record.creation, 0}, encode(record)) != 0)
            take_spec(child, record);
        else
            read_spec(child);
    }

    /// Pre: nothing is known of the child, but the type and the restart rule of its entry, and its claim. What is encoded is the
    /// record, whose spec is not looked at: it has gone where the child is started.
    void write_first_spec(child_entry& child, spec_record const& record, bytes encoded)
    {
        if (store.put(record_table::spec, *child.id, {record.creation, 0}, std::move(encoded)) != 0)
            take_creation(child, record);
        else
            read_spec(child);
    }

    /// Takes what the store says into the entry. Malformed records, which only a broken peer writes, are as none.
    void read_spec(child_entry& child)
    {
        auto const record = spec_of(*child.id);
        child.present = false;
        if (record)
            take_spec(child, *record);
        else
            count(child);
    }

    void take_creation(child_entry& child, spec_record const& record)
    {
        child.present = true;
        child.terminated = record.terminated;
        child.creation = record.creation;
        child.request = record.request;
        last_ordinal = std::max(last_ordinal, record.ordinal);
        count(child);
    }

    void take_spec(child_entry& child, spec_record const& record)
    {
        take_rules(child, record.spec);
        take_creation(child, record);
    }

    /// What an entry keeps of a spec.
    void take_rules(child_entry& child, child_spec const& spec)
    {
        child.significant = spec.significant;
        child.supervisor = spec.is_supervisor;
        child.restart = spec.restart;
        child.type = roster.intern_type(spec.type);
        if (child.grouped || !spec.group.empty())
            child.key = key_of(*child.id, spec.group);
        child.grouped = !spec.group.empty();
    }

    void read_owner(child_entry& child)
    {
        auto const record = owner_of(*child.id);
        child.owned = false;
        if (record)
            take_owner(child, *record);
        else
            nodes.set_owner(child, no_node);
        count(child);
    }

    void take_owner(child_entry& child, owner_record const& record)
    {
        if (!child.owned || child.generation != record.claim.generation)
            child.since_ms = child_entry::ms_of(input_time);
        child.owned = true;
        nodes.set_owner(child, nodes.intern(record.claim.node));
        child.generation = record.claim.generation;
        child.term = record.claim.right.term;
        child.quorate = record.claim.right.quorate;
        child.status = record.status;
        count(child);
    }

    void count(child_entry& child)
    {
        nodes.set_counted(child, child.owned && child.wanted_running());
        if (auto const unassigned = !child.owned && child.wanted_running(); unassigned != child.unassigned) {
            child.since_ms = child_entry::ms_of(input_time);
            nodes.set_unassigned(child, unassigned);
        }
        if (auto const significant = child.significant && child.wanted_running(); significant != child.significant_counted) {
            child.significant_counted = significant;
            significant_count += significant ? 1U : ~std::size_t{0};
        }
    }

    [[nodiscard]] std::optional<spec_record> spec_of(bytes_view id) const
    {
        auto const found = store.find(record_table::spec, id);
        return found ? decode_spec_record(found->value) : std::nullopt;
    }

    [[nodiscard]] std::optional<owner_record> owner_of(bytes_view id) const
    {
        auto const found = store.find(record_table::owner, id);
        return found ? decode_owner_record(found->value) : std::nullopt;
    }

    // ---- numbers -----------------------------------------------------------------------------------------------------

    /// Of the children of the initial list, whoever asks for them.
    static constexpr std::uint64_t initial_creation = std::uint64_t{1} << 16;

    /// What a new creation of this id must be larger than. The largest generation ever deleted stands for the creations that
    /// are forgotten.
    [[nodiscard]] std::uint64_t creations_before(bytes_view id) const
    {
        return std::max(creation_of(id), roster.generations_before() << 16);
    }

    /// The last creation of this id that is remembered here.
    [[nodiscard]] std::uint64_t creation_of(bytes_view id) const
    {
        auto const last = store.rank_of(record_table::spec, id);
        return last ? last->major : 0;
    }

    [[nodiscard]] generation_number recorded_generation(child_entry const& child) const
    {
        auto const last = store.rank_of(record_table::owner, *child.id);
        return last ? last->major : 0;
    }

    void write_roster(participation part)
    {
        auto const* const present = roster.find(self.name);
        roster_record record;
        record.incarnation = self.incarnation;
        record.part = part;
        record.weight = options.weight;
        record.types = types;
        record.formed = phase >= core::phase::running;
        if (part == participation::gave_up)
            record.reason = giving_up.substr(0, limits::reason_size_max);
        record.generations_before = present == nullptr ? 0 : present->generations_before;
        write_roster(std::move(record));
        reviewing = true;
    }

    void write_roster(roster_record record)
    {
        store.put(record_table::roster, self.name, {record.incarnation, static_cast<std::uint64_t>(record.part)}, encode(record));
        roster.set(self.name, std::move(record));
        members_changed();
    }

    void members_changed()
    {
        auto const members = roster.members();
        store.set_members(members);
    }
};

} // namespace drover::core
