// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/expects.hpp>
#include <drover/net/frame_reader.hpp>

#include <boost/asio/buffer.hpp>

#include <array>
#include <cstddef>
#include <deque>
#include <span>
#include <utility>

namespace drover::net {

/// Frames that wait to be written to a stream, each behind its length.
///
/// Small frames are copied together, so that a thousand of them cost one buffer and no allocation each; large ones are kept
/// as they are. All that waits is written at once, up to `buffers_count_max` buffers; what comes while a write is under way
/// forms the next batch.
class send_queue {
public:
    static constexpr std::size_t buffers_count_max = 64;
    static constexpr std::size_t chunk_size_max = 32 * 1024;
    /// Frames from this size on are not copied.
    static constexpr std::size_t own_chunk_size_min = 8 * 1024;

    /// Octets that wait or are being written, lengths included.
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }

    void push(bytes&& frame)
    {
        size_ += frame_header_size + frame.size();
        bool const copied = frame.size() < own_chunk_size_min;
        auto& tail = open_chunk(frame_header_size + (copied ? frame.size() : 0));
        append_length(tail, frame.size());
        if (copied)
            tail.append(frame);
        else
            chunks_.push_back({std::move(frame), false});
    }

    /// What is to be written now; valid until `finish_write`. Pre: not empty, no write is under way.
    [[nodiscard]] std::span<boost::asio::const_buffer const> begin_write()
    {
        expects(in_flight_ == 0 && !chunks_.empty(), "one write at a time, of something");
        while (in_flight_ < chunks_.size() && in_flight_ < buffers_count_max) {
            buffers_[in_flight_] = boost::asio::buffer(chunks_[in_flight_].data);
            ++in_flight_;
        }
        return {buffers_.data(), in_flight_};
    }

    /// All of it was written.
    void finish_write()
    {
        for (; in_flight_ > 0; --in_flight_) {
            size_ -= chunks_.front().data.size();
            recycle(chunks_.front());
            chunks_.pop_front();
        }
    }

private:
    struct chunk {
        bytes data;
        bool open; // more may be appended
    };

    /// A chunk that is not being written and has room.
    [[nodiscard]] bytes& open_chunk(std::size_t room)
    {
        bool const usable =
            chunks_.size() > in_flight_ && chunks_.back().open && chunks_.back().data.size() + room <= chunk_size_max;
        if (!usable)
            chunks_.push_back({std::exchange(spare_, {}), true});
        return chunks_.back().data;
    }

    static void append_length(bytes& to, std::size_t size)
    {
        std::array<char, frame_header_size> length;
        for (std::size_t i = 0; i < frame_header_size; ++i)
            length[i] = static_cast<char>(size >> (8 * i));
        to.append(length.data(), length.size());
    }

    /// Keeps the storage of one chunk for the next.
    void recycle(chunk& done)
    {
        if (!done.open || done.data.capacity() <= spare_.capacity())
            return;
        done.data.clear();
        spare_ = std::move(done.data);
    }

    std::deque<chunk> chunks_;
    std::size_t in_flight_ = 0; // chunks at the front that are being written, and must not change
    std::size_t size_ = 0;
    bytes spare_;
    std::array<boost::asio::const_buffer, buffers_count_max> buffers_{};
};

} // namespace drover::net
