// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include <drover/base/random.hpp>
#include <drover/process/line_splitter.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <string>
#include <vector>

namespace {

using drover::bytes_view;
using lines = std::vector<std::string>;

lines split(std::vector<std::string> const& chunks, std::size_t size_max)
{
    drover::detail::line_splitter splitter{size_max};
    lines result;
    auto const take = [&](bytes_view line) { result.emplace_back(line); };
    for (auto const& chunk : chunks)
        splitter.feed(chunk, take);
    splitter.finish(take);
    return result;
}

TEST_CASE("lines end with a line feed, and the last one with the stream")
{
    CHECK(split({}, 8) == lines{});
    CHECK(split({""}, 8) == lines{});
    CHECK(split({"\n"}, 8) == lines{""});
    CHECK(split({"one\ntwo\n"}, 8) == lines{"one", "two"});
    CHECK(split({"one\n\n\ntwo"}, 8) == lines{"one", "", "", "two"});
    CHECK(split({"o", "n", "e\nt", "wo"}, 8) == lines{"one", "two"});
    CHECK(split({"a\r\nb"}, 8) == lines{"a\r", "b"}); // octets, not text
}

TEST_CASE("a line over the bound comes in pieces of that size, and one of just that size in one")
{
    CHECK(split({"12345678\n"}, 4) == lines{"1234", "5678"});
    CHECK(split({"123456789\nx"}, 4) == lines{"1234", "5678", "9", "x"});
    CHECK(split({"1234\n"}, 4) == lines{"1234"});
    CHECK(split({"1234"}, 4) == lines{"1234"});
    CHECK(split({"123", "4", "\n", "5"}, 4) == lines{"1234", "5"});
    CHECK(split({"ab\nc"}, 1) == lines{"a", "b", "c"});
}

TEST_CASE("how a stream is cut into chunks makes no difference")
{
    drover::random_stream random{7};
    for (int round = 0; round < 200; ++round) {
        std::string text;
        for (auto size = random.below(200); size > 0; --size)
            text.push_back("ab\n"[random.below(3)]);
        auto const size_max = static_cast<std::size_t>(1 + random.below(10));
        std::vector<std::string> chunks;
        for (std::size_t at = 0; at < text.size();) {
            auto const size = static_cast<std::size_t>(random.below(12));
            chunks.push_back(text.substr(at, size));
            at += size;
        }
        auto const whole = split({text}, size_max);
        CHECK(split(chunks, size_max) == whole);
        for (auto const& line : whole)
            CHECK(line.size() <= size_max);
    }
}

} // namespace
