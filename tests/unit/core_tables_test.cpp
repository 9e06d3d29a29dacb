// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/core/child_table.hpp>
#include <drover/core/node_table.hpp>
#include <drover/core/roster.hpp>
#include <drover/core/timer_queue.hpp>
#include <drover/placement/ring.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace drover::core;
using drover::candidate;
using drover::time_point;

time_point at(int tick) { return time_point{} + std::chrono::milliseconds{tick}; }

/// The children that a node's list holds; checks the links both ways.
std::multiset<std::string> owned_by(node_table const& nodes, node_index node)
{
    std::multiset<std::string> result;
    child_entry const* previous = nullptr;
    for (auto const* child = nodes[node].owned; child != nullptr; child = child->next_owned) {
        REQUIRE(child->previous_owned == previous);
        REQUIRE(child->owner == node);
        result.insert(*child->id);
        previous = child;
    }
    return result;
}

/// Names the first candidate, and counts how often it was asked to build, and for whom.
struct first_of_all {
    struct table_type {
        std::vector<std::string> names;
        std::size_t place(std::uint64_t key) const { return key % names.size(); }
    };
    table_type build(std::span<candidate const> candidates) const
    {
        table_type table;
        for (auto const& each : candidates)
            table.names.emplace_back(each.name);
        built->push_back(table.names);
        return table;
    }

    std::shared_ptr<std::vector<std::vector<std::string>>> built = std::make_shared<std::vector<std::vector<std::string>>>();
};

/// Three members: n1 and n2 have type "both", n2 and n3 type "other".
struct roster_fixture {
    roster_fixture()
    {
        add("n3", {"other"});
        add("n1", {"both"});
        add("n2", {"both", "other"});
    }

    void add(std::string const& name, std::vector<std::string> types, participation part = participation::active)
    {
        members.set(name, {1, part, 0, std::move(types)});
        nodes[nodes.intern({name, 1})].alive = true;
    }

    /// Whom placement may name for a type.
    std::set<std::string> eligible(std::string const& type)
    {
        std::set<std::string> names;
        for (std::uint64_t key = 0; key < 6; ++key)
            if (auto const index = members.place(members.intern_type(type), key, nodes); index != no_node)
                names.insert(nodes[index].id.name);
        return names;
    }

    first_of_all placement;
    roster<first_of_all> members{placement};
    node_table nodes;
};

using names = std::set<std::string>;

} // namespace

TEST_CASE("timers are due in order, ties as they were set, and none before its time", "[core][timers]")
{
    drover::random_stream random{1};
    timer_queue<int> queue;
    std::multimap<time_point, int> expected; // keeps the order of equal keys
    CHECK(queue.deadline() == drover::never);
    auto now = at(0);
    for (int i = 0; i < 5'000; ++i) {
        auto const when = now + std::chrono::milliseconds{random.below(20)};
        queue.set(when, i);
        expected.emplace(when, i);
        REQUIRE(queue.deadline() == expected.begin()->first);
        if (random.chance(300'000)) {
            now += std::chrono::milliseconds{random.below(8)};
            while (!expected.empty() && expected.begin()->first <= now) {
                REQUIRE(queue.take_due(now) == expected.begin()->second);
                expected.erase(expected.begin());
            }
            REQUIRE_FALSE(queue.take_due(now));
        }
        REQUIRE(queue.size() == expected.size());
    }
}

TEST_CASE("every life of a node has a number of its own", "[core][nodes]")
{
    node_table nodes;
    auto const first = nodes.intern({"n1", 1});
    auto const second = nodes.intern({"n1", 2});
    CHECK(first != second);
    CHECK(nodes.intern({"n1", 1}) == first);
    CHECK(nodes.find({"n1", 2}) == second);
    CHECK(nodes.find({"n2", 1}) == no_node);
    CHECK(nodes.size() == 2);
    CHECK(nodes[second].id == drover::node_id{"n1", 2});
    CHECK_FALSE(nodes[first].alive);
    CHECK(nodes[first].here == presence::unknown);
}

TEST_CASE("a child is on the list of its owner and on no other", "[core][nodes]")
{
    drover::random_stream random{2};
    node_table nodes;
    for (auto const* const name : {"n1", "n2", "n3"})
        nodes.intern({name, 1});
    child_table children{0};
    std::map<std::string, node_index> expected;
    for (int i = 0; i < 12; ++i)
        expected[*children.get("child-" + std::to_string(i)).id] = no_node;
    for (int step = 0; step < 3'000; ++step) {
        auto const id = "child-" + std::to_string(random.below(12));
        auto const owner = random.chance(200'000) ? no_node : static_cast<node_index>(random.below(3));
        nodes.set_owner(children.get(id), owner);
        expected[id] = owner;
        for (node_index node = 0; node < 3; ++node) {
            std::multiset<std::string> wanted;
            for (auto const& [child, its_owner] : expected)
                if (its_owner == node)
                    wanted.insert(child);
            REQUIRE(owned_by(nodes, node) == wanted);
        }
    }
}

TEST_CASE("children are found by id, in an order without holes, and stay where they are", "[core][children]")
{
    drover::random_stream random{3};
    child_table children{7};
    std::map<std::string, child_entry*> expected;
    for (int step = 0; step < 3'000; ++step) {
        auto const id = "child-" + std::to_string(random.below(40));
        if (random.chance(600'000)) {
            auto& entry = children.get(id);
            auto const [known, inserted] = expected.try_emplace(id, &entry);
            REQUIRE(known->second == &entry);
            REQUIRE(*entry.id == id);
            REQUIRE(entry.key == children.key_of(id));
        } else if (auto* const found = children.find(id); found != nullptr) {
            children.erase(*found);
            expected.erase(id);
        }
        REQUIRE(children.size() == expected.size());
        REQUIRE((children.find(id) != nullptr) == expected.contains(id));
        for (std::size_t position = 0; position < children.size(); ++position) {
            REQUIRE(children.order()[position]->position == position);
            REQUIRE(expected.at(*children.order()[position]->id) == children.order()[position]);
        }
    }
}

TEST_CASE("two scopes spread the same ids differently", "[core][children]")
{
    CHECK(child_table{1}.key_of("a") != child_table{2}.key_of("a"));
    CHECK(child_table{1}.key_of("a") != child_table{1}.key_of("b"));
    CHECK(child_table{1}.key_of("a") == child_table{1}.key_of("a"));
}

TEST_CASE("a child is wanted while it is present, not terminated, and its work not done", "[core][children]")
{
    child_entry child;
    CHECK_FALSE(child.wanted_running());
    child.present = true;
    CHECK(child.wanted_running());
    child.status = owner_status::ended;
    CHECK(child.wanted_running()); // nobody owns it: the status means nothing
    child.owned = true;
    CHECK_FALSE(child.wanted_running());
    child.status = owner_status::parked;
    CHECK(child.wanted_running());
    child.terminated = true;
    CHECK_FALSE(child.wanted_running());
}

TEST_CASE("types have numbers, and nobody is placed for one that nobody has", "[core][roster]")
{
    roster_fixture fixture;
    auto const both = fixture.members.intern_type("both");
    CHECK(fixture.members.intern_type("both") == both);
    CHECK(fixture.members.intern_type("other") != both);
    CHECK(fixture.members.type_name(both) == "both");
    CHECK(fixture.members.knows_type(both));
    CHECK(fixture.eligible("both") == names{"n1", "n2"});
    CHECK(fixture.eligible("other") == names{"n2", "n3"});
    CHECK(fixture.eligible("nobody's").empty());
    CHECK_FALSE(fixture.members.knows_type(fixture.members.intern_type("nobody's")));
}

TEST_CASE("only members that are alive, stay, and are of this life are eligible", "[core][roster]")
{
    roster_fixture fixture;
    SECTION("dead")
    {
        fixture.nodes[fixture.nodes.intern({"n1", 1})].alive = false;
        fixture.members.changed();
        CHECK(fixture.eligible("both") == names{"n2"});
        CHECK(fixture.members.members_count() == 3);
        CHECK(fixture.members.knows_type(fixture.members.intern_type("both")));
    }
    SECTION("leaving")
    {
        fixture.add("n1", {"both"}, participation::leaving);
        CHECK(fixture.eligible("both") == names{"n2"});
        CHECK(fixture.members.members_count() == 3);
    }
    SECTION("left")
    {
        fixture.add("n1", {"both"}, participation::left);
        fixture.add("n2", {"other"});
        CHECK(fixture.eligible("both").empty());
        CHECK_FALSE(fixture.members.knows_type(fixture.members.intern_type("both")));
        CHECK(fixture.members.members_count() == 2);
    }
    SECTION("of another life")
    {
        fixture.members.set("n1", {2, participation::active, 0, {"both"}});
        CHECK(fixture.eligible("both") == names{"n2"});
    }
}

TEST_CASE("candidates are sorted by name, and a table is built once for each set of them, while it lasts", "[core][roster]")
{
    roster_fixture fixture;
    for (int i = 0; i < 3; ++i) {
        (void)fixture.eligible("both");
        (void)fixture.eligible("other");
    }
    fixture.add("n4", {"third", "fourth"});
    (void)fixture.eligible("third");
    (void)fixture.eligible("fourth"); // the same candidates
    CHECK(*fixture.placement.built == std::vector<std::vector<std::string>>{{"n1", "n2"}, {"n2", "n3"}, {"n4"}});
    (void)fixture.eligible("both");                                               // somebody came, but not for these
    fixture.members.set("n2", {1, participation::active, 41, {"both", "other"}}); // nothing that placement sees
    (void)fixture.eligible("both");
    CHECK(fixture.placement.built->size() == 3);
    fixture.members.set("n2", {1, participation::active, 41, {"both", "other"}, 2});
    (void)fixture.eligible("both");
    CHECK(fixture.placement.built->size() == 4);
}

TEST_CASE("a table that follows the candidates says what a new one would", "[core][roster]")
{
    drover::random_stream random{4};
    roster<drover::ring> members{drover::ring{}};
    node_table nodes;
    std::map<std::string, drover::core::roster_record> records;
    std::vector<std::vector<std::string>> const types{{"a"}, {"b"}, {"a", "b"}, {"a", "b", "c"}};
    for (int step = 0; step < 400; ++step) {
        auto const name = "n" + std::to_string(random.below(12));
        drover::core::roster_record const record{1 + random.below(2), static_cast<participation>(random.below(2)), 0,
            types[random.below(random.chance(500'000) ? 1 : types.size())], static_cast<std::uint32_t>(random.between(1, 3))};
        records[name] = record;
        members.set(name, record);
        nodes[nodes.intern({name, record.incarnation})].alive = random.chance(900'000);
        members.changed();
        for (auto const* const type : {"a", "b", "c"}) {
            std::vector<drover::candidate> candidates;
            for (auto const& [each, known] : records)
                if (known.part == participation::active && nodes[nodes.intern({each, known.incarnation})].alive
                    && std::find(known.types.begin(), known.types.end(), type) != known.types.end())
                    candidates.push_back({each, known.weight});
            auto const fresh = drover::ring{}.build(candidates);
            for (int i = 0; i < 5; ++i) {
                auto const key = random.next();
                auto const placed = members.place(members.intern_type(type), key, nodes);
                REQUIRE((placed == no_node) == candidates.empty());
                if (placed != no_node)
                    REQUIRE(nodes[placed].id.name == candidates[fresh.place(key)].name);
            }
        }
    }
}

TEST_CASE("members are those that have not left, by name, and of their last life", "[core][roster]")
{
    roster_fixture fixture;
    fixture.members.set("n2", {5, participation::leaving, 0, {}});
    fixture.members.set("n3", {1, participation::left, 0, {}});
    CHECK(fixture.members.members() == std::vector<drover::node_id>{{"n1", 1}, {"n2", 5}});
    CHECK(fixture.members.members_count() == 2);
    REQUIRE(fixture.members.find("n2") != nullptr);
    CHECK(fixture.members.find("n2")->incarnation == 5);
    CHECK(fixture.members.find("n9") == nullptr);
}

TEST_CASE("the largest generation ever deleted is that of any member, those that left included", "[core][roster]")
{
    roster_fixture fixture;
    CHECK(fixture.members.generations_before() == 0);
    fixture.members.set("n1", {1, participation::active, 4, {}});
    fixture.members.set("n2", {1, participation::left, 9, {}});
    fixture.members.set("n3", {1, participation::active, 6, {}});
    CHECK(fixture.members.generations_before() == 9);
}
