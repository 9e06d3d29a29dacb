// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes_table.hpp>
#include <drover/supervision/child_spec.hpp>
#include <drover/supervision/effects.hpp>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <utility>
#include <vector>

namespace drover::supervision {

enum class command_kind : std::uint8_t { start, terminate, restart, remove, update };

/// What a supervisor is asked. Of those that name a child only, the spec has nothing but an id.
struct command {
    command_kind kind{};
    std::uint64_t number = 0;
    child_spec spec;
};

/// What came while the supervisor was at something else.
struct waiting_turn {
    enum class kind : std::uint8_t { command, exit, due, retry };

    kind what{};
    command order{};      ///< of a command; of a retry, its id is that of the child
    instance_ref which{}; ///< of the others
};

/// Commands that wait for what is under way with the child that they are about, in their order.
class waiting_commands {
public:
    void add(command&& order)
    {
        auto* const node = by_id_.insert(order.spec.id).first;
        node->value.push_back(std::move(order));
    }

    [[nodiscard]] std::vector<command> take(bytes_view id)
    {
        auto* const found = by_id_.find(id);
        if (found == nullptr)
            return {};
        auto taken = std::move(found->value);
        by_id_.erase(id);
        return taken;
    }

    /// All, in the order in which they came.
    [[nodiscard]] std::vector<command> take_all()
    {
        std::vector<child_id> ids;
        by_id_.for_each([&](auto const& each) { ids.push_back(each.key); });
        std::vector<command> taken;
        for (auto const& id : ids)
            for (auto& each : take(id))
                taken.push_back(std::move(each));
        std::sort(taken.begin(), taken.end(), [](auto const& left, auto const& right) { return left.number < right.number; });
        return taken;
    }

private:
    bytes_table<std::vector<command>> by_id_;
};

} // namespace drover::supervision
