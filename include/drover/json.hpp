// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// Children that are listed in a file: links Boost.JSON (CMake's `drover::json`). See docs/child_sources.md.

#include <drover/json/child_file.hpp>
