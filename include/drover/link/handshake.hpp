// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace drover::link {

/// The wire versions that this code speaks. Two nodes use the smaller of their newest, which must not be older than either's
/// oldest.
inline constexpr std::uint64_t wire_version_oldest = 1;
inline constexpr std::uint64_t wire_version_newest = 1;

/// Who a node says that it is.
struct handshake_identity {
    std::string cluster_name;
    peer self;
    std::uint64_t version_oldest = wire_version_oldest;
    std::uint64_t version_newest = wire_version_newest;
};

/// The first frame on a connection, from the one who dialled.
struct hello {
    handshake_identity identity;
    std::uint64_t attempt = 0; ///< grows with every dial of this node: of two connections dialled by it, the later one counts
    bool insist = false;       ///< was turned away as a duplicate before, yet knows of no other connection
};

/// The answer to a hello that is accepted: from now on both sides send frames of this version.
struct welcome {
    std::uint64_t version = 0;
    peer self;
};

/// What kind of refusal it is. On the wire: append, never renumber.
enum class refusal_kind : std::uint8_t {
    rejected = 0,  ///< the two do not fit
    duplicate = 1, ///< there is a connection with this peer already, or about to be, that counts more
    itself = 2,    ///< the node dialled itself
};

/// The answer to a hello that is not accepted; the connection is closed after it.
struct refusal {
    refusal_kind kind = refusal_kind::rejected;
    errc code = errc::success;
    std::string sentence;
    peer self; ///< who refuses
};

namespace detail {

inline constexpr std::string_view handshake_magic = "DRVR";

enum class handshake_kind : std::uint8_t { hello = 1, welcome = 2, refusal = 3 };

[[nodiscard]] inline wire::writer begin_handshake(handshake_kind kind)
{
    wire::writer out;
    out.raw(handshake_magic).u8(static_cast<std::uint8_t>(kind));
    return out;
}

/// Whether the frame starts as a handshake frame of this kind does. Takes the start off the reader.
[[nodiscard]] inline bool opens_with(wire::reader& in, handshake_kind kind)
{
    bool magic = true;
    for (char const expected : handshake_magic)
        magic = in.u8() == static_cast<std::uint8_t>(expected) && magic;
    return magic && in.u8() == static_cast<std::uint8_t>(kind) && in.ok();
}

[[nodiscard]] inline peer read_peer(wire::reader& in)
{
    auto id = in.node();
    auto const address = in.string(limits::address_size_max);
    if (id.name.empty() || address.empty())
        in.fail();
    return peer{std::move(id), std::string{address}};
}

inline void write_peer(wire::writer& out, peer const& who) { out.node(who.id).string(who.address); }

/// What a peer gave to be shown to people, without control characters.
[[nodiscard]] inline std::string printable(bytes_view text)
{
    std::string out{text};
    std::replace_if(
        out.begin(), out.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return out;
}

[[nodiscard]] inline std::string quoted(bytes_view text) { return '\'' + printable(text) + '\''; }

} // namespace detail

[[nodiscard]] inline bytes encode(hello const& value)
{
    auto out = detail::begin_handshake(detail::handshake_kind::hello);
    out.number(value.identity.version_oldest).number(value.identity.version_newest).string(value.identity.cluster_name);
    detail::write_peer(out, value.identity.self);
    return out.number(value.attempt).boolean(value.insist).take();
}

[[nodiscard]] inline bytes encode(welcome const& value)
{
    auto out = detail::begin_handshake(detail::handshake_kind::welcome);
    out.number(value.version);
    detail::write_peer(out, value.self);
    return out.take();
}

[[nodiscard]] inline bytes encode(refusal const& value)
{
    auto out = detail::begin_handshake(detail::handshake_kind::refusal);
    out.u8(static_cast<std::uint8_t>(value.kind)).u8(static_cast<std::uint8_t>(value.code));
    out.string(bytes_view{value.sentence}.substr(0, limits::reason_size_max));
    detail::write_peer(out, value.self);
    return out.take();
}

/// The version that two nodes speak, or nothing when they have none in common.
[[nodiscard]] inline std::optional<std::uint64_t> negotiate(handshake_identity const& one, handshake_identity const& other)
{
    auto const version = std::min(one.version_newest, other.version_newest);
    if (version < std::max(one.version_oldest, other.version_oldest))
        return std::nullopt;
    return version;
}

namespace detail {

[[nodiscard]] inline refusal no_version_in_common(handshake_identity const& self, handshake_identity const& caller)
{
    auto const range = [](handshake_identity const& of) {
        return std::to_string(of.version_oldest) + " to " + std::to_string(of.version_newest);
    };
    return {refusal_kind::rejected, errc::version_mismatch,
        "this node speaks wire versions " + range(self) + ", you speak " + range(caller), self.self};
}

} // namespace detail

/// Takes a hello apart, or says why it is none.
///
/// What follows the known fields is ignored: a later version may append. Versions come first and are judged first, so that a
/// peer whose versions are disjoint is told so whatever the rest of its hello looks like.
[[nodiscard]] inline std::variant<hello, refusal> decode_hello(bytes_view frame, handshake_identity const& self)
{
    refusal const malformed{refusal_kind::rejected, errc::version_mismatch,
        "this is a Drover node, and what you sent is not a Drover hello", self.self};
    wire::reader in{frame};
    if (frame.size() > limits::handshake_size_max || !detail::opens_with(in, detail::handshake_kind::hello))
        return malformed;
    hello value;
    value.identity.version_oldest = in.number();
    value.identity.version_newest = in.number();
    if (!in.ok() || value.identity.version_oldest > value.identity.version_newest)
        return malformed;
    if (!negotiate(self, value.identity))
        return detail::no_version_in_common(self, value.identity);
    value.identity.cluster_name = std::string{in.string(limits::cluster_name_size_max)};
    value.identity.self = detail::read_peer(in);
    value.attempt = in.number();
    value.insist = in.boolean();
    if (!in.ok())
        return malformed;
    return value;
}

/// Takes the answer to a hello apart; nothing when it is none. As with a hello, a later version may append.
[[nodiscard]] inline std::optional<std::variant<welcome, refusal>> decode_answer(bytes_view frame)
{
    if (frame.size() > limits::handshake_size_max)
        return std::nullopt;
    if (wire::reader in{frame}; detail::opens_with(in, detail::handshake_kind::welcome)) {
        welcome value;
        value.version = in.number();
        value.self = detail::read_peer(in);
        return in.ok() ? std::optional<std::variant<welcome, refusal>>{std::move(value)} : std::nullopt;
    }
    wire::reader in{frame};
    if (!detail::opens_with(in, detail::handshake_kind::refusal))
        return std::nullopt;
    refusal value;
    auto const kind = in.u8();
    value.kind = kind <= 2 ? static_cast<refusal_kind>(kind) : refusal_kind::rejected;
    value.code = static_cast<errc>(in.u8());
    value.sentence = detail::printable(in.string(limits::reason_size_max));
    value.self = detail::read_peer(in);
    return in.ok() ? std::optional<std::variant<welcome, refusal>>{std::move(value)} : std::nullopt;
}

/// Says why this caller is not let in, or nothing when it fits. `connected` is the incarnation of the live peer of the
/// caller's name, if there is one: an older one gives way to the caller, a newer one keeps its name.
[[nodiscard]] inline std::optional<refusal> verify(
    hello const& caller, handshake_identity const& self, std::optional<incarnation_number> connected)
{
    auto const refuse = [&](refusal_kind kind, errc code, std::string sentence) {
        return refusal{kind, code, std::move(sentence), self.self};
    };
    auto const& who = caller.identity.self.id;
    auto const& own = self.self.id;
    if (!negotiate(self, caller.identity))
        return detail::no_version_in_common(self, caller.identity);
    if (caller.identity.cluster_name != self.cluster_name)
        return refuse(refusal_kind::rejected, errc::cluster_mismatch,
            "this is cluster " + detail::quoted(self.cluster_name) + ", you are " + detail::quoted(caller.identity.cluster_name));
    if (who == own)
        return refuse(refusal_kind::itself, errc::success, "this is this node itself");
    auto const holder = who.name == own.name ? std::optional{own.incarnation} : connected;
    if (holder && (who.name == own.name || *holder > who.incarnation))
        return refuse(refusal_kind::rejected, errc::name_in_use,
            "the name " + detail::quoted(who.name) + " is in use by incarnation " + std::to_string(*holder)
                + ", you are incarnation " + std::to_string(who.incarnation));
    return std::nullopt;
}

} // namespace drover::link
