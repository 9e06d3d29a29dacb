// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// The least that is a Membership: declared, and never defined. What compiles with it asks no more than the concept says.
/// docs/concepts/membership.md quotes it (tools/concept_pages).

#include <drover/policy/membership.hpp>

namespace archetype {

struct membership {
    membership();
    membership(membership&&) noexcept;
    membership& operator=(membership&&) = delete;
    ~membership();

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

} // namespace archetype
