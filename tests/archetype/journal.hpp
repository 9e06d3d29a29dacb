// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// The least that is a Journal: declared, and never defined. What compiles with it asks no more than the concept says.
/// docs/concepts/journal.md quotes it (tools/concept_pages).

#include <drover/policy/journal.hpp>

namespace archetype {

struct journal {
    journal();
    journal(journal&&) noexcept;
    journal& operator=(journal&&) = delete;
    ~journal();

    static constexpr bool durable = true;

    drover::journal_failure open(drover::journal_identity const&, drover::journal_contents&);
    drover::journal_failure commit(drover::journal_batch const&);
    void close();
};

} // namespace archetype
