// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// Broken transports and runtimes: those of the simulation with one thing wrong.

#include "simulated_environment.hpp"

#include <drover/simulation/in_memory_transport.hpp>
#include <drover/simulation/runtime.hpp>
#include <drover/simulation/world.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mutants {

using namespace std::chrono_literals;
using drover::bytes;
using drover::bytes_view;
using drover::dial_failure;
using drover::errc;
using drover::node_id;
using drover::peer;
using drover::time_point;

/// What is wrong.
enum class fault {
    none,
    // runtimes
    posts_at_once,
    posts_last_first,
    dispatches_later,
    copies_apart,
    time_goes_back,
    timers_early,
    timers_at_once,
    timers_twice,
    timers_never_end,
    cancels_nothing,
    one_stream,
    fresh_streams,
    one_incarnation,
    // starting
    first_start_fails,
    takes_what_is_taken,
    listens_anywhere,
    dials_anything,
    // talking
    strange_addresses,
    up_twice,
    swaps_frames,
    cuts_long_frames,
    doubles_frames,
    loses_empty_frames,
    takes_any_size,
    takes_for_anybody,
    takes_without_end,
    takes_too_little,
    doubles_when_dialled_twice,
    // dialling
    ignores_undial,
    dials_once,
    calls_silence_unreachable,
    joins_any_cluster,
    gives_no_code,
    ignores_itself,
    forgives_names,
    // lives and losses
    hides_the_replaced,
    blames_the_caller,
    waits_after_a_loss,
    gives_up_the_lost,
    doubts_refusals,
    undial_hangs_up,
    // telling and stopping
    tells_within_dial,
    tells_off_the_strand,
    tells_after_stop,
    stops_later,
    cannot_be_stopped_by_what_it_tells,
    drops_at_stop,
    no_batch_end,
    no_sentence,
    down_twice,
};

class faulty_timer;

/// The runtime of a simulation, but for its fault.
class faulty_runtime {
public:
    using executor_type = drover::simulation::executor;
    using mutex_type = drover::simulation::null_mutex;
    using timer_type = faulty_timer;

    faulty_runtime(drover::simulation::world& owner, std::string const& host, fault wrong) : inner{owner, host}, what{wrong} {}
    faulty_runtime(faulty_runtime const& other) : inner{other.inner}, what{other.what}, copies_count{other.copies_count + 1} {}
    faulty_runtime& operator=(faulty_runtime const&) = delete;

    [[nodiscard]] executor_type get_executor() const { return inner.get_executor(); }
    [[nodiscard]] time_point now() const
    {
        return what == fault::time_goes_back && ++*calls_count % 3 == 0 ? inner.now() - 1s : inner.now();
    }
    drover::random_stream random(std::uint64_t purpose)
    {
        if (what == fault::copies_apart)
            purpose += 1'000 * copies_count;
        return inner.random(what == fault::one_stream ? 0 : what == fault::fresh_streams ? ++*calls_count : purpose);
    }
    drover::incarnation_number new_incarnation() { return what == fault::one_incarnation ? 1 : inner.new_incarnation(); }
    void post(drover::unique_function<void()> turn)
    {
        if (what == fault::posts_at_once && inner.owner().events().in_turn_of(inner.which_life()))
            return turn();
        if (what != fault::posts_last_first)
            return inner.post(std::move(turn));
        waiting->push_back(std::move(turn));
        inner.post([waiting = waiting] {
            auto last = std::move(waiting->back());
            waiting->pop_back();
            last();
        });
    }
    void dispatch(drover::unique_function<void()> turn)
    {
        return what == fault::dispatches_later ? inner.post(std::move(turn)) : inner.dispatch(std::move(turn));
    }

    drover::simulation::runtime inner;
    fault what;
    std::uint64_t copies_count = 0;
    std::shared_ptr<std::uint64_t> calls_count = std::make_shared<std::uint64_t>();
    std::shared_ptr<std::vector<drover::unique_function<void()>>> waiting =
        std::make_shared<std::vector<drover::unique_function<void()>>>();
};

class faulty_timer {
public:
    explicit faulty_timer(faulty_runtime const& of) : of_{of}, inner_{make()} {}
    faulty_timer(faulty_timer const&) = delete;
    faulty_timer& operator=(faulty_timer const&) = delete;
    ~faulty_timer()
    {
        if (of_.what == fault::timers_never_end || of_.what == fault::cancels_nothing)
            abandon();
    }

    void expires_at(time_point at, drover::unique_function<void()> turn)
    {
        if (of_.what == fault::timers_at_once && at <= of_.inner.now())
            return turn();
        if (of_.what == fault::timers_early && at != drover::never)
            at -= 2ms;
        if (of_.what == fault::cancels_nothing)
            abandon();
        auto const shared = std::make_shared<drover::unique_function<void()>>(std::move(turn));
        inner_->expires_at(at, [shared, twice = of_.what == fault::timers_twice] {
            (*shared)();
            if (twice)
                (*shared)();
        });
    }
    void cancel()
    {
        if (of_.what != fault::cancels_nothing)
            inner_->cancel();
    }

private:
    [[nodiscard]] std::unique_ptr<drover::simulation::timer> make() const
    {
        return std::make_unique<drover::simulation::timer>(of_.inner);
    }
    /// It goes on, without us, until the world ends.
    void abandon()
    {
        auto kept = std::make_shared<std::unique_ptr<drover::simulation::timer>>(std::exchange(inner_, make()));
        of_.inner.owner().after(1h, [kept] {});
    }

    faulty_runtime of_;
    std::unique_ptr<drover::simulation::timer> inner_;
};

/// The transport of a simulation, but for its fault, which is that of its runtime.
class faulty_transport {
public:
    using runtime_type = faulty_runtime;
    static constexpr auto capabilities = drover::in_memory_transport::capabilities;

    faulty_transport(faulty_runtime const& on, drover::transport_options options)
        : state_{std::make_shared<state>(on, corrected(std::move(options), on.what))}
    {
    }
    faulty_transport(faulty_transport const&) = delete;
    faulty_transport& operator=(faulty_transport const&) = delete;
    ~faulty_transport() { state_->stop_now(); }

    errc start(drover::transport_events& events) { return state_->start(events); }
    [[nodiscard]] std::string address() const { return state_->inner.address(); }
    void dial(std::string_view address) { state_->dial(std::string{address}); }
    void undial(std::string_view address) { state_->undial(address); }
    bool send(std::string_view to, bytes frame) { return state_->send(std::string{to}, std::move(frame)); }
    void stop() { state_->stop(); }

private:
    static drover::transport_options corrected(drover::transport_options options, fault what)
    {
        if (what == fault::takes_without_end)
            options.send_queue_size_max = 1024 * 1024 * 1024;
        if (what == fault::takes_too_little && options.send_queue_size_max == 100'000)
            options.send_queue_size_max = 20'000;
        if (what == fault::joins_any_cluster)
            options.cluster_name = "any";
        return options;
    }

    /// What stands between the transport and its user. Lives as long as what it has posted.
    struct state final : drover::transport_events, std::enable_shared_from_this<state> {
        state(faulty_runtime const& on, drover::transport_options const& of)
            : runtime{on}, what{on.what}, options{of}, inner{on.inner, of}, timer{on.inner}
        {
        }

        errc start(drover::transport_events& told)
        {
            static std::map<drover::simulation::world*, int> starts;
            if (what == fault::first_start_fails && starts[&runtime.inner.owner()]++ == 0)
                return errc::permission_denied;
            auto const code = inner.start(*this);
            events = &told;
            bool const hidden = (what == fault::takes_what_is_taken && code == errc::address_in_use)
                || (what == fault::listens_anywhere && code == errc::invalid_address);
            return hidden ? errc::success : code;
        }

        void dial(std::string const& address)
        {
            ++dials[address];
            if (what == fault::tells_within_dial && events != nullptr && address == inner.address())
                return events->on_dial_failed(address, dial_failure::rejected, errc::success, "at once");
            if (what == fault::ignores_itself && address == inner.address())
                return;
            inner.dial(address);
        }

        void undial(std::string_view address)
        {
            if (what == fault::ignores_undial)
                return;
            inner.undial(address);
            auto const found = up.find(address);
            if (what == fault::undial_hangs_up && found != up.end())
                runtime.inner.post([self = shared_from_this(), id = found->second] {
                    if (self->events != nullptr)
                        self->events->on_peer_down(id);
                });
        }

        bool send(std::string const& to, bytes frame)
        {
            if (what == fault::takes_any_size && frame.size() > drover::limits::frame_size_max)
                return true;
            if (what == fault::takes_for_anybody) {
                static_cast<void>(inner.send(to, std::move(frame)));
                return true;
            }
            if (what == fault::drops_at_stop) {
                runtime.inner.post([self = shared_from_this(), to, frame] {
                    if (self->events != nullptr)
                        static_cast<void>(self->inner.send(to, frame));
                });
                return events != nullptr && knows(to);
            }
            bool const twice = what == fault::doubles_when_dialled_twice
                && std::any_of(dials.begin(), dials.end(), [](auto const& each) { return each.second > 1; });
            if (twice)
                static_cast<void>(inner.send(to, frame));
            return inner.send(to, std::move(frame));
        }

        void stop()
        {
            if (what == fault::stops_later)
                return runtime.inner.post([self = shared_from_this()] { self->stop_now(); });
            if (what == fault::cannot_be_stopped_by_what_it_tells && telling)
                return;
            if (what == fault::tells_after_stop && events != nullptr)
                runtime.inner.post([told = events] { told->on_batch_end(); });
            stop_now();
        }

        void stop_now()
        {
            events = nullptr;
            timer.cancel();
            inner.stop();
        }

        [[nodiscard]] bool knows(std::string const& name) const
        {
            return std::any_of(up.begin(), up.end(), [&](auto const& each) { return each.second.name == name; });
        }

        /// To the user, as the fault wants it.
        void tell(std::function<void(drover::transport_events&)> what_to)
        {
            if (what != fault::tells_off_the_strand) {
                telling = true;
                if (events != nullptr)
                    what_to(*events);
                telling = false;
                return;
            }
            runtime.inner.owner().after(0ms, [self = shared_from_this(), what_to] {
                if (self->events != nullptr)
                    what_to(*self->events);
            });
        }

        void on_peer_up(peer const& who) override
        {
            up.insert_or_assign(who.address, who.id);
            auto shown = who;
            if (what == fault::strange_addresses)
                shown.address += ".local";
            for (int i = 0; i < (what == fault::up_twice ? 2 : 1); ++i)
                tell([shown](drover::transport_events& told) { told.on_peer_up(shown); });
        }

        void on_peer_down(node_id const& who) override
        {
            auto const found = std::find_if(up.begin(), up.end(), [&](auto const& each) { return each.second == who; });
            std::string const address = found == up.end() ? "" : found->first;
            if (found != up.end())
                up.erase(found);
            lost.push_back(address);
            if (what == fault::gives_up_the_lost)
                inner.undial(address);
            if (what == fault::waits_after_a_loss && dials.contains(address)) {
                inner.undial(address);
                timer.expires_at(runtime.inner.now() + options.backoff_min, [this, address] { inner.dial(address); });
            }
            if (what == fault::hides_the_replaced && who.name.starts_with("peer-") && who.incarnation == 5)
                return;
            for (int i = 0; i < (what == fault::down_twice ? 2 : 1); ++i)
                tell([who](drover::transport_events& told) { told.on_peer_down(who); });
        }

        void on_dial_failed(std::string_view address, dial_failure why, errc code, std::string_view sentence) override
        {
            std::string const where{address};
            bool const was_up = std::find(lost.begin(), lost.end(), where) != lost.end();
            if (what == fault::dials_anything && why == dial_failure::unreachable)
                return;
            if (what == fault::dials_once)
                inner.undial(where);
            if (what == fault::calls_silence_unreachable && why == dial_failure::timed_out)
                why = dial_failure::unreachable;
            if (what == fault::doubts_refusals && was_up)
                why = dial_failure::unreachable;
            if (what == fault::gives_no_code && code == errc::cluster_mismatch)
                code = errc::success;
            if (what == fault::forgives_names && code == errc::name_in_use)
                code = errc::success;
            if (what == fault::blames_the_caller && why == dial_failure::rejected && where != inner.address()
                && code == errc::success)
                code = errc::name_in_use;
            std::string const text{what == fault::no_sentence ? "" : sentence};
            tell([=](drover::transport_events& told) { told.on_dial_failed(where, why, code, text); });
        }

        void on_frame(node_id const& from, bytes_view frame) override
        {
            if (what == fault::loses_empty_frames && frame.empty())
                return;
            bytes shown{frame};
            if (what == fault::cuts_long_frames && shown.size() >= 65'536)
                shown.resize(65'535);
            if (what == fault::swaps_frames && shown.size() == 4'095)
                return static_cast<void>(held = shown);
            bool const twice = what == fault::doubles_frames && shown.size() == 4'095;
            for (int i = 0; i < (twice ? 2 : 1); ++i)
                tell([from, shown](drover::transport_events& told) { told.on_frame(from, shown); });
            if (auto const late = std::exchange(held, {}); !late.empty())
                tell([from, late](drover::transport_events& told) { told.on_frame(from, late); });
        }

        void on_batch_end() override
        {
            if (what != fault::no_batch_end)
                tell([](drover::transport_events& told) { told.on_batch_end(); });
        }

        faulty_runtime runtime;
        fault what;
        drover::transport_options options;
        drover::in_memory_transport inner;
        drover::simulation::timer timer;
        drover::transport_events* events = nullptr;
        bool telling = false;
        std::map<std::string, int> dials;
        std::map<std::string, node_id, std::less<>> up; // by address
        std::vector<std::string> lost;                  // addresses
        bytes held;
    };

    std::shared_ptr<state> state_;
};

/// A world in which every transport has this fault.
struct faulty_environment : simulated_environment {
    using transport_type = faulty_transport;

    explicit faulty_environment(fault wrong) : simulated_environment{1}, what{wrong} {}

    faulty_runtime make_runtime(std::string const& host) { return {world, host, what}; }

    fault what;
};

} // namespace mutants
