// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <exception>
#include <optional>
#include <string>

namespace drover::detail {

/// Runs user code: the reason of what it throws, or none.
template <class Code>
std::optional<std::string> guarded(Code&& code)
{
    try {
        code();
        return std::nullopt;
    } catch (std::exception const& error) {
        return std::string{error.what()};
    } catch (...) {
        return "an exception that is no std::exception";
    }
}

} // namespace drover::detail
