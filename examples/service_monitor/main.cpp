// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A cluster that monitors services: each line of a file is one child, which runs on one of the nodes.
#include "arguments.hpp"
#include "commands.hpp"

#include <cstddef>
#include <exception>
#include <iostream>
#include <span>
#include <string_view>

namespace {

constexpr std::string_view usage =
    R"(service_monitor demo [FILE] [--services FILE] [--nodes 3] [--kill-after 3s] [--show-for 3s] [--interval TIME]
    Starts nodes as processes on this machine, kills one with SIGKILL, starts it again, lets another one leave, and
    shows where the monitors run. Without a file it starts six small services of its own. Exits with 0 only if each
    service was monitored by exactly one child, and no count went back behind what was acknowledged.

service_monitor node --name NAME --services FILE [--listen HOST:PORT] [--seed HOST:PORT]...
                     [--interval 1s] [--deadline 1s] [--introduce] [--report HOST:PORT]
    One node of a cluster. Start the first one without a seed, and each further one with the address of any other,
    all with the same file. Ctrl-C (or SIGTERM) leaves, and hands the monitors on; a second one quits at once.
    SIGUSR1 asks every monitor of the cluster how far it is.
      --listen     where other nodes reach this one; a free port of 127.0.0.1 unless it is given
      --interval   between two checks of a service
      --deadline   for one check; a service that has not answered by then has failed it
      --introduce  read a line from the service, and tell it "node generation count"
      --report     tell a conductor all that happens (the demonstration does this)

FILE has one service a line, "host:port" or "host port"; '#' begins a comment.
)";

int run(std::span<char* const> words)
{
    using namespace service_monitor;
    std::string_view const command = words.empty() ? "" : words.front();
    if (command == "help" || command == "--help" || command == "-h") {
        std::cout << usage;
        return 0;
    }
    if (command == "node")
        return run_node(words.subspan(1));
    if (command == "demo")
        return run_demo(words.subspan(1));
    if (command.empty())
        throw bad_input{"say what to do: demo or node"};
    throw bad_input{"there is no command '" + std::string{command} + "', only demo and node"};
}

} // namespace

int main(int count, char** words)
{
    try {
        return run({words + 1, words + count});
    } catch (service_monitor::bad_input const& error) {
        std::cerr << "service_monitor: " << error.what() << "\nTry 'service_monitor --help'.\n";
        return 2;
    } catch (std::exception const& error) {
        std::cerr << "service_monitor: " << error.what() << '\n';
        return 1;
    }
}
