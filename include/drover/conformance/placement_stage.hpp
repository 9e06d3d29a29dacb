// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
#include <drover/conformance/placement_laws.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/policy/placement.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace drover::conformance {

/// What `check_placement` expects beyond the concept.
struct placement_bounds {
    /// By how much a share strays from what its weight asks for: the relative standard deviation, over all names, of the share of
    /// a candidate of weight 1; of weight w it is smaller by the root of w. None: shares are not looked at.
    std::optional<double> share_deviation = 0.1;
};

/// Names and their weights.
using weights_by_name = std::map<std::string, std::uint32_t, std::less<>>;

/// A list of candidates as `build` takes it, and the names that it refers to. Its memory stays what it is while it lives, also
/// after it was overwritten: so a table that wrongly keeps some of it is noticed, and does no harm.
class candidate_list {
public:
    explicit candidate_list(weights_by_name const& weights)
    {
        for (auto const& [name, weight] : weights)
            candidates_.push_back({names_.emplace_back(name), weight});
    }

    candidate_list(candidate_list const&) = delete;
    candidate_list& operator=(candidate_list const&) = delete;

    [[nodiscard]] std::span<candidate const> all() const { return candidates_; }
    [[nodiscard]] std::size_t size() const { return candidates_.size(); }
    [[nodiscard]] candidate const& operator[](std::size_t index) const { return candidates_[index]; }

    /// The name of that candidate; of any other index none.
    [[nodiscard]] std::string_view name(std::size_t index) const
    {
        return index < candidates_.size() ? candidates_[index].name : std::string_view{};
    }

    /// Names and weights become others.
    void overwrite()
    {
        for (auto& name : names_)
            for (auto& octet : name)
                octet = '~';
        for (auto& who : candidates_)
            who = {"overwritten", candidate::weight_max + 1 - weight_of(who)};
    }

private:
    std::deque<std::string> names_;
    std::vector<candidate> candidates_;
};

/// What all laws of a Placement are looked at with: models, lists of candidates, keys, answers.
template <class Make>
class placement_stage {
protected:
    using placement_type = std::remove_cvref_t<std::invoke_result_t<Make&>>;
    using table_type = typename placement_type::table_type;

    static constexpr std::size_t keys_count = 400;
    static constexpr placement_capabilities promised = placement_type::capabilities;

    placement_stage(report& found, Make& make, suite_options options) : found_{found}, make_{make}, options_{options} {}

    /// A body for each seed, which is given the stream of that seed.
    template <class Body>
    void tell(std::string_view law, Body&& body)
    {
        found_.law(law, [&] {
            for (std::uint64_t i = 0; i < options_.rounds; ++i) {
                seed_ = options_.seed + i;
                law_ = law;
                body(random_stream{seed_});
            }
        });
    }

    /// Checks the present law. The sentence ends with the seed.
    template <class... Parts>
    bool expect(bool holds, Parts const&... sentence)
    {
        found_.law(law_);
        return found_.check(holds, sentence..., " (seed ", seed_, ")");
    }

    /// `index`, or nothing, and a breach of `in_range`, when there is no such candidate.
    std::optional<std::size_t> valid(std::size_t index, std::size_t count)
    {
        if (index < count)
            return index;
        found_.law(placement_law::in_range);
        found_.check(false, "of ", count, " candidates it chose index ", index, " (seed ", seed_, ")");
        found_.law(law_);
        return std::nullopt;
    }

    /// The names that the keys get; none where the answer was out of range.
    std::vector<std::string_view> answers(
        table_type const& table, candidate_list const& list, std::vector<std::uint64_t> const& keys)
    {
        std::vector<std::string_view> names;
        names.reserve(keys.size());
        for (auto const key : keys)
            names.push_back(list.name(valid(table.place(key), list.size()).value_or(list.size())));
        return names;
    }

    /// Of how many keys the names differ.
    static std::size_t differences(std::vector<std::string_view> const& a, std::vector<std::string_view> const& b)
    {
        std::size_t count = 0;
        for (std::size_t i = 0; i < a.size(); ++i)
            count += a[i] != b[i] ? 1U : 0U;
        return count;
    }

    static std::vector<std::uint64_t> draw_keys(random_stream& random, std::size_t count = keys_count)
    {
        std::vector<std::uint64_t> keys{0, 1, std::uint64_t{1} << 63, std::numeric_limits<std::uint64_t>::max()};
        while (keys.size() < count)
            keys.push_back(random.next());
        return keys;
    }

    /// A name as people give them, or as nobody should: short, long, the begin of another one, with any octets.
    static std::string draw_name(random_stream& random)
    {
        auto const number = std::to_string(random.below(100'000));
        switch (random.below(8)) {
        case 0: return "n" + number;
        case 1: return "n" + number + std::string(1, '\0');
        case 2: return "\xff\x80" + number;
        case 3: return "a-node-of-a-rather-long-name.in-the-zone-of-the-north.example.org-" + number;
        default: return "node-" + number;
        }
    }

    /// Nodes with random names. Pre: weight_most >= 1.
    static weights_by_name draw_nodes(random_stream& random, std::size_t count, std::uint32_t weight_most)
    {
        weights_by_name nodes;
        while (nodes.size() < count)
            nodes.emplace(draw_name(random), static_cast<std::uint32_t>(random.between(1, weight_most)));
        return nodes;
    }

    static std::string_view draw_one_of(random_stream& random, weights_by_name const& nodes)
    {
        auto at = nodes.begin();
        std::advance(at, static_cast<std::ptrdiff_t>(random.below(nodes.size())));
        return at->first;
    }

    report& found_;
    Make& make_;
    suite_options options_;
    std::uint64_t seed_ = 0;
    std::string_view law_;
};

} // namespace drover::conformance
