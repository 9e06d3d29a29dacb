// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/json/base64.hpp>
#include <drover/json/document.hpp>
#include <drover/supervision/child_listing.hpp>
#include <drover/supervision/child_spec.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::json {

namespace limits {

inline constexpr std::size_t children_count_max = 1'000'000; ///< entries of one list

} // namespace limits

namespace detail {

[[nodiscard]] inline std::string at_line(std::size_t line, std::string const& sentence)
{
    return "line " + std::to_string(line) + ": " + sentence;
}

/// Reads one entry of the list. The first thing that is wrong with it is what is told.
class entry_reader {
public:
    [[nodiscard]] child_spec const& spec() const { return spec_; }
    [[nodiscard]] child_spec take() { return std::move(spec_); }
    /// With the line; empty when nothing is wrong.
    [[nodiscard]] std::string const& wrong() const { return wrong_; }

    void read(value const& entry)
    {
        if (entry.kind != value_kind::object)
            return refuse(entry.line, "a child is an object, not " + std::string{to_string(entry.kind)});
        find_id(entry);
        std::set<std::string_view> seen;
        for (auto const& each : entry.members) {
            if (!seen.insert(each.name).second)
                refuse(each.line, "\"" + each.name + "\" is there twice");
            else
                take_member(each);
        }
        if (!seen.contains("id"))
            refuse(entry.line, "\"id\" is missing");
        if (!seen.contains("type"))
            refuse(entry.line, "\"type\" is missing");
        if (auto sentence = validate(spec_); !sentence.empty())
            refuse(entry.line, std::move(sentence));
    }

private:
    void refuse(std::size_t line, std::string sentence)
    {
        if (wrong_.empty())
            wrong_ = at_line(line, sentence);
    }

    // Whose child it is, even if something else is wrong: when there can be no doubt.
    void find_id(value const& entry)
    {
        std::size_t count = 0;
        for (auto const& each : entry.members)
            if (each.name == "id" && each.content.kind == value_kind::string) {
                spec_.id = each.content.text;
                ++count;
            }
        if (count != 1 || spec_.id.size() > drover::limits::child_id_size_max)
            spec_.id.clear();
    }

    void take_member(member const& each)
    {
        auto const& name = each.name;
        if (name == "id")
            return (void)expect(each, value_kind::string);
        if (name == "type")
            return take_text(each, spec_.type);
        if (name == "group")
            return take_text(each, spec_.group);
        if (name == "isolated_type")
            return take_text(each, spec_.isolated_type);
        if (name == "arguments")
            return take_arguments(each);
        if (name == "restart")
            return take_choice(each, spec_.restart,
                {{"permanent", restart_rule::permanent}, {"transient", restart_rule::transient},
                    {"temporary", restart_rule::temporary}});
        if (name == "on_exhausted")
            return take_choice(each, spec_.on_exhausted, {{"park", exhaustion::park}, {"escalate", exhaustion::escalate}});
        if (name == "shutdown")
            return take_shutdown(each);
        if (name == "max_restarts")
            return take_number(each, intensity().max_restarts, 0, drover::limits::max_restarts_max);
        if (name == "max_seconds")
            return take_seconds(each, intensity().max_seconds);
        if (name == "backoff")
            return take_backoff(each);
        if (name == "significant")
            return take_truth(each, spec_.significant);
        if (name == "is_supervisor")
            return take_truth(each, spec_.is_supervisor);
        if (name == "priority")
            return take_number(
                each, spec_.priority, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max());
        refuse(each.line, "\"" + name + "\" is not a field of a child");
    }

    restart_intensity& intensity() { return spec_.intensity ? *spec_.intensity : spec_.intensity.emplace(); }

    bool expect(member const& each, value_kind wanted)
    {
        if (each.content.kind == wanted)
            return true;
        refuse(each.content.line, "\"" + each.name + "\" is " + to_string(wanted) + ", not " + to_string(each.content.kind));
        return false;
    }

    void take_text(member const& each, std::string& into)
    {
        if (expect(each, value_kind::string))
            into = each.content.text;
    }

    void take_truth(member const& each, bool& into)
    {
        if (expect(each, value_kind::boolean))
            into = each.content.truth;
    }

    [[nodiscard]] bool in_range(member const& each, std::int64_t min, std::int64_t max)
    {
        if (!expect(each, value_kind::integer))
            return false;
        auto const number = each.content.number;
        if (number >= min && number <= max)
            return true;
        refuse(each.content.line,
            "\"" + each.name + "\" is " + std::to_string(number) + ", which is not between " + std::to_string(min) + " and "
                + std::to_string(max));
        return false;
    }

    template <class Number>
    void take_number(member const& each, Number& into, std::int64_t min, std::int64_t max)
    {
        if (in_range(each, min, max))
            into = static_cast<Number>(each.content.number);
    }

    void take_seconds(member const& each, std::chrono::seconds& into)
    {
        if (in_range(each, 1, drover::limits::max_seconds_max.count()))
            into = std::chrono::seconds{each.content.number};
    }

    static constexpr std::int64_t day_ms = 24LL * 3600 * 1000;

    void take_ms(member const& each, duration& into)
    {
        if (in_range(each, 0, day_ms))
            into = std::chrono::milliseconds{each.content.number};
    }

    template <class Enumeration>
    void take_choice(
        member const& each, Enumeration& into, std::initializer_list<std::pair<std::string_view, Enumeration>> const& choices)
    {
        if (!expect(each, value_kind::string))
            return;
        std::string names;
        for (auto const& [name, choice] : choices) {
            if (each.content.text == name)
                return (void)(into = choice);
            names += names.empty() ? "" : ", ";
            names += name;
        }
        refuse(each.content.line, "\"" + each.name + "\" is \"" + each.content.text + "\", which is not one of " + names);
    }

    void take_shutdown(member const& each)
    {
        if (each.content.kind == value_kind::string)
            return take_choice(each, spec_.shutdown, {{"brutal_kill", brutal_kill}, {"infinity", infinity}});
        if (each.content.kind != value_kind::integer)
            return refuse(each.content.line,
                std::string{"\"shutdown\" is a number of milliseconds, \"brutal_kill\" or \"infinity\", not "}
                    + to_string(each.content.kind));
        take_ms(each, spec_.shutdown);
    }

    void take_arguments(member const& each)
    {
        auto const& content = each.content;
        if (content.kind == value_kind::string)
            return (void)(spec_.arguments = content.text);
        if (content.kind != value_kind::object || content.members.size() != 1 || content.members[0].name != "base64"
            || content.members[0].content.kind != value_kind::string)
            return refuse(content.line, "\"arguments\" is a string, or an object with one string, \"base64\"");
        if (auto decoded = decode_base64(content.members[0].content.text))
            spec_.arguments = std::move(*decoded);
        else
            refuse(content.members[0].line, "\"base64\" is not base64");
    }

    void take_backoff(member const& each)
    {
        if (!expect(each, value_kind::object))
            return;
        auto& backoff = spec_.backoff.emplace();
        std::set<std::string_view> seen;
        for (auto const& inner : each.content.members) {
            if (!seen.insert(inner.name).second)
                refuse(inner.line, "\"" + inner.name + "\" is there twice");
            else if (inner.name == "min_ms")
                take_ms(inner, backoff.min);
            else if (inner.name == "max_ms")
                take_ms(inner, backoff.max);
            else if (inner.name == "stable_after_ms")
                take_ms(inner, backoff.stable_after);
            else if (inner.name == "jitter_percent")
                take_number(inner, backoff.jitter_percent, 0, 100);
            else
                refuse(inner.line, "\"" + inner.name + "\" is not a field of \"backoff\"");
        }
    }

    child_spec spec_;
    std::string wrong_;
};

/// The array of children, or why there is none.
[[nodiscard]] inline value const* children_of(value const& document, std::string& failure)
{
    auto const fail = [&](std::size_t line, std::string const& sentence) {
        failure = at_line(line, sentence);
        return nullptr;
    };
    if (document.kind != value_kind::object)
        return fail(document.line, "a list of children is an object with \"version\" and \"children\"");
    member const* version = nullptr;
    member const* children = nullptr;
    for (auto const& each : document.members) {
        auto*& found = each.name == "version" ? version : children;
        if (each.name != "version" && each.name != "children")
            return fail(each.line, "\"" + each.name + "\" is neither \"version\" nor \"children\"");
        if (std::exchange(found, &each) != nullptr)
            return fail(each.line, "\"" + each.name + "\" is there twice");
    }
    if (version == nullptr || children == nullptr)
        return fail(document.line, std::string{version == nullptr ? "\"version\"" : "\"children\""} + " is missing");
    if (version->content.kind != value_kind::integer || version->content.number != 1)
        return fail(version->content.line, "\"version\" is not 1, the only one that is known");
    if (children->content.kind != value_kind::array)
        return fail(children->content.line, std::string{"\"children\" is an array, not "} + to_string(children->content.kind));
    if (children->content.elements.size() > limits::children_count_max)
        return fail(children->content.line, "\"children\" are more than " + std::to_string(limits::children_count_max));
    return &children->content;
}

} // namespace detail

/// Reads a list of children (docs/child_sources.md). A text that is no list has failed as a whole, with the line; an entry that
/// is wrong is left out, and told with its line and what is wrong with it. O(size log size).
[[nodiscard]] inline source_reading read_child_list(std::string_view text)
{
    syntax_error error;
    auto const document = parse(text, error);
    if (!document)
        return source_reading::failed(
            "line " + std::to_string(error.line) + ", column " + std::to_string(error.column) + ": " + error.reason);
    std::string failure;
    auto const* const children = detail::children_of(*document, failure);
    if (children == nullptr)
        return source_reading::failed(std::move(failure));
    std::map<std::string, std::vector<std::size_t>, std::less<>> lines; // of each id
    std::vector<detail::entry_reader> entries(children->elements.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
        entries[i].read(children->elements[i]);
        if (auto const& id = entries[i].spec().id; !id.empty())
            lines[id].push_back(children->elements[i].line);
    }
    child_listing listing;
    for (std::size_t i = 0; i < entries.size(); ++i) {
        auto& entry = entries[i];
        auto const& id = entry.spec().id;
        auto const line = children->elements[i].line;
        if (!entry.wrong().empty())
            listing.errors.push_back({id, entry.wrong()});
        else if (auto const& all = lines.find(id)->second; all.size() > 1)
            listing.errors.push_back({id,
                detail::at_line(line,
                    "id \"" + id + "\" is there more than once, first on line " + std::to_string(all.front()) + ", last on line "
                        + std::to_string(all.back()))});
        else
            listing.specs.push_back(entry.take());
    }
    return source_reading::listed(std::move(listing));
}

} // namespace drover::json
