// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// What clang-tidy looks at: all of the library, instantiated.

#include <drover/coroutine.hpp>
#include <drover/net.hpp>
#include <drover/simulation.hpp>

template class drover::distributed_supervisor<drover::tcp_transport>;
template class drover::distributed_supervisor<drover::in_memory_transport>;
