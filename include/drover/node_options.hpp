// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>
#include <drover/policy/transport.hpp>

#include <string>
#include <vector>

namespace drover {

/// One member of a cluster: its name, where it listens, and whom it asks to let it in.
struct node_options {
    std::string name{};                  ///< unique in the cluster; a node that returns keeps its name
    std::string listen = "127.0.0.1:0";  ///< "host:port"; port 0 takes a free one (see `node::address`)
    std::vector<std::string> seeds{};    ///< addresses of members; empty: this node may be the first
    std::string cluster_name = "drover"; ///< nodes of another cluster are refused
    std::string advertise{};             ///< what others dial, where that is not what we listen on

    // limits
    std::size_t send_queue_size_max = transport_options{}.send_queue_size_max;
    duration dial_timeout = transport_options{}.dial_timeout;
    duration backoff_min = transport_options{}.backoff_min;
    duration backoff_max = transport_options{}.backoff_max;
};

/// One sentence that names the field and says what is wrong with it, or an empty one.
[[nodiscard]] inline std::string validate(node_options const& options)
{
    if (options.name.empty())
        return "name is empty";
    if (options.name.size() > limits::node_name_size_max)
        return "name has " + std::to_string(options.name.size()) + " octets, more than "
            + std::to_string(limits::node_name_size_max);
    if (options.cluster_name.empty() || options.cluster_name.size() > limits::cluster_name_size_max)
        return "cluster_name is empty or too long";
    if (options.listen.size() > limits::address_size_max || options.advertise.size() > limits::address_size_max)
        return "listen or advertise is longer than " + std::to_string(limits::address_size_max) + " octets";
    for (auto const& seed : options.seeds)
        if (seed.empty() || seed.size() > limits::address_size_max)
            return "a seed is empty or too long";
    if (options.dial_timeout <= duration::zero() || options.backoff_min <= duration::zero()
        || options.backoff_max < options.backoff_min)
        return "dial_timeout and backoff_min must be positive, and backoff_max at least backoff_min";
    return {};
}

} // namespace drover
