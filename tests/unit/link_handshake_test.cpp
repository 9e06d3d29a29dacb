// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/link/address.hpp>
#include <drover/link/backoff.hpp>
#include <drover/link/handshake.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <utility>
#include <variant>

using namespace drover;
using namespace drover::link;

namespace {

handshake_identity identity(std::string cluster, std::string name, incarnation_number incarnation)
{
    auto address = name + ":1";
    return {std::move(cluster), {{std::move(name), incarnation}, std::move(address)}};
}

hello hello_of(std::string cluster, std::string name, incarnation_number incarnation)
{
    return {identity(std::move(cluster), std::move(name), incarnation), 7, true};
}

refusal refused(std::variant<hello, refusal> const& outcome)
{
    REQUIRE(std::holds_alternative<refusal>(outcome));
    return std::get<refusal>(outcome);
}

auto const self = identity("shop", "alpha", 10);

} // namespace

TEST_CASE("an address is a host and a port")
{
    CHECK(parse_address("example.org:80") == address{"example.org", 80});
    CHECK(parse_address("127.0.0.1:0") == address{"127.0.0.1", 0});
    CHECK(parse_address("node_1-b:65535") == address{"node_1-b", 65'535});
    CHECK(parse_address("[::1]:7000") == address{"::1", 7000});
    CHECK(parse_address("[fe80::1%eth0]:7000") == address{"fe80::1%eth0", 7000});
}

TEST_CASE("what is not an address is refused")
{
    for (auto const* const text : {"", ":", "host", "host:", ":80", "host:65536", "host:99999999999", "host:-1", "host:+1",
             "host:8 0", "::1:80", "[]:80", "[::1]", "[::1:80", "ho st:80", "host/x:80", "ho\nst:80", "[a b]:1"})
        CHECK_FALSE(parse_address(text));
    CHECK(parse_address(std::string(limits::address_size_max - 3, 'a') + ":80"));
    CHECK_FALSE(parse_address(std::string(limits::address_size_max - 2, 'a') + ":80"));
}

TEST_CASE("an address is written as it is read")
{
    for (auto const* const text : {"example.org:80", "[::1]:7000", "10.0.0.1:1"})
        CHECK(to_string(parse_address(text).value()) == text);
}

TEST_CASE("a hello arrives as it was sent")
{
    auto sent = hello_of("shop", "beta", 99);
    sent.identity.version_newest = 4;
    auto const outcome = decode_hello(encode(sent), self);
    REQUIRE(std::holds_alternative<hello>(outcome));
    auto const& got = std::get<hello>(outcome);
    CHECK(got.identity.cluster_name == "shop");
    CHECK(got.identity.self == sent.identity.self);
    CHECK(got.identity.version_oldest == 1);
    CHECK(got.identity.version_newest == 4);
    CHECK(got.attempt == 7);
    CHECK(got.insist);
}

TEST_CASE("an answer arrives as it was sent")
{
    auto const yes = decode_answer(encode(welcome{3, self.self}));
    REQUIRE(yes);
    CHECK(std::get<welcome>(*yes).version == 3);
    CHECK(std::get<welcome>(*yes).self == self.self);
    auto const no = decode_answer(encode(refusal{refusal_kind::duplicate, errc::name_in_use, "go away", self.self}));
    REQUIRE(no);
    CHECK(std::get<refusal>(*no).kind == refusal_kind::duplicate);
    CHECK(std::get<refusal>(*no).code == errc::name_in_use);
    CHECK(std::get<refusal>(*no).sentence == "go away");
    CHECK(std::get<refusal>(*no).self == self.self);
}

TEST_CASE("a later version may append to handshake frames")
{
    CHECK(std::holds_alternative<hello>(decode_hello(encode(hello_of("shop", "beta", 1)) + "more", self)));
    CHECK(decode_answer(encode(welcome{1, self.self}) + "more"));
    CHECK(decode_answer(encode(refusal{refusal_kind::rejected, errc::success, "no", self.self}) + "more"));
}

TEST_CASE("a frame that was cut short is no handshake, wherever it was cut")
{
    auto const greeting = encode(hello_of("shop", "beta", 300));
    for (std::size_t size = 0; size < greeting.size(); ++size)
        CHECK(std::holds_alternative<refusal>(decode_hello(bytes_view{greeting}.substr(0, size), self)));
    for (auto const& answer : {encode(welcome{1, self.self}), encode(refusal{{}, errc::success, "no", self.self})})
        for (std::size_t size = 0; size < answer.size(); ++size)
            CHECK_FALSE(decode_answer(bytes_view{answer}.substr(0, size)));
}

TEST_CASE("octets that mean nothing are refused with a sentence")
{
    CHECK(refused(decode_hello("GET / HTTP/1.1\r\n", self)).sentence.find("not a Drover hello") != std::string::npos);
    auto wrong_magic = encode(hello_of("shop", "beta", 1));
    wrong_magic[3] = 'X';
    CHECK(refused(decode_hello(wrong_magic, self)).code == errc::version_mismatch);
    CHECK(std::holds_alternative<refusal>(decode_hello(encode(welcome{1, self.self}), self)));
    CHECK(std::holds_alternative<refusal>(decode_hello(encode(hello_of("shop", "", 1)), self)));
    CHECK_FALSE(decode_answer(encode(hello_of("shop", "beta", 1))));
    random_stream random{1};
    for (int i = 0; i < 20'000; ++i) {
        bytes noise = i % 2 == 0 ? "DRVR" + std::string(1, static_cast<char>(1 + i % 3)) : std::string{};
        for (auto left = random.below(60); left > 0; --left)
            noise.push_back(static_cast<char>(random.next()));
        static_cast<void>(decode_hello(noise, self));
        static_cast<void>(decode_answer(noise));
    }
}

TEST_CASE("a handshake frame over its limit is refused")
{
    auto const padded = encode(hello_of("shop", "beta", 1)) + std::string(limits::handshake_size_max, 'x');
    CHECK(std::holds_alternative<refusal>(decode_hello(padded, self)));
    CHECK_FALSE(decode_answer(encode(welcome{1, self.self}) + std::string(limits::handshake_size_max, 'x')));
}

TEST_CASE("a refusal's sentence is bounded and harmless to a terminal")
{
    auto const no = decode_answer(encode(refusal{{}, errc::success, std::string(5'000, 'x'), self.self}));
    REQUIRE(no);
    CHECK(std::get<refusal>(*no).sentence.size() == limits::reason_size_max);
    auto const colours = decode_answer(encode(refusal{{}, errc::success, "\x1b[31mred\n", self.self}));
    REQUIRE(colours);
    CHECK(std::get<refusal>(*colours).sentence == "?[31mred?");
}

TEST_CASE("two nodes speak the smaller of their newest versions")
{
    auto one = self;
    auto other = self;
    auto const with = [&](std::uint64_t a, std::uint64_t b, std::uint64_t c, std::uint64_t d) {
        one.version_oldest = a;
        one.version_newest = b;
        other.version_oldest = c;
        other.version_newest = d;
        return negotiate(one, other);
    };
    CHECK(with(1, 3, 2, 5) == 3u);
    CHECK(with(2, 5, 1, 3) == 3u);
    CHECK(with(2, 2, 2, 2) == 2u);
    CHECK(with(1, 2, 2, 9) == 2u);
    CHECK_FALSE(with(1, 2, 3, 4));
    CHECK_FALSE(with(3, 4, 1, 2));
}

TEST_CASE("disjoint versions are named, even when the rest of the hello cannot be read")
{
    auto theirs = hello_of("shop", "beta", 1);
    theirs.identity.version_oldest = 8;
    theirs.identity.version_newest = 9;
    auto const whole = encode(theirs);
    for (auto const& frame : {whole, whole.substr(0, 7) + "\xff\xff of the future"}) {
        auto const no = refused(decode_hello(frame, self));
        CHECK(no.code == errc::version_mismatch);
        CHECK(no.sentence == "this node speaks wire versions 1 to 1, you speak 8 to 9");
    }
    CHECK(verify(theirs, self, std::nullopt)->code == errc::version_mismatch);
}

TEST_CASE("a caller that fits is let in") { CHECK_FALSE(verify(hello_of("shop", "beta", 5), self, std::nullopt)); }

TEST_CASE("another cluster is named")
{
    auto const no = verify(hello_of("bank", "beta", 5), self, std::nullopt);
    REQUIRE(no);
    CHECK(no->code == errc::cluster_mismatch);
    CHECK(no->kind == refusal_kind::rejected);
    CHECK(no->sentence == "this is cluster 'shop', you are 'bank'");
    CHECK(no->self == self.self);
}

TEST_CASE("a node recognises itself")
{
    auto const no = verify(hello_of("shop", "alpha", 10), self, std::nullopt);
    REQUIRE(no);
    CHECK(no->kind == refusal_kind::itself);
    CHECK(no->code == errc::success);
    CHECK(no->sentence == "this is this node itself");
}

TEST_CASE("a node keeps its own name, older or newer the other may be")
{
    for (incarnation_number const other : {9u, 11u}) {
        auto const no = verify(hello_of("shop", "alpha", other), self, std::nullopt);
        REQUIRE(no);
        CHECK(no->code == errc::name_in_use);
        CHECK(no->sentence == "the name 'alpha' is in use by incarnation 10, you are incarnation " + std::to_string(other));
    }
}

TEST_CASE("of one name the newer incarnation counts")
{
    CHECK_FALSE(verify(hello_of("shop", "beta", 5), self, 4));
    CHECK_FALSE(verify(hello_of("shop", "beta", 5), self, 5));
    auto const no = verify(hello_of("shop", "beta", 5), self, 6);
    REQUIRE(no);
    CHECK(no->code == errc::name_in_use);
    CHECK(no->sentence == "the name 'beta' is in use by incarnation 6, you are incarnation 5");
}

TEST_CASE("backoff doubles up to its bound")
{
    using std::chrono::milliseconds;
    duration const min = milliseconds{50};
    duration const max = milliseconds{5'000};
    CHECK(backoff_ceiling(1, min, max) == milliseconds{100});
    CHECK(backoff_ceiling(2, min, max) == milliseconds{200});
    CHECK(backoff_ceiling(6, min, max) == milliseconds{3'200});
    CHECK(backoff_ceiling(7, min, max) == max);
    CHECK(backoff_ceiling(4'000'000'000, min, max) == max);
    CHECK(backoff_ceiling(70, duration{1}, duration::max()) == duration::max());
    CHECK(backoff_ceiling(3, duration{0}, max) == duration{4});
    CHECK(backoff_ceiling(3, max, max) == max);
}

TEST_CASE("backoff is spread over its whole range")
{
    using std::chrono::milliseconds;
    duration const min = milliseconds{50};
    duration const max = milliseconds{5'000};
    random_stream random{42};
    int low = 0;
    int high = 0;
    for (int i = 0; i < 1'000; ++i) {
        auto const delay = backoff_delay(3, min, max, random);
        REQUIRE(delay >= min);
        REQUIRE(delay <= milliseconds{400});
        low += delay < milliseconds{100} ? 1 : 0;
        high += delay > milliseconds{350} ? 1 : 0;
    }
    CHECK(low > 80);
    CHECK(high > 80);
}
