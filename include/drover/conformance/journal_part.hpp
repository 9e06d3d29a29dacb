// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/policy/journal.hpp>

#include <string>
#include <utility>

namespace drover::conformance {

// What a supervisor does for a store that keeps a journal; for others, nothing.

/// After `open`: gives the store what its journal has. The sentence of the failure, or an empty one.
template <class Store>
[[nodiscard]] std::string open_journal(Store& store, std::string const& name)
{
    if constexpr (keeps_a_journal<Store>) {
        journal_contents contents;
        if (auto const failure = store.journal()->open({name, "conformance"}, contents))
            return failure.reason.empty() ? "no reason given" : failure.reason;
        store.restore(std::move(contents));
    }
    return {};
}

/// Commits all that there is to commit.
template <class Store>
void commit_all(Store& store, time_point now)
{
    if constexpr (keeps_a_journal<Store>)
        while (auto const batch = store.take_batch())
            if (!store.journal()->commit(*batch))
                store.on_committed(batch->number, now);
}

template <class Store>
void close_journal(Store& store)
{
    if constexpr (keeps_a_journal<Store>)
        store.journal()->close();
}

} // namespace drover::conformance
