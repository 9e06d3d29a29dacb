// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/sqlite/sqlite_journal.hpp>
#include <drover/sqlite/sqlite_options.hpp>
#include <drover/store/crdt_store.hpp>

namespace drover {

/// The embedded store, durable: a cluster that was switched off comes back with all that was acknowledged. See
/// docs/durability.md.
///
///     sqlite_store{sqlite_journal{sqlite_options{.path = "/var/lib/orders"}}}
using sqlite_store = crdt_store<sqlite_journal>;

} // namespace drover
