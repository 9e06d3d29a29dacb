// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// The least that is a policy: declared, and never defined. What compiles with these asks no more of a policy than its
/// concept says.

#include <drover/distributed_supervisor.hpp>

namespace archetype {

// Can be constructed in two ways and destroyed; no more.
struct only_moves {
    only_moves();
    only_moves(only_moves&&) noexcept;
    only_moves& operator=(only_moves&&) = delete;
    ~only_moves();
};

struct executor {};

struct mutex {
    void lock();
    void unlock();
};

struct runtime;

struct timer {
    explicit timer(runtime&);
    timer(timer const&) = delete;
    timer& operator=(timer const&) = delete;
    void expires_at(drover::time_point, drover::unique_function<void()>);
    void cancel();
};

struct runtime {
    using executor_type = executor;
    using mutex_type = mutex;
    using timer_type = timer;

    // From the two things that a node is made from.
    runtime(executor, std::string const& node_name);
    runtime(runtime const&);
    runtime& operator=(runtime const&) = delete;
    ~runtime();

    [[nodiscard]] executor_type get_executor() const;
    [[nodiscard]] drover::time_point now() const;
    drover::random_stream random(std::uint64_t purpose);
    drover::incarnation_number new_incarnation();
    void post(drover::unique_function<void()>);
    void dispatch(drover::unique_function<void()>);
};

struct transport {
    using runtime_type = runtime;
    static constexpr drover::transport_capabilities capabilities{};

    transport(runtime const&, drover::transport_options);
    transport(transport const&) = delete;
    transport& operator=(transport const&) = delete;

    drover::errc start(drover::transport_events&);
    [[nodiscard]] std::string address() const;
    void dial(std::string_view address);
    void undial(std::string_view address);
    bool send(std::string_view to, drover::bytes frame);
    void stop();
};

struct membership : only_moves {
    static constexpr drover::membership_capabilities capabilities{};

    void start(drover::membership_identity, drover::time_point, drover::membership_effects&);
    void on_peer_up(drover::peer const&, drover::time_point, drover::membership_effects&);
    void on_peer_down(drover::node_id const&, drover::time_point, drover::membership_effects&);
    void on_dial_failed(std::string_view, drover::dial_failure, drover::errc, drover::time_point, drover::membership_effects&);
    void on_message(drover::node_id const&, drover::bytes_view, drover::time_point, drover::membership_effects&);
    void on_time(drover::time_point, drover::membership_effects&);
    void leave(drover::time_point, drover::membership_effects&);
    [[nodiscard]] drover::time_point deadline() const;
    [[nodiscard]] drover::view const& current_view() const;
    [[nodiscard]] bool formed() const;
    [[nodiscard]] drover::errc failure() const;
};

struct placement : only_moves {
    struct table_type {
        table_type();
        table_type(table_type&&) noexcept;
        table_type& operator=(table_type&&) noexcept;
        ~table_type();
        [[nodiscard]] std::size_t place(std::uint64_t key) const;
    };
    static constexpr drover::placement_capabilities capabilities{.agreed = true};

    [[nodiscard]] table_type build(std::span<drover::candidate const>) const;
};

struct store : only_moves {
    static constexpr drover::store_capabilities capabilities{};

    void open(drover::node_id const&);
    drover::store_version put(drover::record_table, drover::bytes_view key, drover::record_rank, drover::bytes value);
    drover::store_version remove(drover::record_table, drover::bytes_view key, drover::record_rank);
    [[nodiscard]] std::optional<drover::record_view> find(drover::record_table, drover::bytes_view key) const;
    [[nodiscard]] std::optional<drover::record_rank> rank_of(drover::record_table, drover::bytes_view key) const;
    void set_members(std::span<drover::node_id const>);
    void on_peer_up(drover::node_id const&, drover::time_point);
    void on_peer_connected(drover::node_id const&, drover::time_point);
    void on_peer_down(drover::node_id const&, drover::time_point);
    void on_message(drover::node_id const&, drover::bytes_view, drover::time_point);
    void on_time(drover::time_point);
    void flush(drover::time_point);
    [[nodiscard]] drover::time_point deadline() const;
    drover::store_effects& effects();
    [[nodiscard]] drover::store_version version() const;
    [[nodiscard]] drover::store_version held_by(std::size_t) const;
    [[nodiscard]] bool has_seen(drover::node_id const&, drover::store_version) const;
    [[nodiscard]] drover::bytes context() const;
    bool covers(drover::bytes_view, drover::node_id const&);
    [[nodiscard]] bool acknowledges(drover::bytes_view, drover::store_version) const;
    [[nodiscard]] bool level_with(drover::node_id const&) const;
    [[nodiscard]] bool synchronised(drover::node_id const&) const;
};

using supervisor = drover::distributed_supervisor<transport, membership, placement, store>;

} // namespace archetype
