// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/simulation/kernel.hpp>
#include <drover/simulation/network_options.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace drover::simulation {

/// What the network does to one message.
struct passage {
    bool lost = false;
    bool duplicated = false;
    duration latency{};
    duration duplicate_latency{};
};

/// The directed links between hosts: which are cut, and what happens to each message.
///
/// The fate of the n-th message of a link is a function of (seed, names of the two hosts, n), and each of its draws has a
/// place of its own: changing a rate, or what other links carry, shifts nothing. About 10 ns a message.
class links {
public:
    explicit links(kernel& time) : kernel_{time} {}

    /// Counts one message from a host to another and says what becomes of it, cuts apart.
    [[nodiscard]] passage next(host_index from, host_index to, network_options const& options)
    {
        expects(options.latency_min <= options.latency_max, "latency_max must be at least latency_min");
        auto& which = at(from, to);
        random_stream draws{which.key, which.messages_count++};
        passage result;
        result.lost = draws.chance(options.loss_per_million);
        result.duplicated = draws.chance(options.duplicate_per_million);
        result.latency = draws.between(options.latency_min, options.latency_max);
        if (result.duplicated)
            result.duplicate_latency = draws.between(options.latency_min, options.latency_max);
        return result;
    }

    [[nodiscard]] bool is_cut(host_index from, host_index to) { return at(from, to).cut; }
    void cut(host_index from, host_index to) { at(from, to).cut = true; }
    void mend(host_index from, host_index to) { at(from, to).cut = false; }

    void mend_all()
    {
        for (auto& row : rows_)
            for (auto& which : row)
                which.cut = false;
    }

private:
    struct directed_link {
        std::uint64_t key = 0; // 0: not yet known
        std::uint64_t messages_count = 0;
        bool cut = false;
    };

    [[nodiscard]] directed_link& at(host_index from, host_index to)
    {
        if (rows_.size() <= from)
            rows_.resize(std::size_t{from} + 1);
        auto& row = rows_[from];
        if (row.size() <= to)
            row.resize(std::size_t{to} + 1);
        auto& which = row[to];
        if (which.key == 0)
            which.key = random_stream{kernel_.seed(), kernel_.name_hash(from), kernel_.name_hash(to)}.next() | 1;
        return which;
    }

    kernel& kernel_;
    std::vector<std::vector<directed_link>> rows_;
};

} // namespace drover::simulation
