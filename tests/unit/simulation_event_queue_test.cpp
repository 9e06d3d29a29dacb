// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/simulation/event_queue.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace {

using drover::duration;
using drover::time_point;
using drover::simulation::event_handle;
using drover::simulation::event_queue;

time_point at(std::int64_t nanoseconds) { return time_point{duration{nanoseconds}}; }

template <class Payload>
std::optional<Payload> pop(event_queue<Payload>& queue)
{
    return queue.empty() ? std::nullopt : queue.release(queue.take_front());
}

TEST_CASE("an event queue gives events in the order of their times, and of pushing where times are equal")
{
    event_queue<int> queue;
    queue.push(at(30), 5);
    queue.push(at(10), 1);
    queue.push(at(20), 3);
    queue.push(at(10), 2);
    queue.push(at(20), 4);
    CHECK(queue.front_time() == at(10));
    for (int expected = 1; expected <= 5; ++expected)
        CHECK(pop(queue) == expected);
    CHECK(queue.empty());
}

TEST_CASE("a cancelled event never comes out, and its handle is spent")
{
    event_queue<int> queue;
    auto const first = queue.push(at(1), 1);
    queue.push(at(2), 2);
    CHECK(queue.cancel(first));
    CHECK_FALSE(queue.cancel(first));
    CHECK(queue.front_time() == at(2));
    CHECK(pop(queue) == 2);
    CHECK(queue.empty());

    // The slot is used again; the old handle does not name its new event.
    queue.push(at(3), 3);
    queue.push(at(4), 4);
    CHECK_FALSE(queue.cancel(first));
    CHECK_FALSE(queue.cancel(event_handle{}));
    CHECK(pop(queue) == 3);
    CHECK(pop(queue) == 4);
}

TEST_CASE("an event that was taken can still be cancelled until it is released")
{
    event_queue<int> queue;
    auto const handle = queue.push(at(1), 1);
    auto const slot = queue.take_front();
    CHECK(queue.empty());
    CHECK(queue.payload(slot) == 1);
    CHECK(queue.cancel(handle));
    CHECK(queue.release(slot) == std::nullopt);

    auto const other = queue.push(at(1), 2);
    CHECK(queue.release(queue.take_front()) == 2);
    CHECK_FALSE(queue.cancel(other));
}

TEST_CASE("cancelling and clearing destroy payloads at once")
{
    auto const owned = std::make_shared<int>(7);
    event_queue<std::shared_ptr<int>> queue;
    auto const handle = queue.push(at(1), std::shared_ptr{owned});
    queue.push(at(2), std::shared_ptr{owned});
    CHECK(owned.use_count() == 3);
    queue.cancel(handle);
    CHECK(owned.use_count() == 2);
    queue.clear();
    CHECK(owned.use_count() == 1);
    CHECK(queue.empty());
}

TEST_CASE("a payload's destructor may cancel another event")
{
    struct canceller {
        event_queue<std::shared_ptr<canceller>>* queue;
        event_handle other;
        ~canceller() { queue->cancel(other); }
    };
    event_queue<std::shared_ptr<canceller>> queue;
    auto const inner = queue.push(at(1), std::shared_ptr<canceller>{new canceller{&queue, {}}});
    auto const outer = queue.push(at(2), std::shared_ptr<canceller>{new canceller{&queue, inner}});
    CHECK(queue.cancel(outer));
    CHECK(queue.empty());
    CHECK_FALSE(queue.cancel(inner));
}

TEST_CASE("over a long random mix an event queue agrees with an ordered map")
{
    drover::random_stream random{7};
    event_queue<std::uint64_t> queue;
    std::map<std::pair<std::int64_t, std::uint64_t>, event_handle> model; // (time, number) in the order in which they are due
    std::int64_t now = 0;
    for (std::uint64_t number = 0; number < 60'000; ++number) {
        auto const due = now + static_cast<std::int64_t>(random.below(50));
        model.emplace(std::pair{due, number}, queue.push(at(due), std::uint64_t{number}));
        if (random.chance(600'000)) { // most are cancelled, so that the heap is rebuilt now and then
            auto const victim = model.lower_bound({now + static_cast<std::int64_t>(random.below(50)), 0});
            if (victim != model.end()) {
                REQUIRE(queue.cancel(victim->second));
                model.erase(victim);
            }
        }
        if (random.chance(number < 40'000 ? 100'000 : 700'000) && !model.empty()) {
            now = model.begin()->first.first;
            REQUIRE(queue.front_time() == at(now));
            REQUIRE(pop(queue) == model.begin()->first.second);
            model.erase(model.begin());
        }
    }
    for (auto const& [key, handle] : model)
        REQUIRE(pop(queue) == key.second);
    CHECK(queue.empty());
}

} // namespace
