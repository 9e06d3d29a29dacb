// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/limits.hpp>
#include <drover/core/records.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace drover {

/// How many members hold a write before it is acknowledged; the dead count, those that left do not. Any number can be asked
/// for: `acknowledge{3}`.
enum class acknowledge : std::uint32_t {
    majority = 0,
    local = 1,
    all = 0xffffffff,
};

} // namespace drover

namespace drover::core {

inline constexpr std::uint32_t targets_lost_max = 1'000;

/// What a command does to a child. On the wire: append, never renumber.
enum class command_kind : std::uint8_t {
    start = 0,
    terminate = 1,
    restart = 2,
    remove = 3,
    update = 4,
};

/// What the supervisors of one scope say to each other. On the wire: append, never renumber.
enum class message_kind : std::uint8_t {
    store = 0,     ///< for the store
    regroup = 1,   ///< tell me all you know, and that you hold these for dead too
    regrouped = 2, ///< I do; this is what I have seen
    command = 3,
    reply = 4,
    held = 5, ///< as many as asked for hold what the reply was about
    want = 6, ///< placement names me: hand this child over
    call = 7,
    answer = 8,
    no_scope = 9, ///< this node has no supervisor of this name
};

struct regroup_message {
    std::uint64_t number = 0;
    std::vector<node_id> dead;
};

struct regrouped_message {
    std::uint64_t number = 0;
    bytes context;
};

struct command_message {
    command_kind kind{};
    std::uint64_t number = 0; ///< of the requester
    std::string requester;    ///< node name: whom to answer
    std::uint64_t requester_origin = 0;
    acknowledge level{};
    std::uint8_t hops = 0; ///< how often it was passed on, because views differed
    /// Start: the last creation of this id that the requester knew of. A repeated start that was carried out, and whose child
    /// was deleted since, is older than what the executor knows, and so does not bring the child back.
    std::uint64_t creation_known = 0;
    std::uint32_t initial = 0;      ///< start: its place in the list that every node was given, from 1; 0: a user's
    std::uint32_t targets_lost = 0; ///< start: so many nodes died that it was sent to: any of them may have claimed the child
    std::uint32_t node_deaths = 0;  ///< and so many of them perhaps because of it
    bool by_source = false;         ///< a source of children asks: a start that fails does not end the wish
    child_spec spec;                ///< start and update: all of it; otherwise only the id
};

struct reply_message {
    std::uint64_t number = 0;
    errc code{};
    generation_number generation = 0;
    std::uint64_t version = 0; ///< of the answering node's store: the write to be held
    std::uint64_t holders = 0; ///< by how many
    std::string node;          ///< where the child runs
    std::string reason;
};

[[nodiscard]] inline reply_message refusal(errc code)
{
    reply_message reply;
    reply.code = code;
    return reply;
}

struct held_message {
    std::uint64_t number = 0;
};

struct want_message {
    generation_number generation = 0; ///< the one that is wanted: a late message does not move a later instance
    child_id id;
};

struct call_message {
    std::uint64_t number = 0;
    bool cast = false;
    child_id id;
    bytes payload;
};

struct answer_message {
    std::uint64_t number = 0;
    errc code{};
    bytes payload;
};

struct store_message {
    bytes_view frame; ///< points into what was decoded
};

struct no_scope_message {};

namespace detail {

[[nodiscard]] inline wire::writer begin(message_kind kind, std::size_t expected = 32)
{
    wire::writer out{expected};
    out.u8(static_cast<std::uint8_t>(kind));
    return out;
}

} // namespace detail

[[nodiscard]] inline bytes encode(regroup_message const& value)
{
    auto out = detail::begin(message_kind::regroup);
    out.number(value.number).number(value.dead.size());
    for (auto const& node : value.dead)
        out.node(node);
    return out.take();
}

[[nodiscard]] inline bytes encode(regrouped_message const& value)
{
    return detail::begin(message_kind::regrouped).number(value.number).raw(value.context).take();
}

[[nodiscard]] inline bytes encode(command_message const& value)
{
    auto const& spec = value.spec;
    auto out = detail::begin(
        message_kind::command, spec.id.size() + spec.type.size() + spec.arguments.size() + value.requester.size() + 64);
    out.u8(static_cast<std::uint8_t>(value.kind)).number(value.number).string(value.requester).fixed64(value.requester_origin);
    out.fixed32(static_cast<std::uint32_t>(value.level)).u8(value.hops).number(value.creation_known);
    out.number(value.initial).number(value.targets_lost).number(value.node_deaths).boolean(value.by_source);
    if (value.kind == command_kind::start || value.kind == command_kind::update)
        encode(out, value.spec);
    else
        out.string(value.spec.id);
    return out.take();
}

[[nodiscard]] inline bytes encode(reply_message const& value)
{
    auto out = detail::begin(message_kind::reply);
    out.number(value.number).u8(static_cast<std::uint8_t>(value.code)).number(value.generation).number(value.version);
    return out.number(value.holders)
        .string(value.node)
        .string(bytes_view{value.reason}.substr(0, limits::reason_size_max))
        .take();
}

[[nodiscard]] inline bytes encode(held_message const& value)
{
    return detail::begin(message_kind::held).number(value.number).take();
}

[[nodiscard]] inline bytes encode(want_message const& value)
{
    return detail::begin(message_kind::want).number(value.generation).string(value.id).take();
}

[[nodiscard]] inline bytes encode(call_message const& value)
{
    return detail::begin(message_kind::call, value.id.size() + value.payload.size() + 16)
        .number(value.number)
        .boolean(value.cast)
        .string(value.id)
        .raw(value.payload)
        .take();
}

[[nodiscard]] inline bytes encode(answer_message const& value)
{
    return detail::begin(message_kind::answer, value.payload.size() + 16)
        .number(value.number)
        .u8(static_cast<std::uint8_t>(value.code))
        .raw(value.payload)
        .take();
}

[[nodiscard]] inline bytes encode(store_message const& value)
{
    return detail::begin(message_kind::store).raw(value.frame).take();
}

[[nodiscard]] inline bytes encode(no_scope_message const&) { return detail::begin(message_kind::no_scope).take(); }

namespace detail {

[[nodiscard]] inline regroup_message decode_regroup(wire::reader& in)
{
    regroup_message value;
    value.number = in.number();
    auto const count = in.count(limits::members_count_max, 2);
    for (std::size_t i = 0; i < count; ++i)
        value.dead.push_back(in.node());
    return value;
}

[[nodiscard]] inline command_message decode_command(wire::reader& in)
{
    command_message value;
    value.kind = static_cast<command_kind>(in.number(static_cast<std::uint64_t>(command_kind::update)));
    value.number = in.number();
    value.requester = in.string(limits::node_name_size_max);
    value.requester_origin = in.fixed64();
    value.level = static_cast<acknowledge>(in.fixed32());
    value.hops = in.u8();
    value.creation_known = in.number();
    value.initial = static_cast<std::uint32_t>(in.number(~std::uint32_t{0}));
    value.targets_lost = static_cast<std::uint32_t>(in.number(targets_lost_max));
    value.node_deaths = static_cast<std::uint32_t>(in.number(limits::node_deaths_max));
    value.by_source = in.boolean();
    if (value.kind == command_kind::start || value.kind == command_kind::update)
        value.spec = decode_spec(in);
    else
        value.spec.id = in.string(limits::child_id_size_max);
    return value;
}

[[nodiscard]] inline reply_message decode_reply(wire::reader& in)
{
    reply_message value;
    value.number = in.number();
    value.code = static_cast<errc>(in.u8());
    value.generation = in.number();
    value.version = in.number();
    value.holders = in.number();
    value.node = in.string(limits::node_name_size_max);
    value.reason = in.string(limits::reason_size_max);
    return value;
}

[[nodiscard]] inline want_message decode_want(wire::reader& in)
{
    auto const generation = in.number();
    return {generation, child_id{in.string(limits::child_id_size_max)}};
}

[[nodiscard]] inline call_message decode_call(wire::reader& in)
{
    call_message value;
    value.number = in.number();
    value.cast = in.boolean();
    value.id = in.string(limits::child_id_size_max);
    value.payload = in.remainder();
    return value;
}

[[nodiscard]] inline answer_message decode_answer(wire::reader& in)
{
    answer_message value;
    value.number = in.number();
    value.code = static_cast<errc>(in.u8());
    value.payload = in.remainder();
    return value;
}

[[nodiscard]] inline regrouped_message decode_regrouped(wire::reader& in)
{
    auto const number = in.number();
    return {number, bytes{in.remainder()}};
}

} // namespace detail

/// Decodes what a peer sent, and calls `visit` with the message, once. False, and no call, when it is malformed or of a kind
/// that this version does not know.
template <class Visit>
[[nodiscard]] bool visit_message(bytes_view frame, Visit&& visit)
{
    wire::reader in{frame};
    auto const give = [&](auto message) {
        if (!in.complete())
            return false;
        visit(message);
        return true;
    };
    switch (static_cast<message_kind>(in.u8())) {
    case message_kind::store: return give(store_message{in.remainder()});
    case message_kind::regroup: return give(detail::decode_regroup(in));
    case message_kind::regrouped: return give(detail::decode_regrouped(in));
    case message_kind::command: return give(detail::decode_command(in));
    case message_kind::reply: return give(detail::decode_reply(in));
    case message_kind::held: return give(held_message{in.number()});
    case message_kind::want: return give(detail::decode_want(in));
    case message_kind::call: return give(detail::decode_call(in));
    case message_kind::answer: return give(detail::decode_answer(in));
    case message_kind::no_scope: return give(no_scope_message{});
    }
    return false;
}

} // namespace drover::core
