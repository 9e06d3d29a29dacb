// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "arguments.hpp"

#include <drover/base/limits.hpp>
#include <drover/link/address.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace service_monitor {

inline constexpr std::size_t services_count_max = 10'000;

/// The words of one line, without its comment.
[[nodiscard]] inline std::vector<std::string_view> words_of(std::string_view line)
{
    constexpr std::string_view blanks = " \t\r";
    line = line.substr(0, line.find('#'));
    std::vector<std::string_view> words;
    for (auto begin = line.find_first_not_of(blanks); begin != line.npos; begin = line.find_first_not_of(blanks)) {
        line.remove_prefix(begin);
        words.push_back(line.substr(0, line.find_first_of(blanks)));
        line.remove_prefix(words.back().size());
    }
    return words;
}

/// "host:port" of a line `host:port` or `host port`; nothing when it is neither.
[[nodiscard]] inline std::optional<std::string> parse_service(std::vector<std::string_view> const& words)
{
    if (words.empty() || words.size() > 2)
        return std::nullopt;
    std::string text{words[0]};
    if (words.size() == 2) {
        auto const bare = text.find(':') != text.npos && !text.starts_with('[');
        text = (bare ? '[' + text + ']' : text) + ':' + std::string{words[1]};
    }
    auto const address = drover::link::parse_address(text);
    if (!address || address->port == 0 || text.size() > drover::limits::child_id_size_max)
        return std::nullopt;
    return drover::link::to_string(*address);
}

/// What can be shown of a line that may be anything.
[[nodiscard]] inline std::string quoted(std::vector<std::string_view> const& words)
{
    constexpr std::size_t shown_max = 60;
    std::string text;
    for (auto const word : words)
        text.append(text.empty() ? "'" : " ").append(word);
    if (text.size() > shown_max)
        text.replace(shown_max, text.npos, "...");
    for (auto& c : text)
        c = c >= ' ' && c <= '~' ? c : '?';
    return text += '\'';
}

/// The services of a file, each "host:port", in its order. Throws `bad_input`: "services.txt:7: 'foo' is not host:port".
[[nodiscard]] inline std::vector<std::string> read_services(std::string const& path)
{
    std::ifstream file{path};
    auto const unreadable = [&] { return bad_input{"cannot read " + path + ": " + std::strerror(errno)}; };
    if (!file)
        throw unreadable();
    std::vector<std::string> services;
    std::map<std::string, std::size_t> line_of;
    std::size_t number = 0;
    for (std::string line; std::getline(file, line);) {
        auto const at = path + ':' + std::to_string(++number) + ": ";
        auto const words = words_of(line);
        if (words.empty())
            continue;
        auto const service = parse_service(words);
        if (!service)
            throw bad_input{at + quoted(words) + " is not host:port"};
        if (auto const [known, fresh] = line_of.emplace(*service, number); !fresh)
            throw bad_input{at + "'" + *service + "' stands in line " + std::to_string(known->second) + " already"};
        if (services.size() == services_count_max)
            throw bad_input{at + "more than " + std::to_string(services_count_max) + " services"};
        services.push_back(*service);
    }
    if (file.bad())
        throw unreadable();
    if (services.empty())
        throw bad_input{path + " names no service: a line is 'host:port' or 'host port', and '#' begins a comment"};
    return services;
}

} // namespace service_monitor
