// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
#include <drover/conformance/placement_laws.hpp>
#include <drover/conformance/placement_stage.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/policy/placement.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::conformance {

/// The laws of a Placement about tables and `place(key)`: which candidate has a key, and what a change of them moves.
template <class Make>
class placement_tables : placement_stage<Make> {
    using stage = placement_stage<Make>;
    using stage::answers;
    using stage::differences;
    using stage::draw_keys;
    using stage::draw_nodes;
    using stage::draw_one_of;
    using stage::expect;
    using stage::found_;
    using stage::make_;
    using stage::promised;
    using stage::tell;
    using stage::valid;
    using typename stage::placement_type;
    using typename stage::table_type;
    using names = std::vector<std::string_view>;

public:
    placement_tables(report& found, Make& make, suite_options options) : stage{found, make, options} {}

    void check_all()
    {
        found_.law(placement_law::capabilities, [&] { check_capabilities(); });
        answer_for_candidates();
        answer_the_same();
        move_little();
        update();
    }

private:
    void answer_for_candidates()
    {
        tell(placement_law::in_range, [&](random_stream random) { check_range(random); });
        tell(placement_law::alone, [&](random_stream random) { check_alone(random); });
    }

    void answer_the_same()
    {
        if constexpr (promised.agreed || promised.by_load)
            tell(placement_law::agreed, [&](random_stream random) { check_agreed(random); });
        else
            found_.skip(placement_law::agreed, "it is neither agreed nor by_load");
        tell(placement_law::repeatable, [&](random_stream random) { check_repeatable(random); });
        tell(placement_law::moved, [&](random_stream random) { check_moved(random); });
        tell(placement_law::keeps_nothing, [&](random_stream random) { check_keeps_nothing(random); });
        tell(placement_law::weight_range, [&](random_stream random) { check_weight_range(random); });
    }

    void move_little()
    {
        if constexpr (promised.minimal_moves) {
            tell(placement_law::moves, [&](random_stream random) { check_moves(random); });
            tell(placement_law::weight_moves, [&](random_stream random) { check_weight_moves(random); });
        } else {
            found_.skip(placement_law::moves, "minimal_moves is not promised");
            found_.skip(placement_law::weight_moves, "minimal_moves is not promised");
        }
    }

    void update()
    {
        if constexpr (updatable_placement<placement_type>)
            tell(placement_law::updates, [&](random_stream random) { check_updates(random); });
        else
            found_.skip(placement_law::updates, "it is no updatable_placement");
        if constexpr (updatable_placement<placement_type> && std::copyable<table_type>)
            tell(placement_law::updated_copy, [&](random_stream random) { check_updated_copy(random); });
        else
            found_.skip(placement_law::updated_copy, "it is no updatable_placement, or its tables are not copied");
    }

    // ---- what it says --------------------------------------------------------------------------------------------------

    void check_capabilities()
    {
        found_.check(!promised.agreed || !promised.by_load, "it is agreed, and by_load: loads are not known to all alike");
        found_.check(!promised.by_load || load_placement<placement_type>,
            "it is by_load, and has no place(key, loads) and has_room(index, loads): be a load_placement");
    }

    // ---- answers -------------------------------------------------------------------------------------------------------

    void check_range(random_stream& random)
    {
        auto const model = make_();
        for (std::size_t const count : {2U, 3U, 17U, 60U}) {
            candidate_list const list{draw_nodes(random, count, 4)};
            auto const table = model.build(list.all());
            for (auto const key : draw_keys(random))
                expect(table.place(key) < count, "of ", count, " candidates key ", key, " got index ", table.place(key));
        }
    }

    void check_alone(random_stream& random)
    {
        auto const model = make_();
        for (std::uint32_t const weight : {0U, 1U, 7U, std::numeric_limits<std::uint32_t>::max()}) {
            candidate_list const list{{{"alone", weight}}};
            auto const table = model.build(list.all());
            for (auto const key : draw_keys(random, 100))
                expect(table.place(key) == 0, "key ", key, " got index ", table.place(key), " of a candidate of weight ", weight);
        }
    }

    /// Another node has a placement, a list and a past of its own.
    void check_agreed(random_stream& random)
    {
        auto const here = make_();
        auto const there = make_();
        (void)there.build(candidate_list{draw_nodes(random, 5, 2)}.all());
        auto const nodes = draw_nodes(random, random.between(2, 40), 3);
        candidate_list const list_here{nodes};
        candidate_list const list_there{nodes};
        auto const keys = draw_keys(random);
        auto const table_there = there.build(list_there.all());
        expect_equal(answers(here.build(list_here.all()), list_here, keys), answers(table_there, list_there, keys), keys,
            "two placements built from equal candidates disagree about");
    }

    void check_repeatable(random_stream& random)
    {
        auto const model = make_();
        candidate_list const list{draw_nodes(random, random.between(2, 40), 3)};
        candidate_list const other{draw_nodes(random, list.size(), 3)};
        auto const keys = draw_keys(random);
        auto const table = model.build(list.all());
        auto const first = answers(table, list, keys);
        names twice;
        for (auto const key : keys) {
            (void)table.place(key);
            twice.push_back(list.name(valid(table.place(key), list.size()).value_or(list.size())));
        }
        expect_equal(first, twice, keys, "asked twice in a row it changed its answer for");
        auto const table_of_others = model.build(other.all());
        (void)answers(table_of_others, other, keys);
        expect_equal(first, answers(table, list, keys), keys, "after another table was built this one changed");
        expect_equal(
            first, answers(model.build(list.all()), list, keys), keys, "a second table of the same candidates gives others for");
    }

    void check_moved(random_stream& random)
    {
        auto first = make_();
        candidate_list const list{draw_nodes(random, random.between(2, 40), 3)};
        auto const keys = draw_keys(random);
        auto table = first.build(list.all());
        auto const expected = answers(table, list, keys);
        auto const second{std::move(first)};
        expect_equal(expected, answers(table, list, keys), keys, "after its placement was moved a table changed");
        expect_equal(
            expected, answers(second.build(list.all()), list, keys), keys, "a placement that was moved builds another table for");
        check_copied(table, list, keys, expected);
        table_type constructed{std::move(table)};
        expect_equal(expected, answers(constructed, list, keys), keys, "a table that was moved changed");
        table_type assigned{};
        assigned = std::move(constructed);
        expect_equal(expected, answers(assigned, list, keys), keys, "a table that was moved by assignment changed");
    }

    void check_copied(
        table_type const& table, candidate_list const& list, std::vector<std::uint64_t> const& keys, names const& expected)
    {
        if constexpr (std::copyable<table_type>) {
            table_type const constructed{table};
            table_type assigned{};
            assigned = table;
            expect_equal(expected, answers(constructed, list, keys), keys, "the copy of a table differs for");
            expect_equal(expected, answers(assigned, list, keys), keys, "a table that was copied by assignment differs for");
            expect_equal(expected, answers(table, list, keys), keys, "a table from which copies were made changed");
        }
    }

    void check_keeps_nothing(random_stream& random)
    {
        auto const model = make_();
        auto const nodes = draw_nodes(random, random.between(2, 40), 3);
        candidate_list list{nodes};
        candidate_list const same{nodes};
        auto const keys = draw_keys(random);
        auto table = model.build(list.all());
        auto const expected = answers(table, list, keys);
        auto const kept = names_of(same, list, expected);
        list.overwrite();
        expect_equal(kept, answers(table, same, keys), keys, "after its candidates were overwritten a table changed");
        if constexpr (updatable_placement<placement_type>) {
            auto const after = draw_nodes(random, random.between(2, 40), 3);
            candidate_list before{nodes};
            candidate_list list_after{after};
            candidate_list const same_after{after};
            model.update(table, before.all(), list_after.all());
            auto const updated = names_of(same_after, list_after, answers(table, list_after, keys));
            before.overwrite();
            list_after.overwrite();
            expect_equal(
                updated, answers(table, same_after, keys), keys, "after its candidates were overwritten an update changed");
        }
    }

    /// The same names, where they last.
    static names names_of(candidate_list const& lasting, candidate_list const& list, names const& given)
    {
        names result;
        for (auto const name : given) {
            auto const at = std::find_if(list.all().begin(), list.all().end(), [&](auto const& who) { return who.name == name; });
            result.push_back(lasting.name(static_cast<std::size_t>(at - list.all().begin())));
        }
        return result;
    }

    void check_weight_range(random_stream& random)
    {
        auto const model = make_();
        auto given = draw_nodes(random, 6, 3);
        auto counted = given;
        given.begin()->second = 0;
        counted.begin()->second = 1;
        given.rbegin()->second = random.chance(500'000) ? candidate::weight_max + 1 : std::numeric_limits<std::uint32_t>::max();
        counted.rbegin()->second = candidate::weight_max;
        candidate_list const list{given};
        candidate_list const same{counted};
        auto const keys = draw_keys(random);
        expect_equal(answers(model.build(list.all()), list, keys), answers(model.build(same.all()), same, keys), keys,
            "weights of 0 and of more than the largest do not count as 1 and the largest for");
    }

    // ---- moves ---------------------------------------------------------------------------------------------------------

    void check_moves(random_stream& random)
    {
        auto const model = make_();
        auto nodes = draw_nodes(random, 6, 3);
        auto const keys = draw_keys(random);
        for (int step = 0; step < 24; ++step) {
            auto after = nodes;
            auto const leaves = nodes.size() > 2 && random.chance(500'000);
            auto const name = leaves ? std::string{draw_one_of(random, nodes)} : stage::draw_name(random);
            if (leaves)
                after.erase(name);
            else
                after.emplace(name, static_cast<std::uint32_t>(random.between(1, 3)));
            check_change(model, nodes, after, name, keys);
            nodes = std::move(after);
        }
    }

    void check_weight_moves(random_stream& random)
    {
        auto const model = make_();
        auto nodes = draw_nodes(random, random.between(2, 12), 8);
        auto const keys = draw_keys(random);
        for (int step = 0; step < 24; ++step) {
            auto after = nodes;
            auto const name = std::string{draw_one_of(random, nodes)};
            after.at(name) = static_cast<std::uint32_t>(random.between(1, 8));
            check_change(model, nodes, after, name, keys);
            nodes = std::move(after);
        }
    }

    /// `name` is the only one that differs. What moves goes to it when it comes or grows, and comes from it otherwise.
    void check_change(placement_type const& model, weights_by_name const& before, weights_by_name const& after,
        std::string_view name, std::vector<std::uint64_t> const& keys)
    {
        auto const weight = [&](weights_by_name const& nodes) {
            auto const at = nodes.find(name);
            return at == nodes.end() ? 0 : at->second;
        };
        auto const takes = weight(after) > weight(before);
        candidate_list const list_before{before};
        candidate_list const list_after{after};
        auto const first = answers(model.build(list_before.all()), list_before, keys);
        auto const second = answers(model.build(list_after.all()), list_after, keys);
        std::size_t strange = 0;
        for (std::size_t i = 0; i < keys.size(); ++i)
            strange += first[i] != second[i] && (takes ? second[i] : first[i]) != name ? 1U : 0U;
        expect(strange == 0, "the weight of '", name, "' among ", before.size(), " went from ", weight(before), " to ",
            weight(after), " (0: not there), and ", strange, " of ", keys.size(), " keys moved between others, or the wrong way");
    }

    // ---- updates -------------------------------------------------------------------------------------------------------

    /// Nodes come, go and change their weights, few at a time or many; never to nobody.
    static weights_by_name draw_change(random_stream& random, weights_by_name nodes)
    {
        auto const changes = random.chance(100'000) ? 40 : random.between(0, 3);
        for (std::uint64_t i = 0; i < changes; ++i) {
            auto const name = "node-" + std::to_string(random.below(60));
            if (nodes.contains(name) && nodes.size() > 1 && random.chance(600'000))
                nodes.erase(name);
            else
                nodes[name] = static_cast<std::uint32_t>(random.below(4)); // 0 counts as 1
        }
        return nodes;
    }

    void check_updates(random_stream& random) requires updatable_placement<placement_type>
    {
        auto const model = make_();
        auto nodes = draw_nodes(random, random.between(1, 30), 3);
        std::deque<candidate_list> lists;
        lists.emplace_back(nodes);
        auto table = model.build(lists.back().all());
        for (int step = 0; step < 40; ++step) {
            nodes = draw_change(random, std::move(nodes));
            auto const& before = lists.back();
            auto const& after = lists.emplace_back(nodes);
            model.update(table, before.all(), after.all());
            expect_built(table, model.build(after.all()), after, draw_keys(random, 100), step);
        }
    }

    void expect_built(table_type const& table, table_type const& built, candidate_list const& list,
        std::vector<std::uint64_t> const& keys, int step)
    {
        auto const count = differences(answers(table, list, keys), answers(built, list, keys));
        expect(count == 0, "after ", step + 1, " updates, with ", list.size(), " candidates, ", count, " of ", keys.size(),
            " keys get another answer than from a built table");
        if constexpr (std::equality_comparable<table_type>)
            expect(table == built, "after ", step + 1, " updates, with ", list.size(),
                " candidates, the table is not == a built one");
    }

    void check_updated_copy(random_stream& random) requires updatable_placement<placement_type>
    {
        auto const model = make_();
        auto const nodes = draw_nodes(random, random.between(2, 30), 3);
        candidate_list const before{nodes};
        auto const keys = draw_keys(random);
        auto const table = model.build(before.all());
        auto const expected = answers(table, before, keys);
        for (int round = 0; round < 4; ++round) {
            candidate_list const after{draw_change(random, nodes)};
            auto copy = table;
            model.update(copy, before.all(), after.all());
            expect_equal(expected, answers(table, before, keys), keys, "after an update of its copy a table changed");
        }
    }

    // ---- comparing -----------------------------------------------------------------------------------------------------

    void expect_equal(names const& expected, names const& seen, std::vector<std::uint64_t> const& keys, char const* sentence)
    {
        auto const count = differences(expected, seen);
        expect(count == 0, sentence, ' ', count, " of ", keys.size(), " keys");
    }
};

} // namespace drover::conformance
