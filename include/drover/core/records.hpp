// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/limits.hpp>
#include <drover/ownership/claim.hpp>
#include <drover/supervision/child_spec.hpp>
#include <drover/supervision/restart_window.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace drover::core {

/// The first octet of every record: a reader refuses what is newer than it knows.
inline constexpr std::uint8_t record_version = 1;

/// Names one request of one node, so that a repeated one is known.
struct request_id {
    std::uint64_t origin = 0;
    std::uint64_t number = 0;

    friend bool operator==(request_id const&, request_id const&) = default;
};

/// What should run.
///
/// A creation number names one life of an id, from `start_child` to `delete_child`: within it a delete wins over every other
/// write. Rank: (creation, deleted).
struct spec_record {
    std::uint64_t creation = 0;
    request_id request;
    bool terminated = false;                  ///< desired: present, but not running
    generation_number generations_before = 0; ///< of earlier creations: the first instance gets a larger one
    child_spec spec;
};

enum class owner_status : std::uint8_t {
    active = 0, ///< it runs, or is about to
    ended = 1,  ///< its work is done: a transient child that exited normally, or a terminated one
    parked = 2, ///< it fails too often, and is tried again after a while
};

/// Who runs a child. Rank: (generation, quorate).
struct owner_record {
    ownership::claim claim;
    owner_status status = owner_status::active;
    std::string reason;                 ///< of a parked child
    std::vector<duration> failure_ages; ///< within its window, when this was written
};

/// What a child last saved. Rank: (term, generation), provisional ones (generation, 0).
struct checkpoint_record {
    generation_number generation = 0;
    std::uint32_t schema_version = 0;
    std::uint64_t forked_from = 0; ///< provisional: the stamp of the checkpoint that its branch started from
    bytes data;
};

enum class participation : std::uint8_t {
    active = 0,  ///< may be given children
    leaving = 1, ///< hands its children on
    left = 2,    ///< does not count any more
};

/// One node's part in a scope; each node writes its own. Rank: (incarnation, participation).
struct roster_record {
    incarnation_number incarnation = 0;
    participation part = participation::active;
    generation_number generations_before = 0; ///< largest generation of a child that this node saw deleted
    std::vector<std::string> types;
    std::uint32_t weight = 1; ///< its share of the children, in proportion to the others'

    /// Placement sees no difference.
    [[nodiscard]] bool same_part(roster_record const& other) const
    {
        return incarnation == other.incarnation && part == other.part && weight == other.weight && types == other.types;
    }
};

namespace detail {

inline constexpr std::uint64_t infinite_ms = ~std::uint64_t{0};

[[nodiscard]] constexpr std::uint64_t to_ms(duration value)
{
    return value == infinity ? infinite_ms
                             : static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(value).count());
}

[[nodiscard]] constexpr duration from_ms(std::uint64_t value)
{
    constexpr auto max = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(infinity).count());
    return value >= max ? infinity : duration{std::chrono::milliseconds{static_cast<std::int64_t>(value)}};
}

} // namespace detail

inline void encode(wire::writer& out, child_spec const& spec)
{
    out.string(spec.id).string(spec.type).string(spec.arguments).u8(static_cast<std::uint8_t>(spec.restart));
    out.number(detail::to_ms(spec.shutdown)).boolean(spec.intensity.has_value());
    if (spec.intensity)
        out.number(spec.intensity->max_restarts).number(static_cast<std::uint64_t>(spec.intensity->max_seconds.count()));
}

/// The spec is valid, or the reader has failed.
[[nodiscard]] inline child_spec decode_spec(wire::reader& in)
{
    child_spec spec;
    spec.id = in.string(limits::child_id_size_max);
    spec.type = in.string(limits::type_name_size_max);
    spec.arguments = in.string(limits::arguments_size_max);
    spec.restart = static_cast<restart_rule>(in.number(static_cast<std::uint64_t>(restart_rule::temporary)));
    spec.shutdown = detail::from_ms(in.number());
    if (in.boolean()) {
        auto const restarts = static_cast<std::uint32_t>(in.number(limits::max_restarts_max));
        auto const seconds = in.number(static_cast<std::uint64_t>(limits::max_seconds_max.count()));
        spec.intensity = restart_intensity{restarts, std::chrono::seconds{static_cast<std::int64_t>(seconds)}};
    }
    if (in.ok() && !validate(spec).empty())
        in.fail();
    return spec;
}

[[nodiscard]] inline bytes encode(spec_record const& record)
{
    wire::writer out{record.spec.id.size() + record.spec.type.size() + record.spec.arguments.size() + 40};
    out.u8(record_version).number(record.creation).fixed64(record.request.origin).number(record.request.number);
    out.boolean(record.terminated).number(record.generations_before);
    encode(out, record.spec);
    return out.take();
}

[[nodiscard]] inline std::optional<spec_record> decode_spec_record(bytes_view data)
{
    wire::reader in{data};
    spec_record record;
    if (in.u8() != record_version)
        return std::nullopt;
    record.creation = in.number();
    record.request.origin = in.fixed64();
    record.request.number = in.number();
    record.terminated = in.boolean();
    record.generations_before = in.number();
    record.spec = decode_spec(in);
    return in.complete() ? std::optional{std::move(record)} : std::nullopt;
}

[[nodiscard]] inline bytes encode(owner_record const& record)
{
    wire::writer out{record.claim.node.name.size() + record.reason.size() + 24};
    out.u8(record_version).node(record.claim.node).number(record.claim.generation).number(record.claim.right.term);
    out.boolean(record.claim.right.quorate).u8(static_cast<std::uint8_t>(record.status)).string(record.reason);
    out.number(record.failure_ages.size());
    for (auto const age : record.failure_ages)
        out.number(detail::to_ms(age));
    return out.take();
}

[[nodiscard]] inline std::optional<owner_record> decode_owner_record(bytes_view data)
{
    wire::reader in{data};
    owner_record record;
    if (in.u8() != record_version)
        return std::nullopt;
    record.claim.node = in.node();
    record.claim.generation = in.number();
    record.claim.right.term = in.number();
    record.claim.right.quorate = in.boolean();
    record.status = static_cast<owner_status>(in.number(static_cast<std::uint64_t>(owner_status::parked)));
    record.reason = in.string(limits::reason_size_max);
    auto const count = in.count(limits::max_restarts_max + 1);
    for (std::size_t i = 0; i < count; ++i)
        record.failure_ages.push_back(
            detail::from_ms(in.number(static_cast<std::uint64_t>(limits::max_seconds_max.count()) * 1000)));
    return in.complete() ? std::optional{std::move(record)} : std::nullopt;
}

[[nodiscard]] inline bytes encode(checkpoint_record const& record)
{
    wire::writer out;
    out.u8(record_version).number(record.generation).number(record.schema_version).number(record.forked_from).raw(record.data);
    return out.take();
}

[[nodiscard]] inline std::optional<checkpoint_record> decode_checkpoint_record(bytes_view data)
{
    wire::reader in{data};
    checkpoint_record record;
    if (in.u8() != record_version)
        return std::nullopt;
    record.generation = in.number();
    record.schema_version = static_cast<std::uint32_t>(in.number(~std::uint32_t{0}));
    record.forked_from = in.number();
    record.data = in.remainder();
    return in.ok() && record.data.size() <= limits::checkpoint_size_max ? std::optional{std::move(record)} : std::nullopt;
}

[[nodiscard]] inline bytes encode(roster_record const& record)
{
    wire::writer out;
    out.u8(record_version).number(record.incarnation).u8(static_cast<std::uint8_t>(record.part));
    out.number(record.generations_before).number(record.weight).number(record.types.size());
    for (auto const& type : record.types)
        out.string(type);
    return out.take();
}

[[nodiscard]] inline std::optional<roster_record> decode_roster_record(bytes_view data)
{
    wire::reader in{data};
    roster_record record;
    if (in.u8() != record_version)
        return std::nullopt;
    record.incarnation = in.number();
    record.part = static_cast<participation>(in.number(static_cast<std::uint64_t>(participation::left)));
    record.generations_before = in.number();
    record.weight = static_cast<std::uint32_t>(in.number(limits::node_weight_max));
    if (record.weight == 0)
        return std::nullopt;
    auto const count = in.count(limits::types_count_max);
    for (std::size_t i = 0; i < count; ++i)
        record.types.emplace_back(in.string(limits::type_name_size_max));
    return in.complete() ? std::optional{std::move(record)} : std::nullopt;
}

} // namespace drover::core
