// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>

namespace drover::net {

/// Octets before each frame: its length, little-endian.
inline constexpr std::size_t frame_header_size = 4;

/// Cuts a stream of octets into frames, in place.
///
/// One buffer, which grows with what arrives and not with what a length claims: a peer that announces much and sends little
/// costs little. It shrinks again once it has been emptied.
class frame_reader {
public:
    static constexpr std::size_t size_initial = 16 * 1024;
    /// A buffer that was read into to its end doubles up to this, so that more arrives at once.
    static constexpr std::size_t size_batch_max = 256 * 1024;

    enum class status : std::uint8_t { frame, incomplete, too_long };
    struct outcome {
        status what;
        bytes_view frame{}; ///< valid until the next `prepare`
    };

    /// Where to read into; never empty.
    [[nodiscard]] std::span<char> prepare()
    {
        if (begin_ == end_)
            begin_ = end_ = 0;
        if (capacity_ == 0 || (end_ == 0 && capacity_ > size_batch_max))
            resize(size_initial);
        else if (filled_ && capacity_ < size_batch_max)
            resize(capacity_ * 2);
        else if (end_ == capacity_)
            begin_ > 0 ? compact() : resize(capacity_ * 2);
        return {data_.get() + end_, capacity_ - end_};
    }

    /// So many octets were read. Pre: they fit into what `prepare` gave.
    void commit(std::size_t count)
    {
        end_ += count;
        filled_ = end_ == capacity_;
    }

    /// The next frame, if it is there. A frame of more than `size_max` octets is too long, as soon as its length is known.
    [[nodiscard]] outcome next(std::size_t size_max)
    {
        if (end_ - begin_ < frame_header_size)
            return {status::incomplete};
        std::size_t const size = read_length();
        if (size > size_max)
            return {status::too_long};
        if (end_ - begin_ - frame_header_size < size)
            return {status::incomplete};
        bytes_view const frame{data_.get() + begin_ + frame_header_size, size};
        begin_ += frame_header_size + size;
        return {status::frame, frame};
    }

private:
    [[nodiscard]] std::size_t read_length() const
    {
        std::size_t size = 0;
        for (std::size_t i = 0; i < frame_header_size; ++i)
            size |= static_cast<std::size_t>(static_cast<unsigned char>(data_[begin_ + i])) << (8 * i);
        return size;
    }

    void compact()
    {
        std::memmove(data_.get(), data_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
    }

    void resize(std::size_t capacity)
    {
        auto larger = std::make_unique_for_overwrite<char[]>(capacity);
        if (end_ > begin_)
            std::memcpy(larger.get(), data_.get() + begin_, end_ - begin_);
        end_ -= begin_;
        begin_ = 0;
        capacity_ = capacity;
        data_ = std::move(larger);
        filled_ = false;
    }

    std::unique_ptr<char[]> data_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;
    std::size_t end_ = 0;
    bool filled_ = false; // by the last read
};

} // namespace drover::net
