// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstdint>

namespace drover {

/// Defects that our own tests plant into the library, one at a time and by compiling it with `DROVER_PLANTED_FAULT`, to show
/// that the simulation notices. `none`, which is what everybody else compiles with, plants none and costs nothing.
enum class planted_fault : std::uint8_t {
    none = 0,
    generation_kept = 1,          ///< a successor has the generation of the instance before it
    claim_before_regroup = 2,     ///< the children of the dead are claimed before the living have told what they know
    removal_forgotten = 3,        ///< the marker of a removal is dropped at once
    acknowledged_too_early = 4,   ///< one member is a majority
    second_instance_kept = 5,     ///< an instance that lost a conflict goes on
    stop_not_awaited = 6,         ///< a child is handed over without the state of the instance that stops
    change_missed = 7,            ///< a record that another node changed is not looked at
    acknowledged_uncommitted = 8, ///< what is not on stable storage counts as held
};

#ifdef DROVER_PLANTED_FAULT
inline constexpr planted_fault fault_planted{DROVER_PLANTED_FAULT};
#else
inline constexpr planted_fault fault_planted = planted_fault::none;
#endif

[[nodiscard]] constexpr bool planted(planted_fault which) { return which == fault_planted; }

} // namespace drover
