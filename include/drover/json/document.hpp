// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <boost/json/parse_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::json {

enum class value_kind : std::uint8_t { null, boolean, integer, fraction, string, array, object };

[[nodiscard]] constexpr char const* to_string(value_kind kind)
{
    switch (kind) {
    case value_kind::null: return "null";
    case value_kind::boolean: return "true or false";
    case value_kind::integer: return "a whole number";
    case value_kind::fraction: return "a number with a fraction";
    case value_kind::string: return "a string";
    case value_kind::array: return "an array";
    case value_kind::object: return "an object";
    }
    return "?";
}

struct member;

/// A JSON value that knows the line on which it begins. Members of an object are kept as they come, twice where a name comes
/// twice.
struct value {
    value_kind kind{};
    std::size_t line = 0;
    bool truth = false;
    std::int64_t number = 0; ///< an integer; one that does not fit is a `fraction`
    std::string text{};      ///< a string
    std::vector<value> elements{};
    std::vector<member> members;
};

struct member {
    std::string name;
    std::size_t line = 0;
    value content;
};

/// Why a text is not JSON.
struct syntax_error {
    std::size_t line = 0;
    std::size_t column = 0; ///< both from 1, in octets
    std::string reason;
};

namespace limits {

inline constexpr std::size_t depth_max = 16; ///< of arrays and objects in one another

} // namespace limits

namespace detail {

/// Takes what the parser reads, and builds values of it.
struct document_handler {
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
    using error_code = boost::json::error_code;
    using text = boost::json::string_view;

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }

    bool on_object_begin(error_code&) { return open(value_kind::object); }
    bool on_object_end(std::size_t, error_code&) { return close(); }
    bool on_array_begin(error_code&) { return open(value_kind::array); }
    bool on_array_end(std::size_t, error_code&) { return close(); }

    bool on_key_part(text part, std::size_t, error_code&) { return take_part(part); }
    bool on_key(text part, std::size_t, error_code&)
    {
        take_part(part);
        open_values.back().members.push_back({std::exchange(collected, {}), line, {}});
        return true;
    }
    bool on_string_part(text part, std::size_t, error_code&) { return take_part(part); }
    bool on_string(text part, std::size_t, error_code&)
    {
        take_part(part);
        auto result = made(value_kind::string);
        result.text = std::exchange(collected, {});
        return put(std::move(result));
    }

    bool on_number_part(text, error_code&) { return true; }
    bool on_int64(std::int64_t number, text, error_code&)
    {
        auto result = made(value_kind::integer);
        result.number = number;
        return put(std::move(result));
    }
    bool on_uint64(std::uint64_t, text, error_code&) { return put(made(value_kind::fraction)); } // larger than any integer
    bool on_double(double, text, error_code&) { return put(made(value_kind::fraction)); }
    bool on_bool(bool truth, error_code&)
    {
        auto result = made(value_kind::boolean);
        result.truth = truth;
        return put(std::move(result));
    }
    bool on_null(error_code&) { return put(made(value_kind::null)); }
    bool on_comment_part(text, error_code&) { return true; }
    bool on_comment(text, error_code&) { return true; }

    [[nodiscard]] value made(value_kind kind) const
    {
        value result;
        result.kind = kind;
        result.line = line;
        return result;
    }

    bool take_part(text part)
    {
        collected.append(part.data(), part.size());
        return true;
    }

    bool open(value_kind kind)
    {
        open_values.push_back(made(kind));
        return true;
    }

    bool close()
    {
        auto result = std::move(open_values.back());
        open_values.pop_back();
        return put(std::move(result));
    }

    bool put(value&& finished)
    {
        if (open_values.empty())
            root = std::move(finished);
        else if (open_values.back().kind == value_kind::array)
            open_values.back().elements.push_back(std::move(finished));
        else
            open_values.back().members.back().content = std::move(finished);
        return true;
    }

    std::size_t line = 1; ///< that is being read
    std::string collected;
    std::vector<value> open_values;
    value root;
};

} // namespace detail

/// Reads one JSON text (RFC 8259, in UTF-8), or says where it is none. O(size).
///
/// The parser is given one line after the other, so whatever it tells of is on the line that it was given: nothing but white
/// space may go over the end of a line.
[[nodiscard]] inline std::optional<value> parse(std::string_view text, syntax_error& error)
{
    boost::json::parse_options options;
    options.max_depth = limits::depth_max;
    boost::json::basic_parser<detail::document_handler> parser{options};
    boost::json::error_code code;
    auto& handler = parser.handler();
    std::size_t column = 1;
    for (std::string_view rest = text;;) {
        auto const end = rest.find('\n');
        auto const more = end != std::string_view::npos;
        auto const now = rest.substr(0, more ? end + 1 : rest.size());
        auto const taken = parser.write_some(more, now.data(), now.size(), code);
        if (!code && taken < now.size())
            code = boost::json::error::extra_data;
        column = taken + 1;
        if (code || !more)
            break;
        rest.remove_prefix(now.size());
        ++handler.line;
    }
    if (!code)
        return std::move(handler.root);
    error = {handler.line, column,
        code == boost::json::error::incomplete ? "it ends before it is complete"
            : code == boost::json::error::too_deep
            ? "arrays and objects are more than " + std::to_string(limits::depth_max) + " deep"
            : code.message()};
    return std::nullopt;
}

} // namespace drover::json
