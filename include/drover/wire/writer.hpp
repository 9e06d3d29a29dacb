// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/identity.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace drover::wire {

/// Appends values to an octet string. Integers are LEB128 (seven bits an octet, low ones first) unless `fixed`; strings are
/// preceded by their length. Never fails.
class writer {
public:
    writer() = default;
    /// Room for so many octets: more are taken, too.
    explicit writer(std::size_t expected) { out_.reserve(expected); }
    explicit writer(bytes&& reuse) : out_{std::move(reuse)} { out_.clear(); }

    writer& u8(std::uint8_t value)
    {
        out_.push_back(static_cast<char>(value));
        return *this;
    }

    writer& boolean(bool value) { return u8(value ? 1 : 0); }

    writer& number(std::uint64_t value)
    {
        for (; value >= 0x80; value >>= 7)
            u8(static_cast<std::uint8_t>(value | 0x80));
        return u8(static_cast<std::uint8_t>(value));
    }

    writer& fixed32(std::uint32_t value) { return fixed<4>(value); }
    writer& fixed64(std::uint64_t value) { return fixed<8>(value); }

    writer& string(bytes_view value)
    {
        number(value.size());
        return raw(value);
    }

    /// Without a length: for what runs to the end of the frame.
    writer& raw(bytes_view value)
    {
        out_.append(value);
        return *this;
    }

    writer& node(node_id const& value) { return string(value.name).number(value.incarnation); }

    [[nodiscard]] bytes const& view() const { return out_; }
    [[nodiscard]] std::size_t size() const { return out_.size(); }
    [[nodiscard]] bytes take() { return std::move(out_); }

private:
    template <std::size_t Size>
    writer& fixed(std::uint64_t value)
    {
        char octets[Size];
        for (std::size_t i = 0; i < Size; ++i)
            octets[i] = static_cast<char>(value >> (8 * i));
        return raw({octets, Size});
    }

    bytes out_;
};

} // namespace drover::wire
