// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <poll.h>
#include <string>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace cluster_benchmark {

[[noreturn]] inline void throw_system_error(std::string const& what)
{
    throw std::system_error{errno, std::generic_category(), what};
}

/// Owns a file descriptor.
class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int number) : number_{number} {}
    descriptor(descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
    descriptor& operator=(descriptor&& other) noexcept
    {
        std::swap(number_, other.number_);
        return *this;
    }
    ~descriptor()
    {
        if (number_ >= 0)
            ::close(number_);
    }

    [[nodiscard]] int get() const { return number_; }
    [[nodiscard]] explicit operator bool() const { return number_ >= 0; }

private:
    int number_ = -1;
};

/// Nanoseconds of the monotonic clock.
[[nodiscard]] inline std::uint64_t monotonic_now()
{
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

inline constexpr std::uint64_t second = 1'000'000'000;

/// Waits until there is something to read, or the time has come. False: it has.
[[nodiscard]] inline bool wait_readable(int from, std::uint64_t deadline)
{
    for (;;) {
        auto const now = monotonic_now();
        auto const wait_ms = now >= deadline ? 0 : static_cast<int>((deadline - now) / 1'000'000 + 1);
        pollfd what{from, POLLIN, 0};
        auto const result = ::poll(&what, 1, wait_ms);
        if (result > 0)
            return true;
        if (result < 0 && errno != EINTR)
            throw_system_error("cannot wait");
        if (result == 0 && monotonic_now() >= deadline)
            return false;
    }
}

} // namespace cluster_benchmark
