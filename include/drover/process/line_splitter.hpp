// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/expects.hpp>

#include <cstddef>

namespace drover::detail {

/// Cuts a stream of octets into lines. Holds at most `size_max` octets: a longer line is given in pieces of that size.
class line_splitter {
public:
    /// Pre: `size_max` is positive.
    explicit line_splitter(std::size_t size_max) : size_max_{size_max} { expects(size_max > 0, "a line has room for an octet"); }

    /// Calls `take(bytes_view)` for every line that ends in `chunk`, without its line feed.
    template <class Take>
    void feed(bytes_view chunk, Take&& take)
    {
        while (!chunk.empty()) {
            auto const end = chunk.find('\n');
            auto part = chunk.substr(0, end);
            chunk.remove_prefix(end == bytes_view::npos ? chunk.size() : end + 1);
            while (part.size() > size_max_ - rest_.size()) {
                auto const room = size_max_ - rest_.size();
                give(part.substr(0, room), take);
                part.remove_prefix(room);
            }
            if (end == bytes_view::npos)
                rest_ += part;
            else
                give(part, take);
        }
    }

    /// The stream has ended: what came after the last line feed is a line as well.
    template <class Take>
    void finish(Take&& take)
    {
        if (!rest_.empty())
            give({}, take);
    }

private:
    template <class Take>
    void give(bytes_view end, Take& take)
    {
        if (rest_.empty())
            return take(end);
        rest_ += end;
        take(bytes_view{rest_});
        rest_.clear();
    }

    std::size_t size_max_;
    bytes rest_; // of a line that has not ended
};

} // namespace drover::detail
