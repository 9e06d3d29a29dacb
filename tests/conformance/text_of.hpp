// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/conformance/report.hpp>

#include <sstream>
#include <string>

/// What a report says to people.
inline std::string text_of(drover::conformance::report const& found)
{
    std::ostringstream out;
    out << found;
    return out.str();
}
