// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A client writes on one node, carries the token of the answer to another, waits there, and reads.

#include <drover/simulation.hpp>

#include <boost/asio/use_future.hpp>
#include <catch2/catch_test_macros.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::child_ref;
using drover::errc;
using drover::error_code;
using drover::version_token;
using supervisor = drover::distributed_supervisor<drover::in_memory_transport>;

#if defined(DROVER_TEST_SEEDS)
constexpr std::uint64_t seeds_count = DROVER_TEST_SEEDS < 100 ? DROVER_TEST_SEEDS : 100;
#else
constexpr std::uint64_t seeds_count = 100;
#endif

struct idle_child {
    explicit idle_child(drover::child_context) {}
};

struct cluster {
    explicit cluster(std::size_t count, std::uint64_t seed = 1) : world{seed}
    {
        for (std::size_t i = 1; i <= count; ++i)
            names.push_back("n" + std::to_string(i));
        for (auto const& name : names) {
            drover::node_options node{.name = name, .listen = name, .seeds = names};
            nodes.push_back(std::make_unique<supervisor>(world, node));
            nodes.back()->add_child_type<idle_child>("idle");
            nodes.back()->async_start([](error_code) {});
        }
        world.run_for(3s);
    }

    supervisor& operator[](std::size_t index) { return *nodes[index]; }

    /// Runs a command to its end.
    template <class Command>
    std::pair<error_code, child_ref> ask(Command&& command)
    {
        std::optional<std::pair<error_code, child_ref>> answer;
        command([&](error_code code, child_ref ref) { answer.emplace(code, std::move(ref)); });
        REQUIRE(world.run_until([&] { return answer.has_value(); }, 30s));
        return *answer;
    }

    drover::simulation::world world;
    std::vector<std::string> names;
    std::vector<std::unique_ptr<supervisor>> nodes;
};

drover::child_spec spec_of(std::string id, std::uint64_t number)
{
    return {.id = std::move(id), .type = "idle", .arguments = std::to_string(number)};
}

/// Clients write on one node and read on another, while messages are lost and links are cut.
class clients {
public:
    explicit clients(std::uint64_t seed) : all_{5, seed}, draw_{seed, 7}
    {
        all_.world.network().loss_per_million = draw_.chance(500'000) ? static_cast<std::uint32_t>(draw_.below(100'000)) : 0;
    }

    std::vector<std::string> play()
    {
        for (int step = 0; step < 120; ++step) {
            if (draw_.chance(50'000))
                split_for_a_while();
            write("child-" + std::to_string(draw_.below(6)));
            all_.world.run_for(draw_.between(drover::duration{1ms}, drover::duration{300ms}));
        }
        all_.world.heal();
        all_.world.network().loss_per_million = 0;
        all_.world.run_for(25s);
        if (open_ != 0)
            violations_.push_back(std::to_string(open_) + " operations never completed");
        return violations_;
    }

    [[nodiscard]] std::size_t read_count() const { return read_count_; }

private:
    // What is known of a child. Operations on one follow each other, each where the one before was seen; once one is not
    // acknowledged, both sides of a split may have written, and nobody can say what is newer.
    struct known {
        bool busy = false;
        bool doubtful = false;
        bool present = false;
        std::uint64_t number = 0; ///< of the last write
        version_token written;
    };

    void split_for_a_while()
    {
        std::vector<std::vector<std::string>> sides(2);
        for (auto const& name : all_.names)
            sides[draw_.below(2)].push_back(name);
        all_.world.partition(sides);
        all_.world.after(draw_.between(drover::duration{100ms}, drover::duration{4s}), [this] { all_.world.heal(); });
    }

    void write(std::string const& id)
    {
        auto& child = children_[id];
        auto& node = all_[draw_.below(5)];
        if (child.busy || child.doubtful || !node.has_seen(child.written))
            return;
        child.busy = true;
        ++child.number;
        ++open_;
        auto const done = [this, id](bool present) {
            return [this, id, present](error_code code, child_ref const& ref) {
                --open_;
                auto& written = children_[id];
                written.busy = false;
                written.doubtful = code.failed();
                written.present = present;
                written.written = ref.written;
                if (!code)
                    read_elsewhere(id, ref, written.number, present);
            };
        };
        if (!child.present)
            node.async_start_child(spec_of(id, child.number), done(true));
        else if (draw_.chance(500'000))
            node.async_update_child(spec_of(id, child.number), done(true));
        else
            node.async_terminate_child(id, [&node, id, deleted = done(false)](error_code code, child_ref const& ref) {
                if (code)
                    return deleted(code, ref);
                node.async_delete_child(id, deleted);
            });
    }

    void read_elsewhere(std::string const& id, child_ref const& ref, std::uint64_t number, bool present)
    {
        auto const at = draw_.below(5);
        auto const token = drover::parse_version_token(to_string(ref.written)); // it comes by another way than ours
        if (!token)
            return violations_.push_back(id + ": the token is not read");
        ++open_;
        all_[at].async_wait_for(*token, [this, at, id, ref, number, present, written = *token](error_code code) {
            --open_;
            if (code)
                return;
            if (!all_[at].has_seen(written))
                violations_.push_back(id + ": the wait is over, and the write was not seen");
            read(all_[at], id, ref, number, present);
        });
    }

    void read(supervisor const& node, std::string const& id, child_ref const& ref, std::uint64_t number, bool present)
    {
        auto const& newest = children_[id];
        if (newest.doubtful)
            return;
        ++read_count_;
        auto const spec = node.child_spec_of(id);
        auto const found = spec ? std::stoull(spec->arguments) : 0;
        if (present && newest.number == number && !spec)
            violations_.push_back(id + ": write " + std::to_string(number) + " is not found on " + node.node_name());
        if (spec && (found < number || (found == number && !present)))
            violations_.push_back(id + ": write " + std::to_string(found) + " is found on " + node.node_name() + ", and "
                + std::to_string(number) + " was waited for");
        if (!present || newest.number != number)
            return;
        auto const where = node.find(id);
        if (!where || where->generation < ref.generation)
            violations_.push_back(id + ": generation " + std::to_string(ref.generation) + " is not found on " + node.node_name());
    }

    cluster all_;
    drover::random_stream draw_;
    std::map<std::string, known> children_;
    std::vector<std::string> violations_;
    std::size_t read_count_ = 0;
    int open_ = 0;
};

} // namespace

TEST_CASE("what was written on one node is read on another once that has seen it")
{
    cluster all{3};
    auto const started = all.ask([&](auto done) { all[0].async_start_child(spec_of("c", 1), done); });
    REQUIRE_FALSE(started.first);
    auto waited = all[2].async_wait_for(started.second.written, boost::asio::use_future);
    all.world.run_for(1s);
    waited.get();
    CHECK(all[2].find("c") == started.second);
    CHECK(all[2].child_spec_of("c")->arguments == "1");
}

TEST_CASE("a read beyond a split waits until the heal")
{
    cluster all{3};
    REQUIRE_FALSE(all.ask([&](auto done) { all[0].async_start_child(spec_of("c", 1), done); }).first);
    all.world.run_for(1s);
    auto const owner = all[0].find("c")->node;
    auto const far = owner == "n3" ? std::size_t{0} : std::size_t{2};
    auto const near = far == 0 ? std::size_t{1} : std::size_t{0};
    std::vector<std::vector<std::string>> sides(2);
    for (std::size_t i = 0; i < 3; ++i)
        sides[i == far ? 1 : 0].push_back(all.names[i]);
    all.world.partition(sides);
    auto const updated = all.ask([&](auto done) { all[near].async_update_child(spec_of("c", 2), done); });
    REQUIRE_FALSE(updated.first);
    std::optional<error_code> first;
    std::optional<error_code> late;
    all[far].async_wait_for(updated.second.written, [&](error_code code) { first = code; });
    all.world.run_for(9s);
    CHECK_FALSE(first);
    all.world.run_for(2s);
    REQUIRE(first);
    CHECK(*first == errc::timed_out);
    CHECK(all[far].child_spec_of("c")->arguments == "1");
    all[far].async_wait_for(updated.second.written, [&](error_code code) {
        late = code;
        CHECK(all[far].child_spec_of("c")->arguments == "2");
    });
    all.world.run_for(1s);
    CHECK_FALSE(late);
    all.world.heal();
    REQUIRE(all.world.run_until([&] { return late.has_value(); }, 9s));
    CHECK_FALSE(*late);
}

TEST_CASE("a wait ends with its supervisor")
{
    cluster all{2};
    version_token const never{1, 1};
    std::vector<error_code> ends;
    auto const wait = [&](std::size_t at) { all[at].async_wait_for(never, [&](error_code code) { ends.push_back(code); }); };
    wait(0);
    all.world.run_for(1s);
    CHECK(ends.empty());
    SECTION("when it is stopped")
    {
        all[0].async_stop([](error_code) {});
    }
    SECTION("when it is destroyed") { all.nodes[0].reset(); }
    all.world.run_for(5s);
    REQUIRE(ends.size() == 1);
    CHECK(ends[0] == errc::shutting_down);
}

TEST_CASE("clients read what they wrote, whatever the network does")
{
    std::size_t read_count = 0;
    for (std::uint64_t seed = 1; seed <= seeds_count; ++seed) {
        clients run{seed};
        INFO("seed " << seed);
        CHECK(run.play() == std::vector<std::string>{});
        read_count += run.read_count();
    }
    CHECK(read_count > 10 * seeds_count);
}
