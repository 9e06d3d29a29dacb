// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/identity.hpp>
#include <drover/core/events.hpp>
#include <drover/core/version_token.hpp>
#include <drover/supervision/child_spec.hpp>
#include <drover/supervision/start_cause.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace drover {

/// Where a child runs; in the answer to a command, also what that wrote.
struct child_ref {
    child_id id;
    std::string node;
    generation_number generation = 0;

    // In an answer, success or `not_acknowledged`; otherwise nothing.
    version_token written{};         ///< can be waited for on another node, and read there then
    std::uint32_t holders_count = 0; ///< so many members are known to hold it, perhaps more do,
    std::uint32_t members_count = 0; ///< of so many that have neither left nor were removed

    /// The same instance.
    friend bool operator==(child_ref const& left, child_ref const& right)
    {
        return left.id == right.id && left.node == right.node && left.generation == right.generation;
    }
};

} // namespace drover

namespace drover::core {

/// State that a child saved, as it is handed to its next instance.
struct saved_state {
    std::uint32_t schema_version = 0;
    bytes data;

    friend bool operator==(saved_state const&, saved_state const&) = default;
};

/// A source of children, as the core sees it. The shell makes it.
class source_port {
public:
    virtual ~source_port() = default;

    [[nodiscard]] virtual std::string const& name() const = 0;
    /// The match rule, a function of the id alone: the core asks as it asks a placement.
    [[nodiscard]] virtual bool owns(bytes_view id) const noexcept = 0;
    [[nodiscard]] virtual bool is_writable() const noexcept = 0;
    /// Begins a reading. Not within a step of the core.
    virtual void read(std::uint64_t number) = 0;
    /// The end: nothing is answered any more.
    virtual void close() = 0;
};

// What the core wants done. The shell carries it out in this order; an answer, where one is due, comes back as an input.

/// Hand this to the transport before any later effect is begun.
struct send_effect {
    std::string to;
    std::shared_ptr<bytes const> frame; ///< a message of core/messages.hpp, or the store's (`for_store`)
    bool for_store = false;
};

/// Make the child's instance and start it; answer with `on_child_started` or `on_child_start_failed`.
struct start_effect {
    child_id id;
    std::string type;
    bytes arguments;
    generation_number generation = 0;
    std::optional<saved_state> state;
    start_cause cause{};
};

/// Stop the instance within `deadline`, and answer with `on_child_stopped`, once.
struct stop_effect {
    child_id id;
    generation_number generation = 0;
    duration deadline{};
    bool save = false; ///< its state is wanted
};

/// The instance goes on under a larger generation.
struct regrant_effect {
    child_id id;
    generation_number old_generation = 0;
    generation_number generation = 0;
};

/// Give the message to the instance. A call is answered with `on_call_answered`, once.
struct deliver_effect {
    child_id id;
    generation_number generation = 0;
    std::string from;
    std::uint64_t number = 0;
    bool cast = false;
    bytes payload;
};

struct command_done_effect {
    std::uint64_t number = 0;
    errc code{};
    child_ref ref;
    std::string reason;
};

struct call_done_effect {
    std::uint64_t number = 0;
    errc code{};
    bytes payload;
};

struct checkpoint_done_effect {
    std::uint64_t number = 0;
    errc code{};
};

/// The answer to `wait_for`.
struct wait_done_effect {
    std::uint64_t number = 0;
    errc code{};
};

/// Read this source of children; answer with `on_source_read`, once, with the number.
struct read_source_effect {
    std::shared_ptr<source_port> source;
    std::uint64_t number = 0;
};

struct started_effect {};
/// With a reason when it did not stop by request: it gave up, here or elsewhere, or its significant children have ended.
struct stopped_effect {
    std::string reason;
};

using effect = std::variant<send_effect, start_effect, stop_effect, regrant_effect, deliver_effect, command_done_effect,
    call_done_effect, checkpoint_done_effect, wait_done_effect, read_source_effect, started_effect, stopped_effect, event>;

} // namespace drover::core
