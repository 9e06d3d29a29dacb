// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/time.hpp>
#include <drover/child/context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace drover {

/// What a process child reads on its standard input.
enum class process_input : std::uint8_t {
    messages, ///< what is sent to it by `cast`, each followed by a line feed
    none,     ///< nothing: it is at its end
};

/// A child that is an operating-system process: what to run, and how. A child's factory returns one by value.
///
/// The child starts when the command has been executed, and ends when its process and all that descends from it have ended:
/// exit status 0 is a normal exit, anything else a failure whose reason reads "exit status 3" or "signal 11 (SIGSEGV), core
/// dumped". To stop it, it and its descendants are sent SIGTERM, and SIGKILL at the shutdown deadline of its spec.
///
/// It finds DROVER_CHILD_ID, DROVER_GENERATION (its fencing token), DROVER_NODE and DROVER_ARGUMENTS (unless the arguments of
/// its spec hold a NUL) in its environment.
struct process_child {
    /// Takes one line, without its line feed, on the supervisor's strand. One that throws has failed the child.
    using line_handler = std::function<void(child_context&, bytes_view line)>;

    std::string command;                  ///< a path; or, without a slash, a name that is searched in the PATH that it is given
    std::vector<std::string> arguments{}; ///< without the command itself
    std::map<std::string, std::string> environment{}; ///< besides, or over, the node's
    bool inherit_environment = true;                  ///< false: it has nothing of the node's environment
    std::string working_directory{};                  ///< empty: the node's
    line_handler on_output{};                         ///< a line of its standard output; by default it is logged
    line_handler on_error{};                          ///< a line of its standard error; by default it is logged
    process_input input = process_input::messages;
    std::size_t line_size_max = 8 * 1024;    ///< a longer line comes in pieces of so many octets
    std::size_t input_size_max = 256 * 1024; ///< octets that wait until it reads them; a message beyond is dropped, and logged
    /// From SIGTERM to SIGKILL where no supervisor holds a deadline: its node is gone, or the process has ended and left
    /// descendants behind.
    duration kill_grace = std::chrono::seconds{2};
    /// A node that gives no sign of life for so long is taken for gone, and the child is ended: the node was stopped, or its
    /// strand is stuck. Four signs of life come in this time.
    duration keeper_deadline = std::chrono::seconds{10};
};

namespace limits {

inline constexpr std::size_t process_arguments_count_max = 4 * 1024;
inline constexpr std::size_t process_line_size_max = 1024 * 1024;
inline constexpr std::size_t process_input_size_max = 16 * 1024 * 1024;
inline constexpr duration keeper_deadline_min = std::chrono::milliseconds{100};
inline constexpr duration keeper_duration_max = std::chrono::hours{24};
/// How long a start waits to hear that the command runs. One that is slower (on a file system that hangs) counts as started,
/// and exits if it then cannot run.
inline constexpr std::chrono::milliseconds process_start_wait_max{500};

} // namespace limits

namespace detail {

[[nodiscard]] inline bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

[[nodiscard]] inline std::string validate_strings(process_child const& child)
{
    if (child.command.empty())
        return "command is empty";
    if (has_nul(child.command))
        return "command holds a NUL";
    if (child.arguments.size() > limits::process_arguments_count_max)
        return "there are " + std::to_string(child.arguments.size()) + " arguments, more than "
            + std::to_string(limits::process_arguments_count_max);
    for (auto const& argument : child.arguments)
        if (has_nul(argument))
            return "arguments hold a NUL";
    for (auto const& [name, value] : child.environment) {
        if (name.empty() || has_nul(name) || name.find('=') != std::string::npos)
            return "environment has a name that is empty, or holds '=' or a NUL";
        if (has_nul(value))
            return "environment has a value that holds a NUL: " + name;
    }
    return has_nul(child.working_directory) ? "working_directory holds a NUL" : "";
}

} // namespace detail

/// One sentence that names the field and says what is wrong with it, or an empty one. It looks at the value alone: whether the
/// command and the directory are there is known when it starts.
[[nodiscard]] inline std::string validate(process_child const& child)
{
    if (auto wrong = detail::validate_strings(child); !wrong.empty())
        return wrong;
    if (child.input > process_input::none)
        return "input is not one of messages, none";
    if (child.line_size_max == 0 || child.line_size_max > limits::process_line_size_max)
        return "line_size_max is between 1 and " + std::to_string(limits::process_line_size_max) + ", not "
            + std::to_string(child.line_size_max);
    if (child.input_size_max > limits::process_input_size_max)
        return "input_size_max is " + std::to_string(child.input_size_max) + ", more than "
            + std::to_string(limits::process_input_size_max);
    if (child.kill_grace < duration::zero() || child.kill_grace > limits::keeper_duration_max)
        return "kill_grace is negative, or more than a day";
    if (child.keeper_deadline < limits::keeper_deadline_min || child.keeper_deadline > limits::keeper_duration_max)
        return "keeper_deadline is less than 100 ms, or more than a day";
    return {};
}

} // namespace drover
