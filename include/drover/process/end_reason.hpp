// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/process/keeper_records.hpp>
#include <drover/process/process_child.hpp>

#include <csignal>
#include <cstdint>
#include <string>
#include <sys/wait.h>
#include <system_error>

namespace drover::detail {

/// Its name, or an empty one of a signal that ends few processes.
[[nodiscard]] constexpr char const* signal_name(int number)
{
    switch (number) {
    case SIGHUP: return "SIGHUP";
    case SIGINT: return "SIGINT";
    case SIGQUIT: return "SIGQUIT";
    case SIGILL: return "SIGILL";
    case SIGTRAP: return "SIGTRAP";
    case SIGABRT: return "SIGABRT";
    case SIGBUS: return "SIGBUS";
    case SIGFPE: return "SIGFPE";
    case SIGKILL: return "SIGKILL";
    case SIGUSR1: return "SIGUSR1";
    case SIGSEGV: return "SIGSEGV";
    case SIGUSR2: return "SIGUSR2";
    case SIGPIPE: return "SIGPIPE";
    case SIGALRM: return "SIGALRM";
    case SIGTERM: return "SIGTERM";
    case SIGXCPU: return "SIGXCPU";
    case SIGXFSZ: return "SIGXFSZ";
    case SIGSYS: return "SIGSYS";
    default: return "";
    }
}

/// "normal", "exit status 3", "signal 11 (SIGSEGV), core dumped". `status` as waitpid gives it.
[[nodiscard]] inline std::string exit_reason(int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status) == 0 ? "normal" : "exit status " + std::to_string(WEXITSTATUS(status));
    std::string reason = "signal " + std::to_string(WTERMSIG(status));
    if (std::string const name = signal_name(WTERMSIG(status)); !name.empty())
        reason += " (" + name + ")";
    return WCOREDUMP(status) ? reason + ", core dumped" : reason;
}

/// Why a process child exits, from what its keeper says last.
[[nodiscard]] inline std::string exit_reason(report_record const& report)
{
    switch (report.cause) {
    case end_cause::itself: return exit_reason(report.value);
    case end_cause::order: return "shutdown";
    case end_cause::silence:
    case end_cause::node_gone: break;
    }
    return "ended by its keeper: the node gave no sign of life for keeper_deadline";
}

/// Why a process child did not start: "cannot run 'encoder': No such file or directory".
[[nodiscard]] inline std::string start_failure(process_child const& child, launch_step step, int error)
{
    auto const why = ": " + std::system_category().message(error);
    switch (step) {
    case launch_step::fork: break;
    case launch_step::enter_directory: return "cannot enter '" + child.working_directory + "'" + why;
    case launch_step::execute: return "cannot run '" + child.command + "'" + why;
    }
    return "cannot make a process" + why;
}

} // namespace drover::detail
