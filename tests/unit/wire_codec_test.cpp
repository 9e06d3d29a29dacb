// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using drover::bytes;
using drover::bytes_view;
using drover::wire::reader;
using drover::wire::writer;

constexpr std::uint64_t largest = ~std::uint64_t{0};

bytes number_encoded(std::uint64_t value) { return writer{}.number(value).take(); }

/// Values around every place where an encoded number grows by an octet.
std::vector<std::uint64_t> numbers_at_the_bounds()
{
    std::vector<std::uint64_t> values{0, 1, largest - 1, largest};
    for (unsigned bits = 7; bits < 64; bits += 7)
        for (std::uint64_t const around : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}})
            values.push_back((std::uint64_t{1} << bits) - 1 + around);
    return values;
}

/// One of everything, as a record would hold it.
struct everything {
    std::uint8_t octet = 0;
    bool flag = false;
    std::uint64_t number = 0;
    std::uint32_t small = 0;
    std::uint64_t wide = 0;
    bytes text;
    drover::node_id node;
    std::vector<std::uint64_t> list;

    friend bool operator==(everything const&, everything const&) = default;
};

bytes encoded(everything const& value)
{
    writer out;
    out.u8(value.octet).boolean(value.flag).number(value.number).fixed32(value.small).fixed64(value.wide);
    out.string(value.text).node(value.node).number(value.list.size());
    for (auto const item : value.list)
        out.number(item);
    return out.take();
}

everything read_everything(reader& in)
{
    everything value;
    value.octet = in.u8();
    value.flag = in.boolean();
    value.number = in.number();
    value.small = in.fixed32();
    value.wide = in.fixed64();
    value.text = in.string(100);
    value.node = in.node();
    auto const count = in.count(1'000);
    for (std::size_t i = 0; i < count; ++i)
        value.list.push_back(in.number());
    return value;
}

everything const sample{200, true, 300, 0xdeadbeef, 0x0123456789abcdef, bytes("a\0b", 3), {"n1", 128}, {1, 127, 128, largest}};

} // namespace

TEST_CASE("numbers survive the wire at every bound, in the least octets", "[wire]")
{
    for (auto const value : numbers_at_the_bounds()) {
        auto const data = number_encoded(value);
        std::size_t octets = 1;
        for (auto rest = value >> 7; rest != 0; rest >>= 7)
            ++octets;
        CHECK(data.size() == octets);
        reader in{data};
        CHECK(in.number() == value);
        CHECK(in.complete());
    }
}

TEST_CASE("a number that is cut off fails at every length", "[wire]")
{
    for (auto const value : numbers_at_the_bounds()) {
        auto const data = number_encoded(value);
        for (std::size_t size = 0; size < data.size(); ++size) {
            reader in{bytes_view{data}.substr(0, size)};
            (void)in.number();
            CHECK_FALSE(in.ok());
            CHECK(in.number() == 0);
        }
    }
}

TEST_CASE("a number of more than 64 bits fails", "[wire]")
{
    auto const nine = bytes(9, '\xff');
    for (int last = 0; last < 256; ++last) {
        auto const data = nine + static_cast<char>(last);
        reader in{data};
        auto const value = in.number();
        CHECK(in.ok() == (last <= 1));
        CHECK(value == (last == 1 ? largest : last == 0 ? largest >> 1 : 0));
    }
    auto const endless = bytes(40, '\x80');
    reader in{endless};
    CHECK(in.number() == 0);
    CHECK_FALSE(in.ok());
}

TEST_CASE("a bounded number takes its bound and nothing above", "[wire]")
{
    for (std::uint64_t const value : {99U, 100U, 101U}) {
        auto const data = number_encoded(value);
        reader in{data};
        CHECK(in.number(100) == (value <= 100 ? value : 0));
        CHECK(in.ok() == (value <= 100));
    }
}

TEST_CASE("fixed integers are little-endian", "[wire]")
{
    auto const data = writer{}.fixed32(0x04030201).fixed64(0x0c0b0a0908070605).take();
    REQUIRE(data.size() == 12);
    for (std::size_t i = 0; i < data.size(); ++i)
        CHECK(data[i] == static_cast<char>(i + 1));
    reader in{data};
    CHECK(in.fixed32() == 0x04030201);
    CHECK(in.fixed64() == 0x0c0b0a0908070605);
    CHECK(in.complete());
    for (std::size_t size = 0; size < 4; ++size) {
        reader cut{bytes_view{data}.substr(0, size)};
        CHECK(cut.fixed32() == 0);
        CHECK_FALSE(cut.ok());
    }
}

TEST_CASE("only 0 and 1 are booleans", "[wire]")
{
    for (int octet = 0; octet < 256; ++octet) {
        auto const data = bytes(1, static_cast<char>(octet));
        reader in{data};
        CHECK(in.boolean() == (octet == 1));
        CHECK(in.ok() == (octet <= 1));
    }
}

TEST_CASE("a string is refused above its bound, and when it is not all there", "[wire]")
{
    auto const data = writer{}.string("12345").take();
    reader exact{data};
    CHECK(exact.string(5) == "12345");
    CHECK(exact.complete());
    reader bounded{data};
    CHECK(bounded.string(4).empty());
    CHECK_FALSE(bounded.ok());
    for (std::size_t size = 0; size < data.size(); ++size) {
        reader cut{bytes_view{data}.substr(0, size)};
        CHECK(cut.string(5).empty());
        CHECK_FALSE(cut.ok());
    }
}

TEST_CASE("a node's name is bounded", "[wire]")
{
    for (auto const excess : {std::size_t{0}, std::size_t{1}}) {
        auto const name = bytes(drover::limits::node_name_size_max + excess, 'n');
        auto const data = writer{}.node({name, 7}).take();
        reader in{data};
        auto const node = in.node();
        CHECK(in.ok() == (excess == 0));
        CHECK(node == (excess == 0 ? drover::node_id{name, 7} : drover::node_id{}));
    }
}

TEST_CASE("a count must be possible in what follows", "[wire]")
{
    // Three octets follow the count.
    auto const reads = [](std::uint64_t count, std::size_t max, std::size_t size_min) {
        auto const data = number_encoded(count) + "abc";
        reader in{data};
        auto const value = in.count(max, size_min);
        CHECK(value == (in.ok() ? count : 0));
        return in.ok();
    };
    CHECK(reads(3, 10, 1));
    CHECK_FALSE(reads(4, 10, 1));
    CHECK_FALSE(reads(3, 2, 1));
    CHECK(reads(1, 10, 3));
    CHECK_FALSE(reads(2, 10, 2));
    CHECK_FALSE(reads(largest, largest, 1));
    CHECK_FALSE(reads(std::uint64_t{1} << 62, largest, 4)); // times four it would be none
}

TEST_CASE("a failure is for good", "[wire]")
{
    auto const data = bytes("\x02\x05", 2);
    reader in{data};
    CHECK_FALSE(in.boolean());
    CHECK_FALSE(in.ok());
    CHECK(in.at_end());
    CHECK(in.u8() == 0);
    CHECK(in.number() == 0);
    CHECK(in.fixed64() == 0);
    CHECK(in.string(10).empty());
    CHECK(in.node() == drover::node_id{});
    CHECK(in.remainder().empty());
    CHECK_FALSE(in.complete());
}

TEST_CASE("what is left over makes a message incomplete, and can be taken", "[wire]")
{
    auto const data = bytes("\x01xyz", 4);
    reader in{data};
    CHECK(in.u8() == 1);
    CHECK(in.ok());
    CHECK_FALSE(in.complete());
    CHECK(in.remainder() == "xyz");
    CHECK(in.complete());
}

TEST_CASE("a writer that reuses a buffer starts empty", "[wire]")
{
    writer out{bytes("old")};
    CHECK(out.size() == 0);
    CHECK(out.u8(9).view() == "\x09");
}

TEST_CASE("a record with one of everything goes round, and no truncation of it passes", "[wire]")
{
    auto const data = encoded(sample);
    reader in{data};
    CHECK(read_everything(in) == sample);
    CHECK(in.complete());
    for (std::size_t size = 0; size < data.size(); ++size) {
        reader cut{bytes_view{data}.substr(0, size)};
        (void)read_everything(cut);
        CHECK_FALSE(cut.ok());
    }
}

TEST_CASE("octets from nowhere never read past the end", "[wire]")
{
    drover::random_stream random{1};
    auto const valid = encoded(sample);
    for (int round = 0; round < 20'000; ++round) {
        auto data = valid;
        if (round % 2 == 0) {
            data[random.below(data.size())] ^= static_cast<char>(1 << random.below(8));
        } else {
            data.resize(random.below(60));
            for (auto& octet : data)
                octet = static_cast<char>(random.next());
        }
        // On the heap and exact, so that a sanitizer sees one octet too many.
        std::vector<char> const exact(data.begin(), data.end());
        reader in{bytes_view{exact.data(), exact.size()}};
        auto const value = read_everything(in);
        CHECK(value.text.size() <= 100);
        CHECK(value.list.size() <= exact.size());
    }
}
