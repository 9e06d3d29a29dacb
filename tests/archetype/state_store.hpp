// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// The least that is a StateStore: declared, and never defined. What compiles with it asks no more than the concept says.
/// docs/concepts/state_store.md quotes it (tools/concept_pages).

#include <drover/policy/state_store.hpp>

namespace archetype {

struct state_store {
    state_store();
    state_store(state_store&&) noexcept;
    state_store& operator=(state_store&&) = delete;
    ~state_store();

    static constexpr drover::store_capabilities capabilities{.replicated = true, .ordered = true};

    void open(drover::node_id const& self);
    drover::store_version put(drover::record_table, drover::bytes_view key, drover::record_rank, drover::bytes value);
    drover::store_version remove(drover::record_table, drover::bytes_view key, drover::record_rank);
    [[nodiscard]] std::optional<drover::record_view> find(drover::record_table, drover::bytes_view key) const;
    [[nodiscard]] std::optional<drover::record_rank> rank_of(drover::record_table, drover::bytes_view key) const;
    void set_members(std::span<drover::node_id const> members);
    void on_peer_up(drover::node_id const& peer, drover::time_point now);
    void on_peer_connected(drover::node_id const& peer, drover::time_point now);
    void on_peer_down(drover::node_id const& peer, drover::time_point now);
    void on_message(drover::node_id const& from, drover::bytes_view frame, drover::time_point now);
    void on_time(drover::time_point now);
    void flush(drover::time_point now);
    [[nodiscard]] drover::time_point deadline() const;
    drover::store_effects& effects();
    [[nodiscard]] drover::store_version version() const;
    [[nodiscard]] drover::store_version held_by(std::size_t count) const;
    [[nodiscard]] bool has_seen(drover::origin_id writer, drover::store_version) const;
    [[nodiscard]] drover::bytes context() const;
    bool covers(drover::bytes_view context, drover::node_id const& peer);
    [[nodiscard]] bool acknowledges(drover::bytes_view context, drover::store_version) const;
    [[nodiscard]] bool level_with(drover::node_id const& peer) const;
    [[nodiscard]] bool synchronised(drover::node_id const& peer) const;
};

} // namespace archetype
