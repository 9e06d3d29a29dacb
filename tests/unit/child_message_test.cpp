// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/child/message.hpp>

#include <catch2/catch_test_macros.hpp>

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using drover::bytes;
using drover::child_message;
using drover::errc;

using answers = std::vector<std::pair<errc, bytes>>;

child_message call_into(answers& got)
{
    return {"n2", "question", [&got](errc code, bytes payload) { got.emplace_back(code, std::move(payload)); }};
}

} // namespace

TEST_CASE("a message says what it is and where it comes from", "[child]")
{
    answers got;
    auto call = call_into(got);
    CHECK(call.from() == "n2");
    CHECK(call.payload() == "question");
    CHECK(call.wants_reply());
    child_message cast{"n2", "news", nullptr};
    CHECK_FALSE(cast.wants_reply());
}

TEST_CASE("a call is answered once, by the first answer", "[child]")
{
    answers got;
    {
        auto call = call_into(got);
        call.reply("answer");
        CHECK_FALSE(call.wants_reply());
        call.reply("another");
        call.fail(errc::child_failed);
    }
    CHECK(got == answers{{errc::success, "answer"}});
}

TEST_CASE("a call may be answered with an error", "[child]")
{
    answers got;
    call_into(got).fail(errc::child_failed);
    CHECK(got == answers{{errc::child_failed, {}}});
}

TEST_CASE("a call that is thrown away is answered all the same", "[child]")
{
    answers got;
    (void)call_into(got);
    CHECK(got == answers{{errc::no_such_message, {}}});
}

TEST_CASE("a call that is kept is answered when it is, and not where it came from", "[child]")
{
    answers got;
    std::optional<child_message> kept;
    {
        auto call = call_into(got);
        kept.emplace(std::move(call));
        CHECK_FALSE(call.wants_reply()); // NOLINT: what is left of it does nothing
    }
    CHECK(got.empty());
    CHECK(kept->payload() == "question");
    kept->reply("late");
    kept.reset();
    CHECK(got == answers{{errc::success, "late"}});
}

TEST_CASE("an answer to a cast does nothing", "[child]")
{
    child_message cast{"n2", "news", nullptr};
    cast.reply("thanks");
    cast.fail(errc::child_failed);
    CHECK_FALSE(cast.wants_reply());
}

TEST_CASE("an answer may end the message that it answers", "[child]")
{
    std::optional<child_message> kept;
    int answered = 0;
    kept.emplace("n2", "question", [&](errc, bytes) {
        ++answered;
        CHECK_FALSE(kept->wants_reply());
    });
    kept->reply("answer");
    kept.reset();
    CHECK(answered == 1);
}
