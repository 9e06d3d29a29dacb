// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <utility>

namespace drover {

/// Records of one node, in memory: nobody else hears of them, and they end with the process. For a supervisor of one node alone,
/// as `standalone<memory_store>`, and the shortest example of a StateStore.
///
/// Removals are forgotten at once: there is nobody who could bring back what was removed. O(log records) a call.
class memory_store {
public:
    static constexpr store_capabilities capabilities{
        .replicated = false, .durable = false, .linearizable = false, .ordered = true};

    void open(node_id const& self)
    {
        expects(self_ == 0, "a store is opened once");
        self_ = origin_of(self);
    }

    store_version put(record_table table, bytes_view key, record_rank rank, bytes value)
    {
        auto& records = table_of(table);
        auto const found = records.find(key);
        if (found == records.end())
            records.emplace(bytes{key}, record{std::move(value), rank, ++version_});
        else if (found->second.rank > rank)
            return 0;
        else
            found->second = {std::move(value), rank, ++version_};
        return version_;
    }

    store_version remove(record_table table, bytes_view key, record_rank rank)
    {
        auto& records = table_of(table);
        auto const found = records.find(key);
        if (found == records.end() || found->second.rank > rank)
            return 0;
        records.erase(found);
        return ++version_;
    }

    [[nodiscard]] std::optional<record_view> find(record_table table, bytes_view key) const
    {
        auto const* const found = record_of(table, key);
        return found == nullptr ? std::nullopt : std::optional{record_view{found->value, found->rank, found->version}};
    }

    [[nodiscard]] std::optional<record_rank> rank_of(record_table table, bytes_view key) const
    {
        auto const* const found = record_of(table, key);
        return found == nullptr ? std::nullopt : std::optional{found->rank};
    }

    [[nodiscard]] store_version version() const { return version_; }

    // It has no peers.

    void set_members(std::span<node_id const>) {}
    void on_peer_up(node_id const&, time_point) {}
    void on_peer_connected(node_id const&, time_point) {}
    void on_peer_down(node_id const&, time_point) {}
    void on_message(node_id const&, bytes_view, time_point) {}
    void on_time(time_point) {}
    void flush(time_point) {}
    [[nodiscard]] time_point deadline() const { return never; }
    [[nodiscard]] store_effects& effects() { return effects_; }

    // It holds what it wrote, and has seen nothing else.

    [[nodiscard]] store_version held_by(std::size_t count) const { return count <= 1 ? version_ : 0; }
    [[nodiscard]] bool has_seen(origin_id writer, store_version version) const { return writer == self_ && version <= version_; }
    [[nodiscard]] bytes context() const { return wire::writer{}.fixed64(self_).number(version_).take(); }
    [[nodiscard]] bool covers(bytes_view context, node_id const&) const { return own_in(context, version_); }

    [[nodiscard]] bool acknowledges(bytes_view context, store_version version) const
    {
        return version == 0 || (own_in(context, version_) && !own_in(context, version - 1));
    }

    [[nodiscard]] bool level_with(node_id const&) const { return false; }
    [[nodiscard]] bool synchronised(node_id const&) const { return false; }

    /// Records that are held.
    [[nodiscard]] std::size_t size() const
    {
        std::size_t count = 0;
        for (auto const& records : tables_)
            count += records.size();
        return count;
    }

private:
    struct record {
        bytes value;
        record_rank rank;
        store_version version = 0; ///< of the write that made it: its stamp
    };
    using record_map = std::map<bytes, record, std::less<>>;

    [[nodiscard]] record_map& table_of(record_table table) { return tables_[static_cast<std::size_t>(table)]; }

    [[nodiscard]] record const* record_of(record_table table, bytes_view key) const
    {
        auto const& records = tables_[static_cast<std::size_t>(table)];
        auto const found = records.find(key);
        return found == records.end() ? nullptr : &found->second;
    }

    // The context is one of ours, and names no write after this one.
    [[nodiscard]] bool own_in(bytes_view context, store_version upto) const
    {
        wire::reader in{context};
        auto const writer = in.fixed64();
        auto const version = in.number();
        return in.complete() && writer == self_ && version <= upto;
    }

    origin_id self_ = 0;
    store_version version_ = 0;
    std::array<record_map, record_tables_count> tables_;
    store_effects effects_;
};

} // namespace drover
