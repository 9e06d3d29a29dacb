// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>

#include <cerrno>
#include <string>
#include <type_traits>

namespace drover {

/// What asynchronous operations complete with: Asio turns it into exceptions for futures and coroutines.
using error_code = boost::system::error_code;

namespace detail {

class error_category final : public boost::system::error_category {
public:
    char const* name() const noexcept override { return "drover"; }
    std::string message(int value) const override { return describe(static_cast<errc>(value)); }
};

} // namespace detail

/// The category of all errors that Drover makes.
[[nodiscard]] inline boost::system::error_category const& category()
{
    static detail::error_category const instance;
    return instance;
}

[[nodiscard]] inline error_code make_error_code(errc code)
{
    return code == errc::success ? error_code{} : error_code{static_cast<int>(code), category()};
}

namespace detail {

/// What Asio's operations complete with when they are cancelled (`boost::asio::error::operation_aborted`, whose header
/// brings the errors of name resolution along).
[[nodiscard]] inline error_code operation_aborted() { return {ECANCELED, boost::system::system_category()}; }

} // namespace detail
} // namespace drover

template <>
struct boost::system::is_error_code_enum<drover::errc> : std::true_type {
};
