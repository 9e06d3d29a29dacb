// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/commands.hpp>
#include <drover/core/core_state.hpp>
#include <drover/core/source_entry.hpp>
#include <drover/supervision/restart_delay.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drover::core {

/// The children of sources: lists that are kept elsewhere, each of which owns a part of the id space. One node drives each
/// source, the one that placement names for it: it reads the list, compares it with the children that are there, and has the
/// difference made by commands like a user's, so many at a time.
///
/// It is level-triggered: nothing depends on having seen every change, and what another driver left undone is found by the next
/// reading. A reading that fails changes nothing.
template <class State>
class child_sources {
public:
    explicit child_sources(State& state) : core_{state} {}

    /// Before the start.
    void add(std::shared_ptr<source_port> port, child_source_options const& options)
    {
        source_entry entry;
        entry.type = core_.roster.intern_type(std::string{source_type_prefix} + port->name());
        entry.key = core_.children.key_of(port->name());
        entry.port = std::move(port);
        entry.options = options;
        core_.sources.entries.push_back(std::move(entry));
    }

    void on_timer(time_point now)
    {
        if (core_.sources.due > now)
            return; // set for what was done meanwhile
        core_.sources.due = never;
        core_.sources.wake();
    }

    /// A spurious look changes nothing.
    void look(time_point now)
    {
        core_.sources.waiting = false;
        for (auto& answer : std::exchange(core_.sources.answers, {}))
            take(answer, now);
        auto next = never;
        for (std::uint32_t index = 0; index < core_.sources.entries.size(); ++index)
            next = std::min(next, advance(index, now));
        if (next >= core_.sources.due)
            return;
        core_.sources.due = next;
        core_.timers.set(next, sources_timer{});
    }

    /// The source says that its list may be another one.
    void on_changed(source_port const& port)
    {
        for (auto& source : core_.sources.entries)
            if (source.port.get() == &port && source.driving) {
                source.due = time_point::min();
                core_.sources.wake();
            }
    }

    /// The answer to a `read_source_effect`. A late one is ignored.
    void on_read(source_port const& port, std::uint64_t number, source_reading&& reading, time_point now)
    {
        for (auto& source : core_.sources.entries)
            if (source.port.get() == &port && source.reading == number && number != 0) {
                source.reading = 0;
                if (reading.has_listing())
                    take(source, std::move(reading.listing()));
                else
                    fail(source, reading.failure(), now);
                core_.sources.wake();
            }
    }

private:
    /// What there is, for the comparison of one source.
    struct present_children {
        State& core;
        source_entry const& source;

        [[nodiscard]] std::size_t size() const { return core.children.size(); }
        [[nodiscard]] bytes_view id_at(std::size_t place) const
        {
            auto const& child = *core.children.order()[place];
            return child.present ? bytes_view{*child.id} : bytes_view{};
        }
        [[nodiscard]] std::optional<present_child> find(bytes_view id) const
        {
            auto record = core.is_present(id) ? core.spec_of(id) : std::nullopt;
            if (!record)
                return std::nullopt;
            return present_child{std::move(record->spec), record->initial};
        }
        [[nodiscard]] bool owns(bytes_view id) const { return core.sources.owner_of(id) == &source; }
        [[nodiscard]] std::string wrong_with(child_spec const& spec) const { return commands<State>{core}.wrong_with(spec); }
    };

    // When it wants to be looked at again.
    [[nodiscard]] time_point advance(std::uint32_t index, time_point now)
    {
        auto& source = core_.sources.entries[index];
        if (core_.phase == phase::running && !core_.regrouped)
            return never; // who drives is seen when all have told what they know
        decide_driver(source, now);
        if (!source.driving)
            return never;
        if (source.reading != 0 && now >= source.reading_ends) {
            source.reading = 0;
            fail(source, "it gave no answer within its time limit", now);
        }
        if (source.reading == 0 && source.due <= now)
            begin_reading(source, now);
        compare(index, now);
        if (source.comparison && !source.comparison->done() && source.in_flight < source.options.operations_count_max)
            core_.sources.wake(); // the next slice
        return source.reading != 0 ? source.reading_ends : source.due;
    }

    void decide_driver(source_entry& source, time_point now)
    {
        auto const named = core_.phase == phase::running && core_.roster.place(source.type, source.key, core_.nodes) == core_.own;
        if (named && source.regroup != core_.regroup_number) {
            source.regroup = core_.regroup_number; // others may have done what is not listed, or undone what is
            source.due = now;
        }
        if (named == source.driving)
            return;
        source.driving = named;
        source.failures_in_row = 0;
        source.reading = 0;
        source.comparison.reset();
        source.next.reset();
        source.refused.clear();
        source.due = named ? now : never;
        if (named)
            core_.tell(event_kind::source_followed, source.port->name());
    }

    // ---- reading -----------------------------------------------------------------------------------------------------

    void begin_reading(source_entry& source, time_point now)
    {
        source.reading = ++core_.sources.readings_begun;
        source.reading_ends = saturating_add(now, source.options.read_timeout);
        source.due = never;
        core_.effects_after_sends.push_back(read_source_effect{source.port, source.reading});
    }

    void take(source_entry& source, child_listing&& listing)
    {
        ++core_.counters.source_readings;
        source.next = std::move(listing);
    }

    void fail(source_entry& source, std::string const& reason, time_point now)
    {
        ++core_.counters.source_failures;
        core_.tell(event_kind::source_failed, source.port->name(), 0, reason);
        retry(source, now);
    }

    void retry(source_entry& source, time_point now)
    {
        auto const wait = supervision::doubled(source.options.retry_min, source.options.retry_max, source.failures_in_row++);
        source.due = std::min(source.due, saturating_add(now, wait));
    }

    // ---- comparing ---------------------------------------------------------------------------------------------------

    void compare(std::uint32_t index, time_point now)
    {
        auto& source = core_.sources.entries[index];
        if (source.next) {
            // What is under way would be missed by a new comparison; nothing is begun by the list of before.
            if (source.in_flight > 0)
                return source.comparison.reset();
            source.comparison.emplace(std::move(*std::exchange(source.next, std::nullopt)));
            source.refusing.clear();
            source.failed = false;
            source.started = source.updated = source.removed = 0;
        }
        if (!source.comparison)
            return;
        std::vector<source_operation> operations;
        source.comparison->step(present_children{core_, source}, core_.options.audit_slice,
            source.options.operations_count_max - std::min(source.options.operations_count_max, source.in_flight), operations);
        for (auto& refusal : source.comparison->take_refusals())
            refuse(source, std::move(refusal.id), std::move(refusal.reason));
        for (auto& operation : operations) {
            ++source.in_flight;
            commands<State>{core_}.submit_for(index, first_command_of(operation), std::move(operation.spec), now);
        }
        if (source.comparison->done() && source.in_flight == 0)
            finish(source, now);
    }

    [[nodiscard]] static command_kind first_command_of(source_operation const& operation)
    {
        switch (operation.what) {
        case source_operation::kind::start: return command_kind::start;
        case source_operation::kind::update: return command_kind::update;
        case source_operation::kind::remove: break;
        }
        return command_kind::terminate; // what is deleted has stopped before
    }

    void finish(source_entry& source, time_point now)
    {
        source.comparison.reset();
        source.refused = std::exchange(source.refusing, {});
        if (source.started + source.updated + source.removed > 0)
            core_.tell(event_kind::source_applied, source.port->name(), 0,
                std::to_string(source.started) + " started, " + std::to_string(source.updated) + " updated, "
                    + std::to_string(source.removed) + " deleted");
        if (source.failed)
            return retry(source, now);
        source.failures_in_row = 0;
        source.due = std::min(source.due, saturating_add(now, source.options.reread_interval));
    }

    // Told once, for as long as it stays the same.
    void refuse(source_entry& source, child_id id, std::string reason)
    {
        auto const [at, added] = source.refusing.emplace(std::move(id), std::move(reason));
        if (!added || source.refused.contains(*at))
            return;
        ++core_.counters.source_refusals;
        core_.tell(event_kind::source_entry_refused, at->first.empty() ? source.port->name() : at->first, 0, at->second);
    }

    // ---- answers -----------------------------------------------------------------------------------------------------

    void take(source_answer& answer, time_point now)
    {
        auto& source = core_.sources.entries[answer.source];
        if (answer.kind == command_kind::terminate && is_done(answer) && source.driving && answer.code != errc::not_found)
            return remove(answer, now);
        --source.in_flight;
        if (!is_done(answer)) {
            source.failed = true;
            if (source.comparison)
                refuse(source, std::move(answer.id),
                    std::string{describe(answer.code)} + (answer.reason.empty() ? "" : ": " + answer.reason));
            return;
        }
        switch (answer.kind) {
        case command_kind::start: ++source.started; break;
        case command_kind::update: ++source.updated; break;
        default: ++source.removed;
        }
    }

    void remove(source_answer& answer, time_point now)
    {
        child_spec only_id;
        only_id.id = std::move(answer.id);
        commands<State>{core_}.submit_for(answer.source, command_kind::remove, std::move(only_id), now);
    }

    [[nodiscard]] bool is_done(source_answer const& answer) const
    {
        switch (answer.code) {
        case errc::success:
        case errc::not_acknowledged: return true;
        case errc::already_started:
        case errc::already_present: return answer.kind == command_kind::start;
        case errc::start_failed: // it is listed, and tried again
        case errc::quarantined: return answer.kind != command_kind::start || core_.is_present(answer.id);
        case errc::not_found: return answer.kind == command_kind::terminate || answer.kind == command_kind::remove;
        default: return false;
        }
    }

    State& core_;
};

} // namespace drover::core
