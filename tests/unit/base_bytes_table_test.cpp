// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/base/bytes_table.hpp>
#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <map>
#include <string>
#include <utility>

using drover::bytes_table;

TEST_CASE("a table of octet strings finds what was inserted, once", "[base]")
{
    bytes_table<int> table;
    CHECK(table.find("a") == nullptr);
    CHECK_FALSE(table.erase("a"));
    auto const [made, is_new] = table.insert("a");
    CHECK(is_new);
    CHECK(made->key == "a");
    CHECK(made->value == 0);
    made->value = 7;
    auto const [again, is_new_again] = table.insert("a");
    CHECK_FALSE(is_new_again);
    CHECK(again == made);
    CHECK(table.find("a")->value == 7);
    CHECK(table.find("b") == nullptr);
    CHECK(table.find("") == nullptr);
    CHECK(table.size() == 1);
    CHECK(table.erase(made->key));
    CHECK(table.find("a") == nullptr);
    CHECK(table.size() == 0);
}

TEST_CASE("a table keeps keys of any length and content, and gives back their octets", "[base]")
{
    bytes_table<std::string> table;
    for (std::size_t size = 0; size < 300; ++size) {
        std::string key(size, '\0');
        table.insert(key).first->value = key + "value";
    }
    for (std::size_t size = 0; size < 300; ++size) {
        auto const* const found = table.find(std::string(size, '\0'));
        REQUIRE(found != nullptr);
        drover::bytes const copied = found->key;
        CHECK(copied == std::string(size, '\0'));
        CHECK(found->value == copied + "value");
    }
}

TEST_CASE("nodes stay where they are while a table grows and others are erased", "[base]")
{
    bytes_table<int> table;
    auto* const first = table.insert("first").first;
    first->value = 42;
    for (int i = 0; i < 10'000; ++i)
        table.insert(std::to_string(i));
    for (int i = 0; i < 10'000; i += 2)
        REQUIRE(table.erase(std::to_string(i)));
    CHECK(table.find("first") == first);
    CHECK(first->value == 42);
    CHECK(table.size() == 5'001);
}

// Few keys in a small table: searches run into one another, and around the end.
TEST_CASE("a table of octet strings does as a map does", "[base]")
{
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
        drover::random_stream random{seed};
        bytes_table<std::uint64_t> table;
        std::map<std::string, std::uint64_t> model;
        for (std::uint64_t step = 0; step < 2'000; ++step) {
            auto const key = std::to_string(random.below(40));
            if (random.below(2) == 0) {
                table.insert(key).first->value = step;
                model[key] = step;
            } else {
                REQUIRE(table.erase(key) == (model.erase(key) == 1));
            }
            REQUIRE(table.size() == model.size());
        }
        for (int i = 0; i < 40; ++i) {
            auto const key = std::to_string(i);
            auto const* const found = table.find(key);
            REQUIRE((found != nullptr) == model.contains(key));
            if (found != nullptr)
                REQUIRE(found->value == model[key]);
        }
        std::map<std::string, std::uint64_t> visited;
        table.for_each([&](auto const& each) { visited.emplace(each.key, each.value); });
        REQUIRE(visited == model);
    }
}

TEST_CASE("a table is moved with its nodes", "[base]")
{
    bytes_table<int> table;
    auto* const node = table.insert("a").first;
    node->value = 7;
    bytes_table<int> moved{std::move(table)};
    CHECK(moved.find("a") == node);
    CHECK(moved.size() == 1);
    bytes_table<int> other;
    other.insert("b");
    other.insert("c");
    other = std::move(moved);
    CHECK(other.find("a") == node);
    CHECK(other.find("b") == nullptr);
    CHECK(other.size() == 1);
}
