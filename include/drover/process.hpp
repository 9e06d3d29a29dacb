// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// Children that are operating-system processes. On sockets, and on Linux.

#include <drover/drover.hpp>
#include <drover/process/process_instance.hpp>
