// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/core/events.hpp>
#include <drover/core/options.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <set>
#include <string>

using drover::event;
using drover::event_kind;
using drover::to_string;

TEST_CASE("an event is one line, which names what it has", "[core]")
{
    CHECK(to_string(event{event_kind::regrouped, {}, 0, {}}) == "regrouped");
    CHECK(to_string(event{event_kind::member_died, "n2", 0, {}}) == "member died: n2");
    CHECK(to_string(event{event_kind::child_started, "sensor-7", 4, {}}) == "child started: sensor-7, generation 4");
    CHECK(to_string(event{event_kind::child_claimed, "sensor-7", 3, "its owner n2 is dead"})
        == "child claimed: sensor-7, generation 3 (its owner n2 is dead)");
}

TEST_CASE("each kind of event has a name of its own", "[core]")
{
    std::set<std::string> names;
    for (int value = 0; value <= static_cast<int>(event_kind::message_rejected); ++value)
        CHECK(names.insert(to_string(static_cast<event_kind>(value))).second);
    CHECK_FALSE(names.contains("?"));
    CHECK(std::string{to_string(static_cast<event_kind>(255))} == "?");
}

TEST_CASE("options that cannot work are refused with a sentence that names the field", "[core]")
{
    using namespace std::chrono_literals;
    using options = drover::supervisor_options;
    auto const said = [](auto change) {
        options wrong;
        change(wrong);
        return drover::validate(wrong);
    };
    auto const names = [&](std::string const& field, auto change) {
        auto const sentence = said(change);
        INFO(field << ": " << sentence);
        CHECK(sentence.find(field) != std::string::npos);
    };
    CHECK(drover::validate(options{}).empty());
    names("name", [](options& it) { it.name.clear(); });
    names("name", [](options& it) { it.name.assign(drover::limits::scope_name_size_max + 1, 'n'); });
    names("operation_timeout", [](options& it) { it.operation_timeout = 0s; });
    names("drain_timeout", [](options& it) { it.drain_timeout = -1s; });
    names("retry_interval", [](options& it) { it.retry_interval = 0s; });
    names("call_retry_interval", [](options& it) { it.call_retry_interval = 0s; });
    names("park_min", [](options& it) { it.park_min = 0s; });
    names("park_max", [](options& it) { it.park_max = it.park_min - 1ms; });
    names("audit_interval", [](options& it) { it.audit_interval = 0s; });
    names("audit_slice", [](options& it) { it.audit_slice = 0; });
    names("max_seconds", [](options& it) { it.intensity.max_seconds = 0s; });
    names("groups: 'pair' is there twice", [](options& it) { it.groups = {{"pair"}, {"other"}, {"pair"}}; });
    names("groups: a name", [](options& it) { it.groups = {{""}}; });
    names("form_members", [](options& it) { it.form_members = 0; });
    names("starts_at_once_max", [](options& it) { it.starts_at_once_max = 0; });
    names("suspicion_time", [](options& it) { it.quarantine_time = 0s; });
    names("children: child 'a': id is used twice", [](options& it) {
        it.children = {{.id = "a", .type = "t"}, {.id = "a", .type = "t"}};
    });
    names("children: child 'a': group is", [](options& it) { it.children = {{.id = "a", .type = "t", .group = "none"}}; });
    names("backoff.max", [](options& it) { it.backoff.max = 0s; });
    CHECK(said([](options& it) { it.name.assign(drover::limits::scope_name_size_max, 'n'); }).empty());
    CHECK(said([](options& it) { it.park_max = it.park_min; }).empty());
}
