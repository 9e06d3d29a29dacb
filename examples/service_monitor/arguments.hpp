// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace service_monitor {

/// What the user gave is wrong: one sentence, and exit code 2.
struct bad_input : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// What was asked for could not be done: one sentence, and exit code 1.
struct failure : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// The words after a subcommand: flags, `--name value` or `--name=value`, and at most one other word.
class arguments {
public:
    /// Throws `bad_input`.
    arguments(std::span<char* const> words, std::initializer_list<std::string_view> flags,
        std::initializer_list<std::string_view> switches)
    {
        for (std::size_t at = 0; at < words.size(); ++at) {
            std::string_view const word = words[at];
            if (!word.starts_with("-")) {
                take_word(word);
                continue;
            }
            auto const equals = word.find('=');
            auto const name = word.substr(0, equals);
            if (contains(switches, name) && equals == word.npos) {
                values_[std::string{name}];
            } else if (!contains(flags, name)) {
                throw bad_input{"unknown flag '" + std::string{word} + "'"};
            } else if (equals != word.npos) {
                take_value(name, word.substr(equals + 1));
            } else {
                if (++at == words.size())
                    throw bad_input{std::string{name} + " wants a value"};
                take_value(name, words[at]);
            }
        }
    }

    [[nodiscard]] bool has(std::string const& name) const { return values_.contains(name); }

    [[nodiscard]] std::vector<std::string> all(std::string const& name) const
    {
        auto const found = values_.find(name);
        return found == values_.end() ? std::vector<std::string>{} : found->second;
    }

    [[nodiscard]] std::optional<std::string> one(std::string const& name) const
    {
        auto const values = all(name);
        if (values.size() > 1)
            throw bad_input{name + " was given twice"};
        return values.empty() ? std::nullopt : std::optional{values.front()};
    }

    [[nodiscard]] std::string required(std::string const& name) const
    {
        if (auto value = one(name))
            return std::move(*value);
        throw bad_input{name + " is missing"};
    }

    /// "3s", "500ms" or "3": longer than nothing, and at most an hour.
    [[nodiscard]] std::chrono::milliseconds time(std::string const& name, std::chrono::milliseconds otherwise) const
    {
        auto const text = one(name);
        if (!text)
            return otherwise;
        std::int64_t number = 0;
        auto const [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
        std::string_view const unit{end, static_cast<std::size_t>(text->data() + text->size() - end)};
        constexpr std::int64_t number_max = 3'600'000;
        if (error == std::errc{} && number > 0 && number <= number_max && (unit.empty() || unit == "s" || unit == "ms")) {
            auto const time = unit == "ms" ? std::chrono::milliseconds{number} : std::chrono::seconds{number};
            if (time <= std::chrono::hours{1})
                return time;
        }
        throw bad_input{name + " wants a time of at most an hour, as 3s or 500ms, and not '" + *text + "'"};
    }

    [[nodiscard]] std::size_t number(std::string const& name, std::size_t otherwise, std::size_t min, std::size_t max) const
    {
        auto const text = one(name);
        if (!text)
            return otherwise;
        std::size_t value = 0;
        auto const [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
        if (error == std::errc{} && end == text->data() + text->size() && value >= min && value <= max)
            return value;
        throw bad_input{
            name + " wants a number from " + std::to_string(min) + " to " + std::to_string(max) + ", and not '" + *text + "'"};
    }

    /// The word that belongs to no flag.
    [[nodiscard]] std::optional<std::string> const& word() const { return word_; }

private:
    static bool contains(std::initializer_list<std::string_view> names, std::string_view name)
    {
        return std::find(names.begin(), names.end(), name) != names.end();
    }

    void take_word(std::string_view word)
    {
        if (word_)
            throw bad_input{"'" + std::string{word} + "' is one word too many"};
        word_ = word;
    }

    void take_value(std::string_view name, std::string_view value)
    {
        if (value.empty() || value.starts_with("--"))
            throw bad_input{std::string{name} + " wants a value"};
        values_[std::string{name}].emplace_back(value);
    }

    std::map<std::string, std::vector<std::string>> values_;
    std::optional<std::string> word_;
};

} // namespace service_monitor
