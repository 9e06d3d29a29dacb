// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// The least that is a Transport: declared, and never defined. What compiles with it asks no more than the concept says.
/// docs/concepts/transport.md quotes it (tools/concept_pages).

#include <drover/policy/transport.hpp>

namespace archetype {

struct executor {};

struct mutex {
    void lock();
    void unlock();
};

struct runtime;

struct timer {
    explicit timer(runtime&);
    timer(timer const&) = delete;
    timer& operator=(timer const&) = delete;
    void expires_at(drover::time_point, drover::unique_function<void()>);
    void cancel();
};

struct runtime {
    using executor_type = executor;
    using mutex_type = mutex;
    using timer_type = timer;

    // From the two things that a node is made from.
    runtime(executor, std::string const& node_name);
    runtime(runtime const&);
    runtime& operator=(runtime const&) = delete;
    ~runtime();

    [[nodiscard]] executor_type get_executor() const;
    [[nodiscard]] drover::time_point now() const;
    drover::random_stream random(std::uint64_t purpose);
    drover::incarnation_number new_incarnation();
    void post(drover::unique_function<void()>);
    void dispatch(drover::unique_function<void()>);
};

struct transport {
    using runtime_type = runtime;
    static constexpr drover::transport_capabilities capabilities{};

    transport(runtime const&, drover::transport_options);
    transport(transport const&) = delete;
    transport& operator=(transport const&) = delete;

    drover::errc start(drover::transport_events&);
    [[nodiscard]] std::string address() const;
    void dial(std::string_view address);
    void undial(std::string_view address);
    bool send(std::string_view to, drover::bytes frame);
    void stop();
};

} // namespace archetype
