// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/json/child_list.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace {

using drover::child_spec;
using drover::json::decode_base64;
using drover::json::read_child_list;

struct refusal {
    char const* entry;
    char const* id; // that the error is about
    char const* reason;
};

// A list whose second entry is this one; the first one is on line 2, the second on line 3.
std::string list_with(std::string const& entry)
{
    return "{\"version\": 1, \"children\": [\n{\"id\": \"first\", \"type\": \"t\"},\n" + entry + "]}\n";
}

std::string const whole = R"({
  "version": 1,
  "children": [
    {"id": "a", "type": "worker"},
    {
      "id": "b", "type": "worker",
      "arguments": "h\u00e9 \"quoted\"\n",
      "restart": "transient", "shutdown": 1500, "max_restarts": 7, "max_seconds": 60,
      "backoff": {"min_ms": 10, "max_ms": 2000, "jitter_percent": 5, "stable_after_ms": 0},
      "on_exhausted": "escalate", "significant": true, "is_supervisor": false, "priority": -3,
      "group": "g", "isolated_type": "apart"
    },
    {"id": "c", "type": "worker", "arguments": {"base64": "AAEC/w=="}, "shutdown": "infinity"},
    {"id": "d", "type": "worker", "shutdown": "brutal_kill", "max_restarts": 0}
  ]
}
)";

} // namespace

TEST_CASE("a list says all that a spec holds", "[json][source]")
{
    using namespace std::chrono_literals;
    auto const reading = read_child_list(whole);
    INFO(reading.failure());
    REQUIRE(reading.has_listing());
    CHECK(reading.listing().errors.empty());
    auto const& specs = reading.listing().specs;
    REQUIRE(specs.size() == 4);
    CHECK(specs[0] == child_spec{.id = "a", .type = "worker"});
    child_spec b{.id = "b", .type = "worker", .arguments = "h\xc3\xa9 \"quoted\"\n"};
    b.restart = drover::restart_rule::transient;
    b.shutdown = 1500ms;
    b.intensity = drover::restart_intensity{7, 60s};
    b.backoff = drover::restart_backoff{10ms, 2s, 5, 0ms};
    b.on_exhausted = drover::exhaustion::escalate;
    b.significant = true;
    b.priority = -3;
    b.group = "g";
    b.isolated_type = "apart";
    CHECK(specs[1] == b);
    CHECK(specs[2].arguments == drover::bytes("\0\1\2\xff", 4));
    CHECK(specs[2].shutdown == drover::infinity);
    CHECK(specs[3].shutdown == drover::brutal_kill);
    CHECK(specs[3].intensity == drover::restart_intensity{0, drover::restart_intensity{}.max_seconds});
    CHECK(read_child_list("{\"children\":[],\"version\":1}").has_listing());
}

TEST_CASE("an entry that is wrong is left out, and told with its line, its id and what is wrong", "[json][source]")
{
    std::string const long_id(256, 'x');
    std::vector<refusal> const table{
        {"{\"type\": \"t\"}", "", "line 3: \"id\" is missing"},
        {"{\"id\": \"x\"}", "x", "line 3: \"type\" is missing"},
        {"{\n\"type\": \"t\",\n\"id\": 7}", "", "line 5: \"id\" is a string, not a whole number"},
        {"{\"id\": \"x\", \"id\": \"y\", \"type\": \"t\"}", "", "line 3: \"id\" is there twice"},
        {"{\"id\": \"\", \"type\": \"t\"}", "", "line 3: id is empty"},
        {"{\"id\": \"x\",\n \"type\": \"t\",\n \"colour\": 1}", "x", "line 5: \"colour\" is not a field of a child"},
        {"{\"id\": \"x\",\n \"type\": \"t\",\n \"type\": \"t\"}", "x", "line 5: \"type\" is there twice"},
        {"{\"id\": \"x\", \"type\":\n\n null}", "x", "line 5: \"type\" is a string, not null"},
        {"{\"id\": \"x\", \"type\": \"\"}", "x", "line 3: type is empty"},
        {"{\"id\": \"x\", \"type\": \"t\", \"restart\": \"always\"}", "x",
            "line 3: \"restart\" is \"always\", which is not one of permanent, transient, temporary"},
        {"{\"id\": \"x\", \"type\": \"t\", \"restart\": true}", "x", "line 3: \"restart\" is a string, not true or false"},
        {"{\"id\": \"x\", \"type\": \"t\", \"on_exhausted\": \"stop\"}", "x",
            "line 3: \"on_exhausted\" is \"stop\", which is not one of park, escalate"},
        {"{\"id\": \"x\", \"type\": \"t\", \"shutdown\": -1}", "x",
            "line 3: \"shutdown\" is -1, which is not between 0 and 86400000"},
        {"{\"id\": \"x\", \"type\": \"t\", \"shutdown\": \"soon\"}", "x",
            "line 3: \"shutdown\" is \"soon\", which is not one of brutal_kill, infinity"},
        {"{\"id\": \"x\", \"type\": \"t\", \"shutdown\": [5]}", "x",
            "line 3: \"shutdown\" is a number of milliseconds, \"brutal_kill\" or \"infinity\", not an array"},
        {"{\"id\": \"x\", \"type\": \"t\", \"max_restarts\": 1001}", "x",
            "line 3: \"max_restarts\" is 1001, which is not between 0 and 1000"},
        {"{\"id\": \"x\", \"type\": \"t\", \"max_restarts\": 1.5}", "x",
            "line 3: \"max_restarts\" is a whole number, not a number with a fraction"},
        {"{\"id\": \"x\", \"type\": \"t\", \"max_seconds\": 0}", "x",
            "line 3: \"max_seconds\" is 0, which is not between 1 and 86400"},
        {"{\"id\": \"x\", \"type\": \"t\", \"priority\": 2147483648}", "x",
            "line 3: \"priority\" is 2147483648, which is not between -2147483648 and 2147483647"},
        {"{\"id\": \"x\", \"type\": \"t\", \"priority\": 18446744073709551615}", "x",
            "line 3: \"priority\" is a whole number, not a number with a fraction"},
        {"{\"id\": \"x\", \"type\": \"t\", \"significant\": 1}", "x",
            "line 3: \"significant\" is true or false, not a whole number"},
        {"{\"id\": \"x\", \"type\": \"t\", \"significant\": true}", "x",
            "line 3: significant is for transient and temporary children: a permanent one never ends by itself"},
        {"{\"id\": \"x\", \"type\": \"t\", \"arguments\": 7}", "x",
            "line 3: \"arguments\" is a string, or an object with one string, \"base64\""},
        {"{\"id\": \"x\", \"type\": \"t\", \"arguments\": {\"hex\": \"00\"}}", "x",
            "line 3: \"arguments\" is a string, or an object with one string, \"base64\""},
        {"{\"id\": \"x\", \"type\": \"t\", \"arguments\": {\n\"base64\": \"a\"}}", "x", "line 4: \"base64\" is not base64"},
        {"{\"id\": \"x\", \"type\": \"t\", \"backoff\": 5}", "x", "line 3: \"backoff\" is an object, not a whole number"},
        {"{\"id\": \"x\", \"type\": \"t\", \"backoff\": {\"min_ms\": 5,\n\"min\": 5}}", "x",
            "line 4: \"min\" is not a field of \"backoff\""},
        {"{\"id\": \"x\", \"type\": \"t\", \"backoff\": {\"min_ms\": 5,\n\"min_ms\": 5}}", "x",
            "line 4: \"min_ms\" is there twice"},
        {"{\"id\": \"x\", \"type\": \"t\", \"backoff\": {\"min_ms\": 5000, \"max_ms\": 5}}", "x",
            "line 3: backoff.max is less than backoff.min"},
        {"{\"id\": \"x\", \"type\": \"t\", \"backoff\": {\"jitter_percent\": 101}}", "x",
            "line 3: \"jitter_percent\" is 101, which is not between 0 and 100"},
        {"[]", "", "line 3: a child is an object, not an array"},
        {"null", "", "line 3: a child is an object, not null"},
    };
    for (auto const& each : table) {
        INFO(each.entry);
        auto const reading = read_child_list(list_with(each.entry));
        INFO(reading.failure());
        REQUIRE(reading.has_listing());
        CHECK(reading.listing().specs == std::vector<child_spec>{{.id = "first", .type = "t"}});
        REQUIRE(reading.listing().errors.size() == 1);
        CHECK(reading.listing().errors[0].id == each.id);
        CHECK(reading.listing().errors[0].reason == each.reason);
    }
    auto const too_long = read_child_list(list_with("{\"id\": \"" + long_id + "\", \"type\": \"t\"}"));
    REQUIRE(too_long.listing().errors.size() == 1);
    CHECK(too_long.listing().errors[0].reason == "line 3: id is empty"); // it is not kept
}

TEST_CASE("an id that is there twice is nobody's", "[json][source]")
{
    auto const reading = read_child_list("{\"version\": 1, \"children\": [\n{\"id\": \"x\", \"type\": \"t\"},\n"
                                         "{\"id\": \"y\", \"type\": \"t\"},\n{\"id\": \"x\", \"type\": \"u\"}]}");
    REQUIRE(reading.has_listing());
    CHECK(reading.listing().specs == std::vector<child_spec>{{.id = "y", .type = "t"}});
    REQUIRE(reading.listing().errors.size() == 2);
    CHECK(reading.listing().errors[0].reason == "line 2: id \"x\" is there more than once, first on line 2, last on line 4");
    CHECK(reading.listing().errors[1].reason == "line 4: id \"x\" is there more than once, first on line 2, last on line 4");
    CHECK(reading.listing().errors[1].id == "x");

    // Even when one of the two is wrong for another reason.
    auto const other = read_child_list("{\"version\": 1, \"children\": [\n{\"id\": \"x\", \"type\": \"t\"},\n"
                                       "{\"id\": \"x\", \"type\": 5}]}");
    CHECK(other.listing().specs.empty());
    CHECK(other.listing().errors.size() == 2);
}

TEST_CASE("a text that is no list fails as a whole, with its line", "[json][source]")
{
    std::vector<std::pair<std::string, std::string>> const table{
        {"", "line 1, column 1: it ends before it is complete"},
        {"{\"version\": 1,\n\"children\": [\n{\"id\": \"x\"", "line 3, column 11: it ends before it is complete"},
        {"{\"version\": 1,\n\"children\": [\n{\"id\": \"x\" \"type\": \"t\"}]}", "line 3, column 12: syntax error"},
        {"{\"version\": 1, \"children\": [],}", "line 1, column 31: syntax error"},
        {"{\"version\": 1, \"children\": []}\n\n x", "line 3, column 2: extra data"},
        {"{\"version\": 1, \"children\": []} {}", "line 1, column 32: extra data"},
        {"{\"version\": 1,\n\"children\": [\"\xff\"]}", "line 2, column 15: syntax error"},
        {"[]", "line 1: a list of children is an object with \"version\" and \"children\""},
        {"{}", "line 1: \"version\" is missing"},
        {"{\"children\": []}", "line 1: \"version\" is missing"},
        {"{\"version\": 1}", "line 1: \"children\" is missing"},
        {"{\n\"version\": 2, \"children\": []}", "line 2: \"version\" is not 1, the only one that is known"},
        {"{\n\"version\": \"1\", \"children\": []}", "line 2: \"version\" is not 1, the only one that is known"},
        {"{\"version\": 1,\n\n\"children\": {}}", "line 3: \"children\" is an array, not an object"},
        {"{\"version\": 1,\n\n\"childs\": {}}", "line 3: \"childs\" is neither \"version\" nor \"children\""},
        {"{\"version\": 1, \"children\": [],\n\"children\": []}", "line 2: \"children\" is there twice"},
    };
    for (auto const& [text, failure] : table) {
        INFO(text);
        auto const reading = read_child_list(text);
        REQUIRE_FALSE(reading.has_listing());
        CHECK(reading.failure() == failure);
    }
    auto const deep = read_child_list(std::string(100, '['));
    REQUIRE_FALSE(deep.has_listing());
    CHECK(deep.failure() == "line 1, column 17: arrays and objects are more than 16 deep");
}

TEST_CASE("no prefix of a list is a list, and no mutation does harm", "[json][source]")
{
    auto const last = whole.find_last_of('}');
    for (std::size_t size = 0; size <= last; ++size)
        CHECK_FALSE(read_child_list(std::string_view{whole}.substr(0, size)).has_listing());

    drover::random_stream draw{7, 1, 1};
    std::size_t understood = 0;
    for (int round = 0; round < 20'000; ++round) {
        auto text = whole;
        for (auto changes = draw.between(1, 4); changes > 0; --changes) {
            auto const at = static_cast<std::size_t>(draw.below(text.size()));
            switch (draw.below(4)) {
            case 0: text[at] = static_cast<char>(draw.below(256)); break;
            case 1: text.erase(at, static_cast<std::size_t>(draw.between(1, 20))); break;
            case 2: text.insert(at, text.substr(static_cast<std::size_t>(draw.below(text.size())), 12)); break;
            default: text[at] = "{}[]\",:0"[draw.below(8)];
            }
        }
        auto const reading = read_child_list(text);
        if (!reading.has_listing()) {
            CHECK(reading.failure().starts_with("line "));
            continue;
        }
        ++understood;
        for (auto const& spec : reading.listing().specs)
            CHECK(drover::validate(spec).empty());
        for (auto const& error : reading.listing().errors)
            CHECK(error.reason.starts_with("line "));
    }
    CHECK(understood > 100);
}

TEST_CASE("base64 is read as RFC 4648 says, and nothing else is", "[json]")
{
    CHECK(decode_base64("") == "");
    CHECK(decode_base64("Zg==") == "f");
    CHECK(decode_base64("Zm8=") == "fo");
    CHECK(decode_base64("Zm9v") == "foo");
    CHECK(decode_base64("Zm9vYmFy") == "foobar");
    CHECK(decode_base64("+/+/") == drover::bytes("\xfb\xff\xbf"));
    for (auto const* const wrong :
        {"Z", "Zg", "Zg=", "Zm9v=", "Zh==", "Zm9=", "Z===", "====", "Zm9v\n", "Zm9v Zm9v", "_-_-", "=AAA"})
        CHECK_FALSE(decode_base64(wrong));
}
