// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/limits.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace drover::link {

/// Where a node listens, taken apart.
struct address {
    std::string host; ///< a name or a numeric address, without brackets; never empty
    std::uint16_t port = 0;

    friend bool operator==(address const&, address const&) = default;
};

namespace detail {

/// A decimal number of one to five digits that is at most 65535.
[[nodiscard]] inline std::optional<std::uint16_t> parse_port(std::string_view text)
{
    if (text.empty() || text.size() > 5)
        return std::nullopt;
    std::uint32_t value = 0;
    for (char const digit : text) {
        if (digit < '0' || digit > '9')
            return std::nullopt;
        value = value * 10 + static_cast<std::uint32_t>(digit - '0');
    }
    if (value > 65'535)
        return std::nullopt;
    return static_cast<std::uint16_t>(value);
}

/// Letters, digits and what else occurs in host names and numeric addresses; colons only between brackets.
[[nodiscard]] constexpr bool valid_host(std::string_view host, bool bracketed)
{
    for (char const c : host) {
        bool const alphanumeric = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool const plain = alphanumeric || c == '.' || c == '-' || c == '_';
        if (!plain && !(bracketed && (c == ':' || c == '%')))
            return false;
    }
    return !host.empty();
}

} // namespace detail

/// Takes "host:port" or "[v6]:port" apart; nothing when it is neither, or longer than `limits::address_size_max`.
[[nodiscard]] inline std::optional<address> parse_address(std::string_view text)
{
    auto const colon = text.rfind(':');
    if (text.size() > limits::address_size_max || colon == std::string_view::npos)
        return std::nullopt;
    auto host = text.substr(0, colon);
    bool const bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed)
        host = host.substr(1, host.size() - 2);
    auto const port = detail::parse_port(text.substr(colon + 1));
    if (!port || !detail::valid_host(host, bracketed))
        return std::nullopt;
    return address{std::string{host}, *port};
}

/// The inverse of `parse_address`.
[[nodiscard]] inline std::string to_string(address const& value)
{
    bool const bracketed = value.host.find(':') != std::string::npos;
    return (bracketed ? '[' + value.host + ']' : value.host) + ':' + std::to_string(value.port);
}

} // namespace drover::link
