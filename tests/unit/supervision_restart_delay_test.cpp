// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include <drover/base/random.hpp>
#include <drover/supervision/restart_delay.hpp>

#include <catch2/catch_test_macros.hpp>

using drover::duration;
using drover::restart_backoff;
using drover::supervision::restart_delay;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

TEST_CASE("the first restart is immediate; then the wait doubles up to its bound", "[supervision]")
{
    restart_backoff const backoff{milliseconds{100}, seconds{1}, 0, seconds{30}};
    CHECK(restart_delay(backoff, 0, 7) == duration::zero());
    CHECK(restart_delay(backoff, 1, 7) == duration::zero());
    CHECK(restart_delay(backoff, 2, 7) == milliseconds{100});
    CHECK(restart_delay(backoff, 3, 7) == milliseconds{200});
    CHECK(restart_delay(backoff, 4, 7) == milliseconds{400});
    CHECK(restart_delay(backoff, 5, 7) == milliseconds{800});
    CHECK(restart_delay(backoff, 6, 7) == seconds{1});
    CHECK(restart_delay(backoff, 4'000'000'000U, 7) == seconds{1});
}

TEST_CASE("OTP's immediate restarts never wait", "[supervision]")
{
    for (std::uint32_t failures = 0; failures < 100; ++failures)
        CHECK(restart_delay(drover::immediate_restarts, failures, failures) == duration::zero());
}

TEST_CASE("jitter shortens a wait by up to its share, and uses all of it", "[supervision]")
{
    drover::random_stream random{1};
    restart_backoff const backoff{milliseconds{100}, seconds{1}, 30, seconds{30}};
    auto least = duration::max();
    auto most = duration::min();
    for (int i = 0; i < 10'000; ++i) {
        auto const delay = restart_delay(backoff, 2, random.next());
        least = std::min(least, delay);
        most = std::max(most, delay);
    }
    CHECK(least >= milliseconds{70});
    CHECK(least < milliseconds{71});
    CHECK(most <= milliseconds{100});
    CHECK(most > milliseconds{99});
}

TEST_CASE("the longest waits do not overflow", "[supervision]")
{
    restart_backoff const backoff{hours{24}, hours{24}, 100, hours{24}};
    for (std::uint64_t random : {std::uint64_t{0}, std::uint64_t{1'024}, ~std::uint64_t{0}}) {
        auto const delay = restart_delay(backoff, ~std::uint32_t{0}, random);
        CHECK(delay >= duration::zero());
        CHECK(delay <= hours{24});
    }
}
