// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace drover {

/// Names a child within one supervisor (scope).
using child_id = std::string;

/// Counts the instances of one child; the fencing token that the child passes on to whatever it writes to. 0: none yet.
using generation_number = std::uint64_t;

/// Tells apart the lives of one node name: a node that returns under its name is a new one, with a larger incarnation.
using incarnation_number = std::uint64_t;

/// One life of one node.
struct node_id {
    std::string name;
    incarnation_number incarnation = 0;

    friend auto operator<=>(node_id const&, node_id const&) = default;
};

/// A node that can be reached, and where it listens ("host:port").
struct peer {
    node_id id;
    std::string address;

    friend auto operator<=>(peer const&, peer const&) = default;
};

} // namespace drover
