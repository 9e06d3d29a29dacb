// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/core/node_table.hpp>
#include <drover/core/records.hpp>
#include <drover/policy/placement.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::core {

/// Who takes part in the scope, with what types, and whom placement names for a child: the roster of records, read against
/// who is alive. Placement tables are built when first asked for after a change, one for each set of candidates.
template <class Placement>
class roster {
public:
    explicit roster(Placement placement) : placement_{std::move(placement)} {}

    void set(std::string_view name, roster_record record)
    {
        auto const found = records_.find(name);
        if (found != records_.end())
            found->second = std::move(record);
        else
            records_.emplace(std::string{name}, std::move(record));
        changed();
    }

    [[nodiscard]] roster_record const* find(std::string_view name) const
    {
        auto const found = records_.find(name);
        return found == records_.end() ? nullptr : &found->second;
    }

    /// Somebody came, went, or changed: tables are built anew.
    void changed()
    {
        tables_by_type_.clear();
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

    /// Some member, dead or alive, has the type.
    [[nodiscard]] bool knows_type(std::uint32_t type) const
    {
        return std::any_of(records_.begin(), records_.end(),
            [&](auto const& item) { return item.second.part != participation::left && has_type(item.second, type_name(type)); });
    }

    /// All that count for acknowledgement: neither left nor removed.
    [[nodiscard]] std::vector<node_id> members() const
    {
        std::vector<node_id> result;
        for (auto const& [name, record] : records_)
            if (record.part != participation::left)
                result.push_back({name, record.incarnation});
        return result;
    }

    [[nodiscard]] std::size_t members_count() const
    {
        return static_cast<std::size_t>(std::count_if(
            records_.begin(), records_.end(), [](auto const& item) { return item.second.part != participation::left; }));
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
        typename Placement::table_type lookup;
    };

    static bool has_type(roster_record const& record, std::string_view type)
    {
        return std::find(record.types.begin(), record.types.end(), type) != record.types.end();
    }

    placement_table const& table_of(std::uint32_t type, node_table const& nodes)
    {
        if (type < tables_by_type_.size() && tables_by_type_[type] != nullptr)
            return *tables_by_type_[type];
        if (tables_by_type_.size() <= type)
            tables_by_type_.resize(type + 1, nullptr);
        return *(tables_by_type_[type] = &build(type, nodes));
    }

    placement_table const& build(std::uint32_t type, node_table const& nodes)
    {
        std::vector<node_index> eligible;
        std::vector<candidate> candidates; // sorted by name, because the records are
        for (auto const& [name, record] : records_) {
            auto const index = nodes.find({name, record.incarnation});
            if (record.part != participation::active || index == no_node || !nodes[index].alive
                || !has_type(record, type_name(type)))
                continue;
            eligible.push_back(index);
            candidates.push_back({name});
        }
        auto const [at, inserted] = tables_.try_emplace(eligible);
        if (inserted) {
            at->second.nodes = std::move(eligible);
            if (!candidates.empty())
                at->second.lookup = placement_.build(candidates);
        }
        return at->second;
    }

    Placement placement_;
    std::map<std::string, roster_record, std::less<>> records_;
    std::map<std::string, std::uint32_t, std::less<>> types_;
    std::vector<std::string> type_names_;
    std::map<std::vector<node_index>, placement_table> tables_;
    std::vector<placement_table const*> tables_by_type_;
};

} // namespace drover::core
