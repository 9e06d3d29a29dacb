// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
// expect: drover: check_state_store is given a way to make a StateStore (see docs/concepts/state_store.md)
#include "archetypes.hpp"

#include <drover/conformance/state_store.hpp>

struct no_store {};
bool use();
bool use() { return drover::conformance::check_state_store<no_store>().passed(); }
