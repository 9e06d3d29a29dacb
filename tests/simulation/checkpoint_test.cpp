// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Checkpoints never regress: children save far more often than can be acknowledged, while nodes crash, come and go, and links are
// cut; each new instance sees at least what was acknowledged to the ones before it.

#include <drover/simulation.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::duration;
using drover::error_code;
using supervisor = drover::distributed_supervisor<drover::in_memory_transport>;

#if defined(DROVER_TEST_SEEDS)
constexpr std::uint64_t seeds_count = DROVER_TEST_SEEDS < 40 ? DROVER_TEST_SEEDS : 40;
#else
constexpr std::uint64_t seeds_count = 40;
#endif

constexpr std::uint32_t schema = 7;

/// What was acknowledged, and what instances saw.
struct ledger {
    std::map<std::string, std::uint64_t> acknowledged;
    std::map<std::string, std::map<void const*, std::uint64_t>> counts; ///< of those that run
    std::set<std::string> cut_off;                                      ///< nodes that are with too few to know
    std::vector<std::string> violations;
    std::uint64_t restored_count = 0;
    std::uint64_t saved_count = 0;
    std::uint64_t answered_count = 0; ///< or given up with its node
};

/// Saves many times a turn.
class busy_child {
public:
    static constexpr std::uint32_t schema_version = schema;

    busy_child(drover::child_context own, ledger& book) : context_{std::move(own)}, book_{&book} {}
    busy_child(busy_child&&) = delete;
    ~busy_child() { book_->counts[context_.id()].erase(this); }

    void restore(drover::bytes_view state, std::uint32_t version)
    {
        count_ = std::stoull(std::string{state});
        ++book_->restored_count;
        if (version != schema)
            book_->violations.push_back(context_.id() + ": its state comes with schema version " + std::to_string(version));
    }

    void on_start()
    {
        book_->counts[context_.id()][this] = count_;
        auto const acknowledged = book_->acknowledged[context_.id()];
        if (count_ < acknowledged && !book_->cut_off.contains(context_.node()))
            book_->violations.push_back(context_.id() + " starts on " + context_.node() + " with " + std::to_string(count_)
                + ", and " + std::to_string(acknowledged) + " was acknowledged");
        burst();
    }

    drover::bytes save() const { return std::to_string(count_); }

private:
    void burst()
    {
        for (std::uint64_t left = 1 + count_ % 23; left > 0; --left) {
            ++count_;
            ++book_->saved_count;
            context_.checkpoint(std::to_string(count_), [book = book_, id = context_.id(), count = count_](error_code code) {
                ++book->answered_count;
                if (!code)
                    book->acknowledged[id] = std::max(book->acknowledged[id], count);
            });
        }
        book_->counts[context_.id()][this] = count_;
        context_.after(std::chrono::milliseconds{1 + count_ % 71}, [this] { burst(); });
    }

    drover::child_context context_;
    ledger* book_;
    std::uint64_t count_ = 0;
};

class run {
public:
    explicit run(std::uint64_t seed) : world_{seed}, draw_{seed, 11}
    {
        world_.network().loss_per_million = draw_.chance(300'000) ? static_cast<std::uint32_t>(draw_.below(50'000)) : 0;
    }

    ~run()
    {
        for (auto const& name : names_)
            world_.crash(name);
    }

    std::vector<std::string> play()
    {
        for (auto const& name : names_)
            start(name);
        world_.run_for(3s);
        for (int i = 0; i < 4; ++i)
            nodes_["n1"]->async_start_child({.id = "child-" + std::to_string(i), .type = "busy"}, [](error_code, auto const&) {});
        world_.run_for(1s);
        for (int step = 0; step < 6 && book_.violations.empty(); ++step) {
            disturb();
            world_.run_for(5s); // whoever returned with nothing is level again
            judge();
        }
        return book_.violations;
    }

    [[nodiscard]] ledger const& book() const { return book_; }

private:
    void start(std::string const& name)
    {
        drover::node_options node{.name = name, .listen = name, .seeds = names_};
        auto made = std::make_unique<supervisor>(world_, node);
        made->add_child_type("busy", [this](drover::child_context context) { return busy_child{std::move(context), book_}; });
        made->async_start([](error_code) {});
        nodes_[name] = std::move(made);
    }

    void disturb()
    {
        auto const& name = names_[draw_.below(names_.size())];
        auto const length = draw_.between(duration{100ms}, duration{4s});
        switch (draw_.below(3)) {
        case 0:
            world_.crash(name);
            nodes_.erase(name);
            world_.run_for(length);
            return start(name);
        case 1: {
            auto gone = false;
            nodes_[name]->async_stop([&](error_code) { gone = true; });
            if (!world_.run_until([&] { return gone; }, 25s))
                book_.violations.push_back(name + " does not stop");
            nodes_.erase(name);
            world_.run_for(length);
            return start(name);
        }
        default: return split(length);
        }
    }

    void split(duration length)
    {
        auto others = names_;
        for (auto i = others.size(); i > 1; --i)
            std::swap(others[i - 1], others[draw_.below(i)]);
        auto const few = static_cast<std::ptrdiff_t>(1 + draw_.below(2));
        book_.cut_off.insert(others.begin(), others.begin() + few);
        world_.partition({{others.begin(), others.begin() + few}, {others.begin() + few, others.end()}});
        world_.run_for(length);
        world_.heal();
        world_.run_for(3s); // until those that were cut off know better
        book_.cut_off.clear();
    }

    void judge()
    {
        for (auto const& [id, acknowledged] : book_.acknowledged) {
            auto const& instances = book_.counts[id];
            if (instances.size() != 1)
                book_.violations.push_back(id + ": " + std::to_string(instances.size()) + " instances");
            else if (instances.begin()->second < acknowledged)
                book_.violations.push_back(id + " has " + std::to_string(instances.begin()->second) + ", and "
                    + std::to_string(acknowledged) + " was acknowledged");
        }
    }

    drover::simulation::world world_;
    drover::random_stream draw_;
    ledger book_; // outlives the children
    std::vector<std::string> const names_{"n1", "n2", "n3", "n4", "n5"};
    std::map<std::string, std::unique_ptr<supervisor>> nodes_;
};

} // namespace

TEST_CASE("what a new instance sees is at least what was acknowledged, however often children save")
{
    std::uint64_t restored = 0;
    for (std::uint64_t seed = 1; seed <= seeds_count; ++seed) {
        run one{seed};
        INFO("seed " << seed);
        CHECK(one.play() == std::vector<std::string>{});
        CHECK(one.book().acknowledged.size() == 4);
        CHECK(one.book().answered_count > one.book().saved_count / 2);
        restored += one.book().restored_count;
    }
    CHECK(restored > 3 * seeds_count);
}
