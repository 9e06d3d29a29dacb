// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// All headers, and what has to be linked: xxHash, and threads for the sockets.
#include <drover/coroutine.hpp>
#include <drover/net.hpp>
#include <drover/simulation.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <cstdio>
#include <thread>

int main()
{
    boost::asio::io_context context;
    std::uint64_t hash = 0;
    boost::asio::post(context, [&] { hash = drover::hash64("name the work that must run"); });
    std::thread{[&] { context.run(); }}.join();
    std::printf("%llx\n", static_cast<unsigned long long>(hash));
    return hash == 0x889da7fa6cc92f0c ? 0 : 1;
}
