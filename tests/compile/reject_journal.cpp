// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: the parameter of crdt_store must be a Journal
#include <drover/store/crdt_store.hpp>

// Commits, and does not say whether it could.
struct hopeful_journal {
    static constexpr bool durable = true;
    drover::journal_failure open(drover::journal_identity const&, drover::journal_contents&);
    void commit(drover::journal_batch const&);
    void close();
};
template class drover::crdt_store<hopeful_journal>;
