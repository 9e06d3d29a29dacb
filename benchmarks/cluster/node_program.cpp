// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

#include "node_program.hpp"

#include "board.hpp"
#include "child.hpp"
#include "control.hpp"

#include <drover/net.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <utility>
#include <vector>

namespace cluster_benchmark {
namespace {

using supervisor = drover::distributed_supervisor<drover::tcp_transport>;

/// Starts children, so many at once, until all are started.
class starter : public std::enable_shared_from_this<starter> {
public:
    using done_function = std::function<void(response const&)>;

    starter(supervisor& on, request const& wanted, done_function done) : on_{on}, wanted_{wanted}, done_{std::move(done)} {}

    void run()
    {
        began_at_ = monotonic_now();
        for (std::uint32_t i = 0; i < wanted_.in_flight; ++i)
            start_next();
    }

private:
    void start_next()
    {
        if (next_ == wanted_.count)
            return;
        on_.async_start_child(spec_of(wanted_.first + next_++, wanted_.behaviour),
            [self = shared_from_this()](drover::error_code failure, drover::child_ref const&) { self->on_started(failure); });
    }

    void on_started(drover::error_code failure)
    {
        if (failure) {
            ++result_.values[1];
            result_.say(failure.message());
        }
        if (++finished_ < wanted_.count)
            return start_next();
        result_.ok = result_.values[1] == 0;
        result_.values[0] = monotonic_now() - began_at_;
        done_(result_);
    }

    supervisor& on_;
    request wanted_;
    done_function done_;
    std::uint64_t began_at_ = 0;
    std::uint64_t next_ = 0;
    std::uint64_t finished_ = 0;
    response result_;
};

[[nodiscard]] std::uint64_t processor_time()
{
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    auto const nanoseconds = [](timeval const& time) {
        return static_cast<std::uint64_t>(time.tv_sec) * second + static_cast<std::uint64_t>(time.tv_usec) * 1'000;
    };
    return nanoseconds(usage.ru_utime) + nanoseconds(usage.ru_stime);
}

/// Octets of the proportional set, without what is shared on purpose: the board.
[[nodiscard]] std::uint64_t proportional_set()
{
    std::ifstream file{"/proc/self/smaps_rollup"};
    std::uint64_t kilobytes = 0;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with("Pss:"))
            kilobytes += std::strtoull(line.c_str() + 4, nullptr, 10);
        if (line.starts_with("Pss_Shmem:"))
            kilobytes -= std::strtoull(line.c_str() + 10, nullptr, 10);
    }
    return kilobytes * 1024;
}

class node_program {
public:
    node_program(std::string name, int control, bool runs_children, std::vector<std::string> seeds)
        : control_{context_, control}, supervisor_{context_, options_of(std::move(name), std::move(seeds)), supervisor_options()}
    {
        if (runs_children)
            supervisor_.add_child_type<benchmark_child>();
    }

    int run()
    {
        surroundings.shared->joining_at[surroundings.slot].store(monotonic_now());
        supervisor_.async_start([this](drover::error_code failure) {
            response ready;
            ready.ok = !failure;
            ready.say(failure ? failure.message() : supervisor_.address());
            answer(ready);
        });
        await_order();
        context_.run();
        return 0;
    }

private:
    static drover::node_options options_of(std::string name, std::vector<std::string> seeds)
    {
        drover::node_options options;
        options.name = std::move(name);
        options.seeds = std::move(seeds);
        return options;
    }

    static drover::supervisor_options supervisor_options()
    {
        drover::supervisor_options options;
        options.operation_timeout = std::chrono::seconds{60}; // a busy machine is slow, not wrong
        options.drain_timeout = std::chrono::seconds{60};
        return options;
    }

    void await_order()
    {
        control_.async_wait(boost::asio::posix::stream_descriptor::wait_read, [this](boost::system::error_code const& failure) {
            request wanted;
            if (failure || !receive_message(control_.native_handle(), wanted) || wanted.what == order::stop)
                return context_.stop();
            carry_out(wanted);
            await_order();
        });
    }

    void answer(response const& content)
    {
        if (!send_message(control_.native_handle(), content))
            context_.stop();
    }

    void carry_out(request const& wanted)
    {
        switch (wanted.what) {
        case order::start_children:
            return std::make_shared<starter>(supervisor_, wanted, [this](response const& result) { answer(result); })->run();
        case order::leave: return leave();
        case order::list: return answer(list(wanted.count));
        case order::count: return answer(count());
        case order::usage: return answer({true, {processor_time(), proportional_set()}, {}});
        case order::stop: return;
        }
    }

    void leave()
    {
        surroundings.shared->leaving_at[surroundings.slot].store(monotonic_now());
        supervisor_.async_stop([this](drover::error_code failure) {
            response left;
            left.ok = !failure;
            left.say(failure.message());
            answer(left);
        });
    }

    [[nodiscard]] response list(std::uint64_t repetitions) const
    {
        std::vector<std::uint64_t> times;
        std::uint64_t listed = 0;
        for (std::uint64_t i = 0; i < repetitions; ++i) {
            auto const before = monotonic_now();
            listed = supervisor_.which_children().size();
            times.push_back(monotonic_now() - before);
        }
        std::sort(times.begin(), times.end());
        return {true, {times[times.size() / 2], listed}, {}};
    }

    [[nodiscard]] response count() const
    {
        auto const counts = supervisor_.count_children();
        auto const members = supervisor_.members();
        auto const alive = std::count_if(
            members.begin(), members.end(), [](drover::member const& each) { return each.state == drover::member_state::alive; });
        return {true, {counts.specs, counts.active, counts.local, static_cast<std::uint64_t>(alive)}, {}};
    }

    boost::asio::io_context context_{1};
    boost::asio::posix::stream_descriptor control_;
    supervisor supervisor_;
};

} // namespace

int run_node(int argc, char** argv)
{
    if (argc < 8)
        return 2;
    surroundings.slot = std::strtoull(argv[3], nullptr, 10);
    surroundings.shared = &map_board(std::atoi(argv[5]));
    surroundings.bell = std::atoi(argv[6]);
    std::vector<std::string> seeds(argv + 8, argv + argc);
    return node_program{argv[2], std::atoi(argv[4]), std::string_view{argv[7]} == "yes", std::move(seeds)}.run();
}

} // namespace cluster_benchmark
