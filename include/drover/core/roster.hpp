// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/node_table.hpp>
#include <drover/core/records.hpp>
#include <drover/policy/placement.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::core {

/// Who takes part in the scope, with what types, and whom placement names for a child: the roster of records, read against
/// who is alive. Placement tables are brought up to date when first asked for after a change, one for each set of candidates.
template <class Placement>
class roster {
public:
    explicit roster(Placement placement) : placement_{std::move(placement)} {}

    void set(std::string_view name, roster_record record)
    {
        auto const [at, inserted] = records_.try_emplace(std::string{name});
        auto const same = !inserted && record.same_part(at->second);
        at->second = std::move(record);
        if (!same)
            changed();
    }

    [[nodiscard]] roster_record const* find(std::string_view name) const
    {
        auto const found = records_.find(name);
        return found == records_.end() ? nullptr : &found->second;
    }

    /// Somebody came, went, or changed: who is a candidate is looked up again.
    void changed()
    {
        ++epoch_;
        tables_.clear();
    }

    /// A number for a type's name.
    std::uint32_t intern_type(std::string_view type)
    {
        auto const found = types_.find(type);
        if (found != types_.end())
            return found->second;
        auto const index = static_cast<std::uint32_t>(type_names_.size());
        type_names_.push_back(types_.emplace(std::string{type}, index).first->first);
        return index;
    }

    [[nodiscard]] std::string_view type_name(std::uint32_t type) const { return type_names_[type]; }

    /// The node that should run a child, or `no_node`. O(1) once the table stands.
    [[nodiscard]] node_index place(std::uint32_t type, std::uint64_t key, node_table const& nodes)
    {
        auto const& table = table_of(type, nodes);
        return table.nodes.empty() ? no_node : table.nodes[table.lookup.place(key)];
    }

    /// The node that should run a child by what each carries now, or `no_node`. `owner` carries it already, if it is a candidate.
    /// O(candidates).
    [[nodiscard]] node_index place_by_load(
        std::uint32_t type, std::uint64_t key, node_table const& nodes, node_index owner) requires load_placement<Placement>
    {
        auto const& table = table_of(type, nodes);
        if (table.nodes.empty())
            return no_node;
        return table.nodes[table.lookup.place(key, loads_of(table, nodes, owner))];
    }

    /// By load: a child that `owner` carries may stay there.
    [[nodiscard]] bool has_room(std::uint32_t type, node_table const& nodes, node_index owner) requires load_placement<Placement>
    {
        auto const& table = table_of(type, nodes);
        auto const at = std::find(table.nodes.begin(), table.nodes.end(), owner);
        return at != table.nodes.end()
            && table.lookup.has_room(static_cast<std::size_t>(at - table.nodes.begin()), loads_of(table, nodes, owner));
    }

    /// The node may be given children of this type.
    [[nodiscard]] bool is_candidate(std::uint32_t type, node_index node, node_table const& nodes)
    {
        auto const& eligible = table_of(type, nodes).nodes;
        return std::find(eligible.begin(), eligible.end(), node) != eligible.end();
    }

    /// Grows with every change of who takes part.
    [[nodiscard]] std::uint64_t epoch() const { return epoch_; }

    /// Some member, dead or alive, has the type.
    [[nodiscard]] bool knows_type(std::uint32_t type) const
    {
        return std::any_of(records_.begin(), records_.end(),
            [&](auto const& item) { return item.second.is_member() && has_type(item.second, type_name(type)); });
    }

    /// All that count for acknowledgement: neither left nor removed.
    [[nodiscard]] std::vector<node_id> members() const
    {
        std::vector<node_id> result;
        for (auto const& [name, record] : records_)
            if (record.is_member())
                result.push_back({name, record.incarnation});
        return result;
    }

    [[nodiscard]] std::size_t members_count() const
    {
        return static_cast<std::size_t>(
            std::count_if(records_.begin(), records_.end(), [](auto const& item) { return item.second.is_member(); }));
    }

    /// Larger than the generation of every child that was ever deleted.
    [[nodiscard]] generation_number generations_before() const
    {
        generation_number result = 0;
        for (auto const& [name, record] : records_)
            result = std::max(result, record.generations_before);
        return result;
    }

private:
    struct placement_table {
        std::vector<node_index> nodes;
        std::vector<candidate> candidates; ///< the same nodes; their names live in `records_`
        typename Placement::table_type lookup;

        [[nodiscard]] bool same_candidates(placement_table const& other) const
        {
            return nodes == other.nodes
                && std::equal(candidates.begin(), candidates.end(), other.candidates.begin(), other.candidates.end(),
                    [](candidate const& a, candidate const& b) { return a.weight == b.weight; });
        }
    };

    struct type_entry {
        std::shared_ptr<placement_table> table;
        std::uint64_t epoch = 0; ///< in which the table was found to be right
    };

    static bool has_type(roster_record const& record, std::string_view type)
    {
        return std::find(record.types.begin(), record.types.end(), type) != record.types.end();
    }

    placement_table const& table_of(std::uint32_t type, node_table const& nodes)
    {
        if (by_type_.size() <= type)
            by_type_.resize(type + 1);
        auto& entry = by_type_[type];
        if (entry.epoch != epoch_) {
            entry.table = current_table(type, nodes);
            entry.epoch = epoch_;
        }
        return *entry.table;
    }

    // Types that the same nodes have share a table; it stays as long as the candidates do, and follows them when it can.
    std::shared_ptr<placement_table> current_table(std::uint32_t type, node_table const& nodes)
    {
        auto wanted = candidates_for(type, nodes);
        auto& shared = tables_[wanted.nodes];
        if (shared)
            return shared;
        shared = by_type_[type].table;
        if (shared && shared->same_candidates(wanted))
            return shared;
        if (shared && all_want(shared, wanted, nodes)) {
            bring_up_to_date(shared->lookup, shared->candidates, wanted.candidates);
            wanted.lookup = std::move(shared->lookup);
        } else {
            shared = std::make_shared<placement_table>();
            bring_up_to_date(wanted.lookup, {}, wanted.candidates);
        }
        *shared = std::move(wanted);
        return shared;
    }

    // Whoever uses this table wants the same candidates now.
    [[nodiscard]] bool all_want(
        std::shared_ptr<placement_table> const& table, placement_table const& wanted, node_table const& nodes) const
    {
        for (std::uint32_t type = 0; type < by_type_.size(); ++type)
            if (by_type_[type].table == table
                && (by_type_[type].epoch == epoch_ || !candidates_for(type, nodes).same_candidates(wanted)))
                return false;
        return true;
    }

    void bring_up_to_date(
        typename Placement::table_type& lookup, std::vector<candidate> const& before, std::vector<candidate> const& after) const
    {
        if constexpr (updatable_placement<Placement>)
            if (!before.empty() && !after.empty())
                return placement_.update(lookup, before, after);
        if (!after.empty())
            lookup = placement_.build(after);
    }

    // The child that `owner` carries is not counted.
    [[nodiscard]] candidate_loads loads_of(placement_table const& table, node_table const& nodes, node_index owner)
    {
        loads_.clear();
        std::uint64_t total = 0;
        for (auto const index : table.nodes) {
            loads_.push_back(nodes[index].load + nodes[index].coming - (index == owner ? 1U : 0U));
            total += loads_.back();
        }
        return {loads_, total};
    }

    [[nodiscard]] placement_table candidates_for(std::uint32_t type, node_table const& nodes) const
    {
        placement_table result;
        for (auto const& [name, record] : records_) { // sorted by name
            auto const index = nodes.find({name, record.incarnation});
            if (record.part != participation::active || index == no_node || !nodes[index].alive
                || !has_type(record, type_name(type)))
                continue;
            result.nodes.push_back(index);
            result.candidates.push_back({name, record.weight});
        }
        return result;
    }

    Placement placement_;
    std::map<std::string, roster_record, std::less<>> records_;
    std::map<std::string, std::uint32_t, std::less<>> types_;
    std::vector<std::string> type_names_;
    std::uint64_t epoch_ = 1; ///< counts the changes of who takes part
    std::vector<type_entry> by_type_;
    std::map<std::vector<node_index>, std::shared_ptr<placement_table>> tables_; ///< of this epoch
    std::vector<std::uint32_t> loads_;                                           ///< of the candidates, while one is chosen
};

} // namespace drover::core
