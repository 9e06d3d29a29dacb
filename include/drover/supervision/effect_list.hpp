// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>
#include <drover/base/identity.hpp>
#include <drover/supervision/child_list.hpp>
#include <drover/supervision/commands.hpp>
#include <drover/supervision/effects.hpp>

#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace drover::supervision {

/// What a supervisor wants done, in order. Notes are appended only when somebody wants them.
struct effect_list {
    std::vector<effect> all;
    bool notes_wanted = false;

    // In place: of a variant that is moved, g++ 12 says that it may be uninitialised.
    template <class Effect>
    void emit(Effect&& what)
    {
        all.emplace_back(std::in_place_type<std::remove_cvref_t<Effect>>, std::forward<Effect>(what));
    }

    /// Answers the command that waits for what is under way with a child, if there is one.
    void answer(child& of, errc code, generation_number generation)
    {
        if (auto const number = std::exchange(of.command, 0))
            emit(command_done_effect{number, code, of.spec.id, generation});
    }

    void done(command& order, errc code, generation_number generation = 0)
    {
        emit(command_done_effect{order.number, code, std::move(order.spec.id), generation});
    }

    /// `sentence`: for the watchers, instead of the error's own.
    void refuse(command& order, errc code, std::string sentence, generation_number generation = 0)
    {
        if (notes_wanted)
            emit(note_effect{note_kind::command_refused, order.spec.id, 0,
                sentence.empty() ? std::string{describe(code)} : std::move(sentence)});
        done(order, code, generation);
    }

    void tell(note_kind kind, child const& about, std::string const& reason = {})
    {
        if (notes_wanted)
            emit(note_effect{kind, about.spec.id, about.generation, reason});
    }
};

} // namespace drover::supervision
