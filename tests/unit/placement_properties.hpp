// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
#include <drover/policy/placement.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What every Placement keeps, as functions that count the breaches: so that the same check runs over each model, and over
/// broken ones, which it must notice.
namespace placement_properties {

using drover::candidate;

/// Names and weights. The candidates that it gives refer to its names.
class cluster {
public:
    cluster() = default;

    /// `count` nodes whose weights go through 1 ... `weight_most` again and again.
    explicit cluster(std::size_t count, std::uint32_t weight_most = 1, std::string const& prefix = "node-")
    {
        for (std::size_t i = 0; i < count; ++i)
            weights[prefix + std::to_string(i)] = static_cast<std::uint32_t>(1 + i % weight_most);
    }

    [[nodiscard]] std::vector<candidate> candidates() const
    {
        std::vector<candidate> result;
        for (auto const& [name, weight] : weights)
            result.push_back({name, weight});
        return result;
    }

    std::map<std::string, std::uint32_t> weights;
};

/// Key `i` of a sequence that covers the keys evenly.
inline std::uint64_t even_key(std::uint64_t i) { return i * 0x9e3779b97f4a7c15ULL; }

/// Key `i` of a sequence without any order.
inline std::uint64_t random_key(std::uint64_t i) { return drover::mix64(i + 0x9e3779b97f4a7c15ULL); }

/// Names whose hashes are equal: XXH3 multiplies the first two words of so long a name, each mixed with a constant, and where the
/// first word is the constant the product is 0 whatever the second. Sorted.
inline std::vector<std::string> colliding_names(std::size_t count)
{
    std::vector<std::string> names;
    for (std::size_t i = 0; i < count; ++i)
        names.push_back("\xb8\xfe\x6c\x39\x23\xa4\x4b\xbe" + std::to_string(10'000'000 + i) + "0123456789abcdef");
    return names;
}

/// The name that each of the first keys gets.
template <class P>
std::vector<std::string_view> answers(P const& placement, std::vector<candidate> const& candidates, std::size_t keys_count)
{
    auto const table = placement.build(candidates);
    std::vector<std::string_view> names;
    for (std::uint64_t i = 0; i < keys_count; ++i) {
        auto const index = table.place(random_key(i));
        names.push_back(index < candidates.size() ? candidates[index].name : std::string_view{"nobody"});
    }
    return names;
}

inline std::size_t differences(std::vector<std::string_view> const& a, std::vector<std::string_view> const& b)
{
    std::size_t count = 0;
    for (std::size_t i = 0; i < a.size(); ++i)
        count += a[i] != b[i];
    return count;
}

/// A table that another process builds, from names that lie elsewhere, answers the same.
template <class P>
std::size_t changed_by_restart(P const& placement)
{
    cluster const here{37, 3};
    cluster const there{here};
    P const again{placement};
    return differences(answers(placement, here.candidates(), 5'000), answers(again, there.candidates(), 5'000));
}

/// The order in which the candidates are given does not matter.
template <class P>
std::size_t changed_by_order(P const& placement)
{
    cluster const nodes{37, 3};
    auto const sorted = nodes.candidates();
    auto const expected = answers(placement, sorted, 5'000);
    drover::random_stream random{7};
    std::size_t count = 0;
    for (int round = 0; round < 4; ++round) {
        auto permuted = sorted;
        for (std::size_t i = permuted.size(); i > 1; --i)
            std::swap(permuted[i - 1], permuted[random.below(i)]);
        count += differences(expected, answers(placement, permuted, 5'000));
    }
    return count;
}

/// Whoever comes or grows only takes, and whoever goes or shrinks only gives: keys that move otherwise, over a random history of
/// single changes.
template <class P>
std::size_t strange_moves(P const& placement, std::uint64_t seed)
{
    drover::random_stream random{seed};
    cluster nodes{5, 2};
    auto before = answers(placement, nodes.candidates(), 1'000);
    std::vector<std::string> names; // what `before` refers to may be gone
    std::size_t count = 0;
    for (int step = 0; step < 100; ++step) {
        names.assign(before.begin(), before.end());
        auto const changed = "node-" + std::to_string(random.below(20));
        auto& weight = nodes.weights[changed]; // 0: not there
        auto const weight_after =
            nodes.weights.size() > 2 ? static_cast<std::uint32_t>(random.below(4)) : weight + 1; // never the last one
        bool const takes = weight_after > weight;
        weight = weight_after;
        if (weight == 0)
            nodes.weights.erase(changed);
        before = answers(placement, nodes.candidates(), 1'000);
        for (std::size_t i = 0; i < before.size(); ++i)
            count += before[i] != names[i] && (takes ? before[i] : std::string_view{names[i]}) != changed;
    }
    return count;
}

/// The candidates whose share of `keys_count` random keys is further from their ideal than five standard deviations.
///
/// Keys are drawn, so a share of k keys varies by sqrt(k); `relative_variance` is that of the share itself, for a weight of 1: of
/// a ring, one by the number of points (intervals between random points are exponentially distributed).
template <class P>
std::size_t shares_out_of_bounds(P const& placement, cluster const& nodes, double relative_variance, std::size_t keys_count)
{
    auto const candidates = nodes.candidates();
    auto const table = placement.build(candidates);
    std::vector<double> shares(candidates.size());
    for (std::uint64_t i = 0; i < keys_count; ++i)
        shares[table.place(random_key(i))] += 1;
    double weights = 0;
    for (auto const& who : candidates)
        weights += drover::weight_of(who);
    std::size_t count = 0;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        double const weight = drover::weight_of(candidates[i]);
        double const ideal = static_cast<double>(keys_count) * weight / weights;
        double const deviation = std::sqrt(ideal + ideal * ideal * relative_variance / weight);
        count += std::abs(shares[i] - ideal) > 5 * deviation;
    }
    return count;
}

/// How many of 1,000 keys, on average over many clusters, one that joins ten others takes. The ideal is 90.9.
template <class P>
double moved_by_joining_ten(P const& placement)
{
    std::size_t moved = 0;
    for (int round = 0; round < 60; ++round) {
        auto const prefix = "cluster-" + std::to_string(round) + "-node-";
        cluster const before{10, 1, prefix};
        cluster const after{11, 1, prefix};
        moved += differences(answers(placement, before.candidates(), 1'000), answers(placement, after.candidates(), 1'000));
    }
    return static_cast<double>(moved) / 60;
}

/// Updated tables that differ from built ones, bit by bit, over a random history of changes of all sizes.
template <class P>
std::size_t wrong_updates(P const& placement, std::uint64_t seed)
{
    drover::random_stream random{seed};
    cluster before;
    auto table = placement.build(before.candidates());
    std::size_t count = 0;
    for (int step = 0; step < 200; ++step) {
        auto after = before;
        // It grows, then shrinks down to nobody, and sometimes many change at once.
        std::uint64_t const changes = random.chance(30'000) ? 60 : random.below(4);
        for (std::uint64_t i = 0; i < changes; ++i) {
            auto const name = "node-" + std::to_string(random.below(150));
            if (random.chance(step < 120 ? 700'000 : 200'000))
                after.weights[name] = static_cast<std::uint32_t>(random.below(4)); // 0 counts as 1
            else if (step > 120 && !after.weights.empty())
                after.weights.erase(after.weights.begin());
            else
                after.weights.erase(name);
        }
        if (step == 60 || step == 199)
            after.weights.clear();
        placement.update(table, before.candidates(), after.candidates());
        count += !(table == placement.build(after.candidates()));
        before = std::move(after);
    }
    return count;
}

/// The candidates in a key's order of preference: each is the best of those who are left.
template <class Table>
std::vector<std::size_t> preference(Table const& table, std::uint64_t key, std::size_t candidates_count)
{
    std::vector<std::size_t> order;
    std::vector<bool> taken(candidates_count);
    for (std::size_t i = 0; i < candidates_count; ++i) {
        order.push_back(table.place_where(key, [&](std::size_t index) { return !taken.at(index); }));
        taken.at(order.back()) = true;
    }
    return order;
}

/// Who is the best of some is who would be placed if there were no others; the best of all and of nobody is the place.
template <class P>
std::size_t wrong_ranks(P const& placement, std::uint64_t seed)
{
    drover::random_stream random{seed};
    cluster const nodes{23, 3};
    auto const all = nodes.candidates();
    auto const table = placement.build(all);
    std::size_t count = 0;
    for (int round = 0; round < 60; ++round) {
        std::vector<candidate> some;
        std::vector<bool> accepted(all.size());
        auto const per_million = random.below(1'000'000);
        for (std::size_t i = 0; i < all.size(); ++i)
            if ((accepted[i] = random.chance(per_million)))
                some.push_back(all[i]);
        auto const table_of_some = placement.build(some);
        for (int i = 0; i < 50; ++i) {
            auto const key = random.next();
            auto const found = table.place_where(key, [&](std::size_t index) { return accepted.at(index); });
            auto const expected = some.empty() ? all[table.place(key)].name : some[table_of_some.place(key)].name;
            count += all.at(found).name != expected;
            count += table.place_where(key, [](std::size_t) { return true; }) != table.place(key);
        }
    }
    for (int i = 0; i < 20; ++i) {
        auto order = preference(table, random.next(), all.size());
        std::sort(order.begin(), order.end());
        count += std::unique(order.begin(), order.end()) != order.end();
    }
    return count;
}

/// Children on the nodes of a cluster, placed by load, as one node that decides would keep them.
template <class P>
class populace {
public:
    populace(P placement, cluster nodes) : placement_{std::move(placement)} { become(std::move(nodes)); }

    /// Places a new child. Counts a breach when its node then has more than its capacity.
    void add(std::uint64_t key)
    {
        auto const index = table_.place(key, {loads_, children_.size()});
        breaches_ += loads_.at(index) + 1 > table_.capacity(index, children_.size());
        ++loads_[index];
        children_.emplace(key, candidates_[index].name);
    }

    void remove_any(drover::random_stream& random)
    {
        if (children_.empty())
            return;
        auto at = children_.lower_bound(random.next());
        if (at == children_.end())
            at = children_.begin();
        --loads_[index_of(at->second)];
        children_.erase(at);
    }

    /// The candidates change: children stay where they are, unless their node is gone or has more than its capacity. Counts a
    /// breach for each node that still has more then. Returns how many moved.
    std::size_t become(cluster nodes)
    {
        auto const old_nodes = std::exchange(nodes_, std::move(nodes));
        candidates_ = nodes_.candidates();
        table_ = placement_.build(candidates_);
        loads_.assign(candidates_.size(), 0);
        for (auto const& [key, name] : children_)
            if (nodes_.weights.count(name) != 0)
                ++loads_[index_of(name)];
        std::uint64_t placed = 0;
        for (auto const load : loads_)
            placed += load;
        std::size_t moved = 0;
        for (auto& [key, name] : children_) {
            if (nodes_.weights.count(name) != 0) {
                auto const index = index_of(name);
                if (loads_[index] <= table_.capacity(index, children_.size() - 1))
                    continue;
                --loads_[index];
                --placed;
            }
            auto const index = table_.place(key, {loads_, placed});
            ++loads_.at(index);
            ++placed;
            ++moved;
            name = candidates_[index].name;
        }
        for (std::size_t i = 0; i < loads_.size(); ++i)
            breaches_ += !children_.empty() && loads_[i] > table_.capacity(i, children_.size() - 1);
        return moved;
    }

    [[nodiscard]] std::size_t breaches() const { return breaches_; }
    [[nodiscard]] cluster const& nodes() const { return nodes_; }
    [[nodiscard]] std::size_t size() const { return children_.size(); }
    [[nodiscard]] std::uint32_t load_most() const { return *std::max_element(loads_.begin(), loads_.end()); }

private:
    [[nodiscard]] std::size_t index_of(std::string const& name) const
    {
        return static_cast<std::size_t>(std::distance(nodes_.weights.begin(), nodes_.weights.find(name)));
    }

    P placement_;
    cluster nodes_;
    std::vector<candidate> candidates_;
    typename P::table_type table_;
    std::vector<std::uint32_t> loads_;
    std::map<std::uint64_t, std::string> children_;
    std::size_t breaches_ = 0;
};

/// Nodes above their capacity, while children and nodes come and go.
template <class P>
std::size_t overloads(P const& placement, std::uint64_t seed)
{
    drover::random_stream random{seed};
    populace<P> children{placement, cluster{8, 2}};
    for (int step = 0; step < 3'000; ++step) {
        if (random.chance(step < 2'000 ? 700'000 : 300'000))
            children.add(random.next());
        else
            children.remove_any(random);
        if (!random.chance(20'000))
            continue;
        auto nodes = children.nodes();
        auto const name = "node-" + std::to_string(random.below(16));
        if (nodes.weights.size() > 1 && random.chance(500'000))
            nodes.weights.erase(nodes.weights.begin());
        else
            nodes.weights[name] = static_cast<std::uint32_t>(random.between(1, 3));
        children.become(std::move(nodes));
    }
    return children.breaches();
}

/// Children that do not go to the first in their order of preference with room.
template <class P>
std::size_t unpreferred(P const& placement, std::uint64_t seed)
{
    drover::random_stream random{seed};
    cluster const nodes{17, 3};
    auto const candidates = nodes.candidates();
    auto const table = placement.build(candidates);
    auto const ranks = placement.inner.build(candidates);
    std::size_t count = 0;
    for (int round = 0; round < 300; ++round) {
        std::vector<std::uint32_t> loads(candidates.size());
        std::uint64_t total = 0;
        for (auto& load : loads)
            total += load = static_cast<std::uint32_t>(random.below(10));
        auto const key = random.next();
        auto const order = preference(ranks, key, candidates.size());
        auto const first = std::find_if(
            order.begin(), order.end(), [&](std::size_t index) { return loads[index] < table.capacity(index, total); });
        count += first == order.end() || table.place(key, {loads, total}) != *first;
    }
    return count;
}

} // namespace placement_properties
