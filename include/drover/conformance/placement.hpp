// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
#include <drover/conformance/placement_cluster.hpp>
#include <drover/conformance/placement_laws.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/policy/placement.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::conformance {

/// The laws of a Placement. Deterministic: floating point serves to judge shares only.
template <class Placement>
class placement_suite {
    using table_type = typename Placement::table_type;
    static constexpr auto capabilities = Placement::capabilities;

public:
    placement_suite(report& found, Placement const& placement, suite_options options)
        : found_{found}, placement_{placement}, options_{options}
    {
    }

    /// What is looked at later makes sense only when the answers are a function of the candidates.
    void check_all()
    {
        each_round(placement_law::in_range, [&](random_stream& random) { check_range(random); });
        if (!found_.broken_laws().empty())
            return skip_all("there is nobody to ask about");
        each_round(placement_law::agreed, [&](random_stream& random) { check_agreed(random); });
        if (found_.broken_laws().empty()) {
            each_round(placement_law::kept, [&](random_stream& random) { check_kept(random); });
            each_round(placement_law::moved, [&](random_stream& random) { check_moved(random); });
        }
        if (!found_.broken_laws().empty())
            return skip_all("answers are no function of the candidates");
        each_round(placement_law::balance, [&](random_stream& random) { check_balance(random); });
        found_.law(placement_law::weights, [&] { check_weights(); });
        each_round(placement_law::clamped, [&](random_stream& random) { check_clamped(random); });
        check_changes();
        check_preference();
        check_loads();
    }

private:
    static constexpr std::uint64_t keys_count = 2'000;

    template <class Body>
    void each_round(std::string_view law, Body&& body)
    {
        for (auto seed = options_.seed; seed < options_.seed + std::max<std::uint64_t>(options_.rounds, 1); ++seed) {
            seed_ = seed;
            random_stream random{seed, 0x706c6163656d656eULL}; // "placemen"
            found_.law(law, [&] { body(random); });
        }
    }

    /// All that was not looked at.
    void skip_all(std::string_view why)
    {
        for (auto const law : placement_law::all)
            if (auto const& laws = found_.laws();
                std::none_of(laws.begin(), laws.end(), [&](report::law_entry const& each) { return each.name == law; }))
                found_.skip(law, why);
    }

    /// The index that each of the first keys gets.
    [[nodiscard]] static std::vector<std::size_t> answers(table_type const& table, std::uint64_t count = keys_count)
    {
        std::vector<std::size_t> result;
        for (std::uint64_t i = 0; i < count; ++i)
            result.push_back(table.place(placement_key(i)));
        return result;
    }

    [[nodiscard]] std::vector<std::size_t> answers_of(placement_cluster const& nodes) const
    {
        return answers(placement_.build(nodes.candidates()));
    }

    bool same(std::vector<std::size_t> const& a, std::vector<std::size_t> const& b, char const* what)
    {
        auto const at = std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin();
        auto const index = static_cast<std::size_t>(at);
        return found_.check(a == b, "seed ", seed_, ": ", what, ": key ", placement_key(index), " is at ",
            index < a.size() ? a[index] : 0, ", and at ", index < b.size() ? b[index] : 0);
    }

    void check_range(random_stream& random)
    {
        for (std::size_t const count : {1U, 2U, 3U, 16U, 100U}) {
            placement_cluster const nodes{random, count, 3};
            auto const given = answers_of(nodes);
            auto const most = *std::max_element(given.begin(), given.end());
            found_.check(most < count, "seed ", seed_, ": of ", count, " candidates, number ", most, " was named");
        }
    }

    void check_agreed(random_stream& random)
    {
        placement_cluster const here{random, 2 + random.below(40), 3};
        placement_cluster there; // its names lie elsewhere
        for (auto const& [name, weight] : here.weights())
            there.set(name, weight);
        auto const table = placement_.build(here.candidates());
        auto const first = answers(table);
        same(first, answers_of(there), "two tables of equal candidates");
        same(first, answers(table), "one table, asked again");
        std::vector<std::size_t> backwards(keys_count);
        for (auto i = keys_count; i-- > 0;)
            backwards[i] = table.place(placement_key(i));
        same(first, backwards, "one table, asked in another order");
        if constexpr (std::copy_constructible<Placement>) {
            auto const copy = placement_;
            same(first, answers(copy.build(there.candidates())), "a copy of the placement");
        }
    }

    void check_kept(random_stream& random)
    {
        placement_cluster const nodes{random, 2 + random.below(40), 3};
        auto const expected = answers_of(nodes);
        std::optional<table_type> table;
        {
            std::vector<std::string> names;
            for (auto const& each : nodes.weights())
                names.push_back(each.first);
            auto candidates = nodes.candidates();
            for (std::size_t i = 0; i < names.size(); ++i)
                candidates[i].name = names[i];
            table.emplace(placement_.build(candidates));
            for (std::size_t i = 0; i < names.size(); ++i) {
                std::fill(names[i].begin(), names[i].end(), '?'); // what still refers to them would notice
                candidates[i] = candidate{"?", 7};
            }
            if (!same(expected, answers(*table), "the names that it was built from have changed"))
                return; // and better not be asked when they are gone
        }
        same(expected, answers(*table), "the names that it was built from are gone");
        (void)placement_.build(placement_cluster{random, 30, 2}.candidates());
        same(expected, answers(*table), "another table was built");
    }

    void check_moved(random_stream& random)
    {
        placement_cluster const nodes{random, 2 + random.below(40), 3};
        auto table = placement_.build(nodes.candidates());
        auto const expected = answers(table);
        auto moved = std::move(table);
        same(expected, answers(moved), "a table that was moved");
        table_type assigned;
        assigned = std::move(moved);
        same(expected, answers(assigned), "a table that was assigned");
        if constexpr (std::copyable<table_type>) {
            table_type copy;
            copy = assigned;
            same(expected, answers(copy), "a copy of a table");
        }
    }

    // ---- shares ------------------------------------------------------------------------------------------------------

    /// What each candidate gets, as a multiple of what its weight asks for.
    [[nodiscard]] std::vector<double> shares(placement_cluster const& nodes, std::uint64_t count) const
    {
        auto const candidates = nodes.candidates();
        auto const table = placement_.build(candidates);
        std::uint64_t weights = 0;
        for (auto const& each : candidates)
            weights += weight_of(each);
        std::vector<double> result(candidates.size());
        for (std::uint64_t i = 0; i < count; ++i)
            result[table.place(placement_key(i))] += 1.0;
        for (std::size_t i = 0; i < result.size(); ++i)
            result[i] *= static_cast<double>(weights) / (static_cast<double>(count) * weight_of(candidates[i]));
        return result;
    }

    void check_balance(random_stream& random)
    {
        placement_cluster const nodes{random, 12};
        auto const given = shares(nodes, 12'000);
        for (std::size_t i = 0; i < given.size(); ++i)
            found_.check(given[i] >= 0.5 && given[i] <= 2.0, "seed ", seed_, ": among 12 candidates of one weight '",
                placement_cluster::printable(nodes.name(i)), "' gets ", given[i], " times its part");
    }

    /// Over many clusters the mean share of each weight comes close to what it asks for, however uneven one of them is.
    void check_weights()
    {
        constexpr std::uint64_t clusters_count = 60;
        constexpr double tolerance = 0.1;
        double sums[4]{};
        std::uint64_t counts[4]{};
        for (std::uint64_t i = 0; i < clusters_count; ++i) {
            random_stream random{options_.seed + i, 0x77656967687473ULL}; // "weights"
            placement_cluster const nodes{random, 8, 4};
            auto const given = shares(nodes, 4'000);
            auto const candidates = nodes.candidates();
            for (std::size_t at = 0; at < given.size(); ++at) {
                sums[candidates[at].weight - 1] += given[at];
                ++counts[candidates[at].weight - 1];
            }
        }
        for (std::size_t weight = 1; weight <= 4; ++weight) {
            auto const mean = sums[weight - 1] / static_cast<double>(counts[weight - 1]);
            found_.check(mean >= 1.0 - tolerance && mean <= 1.0 + tolerance, "over ", clusters_count,
                " clusters, candidates of weight ", weight, " get ", mean, " times what they ask for");
        }
    }

    void check_clamped(random_stream& random)
    {
        placement_cluster nodes{random, 4, 2};
        auto within = nodes;
        nodes.set("outside", candidate::weight_max + 7 + static_cast<std::uint32_t>(random.below(100)));
        within.set("outside", candidate::weight_max);
        same(answers_of(within), answers_of(nodes), "a weight over the largest");
        auto candidates = within.candidates();
        candidates.front().weight = 1;
        auto const expected = answers(placement_.build(candidates));
        candidates.front().weight = 0;
        same(expected, answers(placement_.build(candidates)), "no weight");
    }

    // ---- changes -----------------------------------------------------------------------------------------------------

    /// One candidate comes, goes, or changes its weight; never the last. Returns its name.
    static std::string change_one(placement_cluster& nodes, random_stream& random)
    {
        auto const present = random.chance(600'000) || nodes.weights().size() < 2;
        auto name = present ? nodes.name(random.below(nodes.weights().size())) : placement_cluster::any_name(random);
        auto const least = nodes.weights().size() < 3 ? 1U : 0U;
        nodes.set(name, static_cast<std::uint32_t>(random.between(least, 3)));
        return name;
    }

    [[nodiscard]] std::vector<std::string> names_given(placement_cluster const& nodes) const
    {
        auto const candidates = nodes.candidates();
        std::vector<std::string> result;
        for (auto const index : answers_of(nodes))
            result.emplace_back(candidates[index].name);
        return result;
    }

    static std::uint32_t weight_in(placement_cluster const& nodes, std::string const& name)
    {
        auto const found = nodes.weights().find(name);
        return found == nodes.weights().end() ? 0 : found->second;
    }

    void check_changes()
    {
        if constexpr (capabilities.minimal_moves)
            each_round(placement_law::minimal_moves, [&](random_stream& random) { check_moves(random); });
        else
            found_.skip(placement_law::minimal_moves, "not minimal_moves");
        if constexpr (updatable_placement<Placement>)
            each_round(placement_law::updated, [&](random_stream& random) { check_updated(random); });
        else
            found_.skip(placement_law::updated, "has no update");
    }

    void check_moves(random_stream& random)
    {
        placement_cluster nodes{random, 8, 3};
        auto before = names_given(nodes);
        for (int step = 0; step < 25; ++step) {
            auto const old = nodes;
            auto const changed = change_one(nodes, random);
            auto const takes = weight_in(nodes, changed) >= weight_in(old, changed);
            auto after = names_given(nodes);
            std::size_t strange = 0;
            for (std::size_t i = 0; i < after.size(); ++i)
                strange += after[i] != before[i] && (takes ? after[i] : before[i]) != changed ? 1U : 0U;
            found_.check(strange == 0, "seed ", seed_, ": '", placement_cluster::printable(changed), "' went from weight ",
                weight_in(old, changed), " to ", weight_in(nodes, changed), " (0: not there), and ", strange, " of ", keys_count,
                " keys moved that have nothing "
                "to do with it");
            before = std::move(after);
        }
    }

    void check_updated(random_stream& random)
    {
        placement_cluster nodes{random, 6, 3};
        auto table = placement_.build(nodes.candidates());
        for (int step = 0; step < 25; ++step) {
            auto const old = nodes;
            for (auto changes = random.chance(200'000) ? random.below(12) : 1; changes > 0; --changes)
                change_one(nodes, random);
            placement_.update(table, old.candidates(), nodes.candidates());
            if (!same(answers_of(nodes), answers(table), "a table that was built, and one that was updated"))
                return;
        }
    }

    // ---- preference and loads ----------------------------------------------------------------------------------------

    void check_preference()
    {
        if constexpr (ranked_placement<Placement>)
            each_round(placement_law::ranked, [&](random_stream& random) { check_ranked(random); });
        else
            found_.skip(placement_law::ranked, "has no place_where");
    }

    void check_ranked(random_stream& random)
    {
        placement_cluster const nodes{random, 2 + random.below(20), 3};
        auto const candidates = nodes.candidates();
        auto const table = placement_.build(candidates);
        for (std::uint64_t i = 0; i < 200; ++i) {
            auto const key = placement_key(i);
            auto const home = table.place(key);
            found_.check(table.place_where(key, [](std::size_t) { return true; }) == home, "seed ", seed_, ": key ", key,
                " does not prefer its home");
            found_.check(table.place_where(key, [](std::size_t) { return false; }) == home, "seed ", seed_, ": key ", key,
                " does not stay at home when nobody accepts it");
            // Who comes first among many comes first among fewer of them.
            std::vector<bool> accepts(candidates.size(), true);
            for (auto left = candidates.size(); left > 0; --left) {
                auto const first = table.place_where(key, [&](std::size_t index) { return accepts[index]; });
                if (!found_.check(first < candidates.size() && accepts[first], "seed ", seed_, ": key ", key,
                        " was given to a candidate that does not accept it"))
                    return;
                auto fewer = accepts;
                for (std::size_t index = 0; index < fewer.size(); ++index)
                    fewer[index] = fewer[index] && (index == first || random.chance(500'000));
                found_.check(table.place_where(key, [&](std::size_t index) { return fewer[index]; }) == first, "seed ", seed_,
                    ": key ", key, " prefers another among fewer");
                accepts[first] = false;
            }
        }
    }

    void check_loads()
    {
        if constexpr (load_placement<Placement>) {
            each_round(placement_law::load_in_range, [&](random_stream& random) { check_load_range(random); });
            each_round(placement_law::home, [&](random_stream& random) { check_home(random); });
            each_round(placement_law::capacity, [&](random_stream& random) { check_capacity(random); });
        } else {
            for (auto const law : {placement_law::load_in_range, placement_law::home, placement_law::capacity})
                found_.skip(law, "not by_load");
        }
    }

    void check_load_range(random_stream& random)
    {
        placement_cluster const nodes{random, 1 + random.below(20), 3};
        auto const table = placement_.build(nodes.candidates());
        std::vector<std::uint32_t> loads(nodes.weights().size());
        for (std::uint64_t i = 0; i < 500; ++i) {
            for (auto& load : loads)
                load = static_cast<std::uint32_t>(random.chance(100'000) ? random.below(1'000'000) : random.below(20));
            candidate_loads const carried{loads, std::accumulate(loads.begin(), loads.end(), std::uint64_t{0})};
            auto const decision = table.place(placement_key(i), carried);
            found_.check(decision < loads.size() && table.place(placement_key(i), carried) == decision, "seed ", seed_, ": of ",
                loads.size(), " candidates, number ", decision, " was named, and perhaps another when asked again");
        }
    }

    void check_home(random_stream& random)
    {
        placement_cluster const nodes{random, 2 + random.below(20), 3};
        auto const table = placement_.build(nodes.candidates());
        std::vector<std::uint32_t> const nothing(nodes.weights().size());
        for (std::uint64_t i = 0; i < 500; ++i)
            found_.check(table.place(placement_key(i), candidate_loads{nothing, 0}) == table.place(placement_key(i)), "seed ",
                seed_, ": nothing runs, and key ", placement_key(i), " is not placed at home");
    }

    /// Children come and go, and are placed by what the candidates carry at that time.
    void check_capacity(random_stream& random)
    {
        placement_cluster const nodes{random, 2 + random.below(12), 3};
        auto const count = nodes.weights().size();
        auto const table = placement_.build(nodes.candidates());
        std::vector<std::uint32_t> loads(count);
        std::uint64_t total = 0;
        for (std::uint64_t i = 0; i < 1'000; ++i) {
            auto const key = placement_key(i);
            auto const chosen = table.place(key, candidate_loads{loads, total});
            if (chosen >= count)
                return;
            judge_capacity(table, key, chosen, {loads, total});
            ++loads[chosen];
            ++total;
            if (auto const leaves = random.below(count); loads[leaves] > 0 && random.chance(300'000)) {
                --loads[leaves];
                --total;
            }
        }
        // With everything on its home, a child goes elsewhere.
        auto const home = table.place(placement_key(9));
        std::fill(loads.begin(), loads.end(), 0);
        loads[home] = 1'000;
        found_.check(table.place(placement_key(9), candidate_loads{loads, 1'000}) != home, "seed ", seed_,
            ": a home that carries everything is given one more");
    }

    void judge_capacity(table_type const& table, std::uint64_t key, std::size_t chosen, candidate_loads const& loads)
    {
        auto const home = table.place(key);
        found_.law(placement_law::home);
        found_.check(chosen == home || !table.has_room(home, loads), "seed ", seed_, ": the home of key ", key,
            " has room, and the child is placed elsewhere");
        auto somebody = false;
        for (std::size_t index = 0; index < loads.each.size(); ++index)
            somebody |= table.has_room(index, loads);
        found_.law(placement_law::capacity);
        found_.check(table.has_room(chosen, loads) || !somebody, "seed ", seed_, ": a candidate that carries ",
            loads.each[chosen], " of ", loads.total, " and has no room is given one more, and another has room");
    }

    report& found_;
    Placement const& placement_;
    suite_options options_;
    std::uint64_t seed_ = 0;
};

/// Holds a model of Placement to the laws of docs/concepts/placement.md.
///
/// Candidates are given sorted by name, each name once. Complexity: some hundred tables a round.
template <class Placement>
report check_placement(Placement const& placement = {}, suite_options options = {})
{
    static_assert(drover::placement<Placement>, "drover: check_placement is given a Placement (see docs/concepts/placement.md)");
    report found{"Placement"};
    placement_suite<Placement>{found, placement, options}.check_all();
    return found;
}

} // namespace drover::conformance
