// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/supervision/restart_window.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace {

using drover::duration;
using drover::restart_intensity;
using drover::restart_rule;
using drover::time_point;
using drover::supervision::exit_kind;
using drover::supervision::restart_window;
using drover::supervision::restarts;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

time_point at(duration since_start) { return time_point{} + since_start; }

/// OTP's definition, without any forgetting: the restarts of the last period, this one included, are at most max_restarts.
class naive_window {
public:
    bool add_failure(restart_intensity const& intensity, time_point now)
    {
        all_.push_back(now);
        return std::count_if(all_.begin(), all_.end(), [&](auto then) { return now - then <= intensity.max_seconds; })
            <= intensity.max_restarts;
    }

private:
    std::vector<time_point> all_;
};

} // namespace

TEST_CASE("the table of restarts is that of OTP", "[supervision]")
{
    CHECK(restarts(restart_rule::permanent, exit_kind::normal));
    CHECK(restarts(restart_rule::permanent, exit_kind::failure));
    CHECK_FALSE(restarts(restart_rule::transient, exit_kind::normal));
    CHECK(restarts(restart_rule::transient, exit_kind::failure));
    CHECK_FALSE(restarts(restart_rule::temporary, exit_kind::normal));
    CHECK_FALSE(restarts(restart_rule::temporary, exit_kind::failure));
}

TEST_CASE("as many failures as allowed are within the intensity, and one more is not", "[supervision]")
{
    restart_window window;
    restart_intensity const three{3, seconds{5}};
    CHECK(window.add_failure(three, at(seconds{1})));
    CHECK(window.add_failure(three, at(seconds{1})));
    CHECK(window.add_failure(three, at(seconds{1})));
    CHECK_FALSE(window.add_failure(three, at(seconds{1})));
}

TEST_CASE("with no restarts allowed the first failure is too many", "[supervision]")
{
    restart_window window;
    CHECK_FALSE(window.add_failure({0, seconds{5}}, at(seconds{1})));
}

TEST_CASE("a failure as old as the period counts, and an older one does not", "[supervision]")
{
    restart_intensity const one{1, seconds{5}};
    restart_window exact;
    CHECK(exact.add_failure(one, at(seconds{10})));
    CHECK_FALSE(exact.add_failure(one, at(seconds{15})));
    restart_window older;
    CHECK(older.add_failure(one, at(seconds{10})));
    CHECK(older.add_failure(one, at(seconds{15} + nanoseconds{1})));
}

TEST_CASE("the window slides: what leaves it does not count again", "[supervision]")
{
    restart_intensity const two{2, seconds{10}};
    restart_window window;
    CHECK(window.add_failure(two, at(seconds{0})));
    CHECK(window.add_failure(two, at(seconds{9})));
    CHECK(window.add_failure(two, at(seconds{11})));       // that of 0 is gone
    CHECK_FALSE(window.add_failure(two, at(seconds{18}))); // those of 9 and 11 are not
}

TEST_CASE("a window agrees with the definition over random failures", "[supervision]")
{
    drover::random_stream random{7};
    for (int round = 0; round < 200; ++round) {
        restart_intensity const intensity{static_cast<std::uint32_t>(random.below(6)), seconds{random.between(1, 5)}};
        restart_window window;
        naive_window expected;
        auto now = at(seconds{100});
        for (int failure = 0; failure < 60; ++failure) {
            now += milliseconds{random.below(8) * 500};
            REQUIRE(window.add_failure(intensity, now) == expected.add_failure(intensity, now));
            REQUIRE(window.size() <= intensity.max_restarts + 1);
        }
    }
}

TEST_CASE("failures travel as ages to a node with another clock, and count there as here", "[supervision]")
{
    drover::random_stream random{8};
    for (int round = 0; round < 200; ++round) {
        restart_intensity const intensity{static_cast<std::uint32_t>(random.between(1, 4)), seconds{5}};
        duration const shift = std::chrono::hours{random.below(100)};
        restart_window stayed;
        restart_window moved;
        auto now = at(seconds{1'000'000});
        auto offset = duration::zero();
        for (int failure = 0; failure < 30; ++failure) {
            now += milliseconds{random.below(6) * 500};
            if (random.chance(300'000)) {
                auto const ages = moved.ages(now + offset);
                offset += shift;
                moved = restart_window{ages, now + offset};
            }
            REQUIRE(moved.add_failure(intensity, now + offset) == stayed.add_failure(intensity, now));
        }
    }
}

TEST_CASE("ages may come in any order", "[supervision]")
{
    auto const now = at(seconds{100});
    restart_window window{{seconds{1}, seconds{9}, seconds{4}}, now};
    CHECK(window.ages(now) == std::vector<duration>{seconds{9}, seconds{4}, seconds{1}});
    CHECK(window.ages(now + seconds{2}) == std::vector<duration>{seconds{11}, seconds{6}, seconds{3}});
    CHECK(window.add_failure({3, seconds{5}}, now)); // 4, 1 and this one
    CHECK_FALSE(window.add_failure({3, seconds{5}}, now));
}

TEST_CASE("a cleared window has forgotten all", "[supervision]")
{
    restart_window window{{seconds{1}, seconds{2}}, at(seconds{100})};
    CHECK(window.size() == 2);
    window.clear();
    CHECK(window.size() == 0);
    CHECK(window.add_failure({1, seconds{5}}, at(seconds{100})));
}

TEST_CASE("failures older than every period are not worth telling", "[supervision]")
{
    restart_window window;
    CHECK(window.add_failure({1'000, drover::limits::max_seconds_max}, at(seconds{0})));
    CHECK(window.ages(at(drover::limits::max_seconds_max)).size() == 1);
    CHECK(window.ages(at(drover::limits::max_seconds_max + seconds{1})).empty());
}
