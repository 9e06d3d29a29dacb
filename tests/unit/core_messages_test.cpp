// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "core_messages_fixture.hpp"

#include <drover/core/messages.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace {

using namespace drover::core;
using core_test::any_message;
using core_test::decode_message;
using drover::acknowledge;
using drover::bytes;
using drover::bytes_view;
using drover::errc;

command_message a_command(command_kind kind)
{
    command_message value;
    value.kind = kind;
    value.number = 300;
    value.requester = "n2";
    value.requester_origin = 0x0123456789abcdef;
    value.level = acknowledge{3};
    value.hops = 2;
    value.creation_known = std::uint64_t{9} << 16;
    value.by_source = true;
    value.spec = {.id = "sensor-7", .type = "reader", .arguments = "now"};
    return value;
}

reply_message a_reply()
{
    reply_message value;
    value.number = 301;
    value.code = errc::start_failed;
    value.generation = 12;
    value.version = 4'000;
    value.holders = 2;
    value.node = "n3";
    value.reason = "it threw";
    return value;
}

/// One of each kind, in the order of the numbers.
std::vector<bytes> all_messages()
{
    std::vector<bytes> result;
    result.push_back(encode(store_message{"frame"}));
    result.push_back(encode(regroup_message{7, {{"n1", 1}, {"n2", 900}}}));
    result.push_back(encode(regrouped_message{7, "context"}));
    result.push_back(encode(a_command(command_kind::start)));
    result.push_back(encode(a_reply()));
    result.push_back(encode(held_message{302}));
    result.push_back(encode(want_message{5, "sensor-7"}));
    result.push_back(encode(call_message{303, true, "sensor-7", "question"}));
    result.push_back(encode(answer_message{304, errc::no_such_message, "answer"}));
    result.push_back(encode(no_scope_message{}));
    return result;
}

/// Encodes, decodes, and gives what came out.
template <class Message>
Message round(Message const& value)
{
    auto const result = decode_message(encode(value));
    REQUIRE(result);
    REQUIRE(std::holds_alternative<Message>(*result));
    return std::get<Message>(*result);
}

bytes encoded_again(any_message const& value)
{
    return std::visit([](auto const& content) { return encode(content); }, value);
}

} // namespace

TEST_CASE("each message has the number of its kind, and goes round", "[core][messages]")
{
    auto const all = all_messages();
    for (std::size_t kind = 0; kind < all.size(); ++kind) {
        CHECK(static_cast<std::size_t>(all[kind][0]) == kind);
        auto const result = decode_message(all[kind]);
        REQUIRE(result);
        CHECK(result->index() == kind);
        CHECK(encoded_again(*result) == all[kind]);
    }
}

TEST_CASE("kinds that this version does not know are refused", "[core][messages]")
{
    CHECK_FALSE(decode_message({}));
    for (int kind = 10; kind < 256; ++kind)
        CHECK_FALSE(decode_message(bytes(1, static_cast<char>(kind))));
}

TEST_CASE("regroup messages keep every field", "[core][messages]")
{
    auto const asked = round(regroup_message{7, {{"n1", 1}, {"n2", 900}}});
    CHECK(asked.number == 7);
    CHECK(asked.dead == std::vector<drover::node_id>{{"n1", 1}, {"n2", 900}});
    auto const told = round(regrouped_message{8, bytes("\0context", 8)});
    CHECK(told.number == 8);
    CHECK(told.context == bytes("\0context", 8));
}

TEST_CASE("commands keep every field; only a start and an update carry the whole spec", "[core][messages]")
{
    for (auto const kind :
        {command_kind::start, command_kind::terminate, command_kind::restart, command_kind::remove, command_kind::update}) {
        auto const sent = a_command(kind);
        auto const got = round(sent);
        CHECK(got.kind == kind);
        CHECK(got.number == sent.number);
        CHECK(got.requester == sent.requester);
        CHECK(got.requester_origin == sent.requester_origin);
        CHECK(got.by_source);
        CHECK(got.level == sent.level);
        CHECK(got.hops == sent.hops);
        CHECK(got.creation_known == sent.creation_known);
        CHECK(got.spec.id == sent.spec.id);
        CHECK((got.spec == sent.spec) == (kind == command_kind::start || kind == command_kind::update));
    }
}

TEST_CASE("levels of acknowledgement survive, named or counted", "[core][messages]")
{
    for (auto const level : {acknowledge::majority, acknowledge::local, acknowledge::all, acknowledge{3}}) {
        auto sent = a_command(command_kind::start);
        sent.level = level;
        CHECK(round(sent).level == level);
    }
}

TEST_CASE("replies keep every field, and their reason fits", "[core][messages]")
{
    auto sent = a_reply();
    auto got = round(sent);
    CHECK(got.number == sent.number);
    CHECK(got.code == sent.code);
    CHECK(got.generation == sent.generation);
    CHECK(got.version == sent.version);
    CHECK(got.holders == sent.holders);
    CHECK(got.node == sent.node);
    CHECK(got.reason == sent.reason);
    sent.reason.assign(drover::limits::reason_size_max + 500, 'x');
    CHECK(round(sent).reason == bytes(drover::limits::reason_size_max, 'x'));
}

TEST_CASE("the small messages keep every field", "[core][messages]")
{
    CHECK(round(held_message{302}).number == 302);
    auto const want = round(want_message{5, "sensor-7"});
    CHECK(want.generation == 5);
    CHECK(want.id == "sensor-7");
    auto const call = round(call_message{303, true, "sensor-7", bytes("\0?", 2)});
    CHECK(call.number == 303);
    CHECK(call.cast);
    CHECK(call.id == "sensor-7");
    CHECK(call.payload == bytes("\0?", 2));
    CHECK_FALSE(round(call_message{303, false, "sensor-7", {}}).cast);
    auto const answer = round(answer_message{304, errc::child_failed, bytes("\0!", 2)});
    CHECK(answer.number == 304);
    CHECK(answer.code == errc::child_failed);
    CHECK(answer.payload == bytes("\0!", 2));
    auto const frame = encode(store_message{"frame"});
    CHECK(std::get<store_message>(*decode_message(frame)).frame == "frame");
}

TEST_CASE("a message that is cut short, or followed by more, is refused", "[core][messages]")
{
    auto const all = all_messages();
    // Octets at the end that run to the end of the frame, and so may be fewer or more.
    std::vector<std::size_t> const trailing{5, 0, 7, 0, 0, 0, 0, 8, 6, 0};
    for (std::size_t kind = 0; kind < all.size(); ++kind) {
        INFO("kind " << kind);
        auto const needed = all[kind].size() - trailing[kind];
        for (std::size_t size = 0; size < all[kind].size(); ++size)
            CHECK(decode_message(bytes_view{all[kind]}.substr(0, size)).has_value() == (size >= needed));
        CHECK(decode_message(all[kind] + '\0').has_value() == (trailing[kind] > 0));
    }
}

TEST_CASE("a command of a kind that nobody knows, or with a spec that is not valid, is refused", "[core][messages]")
{
    auto unknown = a_command(command_kind::update);
    unknown.kind = static_cast<command_kind>(5);
    CHECK_FALSE(decode_message(encode(unknown)));
    auto invalid = a_command(command_kind::start);
    invalid.spec.type.clear();
    CHECK_FALSE(decode_message(encode(invalid)));
    invalid.kind = command_kind::terminate; // needs the id only
    CHECK(decode_message(encode(invalid)));
    invalid.spec.id.assign(drover::limits::child_id_size_max + 1, 'x');
    CHECK_FALSE(decode_message(encode(invalid)));
}

TEST_CASE("a regroup of impossibly many dead is refused before room is made for them", "[core][messages]")
{
    CHECK_FALSE(decode_message(drover::wire::writer{}.u8(1).number(1).number(drover::limits::members_count_max).take()));
    CHECK_FALSE(decode_message(drover::wire::writer{}.u8(1).number(1).number(~std::uint64_t{0}).take()));
    regroup_message most{1, std::vector<drover::node_id>(drover::limits::members_count_max, {"n", 1})};
    CHECK(decode_message(encode(most)));
    most.dead.push_back({"n", 1});
    CHECK_FALSE(decode_message(encode(most)));
}

TEST_CASE("broken messages are refused, or make sense", "[core][messages]")
{
    drover::random_stream random{3};
    auto const all = all_messages();
    for (int i = 0; i < 30'000; ++i) {
        auto data = all[random.below(all.size())];
        for (auto flips = random.between(1, 3); flips > 0; --flips)
            data[random.below(data.size())] ^= static_cast<char>(1 << random.below(8));
        std::vector<char> const exact(data.begin(), data.end());
        auto const result = decode_message({exact.data(), exact.size()});
        if (!result)
            continue;
        auto const again = encoded_again(*result);
        auto const second = decode_message(again);
        REQUIRE(second);
        REQUIRE(encoded_again(*second) == again);
    }
}
