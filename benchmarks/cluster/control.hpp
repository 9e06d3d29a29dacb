// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "system.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <sys/socket.h>

namespace cluster_benchmark {

/// What the conductor asks of a node's process, one at a time, over a socket pair that keeps messages apart.
enum class order : std::uint32_t {
    start_children, ///< first, count, in_flight, kind; answers nanoseconds, failures
    leave,          ///< answers when it has left
    list,           ///< count: repetitions; answers nanoseconds of the median one, children listed
    count,          ///< answers specs, active, local instances, members alive
    usage,          ///< answers nanoseconds of processor time, octets of the proportional set
    stop,           ///< the process ends; no answer
};

enum class child_behaviour : std::uint8_t {
    plain,    ///< does nothing
    stateful, ///< saves its state once, and looks for it when it starts again
    failing,  ///< ends with a failure once it has started, until it has done so often enough
};

struct request {
    order what{};
    std::uint32_t in_flight = 1;
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    child_behaviour behaviour{};
};

struct response {
    bool ok = false;
    std::array<std::uint64_t, 4> values{};
    std::array<char, 512> text{}; ///< an address, or what went wrong

    [[nodiscard]] std::string_view words() const { return text.data(); }
    void say(std::string_view words) { text[words.copy(text.data(), text.size() - 1)] = '\0'; }
};

template <class Message>
[[nodiscard]] bool send_message(int to, Message const& message)
{
    return ::send(to, &message, sizeof message, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof message);
}

template <class Message>
[[nodiscard]] bool receive_message(int from, Message& message)
{
    return ::recv(from, &message, sizeof message, 0) == static_cast<ssize_t>(sizeof message);
}

} // namespace cluster_benchmark
