// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/sqlite/sqlite_journal.hpp>
#include <drover/sqlite/sqlite_options.hpp>
