// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "arguments.hpp"
#include "commands.hpp"
#include "conductor.hpp"
#include "services_file.hpp"

#include <string>
#include <utility>

namespace service_monitor {

int run_demo(std::span<char* const> words)
{
    using namespace std::chrono_literals;
    arguments const given{words, {"--services", "--nodes", "--kill-after", "--show-for", "--interval"}, {}};
    if (given.word() && given.has("--services"))
        throw bad_input{"two files were given: '" + *given.word() + "' and --services"};
    auto const file = given.word() ? given.word() : given.one("--services");
    conductor_settings settings;
    if (file)
        settings.services = read_services(*file);
    // With two nodes, one that is left is no majority, and acknowledges nothing.
    settings.nodes_count = given.number("--nodes", 3, 3, 9);
    settings.kill_after = given.time("--kill-after", 3s);
    settings.show_for = given.time("--show-for", 3s);
    settings.interval = given.time("--interval", file ? 1s : 200ms);
    return conductor{std::move(settings)}.run();
}

} // namespace service_monitor
