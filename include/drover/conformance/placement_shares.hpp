// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
#include <drover/conformance/placement_laws.hpp>
#include <drover/conformance/placement_stage.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/policy/placement.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace drover::conformance {

/// The laws of a Placement about shares. They hold by chance: what is seen is compared with what is expected, and may differ by
/// some standard deviations.
template <class Make>
class placement_shares : placement_stage<Make> {
    using stage = placement_stage<Make>;
    using stage::draw_nodes;
    using stage::expect;
    using stage::found_;
    using stage::make_;
    using stage::options_;
    using stage::tell;
    using stage::valid;
    using typename stage::table_type;

    static constexpr double deviations_most = 6; ///< more are seen once in some 10^8 looks

public:
    placement_shares(report& found, Make& make, suite_options options) : stage{found, make, options} {}

    void check_all(placement_bounds const& bounds)
    {
        if (bounds.share_deviation) {
            found_.law(placement_law::weights, [&] { check_weights(*bounds.share_deviation); });
            tell(placement_law::balance, [&](random_stream random) { check_balance(random, *bounds.share_deviation); });
        } else {
            found_.skip(placement_law::weights, "no share_deviation is given");
            found_.skip(placement_law::balance, "no share_deviation is given");
        }
    }

private:
    /// Over many clusters chance cancels out, so that a small mistake shows.
    void check_weights(double deviation)
    {
        static constexpr std::uint32_t weight_most = 4;
        struct class_of_weight {
            double expected = 0, seen = 0, variance = 0;
        };
        std::map<std::uint32_t, class_of_weight> classes;
        random_stream random{options_.seed};
        auto const model = make_();
        for (std::uint64_t cluster = 0; cluster < options_.rounds * 8; ++cluster) {
            weights_by_name nodes;
            for (std::uint32_t i = 0; i < 3 * weight_most; ++i)
                nodes.emplace("node-" + std::to_string(random.next()), 1 + i % weight_most);
            candidate_list const list{nodes};
            auto const shares = shares_of(model.build(list.all()), list, random, 1'000);
            for (std::size_t i = 0; i < list.size(); ++i) {
                auto& each = classes[list[i].weight];
                auto const expected = share_expected(list, i, 1'000);
                each.expected += expected;
                each.seen += shares[i];
                each.variance += variance_of(expected, list[i].weight, deviation);
            }
        }
        for (auto const& [weight, each] : classes)
            found_.check(std::abs(each.seen - each.expected) <= deviations_most * std::sqrt(each.variance),
                "candidates of weight ", weight, " have ", each.seen, " keys in all, and ", each.expected, " were expected");
    }

    void check_balance(random_stream& random, double deviation)
    {
        auto const model = make_();
        for (std::size_t const count : {2U, 3U, 10U, 40U}) {
            candidate_list const list{draw_nodes(random, count, random.chance(500'000) ? 1 : 5)};
            auto const keys = 2'000 * count;
            auto const shares = shares_of(model.build(list.all()), list, random, keys);
            for (std::size_t i = 0; i < count; ++i) {
                auto const expected = share_expected(list, i, keys);
                expect(std::abs(shares[i] - expected)
                        <= deviations_most * std::sqrt(variance_of(expected, list[i].weight, deviation)),
                    "of ", count, " candidates '", list.name(i), "' of weight ", list[i].weight, " has ", shares[i],
                    " keys, and ", expected, " were expected");
            }
        }
    }

    /// Of the number of keys that a candidate gets: keys are drawn, and so is the share itself.
    static double variance_of(double expected, std::uint32_t weight, double deviation)
    {
        auto const of_share = expected * deviation;
        return expected + of_share * of_share / weight;
    }

    static double share_expected(candidate_list const& list, std::size_t index, std::size_t keys)
    {
        double weights = 0;
        for (auto const& who : list.all())
            weights += weight_of(who);
        return static_cast<double>(keys) * weight_of(list[index]) / weights;
    }

    std::vector<double> shares_of(table_type const& table, candidate_list const& list, random_stream& random, std::size_t keys)
    {
        std::vector<double> shares(list.size());
        for (std::size_t i = 0; i < keys; ++i)
            if (auto const index = valid(table.place(random.next()), list.size()))
                shares[*index] += 1;
        return shares;
    }
};

} // namespace drover::conformance
