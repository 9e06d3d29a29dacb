// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/core/source_comparison.hpp>

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using drover::bytes_view;
using drover::child_listing;
using drover::child_spec;
using drover::listing_error;
using drover::core::present_child;
using drover::core::source_comparison;
using drover::core::source_operation;

// What is there, in an order in which what is erased is replaced by the last, as in the table of children.
struct children {
    std::map<std::string, present_child> known;
    std::vector<std::string> order;
    std::size_t looks = 0;

    void add(child_spec const& spec, bool initial = false)
    {
        known[spec.id] = {spec, initial};
        order.push_back(spec.id);
    }
    void erase(std::string const& id)
    {
        known.erase(id);
        auto const at = std::find(order.begin(), order.end(), id);
        *at = order.back();
        order.pop_back();
    }

    [[nodiscard]] std::size_t size() const { return order.size(); }
    [[nodiscard]] bytes_view id_at(std::size_t place) { return ++looks, order.at(place); }
    [[nodiscard]] std::optional<present_child> find(bytes_view id) const
    {
        auto const found = known.find(std::string{id});
        return found == known.end() ? std::nullopt : std::optional{found->second};
    }
    [[nodiscard]] static bool owns(bytes_view id) { return id.starts_with("a"); }
    [[nodiscard]] static std::string wrong_with(child_spec const& spec)
    {
        return spec.type == "unknown group" ? "group is unknown" : drover::validate(spec);
    }
};

child_spec spec_of(std::string id, std::string arguments = {})
{
    return {.id = std::move(id), .type = "t", .arguments = std::move(arguments)};
}

using operations = std::vector<source_operation>;
using kind = source_operation::kind;

// By what they do, sorted: "start a1".
std::multiset<std::string> names_of(operations const& all)
{
    std::multiset<std::string> result;
    for (auto const& each : all)
        result.insert((each.what == kind::start ? "start " : each.what == kind::update ? "update " : "remove ") + each.spec.id);
    return result;
}

operations all_of(source_comparison& comparison, children& there, std::size_t slice = 3, std::size_t operations_max = 2)
{
    operations result;
    for (int steps = 0; !comparison.done(); ++steps) {
        REQUIRE(steps < 10'000);
        auto const before = result.size();
        comparison.step(there, slice, operations_max, result);
        REQUIRE(result.size() - before <= operations_max);
    }
    return result;
}

void carry_out(children& there, operations const& all)
{
    for (auto const& each : all)
        switch (each.what) {
        case kind::start: there.add(each.spec); break;
        case kind::update: there.known.at(each.spec.id).spec = each.spec; break;
        case kind::remove: there.erase(each.spec.id); break;
        }
}

} // namespace

TEST_CASE("what is missing is started, what differs updated, what is not listed removed", "[core][source]")
{
    children there;
    there.add(spec_of("a1"));
    there.add(spec_of("a2"));
    there.add(spec_of("a3"));
    there.add(spec_of("b1"));       // somebody else's
    there.add(spec_of("a0"), true); // of the initial list
    child_listing listing{{spec_of("a1"), spec_of("a2", "other"), spec_of("a4")}, {}};
    source_comparison comparison{listing};
    auto const all = all_of(comparison, there);
    CHECK(names_of(all) == std::multiset<std::string>{"start a4", "update a2", "remove a3"});
    CHECK(comparison.take_refusals().empty());
    carry_out(there, all);
    source_comparison again{listing};
    CHECK(all_of(again, there).empty());
}

TEST_CASE("a wrong entry is refused, and protects its child; one without an id protects all", "[core][source]")
{
    children there;
    for (auto const* const id : {"a1", "a2", "a3", "a4", "a5", "a6"})
        there.add(spec_of(id));
    there.add(spec_of("a7"), true);
    child_listing listing{
        {spec_of("a1"), spec_of("a1", "twice"), spec_of("a2"), spec_of("a3"), spec_of("b1"), spec_of("a7")}, {{"a4", "line 3"}}};
    listing.specs[2].type = "unknown group";
    listing.specs[3].restart = drover::restart_rule::temporary;
    source_comparison comparison{listing};
    CHECK(names_of(all_of(comparison, there)) == std::multiset<std::string>{"remove a5", "remove a6"});
    std::multiset<std::string> refused;
    for (auto const& each : comparison.take_refusals())
        refused.insert(each.id + ": " + each.reason.substr(0, 12));
    CHECK(refused
        == std::multiset<std::string>{"a1: the id is li", "a1: the id is li", "a2: group is unk", "a3: restart is t",
            "a4: line 3", "a7: a child of t", "b1: the source d"});

    for (auto const& broken :
        {child_listing{{spec_of("a1"), spec_of("")}, {}}, child_listing{{spec_of("a1")}, {{"", "line 9"}}}}) {
        source_comparison careful{broken};
        CHECK(all_of(careful, there).empty());
        CHECK(careful.take_refusals().size() == 1);
    }
}

TEST_CASE("specs that are kept alike are alike", "[core][source]")
{
    children there;
    auto spec = spec_of("a1");
    spec.shutdown = std::chrono::milliseconds{2};
    there.add(spec);
    spec.shutdown = std::chrono::microseconds{1'500}; // kept as two milliseconds
    source_comparison comparison{{{spec}, {}}};
    CHECK(all_of(comparison, there).empty());
}

TEST_CASE("random lists against a model, while children come and go", "[core][source]")
{
    for (std::uint64_t seed = 1; seed <= 300; ++seed) {
        drover::random_stream draw{seed, 1, 1};
        INFO("seed " << seed);
        children there;
        auto const draw_id = [&] { return (draw.below(5) == 0 ? "b" : "a") + std::to_string(draw.below(30)); };
        for (auto count = draw.below(30); count > 0; --count)
            if (auto const id = draw_id(); !there.known.contains(id))
                there.add(spec_of(id, std::to_string(draw.below(3))), draw.below(6) == 0);
        child_listing listing;
        for (auto count = draw.below(30); count > 0; --count) {
            auto spec = spec_of(draw_id(), std::to_string(draw.below(3)));
            if (draw.below(8) == 0)
                spec.type = draw.below(2) == 0 ? "unknown group" : "";
            listing.specs.push_back(std::move(spec));
        }
        if (draw.below(3) == 0)
            listing.errors.push_back({draw.below(3) == 0 ? "" : draw_id(), "line 1"});

        // The model: each id on its own.
        std::map<std::string, std::vector<child_spec>> listed;
        for (auto const& each : listing.specs)
            listed[each.id].push_back(each);
        std::set<std::string> broken;
        for (auto const& each : listing.errors)
            broken.insert(each.id);
        std::multiset<std::string> expected;
        for (auto const& [id, specs] : listed) {
            auto const fine = specs.size() == 1 && !broken.contains(id) && children::owns(id) && specs[0].type == "t";
            auto const present = there.find(id);
            if (fine && !present)
                expected.insert("start " + id);
            else if (fine && !present->initial && present->spec != specs[0])
                expected.insert("update " + id);
        }
        if (!broken.contains(""))
            for (auto const& [id, child] : there.known)
                if (children::owns(id) && !child.initial && !listed.contains(id) && !broken.contains(id))
                    expected.insert("remove " + id);

        source_comparison comparison{listing};
        if (draw.below(2) == 0) {
            CHECK(names_of(all_of(comparison, there, static_cast<std::size_t>(draw.between(1, 9)), 4)) == expected);
            CHECK(there.looks <= there.size());
            continue;
        }
        // What is asked for is carried out at once, and another child comes or goes between two steps.
        operations done;
        std::set<std::string> touched;
        while (!comparison.done()) {
            operations some;
            comparison.step(there, static_cast<std::size_t>(draw.between(1, 5)), 2, some);
            carry_out(there, some);
            done.insert(done.end(), some.begin(), some.end());
            auto const id = "b" + std::to_string(draw.below(100));
            if (there.known.contains(id))
                there.erase(id);
            else
                there.add(spec_of(id));
        }
        CHECK(names_of(done) == expected);
        source_comparison again{listing};
        CHECK(all_of(again, there).empty());
    }
}
