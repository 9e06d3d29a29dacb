// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// Real sockets, by Boost.Asio.

#include <drover/drover.hpp>
#include <drover/net/tcp_transport.hpp>
