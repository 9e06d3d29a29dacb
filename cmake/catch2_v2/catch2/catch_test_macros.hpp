// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

// The tests are written with the header names of Catch2 3. Debian 12 has Catch2 2, which is one header.
#include <catch2/catch.hpp>
