// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <catch2/catch_test_macros.hpp>
