// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include "options.hpp"

#include "board.hpp"

#include <algorithm>
#include <charconv>

namespace cluster_benchmark {
namespace {

[[nodiscard]] std::optional<std::uint64_t> to_number(std::string const& text)
{
    std::uint64_t value = 0;
    auto const [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    return failure == std::errc{} && end == text.data() + text.size() ? std::optional{value} : std::nullopt;
}

[[nodiscard]] std::string joined(std::vector<std::string> const& words)
{
    std::string text;
    for (auto const& word : words)
        text += (text.empty() ? "" : ", ") + word;
    return text;
}

// Takes the value of a flag; a sentence when it is wrong.
[[nodiscard]] std::string take(
    options& into, std::string const& flag, std::string const& value, std::vector<std::string> const& parts)
{
    if (flag == "--only") {
        into.only = value;
        auto const known = std::find(parts.begin(), parts.end(), value) != parts.end();
        return known ? "" : "there is no part '" + value + "'; there are " + joined(parts);
    }
    auto const number = to_number(value);
    if (flag == "--nodes") {
        if (!number || *number < 1 || *number >= nodes_count_max)
            return "--nodes takes a number from 1 to " + std::to_string(nodes_count_max - 1) + ", not '" + value + "'";
        into.nodes = static_cast<std::size_t>(*number);
        return {};
    }
    if (!number || *number < 1 || *number > children_count_max)
        return "--children takes a number from 1 to " + std::to_string(children_count_max) + ", not '" + value + "'";
    into.children = *number;
    return {};
}

} // namespace

std::variant<options, usage_error, help_wanted> parse(
    std::vector<std::string> const& arguments, std::vector<std::string> const& parts)
{
    options result;
    for (auto at = arguments.begin(); at != arguments.end(); ++at) {
        if (*at == "--help")
            return help_wanted{};
        if (*at == "--quick") {
            result.size = extent::quick;
        } else if (*at == "--full") {
            result.size = extent::full;
        } else if (*at == "--only" || *at == "--nodes" || *at == "--children") {
            auto const& flag = *at;
            if (++at == arguments.end())
                return usage_error{flag + " needs a value"};
            if (auto sentence = take(result, flag, *at, parts); !sentence.empty())
                return usage_error{std::move(sentence)};
        } else {
            return usage_error{"there is no option '" + *at + "'; try --help"};
        }
    }
    return result;
}

} // namespace cluster_benchmark
