// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>

#include <cstddef>
#include <cstdint>

namespace drover::wire {

/// Takes values from octets that nobody has vouched for.
///
/// The first read that does not fit makes the reader fail, for good: every later read gives a zero or an empty view, and
/// `ok()` is false. So a decoder reads straight through and checks once. It never reads past the end, and never allocates
/// more than it was given.
class reader {
public:
    explicit reader(bytes_view data) : rest_{data} {}

    [[nodiscard]] std::uint8_t u8()
    {
        if (rest_.empty())
            return fail(), std::uint8_t{0};
        auto const value = static_cast<std::uint8_t>(rest_.front());
        rest_.remove_prefix(1);
        return value;
    }

    [[nodiscard]] bool boolean()
    {
        auto const value = u8();
        if (value > 1)
            fail();
        return value == 1;
    }

    [[nodiscard]] std::uint64_t number()
    {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 64; shift += 7) {
            auto const octet = u8();
            if (shift == 63 && octet > 1)
                break;
            value |= static_cast<std::uint64_t>(octet & 0x7f) << shift;
            if (octet < 0x80)
                return value;
        }
        return fail(), 0;
    }

    /// A number that is at most `max`.
    [[nodiscard]] std::uint64_t number(std::uint64_t max)
    {
        auto const value = number();
        if (value > max)
            return fail(), 0;
        return value;
    }

    /// A count of things that follow, each of which takes `size_min` octets at least. Fails when they cannot be there.
    [[nodiscard]] std::size_t count(std::size_t max, std::size_t size_min = 1)
    {
        auto const value = number(max);
        if (value > rest_.size() / size_min)
            return fail(), 0;
        return static_cast<std::size_t>(value);
    }

    [[nodiscard]] std::uint32_t fixed32() { return static_cast<std::uint32_t>(fixed(4)); }
    [[nodiscard]] std::uint64_t fixed64() { return fixed(8); }

    /// A string of at most `size_max` octets. The view lives as long as the data.
    [[nodiscard]] bytes_view string(std::size_t size_max)
    {
        auto const size = count(size_max);
        auto const value = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return value;
    }

    [[nodiscard]] node_id node()
    {
        auto const name = string(limits::node_name_size_max);
        auto const incarnation = number();
        return node_id{std::string{name}, incarnation};
    }

    /// All that is left.
    [[nodiscard]] bytes_view remainder()
    {
        auto const value = rest_;
        rest_ = {};
        return value;
    }

    void fail()
    {
        failed_ = true;
        rest_ = {};
    }

    [[nodiscard]] bool ok() const { return !failed_; }
    [[nodiscard]] bool at_end() const { return rest_.empty(); }

    /// Everything was read, and everything fitted.
    [[nodiscard]] bool complete() const { return ok() && at_end(); }

private:
    [[nodiscard]] std::uint64_t fixed(std::size_t size)
    {
        if (rest_.size() < size)
            return fail(), 0;
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < size; ++i)
            value |= static_cast<std::uint64_t>(static_cast<std::uint8_t>(rest_[i])) << (8 * i);
        rest_.remove_prefix(size);
        return value;
    }

    bytes_view rest_;
    bool failed_ = false;
};

} // namespace drover::wire
