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
    bool initial = false;                     ///< from the list that every node was given
    std::uint64_t ordinal = 0;                ///< its place in the order of starts, as far as it was known then
    generation_number generations_before = 0; ///< of earlier creations: the first instance gets a larger one
    child_spec spec;
};

enum class owner_status : std::uint8_t {
    active = 0, ///< it runs, or is about to
    ended = 1,  ///< its work is done: a transient child that exited normally, or a terminated one
    parked = 2, ///< it fails too often, or is in quarantine, and is tried again after a while
};

/// Who runs a child. Rank: (generation, quorate).
struct owner_record {
    ownership::claim claim;
    owner_status status = owner_status::active;
    std::string reason;                 ///< of a parked child
    std::vector<duration> failure_ages; ///< within its window, when this was written
    std::uint32_t failures_in_row = 0;  ///< without a stable run between them
    std::uint32_t node_deaths = 0;      ///< in a row, of nodes where it was starting or had just started
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
    gave_up = 3, ///< as `left`; and whoever hears of it is to stop, for the same reason
};

/// One node's part in a scope; each node writes its own. Rank: (incarnation, participation).
struct roster_record {
    incarnation_number incarnation = 0;
    participation part = participation::active;
    generation_number generations_before = 0; ///< largest generation of a child that this node saw deleted
    std::vector<std::string> types;
    std::uint32_t weight = 1; ///< its share of the children, in proportion to the others'
    std::string reason{};     ///< why it gave up
    bool formed = false;      ///< it does not wait for others any more

    /// It counts for acknowledgement.
    [[nodiscard]] bool is_member() const { return part < participation::left; }

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

namespace detail {

// The octet after the arguments of a spec: the restart rule in the two lowest bits, and what follows.
inline constexpr unsigned restart_mask = 3;
inline constexpr unsigned has_intensity = 4;
inline constexpr unsigned has_backoff = 8;
inline constexpr unsigned escalates = 16;
inline constexpr unsigned is_significant = 32;
inline constexpr unsigned is_a_supervisor = 64;
inline constexpr unsigned has_more = 128; // priority, group, isolated_type

[[nodiscard]] inline std::uint8_t flags_of(child_spec const& spec)
{
    auto const more = spec.priority != 0 || !spec.group.empty() || !spec.isolated_type.empty();
    return static_cast<std::uint8_t>(static_cast<unsigned>(spec.restart) | (spec.intensity ? has_intensity : 0U)
        | (spec.backoff ? has_backoff : 0U) | (spec.on_exhausted == exhaustion::escalate ? escalates : 0U)
        | (spec.significant ? is_significant : 0U) | (spec.is_supervisor ? is_a_supervisor : 0U) | (more ? has_more : 0U));
}

// Small numbers of either sign are short.
[[nodiscard]] constexpr std::uint32_t zigzag(std::int32_t value)
{
    return (static_cast<std::uint32_t>(value) << 1) ^ static_cast<std::uint32_t>(value >> 31);
}
[[nodiscard]] constexpr std::int32_t from_zigzag(std::uint32_t value)
{
    return static_cast<std::int32_t>((value >> 1) ^ (~(value & 1) + 1));
}

} // namespace detail

inline void encode(wire::writer& out, child_spec const& spec)
{
    auto const flags = detail::flags_of(spec);
    out.string(spec.id).string(spec.type).string(spec.arguments).u8(flags).number(detail::to_ms(spec.shutdown));
    if (spec.intensity)
        out.number(spec.intensity->max_restarts).number(static_cast<std::uint64_t>(spec.intensity->max_seconds.count()));
    if (spec.backoff) {
        out.number(detail::to_ms(spec.backoff->min)).number(detail::to_ms(spec.backoff->max));
        out.number(spec.backoff->jitter_percent).number(detail::to_ms(spec.backoff->stable_after));
    }
    if ((flags & detail::has_more) != 0)
        out.number(detail::zigzag(spec.priority)).string(spec.group).string(spec.isolated_type);
}

/// The spec is valid, or the reader has failed.
[[nodiscard]] inline child_spec decode_spec(wire::reader& in)
{
    child_spec spec;
    spec.id = in.string(limits::child_id_size_max);
    spec.type = in.string(limits::type_name_size_max);
    spec.arguments = in.string(limits::arguments_size_max);
    auto const flags = in.u8();
    spec.restart = static_cast<restart_rule>(flags & detail::restart_mask);
    spec.on_exhausted = (flags & detail::escalates) != 0 ? exhaustion::escalate : exhaustion::park;
    spec.significant = (flags & detail::is_significant) != 0;
    spec.is_supervisor = (flags & detail::is_a_supervisor) != 0;
    spec.shutdown = detail::from_ms(in.number());
    if ((flags & detail::has_intensity) != 0) {
        auto const restarts = static_cast<std::uint32_t>(in.number(limits::max_restarts_max));
        auto const seconds = in.number(static_cast<std::uint64_t>(limits::max_seconds_max.count()));
        spec.intensity = restart_intensity{restarts, std::chrono::seconds{static_cast<std::int64_t>(seconds)}};
    }
    if ((flags & detail::has_backoff) != 0) {
        auto& backoff = spec.backoff.emplace();
        backoff.min = detail::from_ms(in.number());
        backoff.max = detail::from_ms(in.number());
        backoff.jitter_percent = static_cast<std::uint32_t>(in.number(100));
        backoff.stable_after = detail::from_ms(in.number());
    }
    if ((flags & detail::has_more) != 0) {
        spec.priority = detail::from_zigzag(static_cast<std::uint32_t>(in.number(~std::uint32_t{0})));
        spec.group = in.string(limits::group_name_size_max);
        spec.isolated_type = in.string(limits::type_name_size_max);
    }
    if (in.ok() && !validate(spec).empty())
        in.fail();
    return spec;
}

[[nodiscard]] inline bytes encode(spec_record const& record)
{
    wire::writer out{record.spec.id.size() + record.spec.type.size() + record.spec.arguments.size() + 40};
    out.u8(record_version).number(record.creation).fixed64(record.request.origin).number(record.request.number);
    out.u8(static_cast<std::uint8_t>((record.terminated ? 1U : 0U) | (record.initial ? 2U : 0U)));
    out.number(record.generations_before).number(record.ordinal);
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
    auto const flags = in.number(3);
    record.terminated = (flags & 1) != 0;
    record.initial = (flags & 2) != 0;
    record.generations_before = in.number();
    record.ordinal = in.number();
    record.spec = decode_spec(in);
    return in.complete() ? std::optional{std::move(record)} : std::nullopt;
}

[[nodiscard]] inline bytes encode(owner_record const& record)
{
    wire::writer out{record.claim.node.name.size() + record.reason.size() + 24};
    out.u8(record_version).node(record.claim.node).number(record.claim.generation).number(record.claim.right.term);
    auto const troubled = record.failures_in_row != 0 || record.node_deaths != 0;
    out.boolean(record.claim.right.quorate);
    out.u8(static_cast<std::uint8_t>(static_cast<unsigned>(record.status) | (troubled ? 4U : 0U))).string(record.reason);
    if (troubled)
        out.number(record.failures_in_row).number(record.node_deaths);
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
    auto const status = in.number(7);
    record.status = static_cast<owner_status>(status & 3);
    if (record.status > owner_status::parked)
        return std::nullopt;
    record.reason = in.string(limits::reason_size_max);
    if ((status & 4) != 0) {
        record.failures_in_row = static_cast<std::uint32_t>(in.number(limits::failures_in_row_max));
        record.node_deaths = static_cast<std::uint32_t>(in.number(limits::node_deaths_max));
    }
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
    out.u8(record_version)
        .number(record.incarnation)
        .u8(static_cast<std::uint8_t>(static_cast<unsigned>(record.part) | (record.formed ? 4U : 0U)));
    out.number(record.generations_before).number(record.weight).number(record.types.size());
    for (auto const& type : record.types)
        out.string(type);
    if (record.part == participation::gave_up)
        out.string(record.reason);
    return out.take();
}

[[nodiscard]] inline std::optional<roster_record> decode_roster_record(bytes_view data)
{
    wire::reader in{data};
    roster_record record;
    if (in.u8() != record_version)
        return std::nullopt;
    record.incarnation = in.number();
    auto const part = in.number(7);
    record.part = static_cast<participation>(part & 3);
    record.formed = (part & 4) != 0;
    record.generations_before = in.number();
    record.weight = static_cast<std::uint32_t>(in.number(limits::node_weight_max));
    if (record.weight == 0)
        return std::nullopt;
    auto const count = in.count(limits::types_count_max);
    for (std::size_t i = 0; i < count; ++i)
        record.types.emplace_back(in.string(limits::type_name_size_max));
    if (record.part == participation::gave_up)
        record.reason = in.string(limits::reason_size_max);
    return in.complete() ? std::optional{std::move(record)} : std::nullopt;
}

} // namespace drover::core
