// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
#include <drover/conformance/placement_laws.hpp>
#include <drover/conformance/placement_stage.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/policy/placement.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::conformance {

/// The laws of a Placement that chooses among some of the candidates: those that a predicate accepts (`ranked_placement`), or
/// those that have room (`load_placement`). Sets of candidates are bit masks here.
template <class Make>
class placement_choices : placement_stage<Make> {
    using stage = placement_stage<Make>;
    using stage::draw_nodes;
    using stage::expect;
    using stage::found_;
    using stage::make_;
    using stage::tell;
    using stage::valid;
    using typename stage::placement_type;
    using typename stage::table_type;
    using set = std::uint32_t;

    static constexpr std::size_t candidates_most = 12;

    /// Of one lookup: enough for the largest ring. Who asks more often goes in circles.
    static constexpr std::size_t questions_most = std::size_t{1} << 22;

    static constexpr set bit(std::size_t index) { return set{1} << index; }

public:
    placement_choices(report& found, Make& make, suite_options options) : stage{found, make, options} {}

    void check_all()
    {
        if constexpr (ranked_placement<placement_type>)
            check_ranks();
        else
            for (auto const law :
                {placement_law::first_of_all, placement_law::accepted, placement_law::nobody_accepted, placement_law::order})
                found_.skip(law, "it is no ranked_placement");
        if constexpr (load_placement<placement_type>)
            check_loads();
        else
            for (auto const law : {placement_law::equal_loads, placement_law::room, placement_law::home_first,
                     placement_law::load_order, placement_law::full, placement_law::stays})
                found_.skip(law, "it is no load_placement");
    }

private:
    // ---- an order of all candidates ------------------------------------------------------------------------------------

    void check_ranks() requires ranked_placement<placement_type>
    {
        tell(placement_law::first_of_all, [&](random_stream random) {
            each_key(random, [&](table_type const& table, std::size_t count, std::uint64_t key) {
                expect(where(table, key, bit(count) - 1, count) == table.place(key),
                    "everybody is accepted, and place_where is not the place of key ", key);
            });
        });
        tell(placement_law::accepted, [&](random_stream random) {
            each_key(random, [&](table_type const& table, std::size_t count, std::uint64_t key) {
                auto const some = static_cast<set>(random.between(1, bit(count) - 1));
                auto const index = valid(where(table, key, some, count), count);
                expect(!index || (some & bit(*index)) != 0, "place_where gives candidate ", index.value_or(count), " to key ",
                    key, ", and it is not accepted, but others are");
            });
        });
        tell(placement_law::nobody_accepted, [&](random_stream random) {
            each_key(random, [&](table_type const& table, std::size_t count, std::uint64_t key) {
                if (circles_)
                    return; // it was told
                auto const index = where(table, key, 0, count);
                expect(!circles_, "nobody is accepted, and it does not stop to ask for key ", key);
                expect(index == table.place(key), "nobody is accepted, and place_where is not the place of key ", key);
            });
        });
        tell(placement_law::order, [&](random_stream random) {
            each_key(random,
                [&](table_type const& table, std::size_t count, std::uint64_t key) { check_order(random, table, count, key); });
        });
    }

    /// The order is told by leaving out the first of it, again and again. Then the first of any set is known.
    void check_order(random_stream& random, table_type const& table, std::size_t count, std::uint64_t key)
    {
        std::vector<std::size_t> order;
        for (set left = bit(count) - 1; left != 0; left &= ~bit(order.back())) {
            auto const index = where(table, key, left, count);
            if (index >= count || (left & bit(index)) == 0)
                return; // another law tells of it
            order.push_back(index);
        }
        for (int i = 0; i < 8; ++i) {
            auto const some = static_cast<set>(random.between(1, bit(count) - 1));
            std::size_t first = 0;
            while ((some & bit(order[first])) == 0)
                ++first;
            auto const index = where(table, key, some, count);
            if (index < count && (some & bit(index)) != 0)
                expect(index == order[first], "for key ", key, " candidate ", order[first], " comes before candidate ", index,
                    ", but not among all sets of candidates");
        }
    }

    /// `place_where` with a set.
    std::size_t where(table_type const& table, std::uint64_t key, set accepted, std::size_t count)
    {
        std::size_t questions = 0;
        return table.place_where(key, [&](std::size_t index) {
            if (++questions > questions_most) {
                circles_ = true;
                return true; // so that it ends
            }
            return valid(index, count) && (accepted & bit(index)) != 0;
        });
    }

    /// Some keys of some tables.
    template <class Body>
    void each_key(random_stream& random, Body&& body)
    {
        auto const model = make_();
        for (int i = 0; i < 4; ++i) {
            candidate_list const list{draw_nodes(random, random.between(2, candidates_most), 3)};
            auto const table = model.build(list.all());
            for (auto const key : stage::draw_keys(random, 40))
                body(table, list.size(), key);
        }
    }

    // ---- loads ---------------------------------------------------------------------------------------------------------

    /// Loads and what belongs to them.
    struct burden {
        std::vector<std::uint32_t> each;
        std::uint64_t total = 0;

        [[nodiscard]] candidate_loads loads() const { return {each, total}; }
    };

    static burden draw_burden(random_stream& random, std::size_t count)
    {
        static constexpr std::array<std::uint64_t, 4> larger{2, 10, 1'000, std::uint64_t{1} << 32};
        burden result;
        auto const most = larger[random.below(larger.size())];
        for (std::size_t i = 0; i < count; ++i)
            result.each.push_back(static_cast<std::uint32_t>(random.below(most)));
        result.total = std::accumulate(result.each.begin(), result.each.end(), std::uint64_t{0});
        return result;
    }

    static set who_has_room(table_type const& table, burden const& carried)
    {
        set result = 0;
        for (std::size_t i = 0; i < carried.each.size(); ++i)
            result |= table.has_room(i, carried.loads()) ? bit(i) : 0;
        return result;
    }

    /// The decision, unless it is out of range.
    std::optional<std::size_t> decision(table_type const& table, std::uint64_t key, burden const& carried)
    {
        return valid(table.place(key, carried.loads()), carried.each.size());
    }

    void check_loads() requires load_placement<placement_type>
    {
        tell(placement_law::equal_loads, [&](random_stream random) { check_equal_loads(random); });
        tell(placement_law::room, [&](random_stream random) {
            each_key(random, [&](table_type const& table, std::size_t count, std::uint64_t key) {
                auto const carried = draw_burden(random, count);
                auto const room = who_has_room(table, carried);
                auto const index = decision(table, key, carried);
                expect(room == 0 || !index || (room & bit(*index)) != 0, "key ", key, " goes to candidate ",
                    index.value_or(count), " of ", count, ", which carries ", index ? carried.each[*index] : 0, " of ",
                    carried.total, " and has no room, but others have");
            });
        });
        tell(placement_law::home_first, [&](random_stream random) {
            each_key(random, [&](table_type const& table, std::size_t count, std::uint64_t key) {
                auto const carried = draw_burden(random, count);
                auto const home = valid(table.place(key), count);
                auto const index = decision(table, key, carried);
                expect(!home || !index || index == home || !table.has_room(*home, carried.loads()), "key ", key,
                    " is not placed at home, candidate ", home.value_or(count), ", which has room");
            });
        });
        tell(placement_law::load_order, [&](random_stream random) {
            each_key(random, [&](table_type const& table, std::size_t count, std::uint64_t key) {
                check_load_order(random, table, count, key);
            });
        });
        tell(placement_law::full, [&](random_stream random) { check_full(random); });
        tell(placement_law::stays, [&](random_stream random) { check_stays(random); });
    }

    void check_equal_loads(random_stream& random)
    {
        auto const here = make_();
        auto const there = make_();
        auto const nodes = draw_nodes(random, candidates_most, 3);
        candidate_list const list_here{nodes};
        candidate_list const list_there{nodes};
        auto const table_here = here.build(list_here.all());
        auto const table_there = there.build(list_there.all());
        for (auto const key : stage::draw_keys(random)) {
            auto const carried = draw_burden(random, nodes.size());
            auto const copy = carried;
            auto const first = table_here.place(key, carried.loads());
            auto const room = who_has_room(table_here, carried);
            (void)table_here.place(key, draw_burden(random, nodes.size()).loads());
            expect(first == table_here.place(key, copy.loads()) && room == who_has_room(table_here, copy),
                "asked again about equal loads it decides otherwise for key ", key);
            expect(first == table_there.place(key, copy.loads()) && room == who_has_room(table_there, copy),
                "two placements decide otherwise with equal candidates and loads for key ", key);
        }
    }

    /// Where each of two decisions had room at the other time too, the earlier one of the two in the order was taken both times.
    void check_load_order(random_stream& random, table_type const& table, std::size_t count, std::uint64_t key)
    {
        std::vector<std::pair<set, std::size_t>> seen;
        for (int i = 0; i < 12; ++i) {
            auto const carried = draw_burden(random, count);
            auto const room = who_has_room(table, carried);
            auto const index = decision(table, key, carried);
            if (index && (room & bit(*index)) != 0)
                seen.emplace_back(room, *index);
        }
        expect(true);
        for (auto const& [room, index] : seen)
            for (auto const& [other_room, other] : seen)
                expect(index == other || (other_room & bit(index)) == 0 || (room & bit(other)) == 0, "candidates ", index,
                    " and ", other, " both had room for key ", key, " twice, and once the one was taken, once the other");
    }

    /// The caller's total is smaller than the sum while some children are counted twice.
    void check_full(random_stream& random)
    {
        each_key(random, [&](table_type const& table, std::size_t count, std::uint64_t key) {
            burden carried{std::vector<std::uint32_t>(count, std::numeric_limits<std::uint32_t>::max()), random.below(100)};
            auto const home = valid(table.place(key), count);
            auto const index = decision(table, key, carried);
            expect(who_has_room(table, carried) != 0 || !home || !index || index == home, "nobody has room, and key ", key,
                " is placed with candidate ", index.value_or(count), ", not at home, candidate ", home.value_or(count));
        });
    }

    void check_stays(random_stream& random)
    {
        auto const model = make_();
        candidate_list const list{draw_nodes(random, random.between(2, candidates_most), 3)};
        auto const table = model.build(list.all());
        burden carried{std::vector<std::uint32_t>(list.size()), 0};
        for (int child = 0; child < 200; ++child) {
            auto const index = decision(table, random.next(), carried);
            if (!index || !table.has_room(*index, carried.loads()))
                continue; // another law tells of it
            ++carried.each[*index];
            ++carried.total;
            expect_all_stay(table, carried);
        }
    }

    /// None of those who carry children would have no room for one of them, if it came now.
    void expect_all_stay(table_type const& table, burden carried)
    {
        --carried.total;
        for (std::size_t i = 0; i < carried.each.size(); ++i) {
            if (carried.each[i] == 0)
                continue;
            --carried.each[i];
            expect(table.has_room(i, carried.loads()), "candidate ", i, " of ", carried.each.size(), " took its ",
                carried.each[i] + 1, " children when it had room, ", carried.total + 1,
                " are placed, and it has room for one less");
            ++carried.each[i];
        }
    }

    bool circles_ = false; // a lookup asked without end
};

} // namespace drover::conformance
