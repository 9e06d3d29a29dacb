// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/hash.hpp>
#include <drover/base/random.hpp>
#include <drover/policy/placement.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace drover::conformance {

/// Nodes by name, and their weights: what a Placement is asked about. The candidates refer to its names, and are valid as long
/// as it is unchanged.
class placement_cluster {
public:
    placement_cluster() = default;

    /// `count` nodes of random names, whose weights go through 1 ... `weight_max` again and again.
    placement_cluster(random_stream& random, std::size_t count, std::uint32_t weight_max = 1)
    {
        while (weights_.size() < count)
            weights_.emplace(any_name(random), static_cast<std::uint32_t>(1 + weights_.size() % weight_max));
    }

    /// Names as people give them: alike, of very different lengths, of any octets.
    [[nodiscard]] static std::string any_name(random_stream& random)
    {
        auto const number = std::to_string(random.below(100'000));
        switch (random.below(4)) {
        case 0: return "node-" + number;
        case 1: return std::string(random.below(200), 'n') + number;
        case 2: return number + ".example.org";
        default: return number + static_cast<char>(random.next()) + static_cast<char>(random.next());
        }
    }

    /// For people.
    [[nodiscard]] static std::string printable(std::string name)
    {
        for (auto& octet : name)
            if (octet < ' ' || octet > '~')
                octet = '?';
        return name;
    }

    /// 0: it goes.
    void set(std::string const& name, std::uint32_t weight)
    {
        if (weight == 0)
            weights_.erase(name);
        else
            weights_[name] = weight;
    }

    /// Sorted by name.
    [[nodiscard]] std::vector<candidate> candidates() const
    {
        std::vector<candidate> result;
        for (auto const& [name, weight] : weights_)
            result.push_back({name, weight});
        return result;
    }

    [[nodiscard]] std::map<std::string, std::uint32_t> const& weights() const { return weights_; }

    [[nodiscard]] std::string const& name(std::size_t index) const
    {
        return std::next(weights_.begin(), static_cast<std::ptrdiff_t>(index))->first;
    }

private:
    std::map<std::string, std::uint32_t> weights_;
};

/// Key `i` of a sequence that is uniform over 64 bits; the first are the outermost.
[[nodiscard]] constexpr std::uint64_t placement_key(std::uint64_t i)
{
    return i < 2 ? 0 - i : i < 4 ? (std::uint64_t{1} << 63) - (i - 2) : mix64(i * 0x9e3779b97f4a7c15ULL);
}

} // namespace drover::conformance
