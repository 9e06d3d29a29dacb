// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// The least that is a Placement: declared, and never defined. What compiles with it asks no more than the concept says.
/// docs/concepts/placement.md quotes it (tools/concept_pages).

#include <drover/policy/placement.hpp>

namespace archetype {

struct placement {
    placement();
    placement(placement&&) noexcept;
    placement& operator=(placement&&) = delete;
    ~placement();

    struct table_type {
        table_type();
        table_type(table_type&&) noexcept;
        table_type& operator=(table_type&&) noexcept;
        ~table_type();

        [[nodiscard]] std::size_t place(std::uint64_t key) const;
    };

    static constexpr drover::placement_capabilities capabilities{.agreed = true};

    [[nodiscard]] table_type build(std::span<drover::candidate const> candidates) const;
};

} // namespace archetype
