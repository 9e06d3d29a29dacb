// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>
#include <drover/simulation/in_memory_transport.hpp>
#include <drover/simulation/runtime.hpp>
#include <drover/simulation/world.hpp>

#include <cstdint>
#include <functional>
#include <string>

/// A world of virtual time, for `check_transport`.
struct simulated_environment {
    using transport_type = drover::in_memory_transport;

    explicit simulated_environment(std::uint64_t seed) : world{seed} {}

    drover::simulation::runtime make_runtime(std::string const& host) { return {world, host}; }
    std::string listen_address(std::string const& host) { return host; }
    std::string address_of_nobody() { return "nobody"; }
    std::string malformed_address() { return std::string(drover::limits::address_size_max + 1, 'x'); }
    bool run_until(std::function<bool()> const& done, drover::duration bound) { return world.run_until(done, bound); }

    void break_connection(std::string const& one, std::string const& other) { world.connection_reset(one, other); }
    void kill(std::string const& host) { world.crash(host); }
    std::string silent_address(std::string const& host)
    {
        world.cut(host, "silent");
        return "silent";
    }

    drover::simulation::world world;
};
