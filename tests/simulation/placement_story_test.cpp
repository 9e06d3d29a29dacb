// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include "story.hpp"

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstdlib>
#include <map>
#include <memory>
#include <string>

namespace {

using namespace std::chrono_literals;

#if defined(DROVER_TEST_SEEDS)
constexpr std::uint64_t seeds_count = DROVER_TEST_SEEDS;
#else
constexpr std::uint64_t seeds_count = 100;
#endif

struct idle_child {
    static constexpr std::string_view type_name = "idle";
};

/// Nodes whose children do nothing, to see where they are.
template <class Placement>
class crowd {
public:
    using supervisor = drover::distributed_supervisor<drover::in_memory_transport, drover::static_members, Placement>;

    void add(std::string const& name, std::uint32_t weight = 1)
    {
        drover::node_options node{.name = name, .listen = name};
        if (name != "n1")
            node.seeds = {"n1"};
        drover::supervisor_options options;
        options.weight = weight;
        auto& made = nodes_[name] = std::make_unique<supervisor>(world_, node, options);
        made->template add_child_type<idle_child>();
        made->async_start([](drover::error_code code) { CHECK_FALSE(code); });
        world_.run_for(20s); // what is beyond a bound goes when who takes part has not changed for an audit_interval
    }

    void start(int count)
    {
        auto& by = *nodes_["n1"];
        for (int i = 0; i < count; ++i)
            by.async_start_child({.id = "c" + std::to_string(i), .type = "idle"},
                [](drover::error_code code, drover::child_ref const&) { CHECK_FALSE(code); });
        world_.run_for(10s);
    }

    void terminate(int count)
    {
        for (int i = 0; i < count; ++i)
            nodes_["n1"]->async_terminate_child(
                "c" + std::to_string(i), [](drover::error_code code, drover::child_ref const&) { CHECK_FALSE(code); });
        world_.run_for(20s);
    }

    void crash(std::string const& name)
    {
        world_.crash(name);
        nodes_.erase(name);
        world_.run_for(20s);
    }

    void leave(std::string const& name)
    {
        nodes_[name]->async_stop([](drover::error_code) {});
        world_.run_for(20s);
        nodes_.erase(name);
    }

    /// How many run on each node.
    std::map<std::string, std::uint64_t> loads()
    {
        std::map<std::string, std::uint64_t> result;
        for (auto const& [name, node] : nodes_)
            result[name] = node->count_children().local;
        return result;
    }

    std::map<std::string, std::string> places()
    {
        std::map<std::string, std::string> result;
        for (auto const& child : nodes_["n1"]->which_children())
            result[child.id] = child.node;
        return result;
    }

private:
    drover::simulation::world world_{11};
    std::map<std::string, std::unique_ptr<supervisor>> nodes_;
};

template <class Crowd>
void check_bound(Crowd& all, std::uint64_t total, std::map<std::string, std::uint64_t> const& weights)
{
    std::uint64_t sum = 0;
    std::uint64_t weight = 0;
    for (auto const& each : weights)
        weight += each.second;
    for (auto const& [name, load] : all.loads()) {
        CAPTURE(name, load, total);
        CHECK(load <= (125 * total * weights.at(name) + 100 * weight - 1) / (100 * weight));
        sum += load;
    }
    CHECK(sum == total);
}

std::size_t differences(std::map<std::string, std::string> const& before, std::map<std::string, std::string> const& after)
{
    std::size_t count = 0;
    for (auto const& [id, node] : before)
        count += after.at(id) == node ? 0 : 1;
    return count;
}

} // namespace

TEMPLATE_TEST_CASE("clusters live through their faults under every placement", "", drover::uniform, drover::bounded<drover::ring>,
    drover::bounded<drover::uniform>)
{
    for (std::uint64_t seed = 1; seed <= seeds_count; ++seed) {
        auto const drawn = story::parameters::draw(seed, seed % 2 == 0 ? 3 : 5);
        story::run<TestType> run{drawn};
        auto const held = run.play();
        if (held)
            continue;
        for (auto const& violation : run.book().violations)
            UNSCOPED_INFO(violation);
        UNSCOPED_INFO(drawn.text());
        CHECK(held);
    }
}

// Seeds that once found a defect. The comment says which.
TEST_CASE("seeds that found defects under placement by load hold")
{
    // The home gave a dead node's child to another node, which heard of the claim before it heard of the spec, and took it for
    // the claim of a deleted child.
    story::run<drover::bounded<drover::ring>> run{story::parameters::draw(3281, 5)};
    CHECK(run.play());
}

TEST_CASE("a node of three times the weight runs three times the children")
{
    crowd<drover::ring> all;
    all.add("n1");
    all.add("n2", 3);
    all.start(1'000);
    auto const loads = all.loads();
    CHECK(loads.at("n1") + loads.at("n2") == 1'000);
    CHECK(loads.at("n2") > 680); // 750; the spread of the ring's points and of the children together is some 25
    CHECK(loads.at("n2") < 820);
}

TEMPLATE_TEST_CASE("by load no node runs more than its bound, whoever comes and goes, and little moves", "",
    drover::bounded<drover::ring>, drover::bounded<drover::uniform>)
{
    crowd<TestType> all;
    for (auto const* const name : {"n1", "n2", "n3", "n4"})
        all.add(name);
    all.start(1'000);
    check_bound(all, 1'000, {{"n1", 1}, {"n2", 1}, {"n3", 1}, {"n4", 1}});

    auto before = all.places();
    all.add("n5");
    check_bound(all, 1'000, {{"n1", 1}, {"n2", 1}, {"n3", 1}, {"n4", 1}, {"n5", 1}});
    CHECK(differences(before, all.places()) <= 350); // 200 are its share, and what was beyond the new bound
    CHECK(all.loads().at("n5") >= 150);

    before = all.places();
    all.crash("n2");
    check_bound(all, 1'000, {{"n1", 1}, {"n3", 1}, {"n4", 1}, {"n5", 1}});
    auto const of_the_dead = std::count_if(before.begin(), before.end(), [](auto const& item) { return item.second == "n2"; });
    CHECK(differences(before, all.places()) == static_cast<std::size_t>(of_the_dead));

    before = all.places();
    all.leave("n3");
    check_bound(all, 1'000, {{"n1", 1}, {"n4", 1}, {"n5", 1}});
    all.add("n6", 3);
    check_bound(all, 1'000, {{"n1", 1}, {"n4", 1}, {"n5", 1}, {"n6", 3}});
    all.terminate(600);
    check_bound(all, 400, {{"n1", 1}, {"n4", 1}, {"n5", 1}, {"n6", 3}});
}
