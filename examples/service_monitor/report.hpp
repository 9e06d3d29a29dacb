// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>

#include <chrono>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string>
#include <variant>

/// What a node tells the conductor of the demonstration: one line of text a message, over a loopback connection.
namespace service_monitor::report {

inline constexpr std::size_t line_size_max = 4'096;

/// Nanoseconds of the monotonic clock, which all processes of one machine share.
[[nodiscard]] inline std::int64_t monotonic_now()
{
    using namespace std::chrono;
    return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count();
}

/// Who reports: comes first, and once more when the node has joined.
struct hello {
    std::string node;
    std::string address; ///< where it listens; "-": not yet
};

/// An instance begins, with the count that it was given.
struct started {
    std::string child;
    drover::generation_number generation = 0;
    std::uint64_t checks = 0;
    std::int64_t at = 0; ///< `monotonic_now`
};

/// A majority of the members holds this count.
struct acknowledged {
    std::string child;
    drover::generation_number generation = 0;
    std::uint64_t checks = 0;
};

/// So many rows follow: all children that have an instance on this node.
struct snapshot {
    std::size_t rows = 0;
};

/// One child of a snapshot.
struct row {
    std::string child;
    drover::generation_number generation = 0;
    std::uint64_t checks = 0; ///< acknowledged ones
    std::uint64_t failed = 0;
    std::int64_t latency = -1; ///< of the last check, in nanoseconds; negative: no answer, or no check yet
    std::string state;
};

/// A line of the node's log.
struct happened {
    std::string text;
};

using message = std::variant<hello, started, acknowledged, snapshot, row, happened>;

[[nodiscard]] inline std::string to_line(message const& what)
{
    struct writer {
        std::ostringstream out;
        void operator()(hello const& m) { out << "hello " << m.node << ' ' << m.address; }
        void operator()(started const& m)
        {
            out << "started " << m.child << ' ' << m.generation << ' ' << m.checks << ' ' << m.at;
        }
        void operator()(acknowledged const& m) { out << "acknowledged " << m.child << ' ' << m.generation << ' ' << m.checks; }
        void operator()(snapshot const& m) { out << "snapshot " << m.rows; }
        void operator()(row const& m)
        {
            out << "row " << m.child << ' ' << m.generation << ' ' << m.checks << ' ' << m.failed << ' ' << m.latency << ' '
                << m.state;
        }
        void operator()(happened const& m) { out << "happened " << m.text.substr(0, line_size_max / 2); }
    };
    writer writing;
    std::visit(writing, what);
    return writing.out.str() + '\n';
}

namespace detail {

template <class Message, class... Fields>
std::optional<message> read(std::istream& in, Message what, Fields Message::*... fields)
{
    (in >> ... >> (what.*fields));
    return in ? std::optional<message>{what} : std::nullopt;
}

inline std::string rest_of(std::istream& in)
{
    std::string text;
    std::getline(in >> std::ws, text);
    return text;
}

} // namespace detail

/// The inverse of `to_line`; nothing when the line makes no sense.
[[nodiscard]] inline std::optional<message> parse(std::string const& line)
{
    std::istringstream in{line};
    std::string kind;
    in >> kind;
    if (kind == "hello")
        return detail::read(in, hello{}, &hello::node, &hello::address);
    if (kind == "started")
        return detail::read(in, started{}, &started::child, &started::generation, &started::checks, &started::at);
    if (kind == "acknowledged")
        return detail::read(in, acknowledged{}, &acknowledged::child, &acknowledged::generation, &acknowledged::checks);
    if (kind == "snapshot")
        return detail::read(in, snapshot{}, &snapshot::rows);
    if (kind == "happened")
        return happened{detail::rest_of(in)};
    if (kind != "row")
        return std::nullopt;
    auto read = detail::read(in, row{}, &row::child, &row::generation, &row::checks, &row::failed, &row::latency);
    if (read)
        std::get<row>(*read).state = detail::rest_of(in);
    return read;
}

} // namespace service_monitor::report
