// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/journal_runner.hpp>

#include <drover/simulation/runtime.hpp>
#include <drover/simulation/world.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace drover;
using namespace std::chrono_literals;
using simulation::runtime;
using simulation::world;

using names = std::vector<std::string>;

/// A journal that does what it is told, and notes what it was asked.
struct scripted_journal {
    static constexpr bool durable = true;

    journal_failure open(journal_identity const& who, journal_contents& contents)
    {
        asked.push_back("open " + who.scope + " on " + who.node);
        is_open = open_failure.code == errc::success;
        contents.origins.resize(3);
        return open_failure;
    }

    journal_failure commit(journal_batch const& batch)
    {
        CHECK(is_open);
        asked.push_back("commit " + std::to_string(batch.number));
        if (failures == 0)
            return {};
        --failures;
        return {errc::journal_full, "there is no room"};
    }

    void close()
    {
        asked.push_back("close");
        is_open = false;
    }

    names asked;
    int failures = 0; // that commits meet from now on
    journal_failure open_failure;
    bool is_open = false;
};
static_assert(journal<scripted_journal>);

/// A node that has a journal.
struct station final : detail::journal_user {
    using runner_type = detail::journal_runner<runtime, scripted_journal>;

    explicit station(world& in) : now_in{&in}, runner{runtime{in, "a"}, journal} {}

    void on_committed(std::uint64_t number) override
    {
        told.push_back("committed " + std::to_string(number));
        give_next();
    }
    void on_commit_failed(std::string_view reason) override
    {
        told.push_back("failed: " + std::string{reason});
        times.push_back(now_in->now());
    }
    std::optional<journal_batch> next_batch() override
    {
        if (waiting.empty())
            return std::nullopt;
        journal_batch batch;
        batch.number = waiting.front();
        waiting.pop_front();
        return batch;
    }

    void give_next()
    {
        if (closing)
            return;
        if (auto next = next_batch())
            runner.commit(std::move(*next));
    }

    world* now_in;
    std::shared_ptr<scripted_journal> journal = std::make_shared<scripted_journal>();
    runner_type runner;
    names told;
    std::vector<time_point> times;
    std::deque<std::uint64_t> waiting;
    bool closing = false;
};

std::shared_ptr<station> make_station(world& in) { return std::make_shared<station>(in); }

void open(std::shared_ptr<station> const& which)
{
    which->runner.open({"a", "orders"}, which, [&told = which->told](journal_failure failure, journal_contents contents) {
        told.push_back(failure ? "refused: " + failure.reason : "opened with " + std::to_string(contents.origins.size()));
    });
}

/// One that is open.
std::shared_ptr<station> opened(world& in)
{
    auto made = make_station(in);
    open(made);
    in.run_for(10ms);
    REQUIRE(made->told == names{"opened with 3"});
    made->told.clear();
    return made;
}

void close(std::shared_ptr<station> const& which)
{
    which->closing = true;
    which->runner.close([which] { which->told.push_back("closed"); });
}

TEST_CASE("a journal is opened, written one batch after the other, and closed, all beside the strand")
{
    world w{1};
    auto const a = make_station(w);
    open(a);
    CHECK(a->told.empty());
    CHECK(a->journal->asked.empty());
    w.run_for(10ms);
    a->waiting = {1, 2, 3};
    a->give_next();
    CHECK(a->journal->asked.size() == 1); // not within the call
    w.run_for(10ms);
    close(a);
    w.run_for(10ms);
    CHECK(a->told == names{"opened with 3", "committed 1", "committed 2", "committed 3", "closed"});
    CHECK(a->journal->asked == names{"open orders on a", "commit 1", "commit 2", "commit 3", "close"});
}

TEST_CASE("a journal that could not be opened says why, and may be opened again")
{
    world w{1};
    auto const a = make_station(w);
    a->journal->open_failure = {errc::journal_in_use, "another has it"};
    open(a);
    w.run_for(10ms);
    close(a);
    w.run_for(10ms);
    a->journal->open_failure = {};
    open(a);
    w.run_for(10ms);
    CHECK(a->told == names{"refused: another has it", "closed", "opened with 3"});
}

TEST_CASE("a commit that failed is tried again, after a growing while, before all others")
{
    world w{1};
    auto const a = opened(w);
    a->journal->failures = 9;
    a->waiting = {1, 2};
    a->give_next();
    w.run_for(1min);
    CHECK(a->told.size() == 11);
    CHECK(a->told.front() == "failed: there is no room");
    CHECK(a->told[9] == "committed 1");
    CHECK(a->told[10] == "committed 2");
    std::vector<duration> waited;
    for (std::size_t i = 1; i < a->times.size(); ++i)
        waited.push_back(a->times[i] - a->times[i - 1] - w.offload_latency());
    CHECK(waited == std::vector<duration>{100ms, 200ms, 400ms, 800ms, 1600ms, 3200ms, 5s, 5s});

    a->journal->failures = 1; // the while is short again
    a->times.clear();
    a->waiting = {3};
    a->give_next();
    w.run_for(150ms);
    CHECK(a->told.back() == "committed 3");
}

TEST_CASE("closing waits for the commit that is under way, and commits what is left")
{
    world w{1};
    auto const a = opened(w);
    a->waiting = {1, 2, 3};
    a->give_next();
    close(a);
    close(a); // whoever asks is told
    CHECK(a->told.empty());
    w.run_for(1s);
    CHECK(a->told == names{"committed 1", "committed 2", "committed 3", "closed", "closed"});
    CHECK(std::count(a->journal->asked.begin(), a->journal->asked.end(), "commit 2") == 1);
    CHECK_FALSE(a->journal->is_open);
}

TEST_CASE("closing tries a batch that fails once more, and then closes without it")
{
    world w{1};
    auto const a = opened(w);
    a->journal->failures = 1'000;
    a->waiting = {1, 2};
    a->give_next();
    w.run_for(350ms); // three times
    REQUIRE(a->told.size() == 3);
    close(a);
    w.run_for(1min);
    CHECK(a->told
        == names{"failed: there is no room", "failed: there is no room", "failed: there is no room", "failed: there is no room",
            "closed"});
    CHECK(a->journal->asked.back() == "close");

    auto const b = opened(w);
    b->journal->failures = 1; // the one under way, as it is closed
    b->waiting = {1, 2};
    b->give_next();
    close(b);
    w.run_for(1min);
    CHECK(b->told == names{"failed: there is no room", "committed 1", "committed 2", "closed"});
}

TEST_CASE("what was never opened is closed at once; what is abandoned is closed soon, and nothing is told")
{
    world w{1};
    auto const never_opened = make_station(w);
    close(never_opened);
    CHECK(never_opened->told == names{"closed"});
    CHECK(never_opened->journal->asked.empty());
    never_opened->runner.abandon();

    auto const a = opened(w);
    a->journal->failures = 1'000;
    a->waiting = {1};
    a->give_next();
    w.run_for(50ms);
    a->told.clear();
    a->runner.abandon();
    w.run_for(1min);
    CHECK(a->told.empty());
    CHECK(a->journal->asked == names{"open orders on a", "commit 1", "close"});
    close(a); // who wants to know is told when it is closed
    w.run_for(10ms);
    CHECK(a->told == names{"closed"});
}

TEST_CASE("nothing is told to who is gone; what has begun is finished")
{
    world w{1};
    auto a = opened(w);
    auto const journal = a->journal;
    a->waiting = {1, 2};
    a->give_next();
    a.reset();
    w.run_for(1s);
    CHECK(journal->asked == names{"open orders on a", "commit 1"});
    CHECK(journal.use_count() == 1);

    auto b = opened(w);
    w.crash("a");
    b->waiting = {1};
    b->give_next();
    w.run_for(1s);
    CHECK(b->told.empty());
    CHECK(b->journal->asked.size() == 1);
}

} // namespace
