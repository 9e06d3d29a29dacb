// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/store/causal_context.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

namespace drover::store {

/// What replicas say to each other: the first octet of each message. On the wire: append, never renumber.
enum class message_kind : std::uint8_t {
    context = 1, ///< `told_context`
    push = 2,    ///< a delta of one origin's newest writes, to be passed on along its tree
    delta = 3,   ///< what the sender believes that the receiver has not seen
    chunk = 4,   ///< number of the stream, index, whether it is the last, delta: a large delta comes in pieces
    taken = 5,   ///< number of the stream, index: that piece is in
    list = 6,    ///< number of the question, position, context: what do you hold, from there on, if you remember these removals
    listing = 7, ///< number of the question, `listing`
};

/// What the sender of a context wants to be told.
enum class wanted : std::uint8_t { nothing = 0, context = 1, all = 2 }; // all: what it has not seen

/// What a replica has seen. `held`: what it would still have after a loss of power, when that is less.
///
/// Layout: flags (wanted | has held << 2 | has digest << 3); digest; context; for each item of it, how much less is held.
struct told_context {
    wanted wants = wanted::nothing;
    std::optional<std::uint64_t> digest{};
    causal_context seen{};
    causal_context held{};

    static void encode(wire::writer& out, wanted wants, std::optional<std::uint64_t> digest, causal_context const& seen,
        causal_context const* held)
    {
        out.u8(static_cast<std::uint8_t>(
            static_cast<unsigned>(wants) | (held != nullptr ? has_held : 0U) | (digest ? has_digest : 0U)));
        if (digest)
            out.fixed64(*digest);
        seen.encode(out);
        if (held != nullptr)
            for (auto const& item : seen.items())
                out.number(item.sequence - held->at(item.origin));
    }

    [[nodiscard]] static std::optional<told_context> decode(wire::reader& in)
    {
        told_context result;
        auto const flags = in.u8();
        if ((flags & 3U) > 2 || flags > 15)
            return std::nullopt;
        result.wants = static_cast<wanted>(flags & 3U);
        if ((flags & has_digest) != 0)
            result.digest = in.fixed64();
        auto seen = causal_context::decode(in);
        if (!seen)
            return std::nullopt;
        result.seen = std::move(*seen);
        if ((flags & has_held) == 0)
            result.held = result.seen;
        else
            for (auto const& item : result.seen.items())
                result.held.raise(item.origin, item.sequence - in.number(item.sequence));
        return in.complete() ? std::optional{std::move(result)} : std::nullopt;
    }

private:
    static constexpr unsigned has_held = 4;
    static constexpr unsigned has_digest = 8;
};

} // namespace drover::store
