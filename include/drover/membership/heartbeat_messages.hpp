// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/policy/view.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

/// What the members of a `static_members` cluster say to one another.
///
/// A frame is: version, kind, body. An unknown version or kind, a field over its limit and octets left over make the whole
/// frame malformed; nothing of it is used.
namespace drover::heartbeat_messages {

inline constexpr std::uint8_t wire_version = 1;

/// Heartbeat counters stay far from where sums would overflow: at five a second this one lasts 29 thousand million years.
inline constexpr std::uint64_t counter_max = std::uint64_t{1} << 62;

/// `counter` grown by `by`, and no further than `counter_max`.
[[nodiscard]] constexpr std::uint64_t grown(std::uint64_t counter, std::uint64_t by)
{
    return std::min(counter + by, counter_max);
}

/// What one node tells of one member. The counter is the largest one known; of a dead member, the one that only a larger
/// counter outdoes.
struct report {
    node_id id;
    std::string address;
    member_state state = member_state::alive;
    std::uint64_t counter = 0;

    friend bool operator==(report const&, report const&) = default;
};

/// Some members, or all of them.
struct members {
    bool complete = false;       ///< all that the sender knows
    bool formed = false;         ///< the sender belongs to a cluster
    bool you_are_a_seed = false; ///< the receiver's address is among the sender's seeds
    std::vector<report> reports;

    friend bool operator==(members const&, members const&) = default;
};

/// One life of one name, and its counter.
struct pulse {
    std::uint64_t fingerprint;
    std::uint64_t counter;

    friend bool operator==(pulse const&, pulse const&) = default;
};

/// The counters of all members that the sender believes to be alive, itself included.
struct heartbeat {
    std::uint64_t digest = 0; ///< of the sender's view; `undecided` while it belongs to no cluster
    std::vector<pulse> pulses;

    friend bool operator==(heartbeat const&, heartbeat const&) = default;
};
inline constexpr std::uint64_t undecided = 0;

/// The sender found nobody listening where this member listened.
struct obituary {
    node_id id;
    std::uint64_t counter = 0; ///< only a larger one proves life

    friend bool operator==(obituary const&, obituary const&) = default;
};

/// Names one life of one name in 64 bits.
[[nodiscard]] inline std::uint64_t fingerprint(node_id const& id)
{
    // Not the incarnation as the seed: for a name of three octets XXH3 would give ("n01", 1) and ("n00", 2) one hash.
    return mix64(hash64(id.name) ^ mix64(id.incarnation + 0x9e3779b97f4a7c15ULL));
}

namespace detail {

// On the wire: append, never renumber.
enum class kind : std::uint8_t { members = 1, heartbeat = 2, obituary = 3 };

inline constexpr std::uint8_t flag_complete = 1;
inline constexpr std::uint8_t flag_formed = 2;
inline constexpr std::uint8_t flag_you_are_a_seed = 4;
inline constexpr std::uint8_t flags_all = 7;

inline constexpr std::size_t report_size_min = 7; // two strings of one octet, incarnation, state, counter
inline constexpr std::size_t pulse_size_min = 9;

inline wire::writer begin(kind which)
{
    wire::writer out;
    out.u8(wire_version).u8(static_cast<std::uint8_t>(which));
    return out;
}

inline report read_report(wire::reader& in)
{
    report told;
    told.id = in.node();
    told.address = in.string(limits::address_size_max);
    auto const state = in.u8();
    told.counter = in.number(counter_max);
    if (told.id.name.empty() || told.address.empty() || state > static_cast<std::uint8_t>(member_state::left))
        in.fail();
    else
        told.state = static_cast<member_state>(state);
    return told;
}

inline members read_members(wire::reader& in, std::size_t members_count_max)
{
    members told;
    auto const flags = in.u8();
    if (flags > flags_all)
        in.fail();
    told.complete = (flags & flag_complete) != 0;
    told.formed = (flags & flag_formed) != 0;
    told.you_are_a_seed = (flags & flag_you_are_a_seed) != 0;
    auto const count = in.count(members_count_max, report_size_min);
    for (std::size_t i = 0; i < count && in.ok(); ++i)
        told.reports.push_back(read_report(in));
    return told;
}

inline heartbeat read_heartbeat(wire::reader& in, std::size_t members_count_max)
{
    heartbeat told;
    told.digest = in.fixed64();
    auto const count = in.count(members_count_max, pulse_size_min);
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        auto const whose = in.fixed64();
        auto const counter = in.number(counter_max);
        told.pulses.push_back({whose, counter});
    }
    return told;
}

inline obituary read_obituary(wire::reader& in)
{
    obituary told;
    told.id = in.node();
    told.counter = in.number(counter_max);
    if (told.id.name.empty())
        in.fail();
    return told;
}

} // namespace detail

[[nodiscard]] inline bytes encode(members const& told)
{
    auto out = detail::begin(detail::kind::members);
    out.u8(static_cast<std::uint8_t>((told.complete ? detail::flag_complete : 0) | (told.formed ? detail::flag_formed : 0)
        | (told.you_are_a_seed ? detail::flag_you_are_a_seed : 0)));
    out.number(told.reports.size());
    for (auto const& each : told.reports)
        out.node(each.id).string(each.address).u8(static_cast<std::uint8_t>(each.state)).number(each.counter);
    return out.take();
}

[[nodiscard]] inline bytes encode(heartbeat const& told)
{
    auto out = detail::begin(detail::kind::heartbeat);
    out.fixed64(told.digest).number(told.pulses.size());
    for (auto const& each : told.pulses)
        out.fixed64(each.fingerprint).number(each.counter);
    return out.take();
}

[[nodiscard]] inline bytes encode(obituary const& told)
{
    auto out = detail::begin(detail::kind::obituary);
    out.node(told.id).number(told.counter);
    return out.take();
}

/// Calls `visit` with the message in `frame`, once. False, and no call, when it is malformed or speaks of more than
/// `members_count_max` members.
template <class Visit>
[[nodiscard]] bool visit_message(bytes_view frame, std::size_t members_count_max, Visit&& visit)
{
    wire::reader in{frame};
    auto const give = [&](auto const& told) {
        if (!in.complete())
            return false;
        visit(told);
        return true;
    };
    if (in.u8() != wire_version)
        return false;
    switch (static_cast<detail::kind>(in.u8())) {
    case detail::kind::members: return give(detail::read_members(in, members_count_max));
    case detail::kind::heartbeat: return give(detail::read_heartbeat(in, members_count_max));
    case detail::kind::obituary: return give(detail::read_obituary(in));
    }
    return false;
}

} // namespace drover::heartbeat_messages
