// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// Measures clusters of real processes on loopback: how fast children start, how fast they run again after a node was killed,
// and that none is lost, doubled, or without its state. See docs/benchmarks.md.
#include "node_program.hpp"
#include "options.hpp"
#include "parts.hpp"
#include "ping_pong.hpp"
#include "table.hpp"

#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace cluster_benchmark {
namespace {

struct part {
    char const* name;
    char const* what;
    void (*measure)(run const&);
};

constexpr std::array parts{
    part{"one-node", "start rate on one node", &measure_one_node},
    part{"starts", "start rates on clusters, one caller and 256 starts in flight", &measure_starts},
    part{"failover", "kill -9 of one node, until its children run again", &measure_failover},
    part{"acknowledged", "kill -9 at once after the last start was acknowledged", &measure_acknowledged},
    part{"join", "a node joins", &measure_join},
    part{"leave", "a node leaves", &measure_leave},
    part{"restart", "restart in place after a failure", &measure_restart},
    part{"listing", "listing all children", &measure_listing},
    part{"memory", "memory a child", &measure_memory},
};

void print_help()
{
    std::printf("cluster_benchmark [--quick | --full] [--only PART] [--nodes COUNT] [--children COUNT]\n\n"
                "Measures clusters of real processes on loopback, beside a bare ping-pong of the same run.\n"
                "Exits with 1 when a child was lost or doubled, came back without its state, or did not come in time.\n\n"
                "  --quick           a few seconds, to see that it runs\n"
                "  --full            all sizes, some minutes\n"
                "  --nodes COUNT     instead of the sizes that are built in\n"
                "  --children COUNT  the same\n"
                "  --only PART       one of:\n");
    for (auto const& each : parts)
        std::printf("      %-14s%s\n", each.name, each.what);
}

int conduct(options const& chosen)
{
    run const of{chosen};
    auto const yardstick = measure_ping_pong(of.pick(500U, 5'000U, 20'000U), of.pick(3U, 9U, 15U));
    std::printf("Bare Asio ping-pong, 64 octets, between two processes: %s round trips/s\n", whole(yardstick).c_str());
    int result = 0;
    for (auto const& each : parts) {
        if (!chosen.only.empty() && chosen.only != each.name)
            continue;
        try {
            each.measure(of);
        } catch (failure const& what) {
            std::fprintf(stderr, "cluster_benchmark: %s: %s\n", each.name, what.what());
            result = 1;
        }
    }
    return result;
}

int main_of_conductor(std::vector<std::string> const& arguments)
{
    std::vector<std::string> names;
    for (auto const& each : parts)
        names.emplace_back(each.name);
    auto const parsed = parse(arguments, names);
    if (auto const* const wrong = std::get_if<usage_error>(&parsed)) {
        std::fprintf(stderr, "cluster_benchmark: %s\n", wrong->sentence.c_str());
        return 2;
    }
    if (std::holds_alternative<help_wanted>(parsed)) {
        print_help();
        return 0;
    }
    return conduct(std::get<options>(parsed));
}

} // namespace
} // namespace cluster_benchmark

int main(int argc, char** argv)
{
    try {
        if (argc > 1 && std::string_view{argv[1]} == "node")
            return cluster_benchmark::run_node(argc, argv);
        if (argc > 1 && std::string_view{argv[1]} == "echo")
            return cluster_benchmark::run_echo(argc, argv);
        return cluster_benchmark::main_of_conductor({argv + 1, argv + argc});
    } catch (std::exception const& error) {
        std::fprintf(stderr, "cluster_benchmark: %s\n", error.what());
        return 1;
    }
}
