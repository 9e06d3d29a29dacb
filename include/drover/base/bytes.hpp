// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <string>
#include <string_view>

namespace drover {

/// Owned octets. Not text: any value of any octet is allowed. A string, because short ones then need no allocation.
using bytes = std::string;

/// Octets owned by somebody else.
using bytes_view = std::string_view;

} // namespace drover
