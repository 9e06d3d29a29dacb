// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/function_table.hpp>
#include <drover/core/effects.hpp>
#include <drover/error_code.hpp>

namespace drover::detail {

/// The handlers of operations whose answer has not come yet, by the number that the core gave them. Each is called once.
struct pending_operations {
    function_table<void(error_code, child_ref)> commands;
    function_table<void(error_code, bytes)> calls;
    function_table<void(error_code)> checkpoints;
    function_table<void(error_code)> waits;

    void complete(core::command_done_effect& effect)
    {
        if (auto done = commands.take(effect.number))
            done(make_error_code(effect.code), std::move(effect.ref));
    }

    void complete(core::call_done_effect& effect)
    {
        if (auto done = calls.take(effect.number))
            done(make_error_code(effect.code), std::move(effect.payload));
    }

    void complete(core::checkpoint_done_effect& effect)
    {
        if (auto done = checkpoints.take(effect.number))
            done(make_error_code(effect.code));
    }

    void complete(core::wait_done_effect& effect)
    {
        if (auto done = waits.take(effect.number))
            done(make_error_code(effect.code));
    }

    /// The supervisor has stopped: what was asked may have been done, or not.
    void give_up()
    {
        commands.take_all([](auto& done) { done(make_error_code(errc::outcome_unknown), child_ref{}); });
        calls.take_all([](auto& done) { done(make_error_code(errc::outcome_unknown), bytes{}); });
        checkpoints.take_all([](auto& done) { done(make_error_code(errc::shutting_down)); });
        waits.take_all([](auto& done) { done(make_error_code(errc::shutting_down)); });
    }
};

} // namespace drover::detail
