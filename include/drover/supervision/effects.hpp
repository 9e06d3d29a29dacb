// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/supervision/start_cause.hpp>

#include <cstdint>
#include <string>
#include <variant>

namespace drover::supervision {

/// Where a child is kept, as long as its spec is known. Used again for another one after that.
using child_slot = std::uint32_t;

inline constexpr child_slot no_child = UINT32_MAX;

/// One instance of one child. No two instances of a supervisor are the same, whosever slot they had.
struct instance_ref {
    child_slot slot = no_child;
    generation_number generation = 0;

    friend bool operator==(instance_ref const&, instance_ref const&) = default;
};

/// Why a supervisor ended.
enum class end_cause : std::uint8_t {
    stopped,       ///< it was asked to
    start_failed,  ///< an initial child could not start, or a spec was wrong
    gave_up,       ///< its children failed more often than it allows
    auto_shutdown, ///< its significant children have done their work
};

/// What watchers may hear.
enum class note_kind : std::uint8_t {
    child_starting,
    child_started,
    child_start_failed,
    child_exited,
    child_stopped,
    child_parked,
    child_forgotten,
    command_refused,
};

// What the machine wants done, to be carried out in this order.

/// Make the instance and start it. Answer: `on_started`, `on_start_failed` or `on_start_ignored`.
struct start_effect {
    instance_ref which;
    start_cause cause{};
};

/// Stop the instance within the deadline. Answer: `on_stopped`, once; or `on_exit`, when it ended by itself meanwhile.
struct stop_effect {
    instance_ref which;
    duration deadline{};
    bool save = false; ///< the next instance goes on with its state
};

/// The spec of this slot is gone: what was kept for the child is dropped.
struct forget_effect {
    child_slot slot = no_child;
};

struct command_done_effect {
    std::uint64_t number = 0;
    errc code = errc::success;
    child_id id;
    generation_number generation = 0; ///< of the instance; 0 where there is none
};

/// All initial children have started.
struct started_effect {};

/// No instance is left, no command is open, and nothing follows.
struct ended_effect {
    end_cause cause{};
    errc code = errc::success; ///< why it did not start, `gave_up`, or success
    std::string reason;        ///< "shutdown", as in OTP, or the sentence about the start
};

struct note_effect {
    note_kind kind{};
    child_id id;
    generation_number generation = 0;
    std::string reason;
};

using effect =
    std::variant<start_effect, stop_effect, forget_effect, command_done_effect, started_effect, ended_effect, note_effect>;

} // namespace drover::supervision
