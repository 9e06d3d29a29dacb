// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/base/function_table.hpp>
#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

using drover::function_table;

TEST_CASE("what waits under a number is taken once", "[base]")
{
    function_table<int()> table;
    CHECK_FALSE(table.take(1));
    table.add(1, [] { return 10; });
    table.add(5, [] { return 50; });
    CHECK(table.size() == 2);
    CHECK_FALSE(table.take(3));
    CHECK(table.take(5)() == 50);
    CHECK_FALSE(table.take(5));
    CHECK(table.size() == 1);
    CHECK(table.take(1)() == 10);
    CHECK(table.size() == 0);
    table.add(6, [] { return 60; });
    CHECK(table.take(6)() == 60);
}

TEST_CASE("what was taken is let go of at once", "[base]")
{
    function_table<void()> table;
    auto const held = std::make_shared<int>(0);
    for (std::uint64_t number = 1; number <= 10; ++number)
        table.add(number, [held] {});
    CHECK(held.use_count() == 11);
    (void)table.take(4);
    CHECK(held.use_count() == 10);
}

TEST_CASE("all that waits is taken in the order of the numbers, and what is added meanwhile stays", "[base]")
{
    function_table<int()> table;
    for (int number = 1; number <= 9; ++number)
        table.add(static_cast<std::uint64_t>(number), [number] { return number; });
    (void)table.take(2);
    std::vector<int> seen;
    table.take_all([&](auto& callable) {
        seen.push_back(callable());
        if (seen.size() == 1)
            table.add(10, [] { return 10; });
    });
    CHECK(seen == std::vector{1, 3, 4, 5, 6, 7, 8, 9});
    CHECK(table.size() == 1);
    CHECK_FALSE(table.take(3));
    CHECK(table.take(10)() == 10);
}

TEST_CASE("a table of callables does as a map does", "[base]")
{
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        drover::random_stream random{seed};
        function_table<std::uint64_t()> table;
        std::map<std::uint64_t, std::uint64_t> model;
        std::uint64_t last = 0;
        for (std::uint64_t step = 0; step < 2'000; ++step) {
            // Now it grows, now it shrinks, so that gaps are closed at all sizes.
            if (random.below(8) < (step / 250 % 2 == 0 ? 6U : 2U)) {
                last += 1 + random.below(3);
                table.add(last, [step] { return step; });
                model.emplace(last, step);
            } else {
                auto const number = random.below(last + 2);
                auto taken = table.take(number);
                auto const expected = model.extract(number);
                REQUIRE(static_cast<bool>(taken) == !expected.empty());
                if (taken)
                    REQUIRE(taken() == expected.mapped());
            }
            REQUIRE(table.size() == model.size());
        }
        auto wanted = model.begin();
        table.take_all([&](auto& callable) {
            REQUIRE(wanted != model.end());
            REQUIRE(callable() == wanted->second);
            ++wanted;
        });
        REQUIRE(wanted == model.end());
    }
}
