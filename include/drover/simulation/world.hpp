// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/simulation/digest.hpp>
#include <drover/simulation/kernel.hpp>
#include <drover/simulation/network_options.hpp>
#include <drover/simulation/switchboard.hpp>

#include <boost/asio/execution_context.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::simulation {

/// A cluster in one thread: virtual time, hosts that live, pause and crash, and the network between them.
///
/// All that happens is a function of the seed and of what the driver does: two runs of one seed have equal digests, under any
/// compiler. Hosts come to life when a `runtime` is made with their name. The world must outlive every runtime, executor,
/// timer and transport that was made from it. Not for use from several threads.
class world {
public:
    explicit world(std::uint64_t seed, network_options network = {})
        : options_{network}, kernel_{seed},
          switchboard_{kernel_, options_}, context_{std::make_unique<boost::asio::execution_context>()}
    {
        expects(validate(options_).empty(), "the network options are invalid: see validate(network_options)");
    }
    world(world const&) = delete;
    world& operator=(world const&) = delete;

    /// Destroys what is still scheduled, unrun, and then what Asio keeps in the context.
    ~world()
    {
        kernel_.shut();
        context_.reset();
    }

    // Time.

    [[nodiscard]] time_point now() const { return kernel_.now(); }
    [[nodiscard]] std::uint64_t seed() const { return kernel_.seed(); }
    /// Events that were run; those that were discarded with their host do not count.
    [[nodiscard]] std::uint64_t events_count() const { return kernel_.events_count(); }

    /// Runs the next event, whenever it is due. False: nothing is scheduled. An exception that an event throws comes out.
    bool step() { return kernel_.step(never); }

    /// Runs all that is due within `length`; then that time has passed.
    void run_for(duration length)
    {
        auto const end = saturating_add(now(), length);
        while (kernel_.step(end)) {
        }
        kernel_.advance_to(end);
    }

    /// Runs until the predicate holds, which is asked first and after each event, or until `bound` has passed. Says whether it
    /// holds.
    template <class Predicate>
    [[nodiscard]] bool run_until(Predicate&& predicate, duration bound)
    {
        auto const end = saturating_add(now(), bound);
        while (!predicate()) {
            if (kernel_.step(end))
                continue;
            kernel_.advance_to(end);
            return static_cast<bool>(predicate());
        }
        return true;
    }

    /// Runs the driver's own code later. It belongs to no host: no crash or pause touches it.
    event_handle after(duration delay, event_action action)
    {
        return kernel_.schedule(saturating_add(now(), delay), {}, event_kind::driver, std::move(action));
    }

    /// False: it has run, or was cancelled before.
    bool cancel(event_handle handle) { return kernel_.cancel(handle); }

    // What a run is made of, and what it came to.

    /// A stream that belongs to (seed, purpose, entity), and to nothing else.
    [[nodiscard]] random_stream random(std::string_view purpose, std::string_view entity = {}) const
    {
        return random_stream{seed(), hash64(purpose), hash64(entity)};
    }

    /// Of every event that ran (time, kind, host), every frame that was delivered, and all that was recorded.
    [[nodiscard]] digest_value digest() const { return kernel_.digest(); }

    /// Makes `data` part of the digest.
    void record(bytes_view data) { kernel_.absorb(hash64(data)); }

    /// Hears what happens, in words; an empty sink hears nothing and costs nothing. Not part of the digest.
    void on_trace(trace_sink sink) { kernel_.on_trace(std::move(sink)); }
    [[nodiscard]] bool tracing() const { return kernel_.tracing(); }
    /// Tells the sink. `host` must have been named before, or else shows as the network.
    void trace(std::string_view host, std::string_view text)
    {
        if (kernel_.tracing())
            kernel_.trace(kernel_.find_host(host), text);
    }

    // Hosts.

    [[nodiscard]] bool alive(std::string_view host) const { return kernel_.is_alive(kernel_.find_host(host)); }

    /// Ends the life of a host at once: all that is scheduled for it is discarded, and its connections end, which the other
    /// sides learn after a latency unless the link is cut. Objects of the dead life may still be used and destroyed: their
    /// sends, timers and posts do nothing. May be called from a turn of that very host. Nothing when it is not alive.
    void crash(std::string_view host)
    {
        auto const which = kernel_.find_host(host);
        if (!kernel_.is_alive(which))
            return;
        kernel_.trace(which, "crashes");
        auto const ended = kernel_.life_of(which);
        kernel_.end_life(which);
        switchboard_.abandon(ended);
    }

    /// Nothing runs on the host for so long; what falls due is run afterwards, in a burst. Its life must go on until then.
    void pause(std::string_view host, duration length)
    {
        auto const which = kernel_.find_host(host);
        if (!kernel_.is_alive(which))
            return;
        kernel_.trace(which, "pauses");
        kernel_.pause(which, length);
    }

    /// How long the blocking work that is given to a host takes (`runtime::offload`), a commit to its disk for example. Counts
    /// for what is given from then on.
    void set_offload_latency(duration latency)
    {
        expects(latency >= duration::zero(), "a latency is not negative");
        offload_latency_ = latency;
    }
    [[nodiscard]] duration offload_latency() const { return offload_latency_; }

    // The network. Hosts may be named before they live.

    /// How what is sent fares from now on.
    [[nodiscard]] network_options& network() { return options_; }

    /// Nothing gets from one host to the other any more; the way back stays.
    void cut(std::string_view from, std::string_view to)
    {
        auto const source = kernel_.host_of(from);
        auto const target = kernel_.host_of(to);
        trace_link(source, "sends nothing any more to ", target);
        switchboard_.between().cut(source, target);
    }

    void mend(std::string_view from, std::string_view to)
    {
        auto const source = kernel_.host_of(from);
        auto const target = kernel_.host_of(to);
        trace_link(source, "sends again to ", target);
        switchboard_.between().mend(source, target);
    }

    /// Cuts both ways between hosts of different groups. Links within a group, and of hosts that are not named, stay as they
    /// are.
    void partition(std::vector<std::vector<std::string>> const& groups)
    {
        for (auto const& group : groups)
            for (auto const& other : groups)
                if (&group != &other)
                    cut_between(group, other);
    }

    /// Mends every link.
    void heal()
    {
        kernel_.trace(no_host, "every link is mended");
        switchboard_.between().mend_all();
    }

    /// Breaks every connection between two hosts. Both sides learn it now, cut or not.
    void connection_reset(std::string_view one, std::string_view other)
    {
        switchboard_.break_between(kernel_.host_of(one), kernel_.host_of(other));
    }

    // For the runtime, the executor, and the transports.

    [[nodiscard]] kernel& events() { return kernel_; }
    [[nodiscard]] kernel const& events() const { return kernel_; }
    [[nodiscard]] switchboard& connections() { return switchboard_; }
    [[nodiscard]] boost::asio::execution_context& context() { return *context_; }

    /// Starts a life of the host; what is left of the one before ends as in a crash.
    [[nodiscard]] life begin_life(std::string_view host)
    {
        crash(host);
        auto const started = kernel_.begin_life(kernel_.host_of(host));
        kernel_.trace(started.host, "starts");
        return started;
    }

private:
    void cut_between(std::vector<std::string> const& group, std::vector<std::string> const& other)
    {
        for (auto const& from : group)
            for (auto const& to : other)
                cut(from, to);
    }

    void trace_link(host_index from, std::string_view text, host_index to)
    {
        if (kernel_.tracing())
            kernel_.trace(from, std::string{text}.append(kernel_.name_of(to)));
    }

    network_options options_;
    duration offload_latency_ = std::chrono::milliseconds{1};
    kernel kernel_;
    switchboard switchboard_;
    std::unique_ptr<boost::asio::execution_context> context_;
};

} // namespace drover::simulation
