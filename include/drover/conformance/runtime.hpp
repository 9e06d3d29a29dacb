// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/function.hpp>
#include <drover/base/time.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/conformance/transport_environment.hpp>
#include <drover/policy/transport.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace drover::conformance {

/// The laws of a runtime, on the same page as those of a Transport.
struct runtime_laws {
    static constexpr char const* post = "post runs turns later, on the strand, in their order";
    static constexpr char const* dispatch = "dispatch runs a turn at once on the strand, and else later";
    static constexpr char const* copies = "copies of a runtime are the same strand";
    static constexpr char const* now = "time does not go back";
    static constexpr char const* timer = "a timer runs its turn once, not before its time and not within the call";
    static constexpr char const* cancelled = "a turn that was cancelled or replaced, or whose timer is gone, does not run";
    static constexpr char const* random = "a stream of randomness belongs to its purpose";
    static constexpr char const* incarnation = "each new incarnation of a name is larger";
};

/// The runtimes of an environment, looked at without a transport.
template <transport_environment E>
class runtime_suite {
public:
    using runtime_type = typename E::transport_type::runtime_type;
    using timer_type = typename runtime_type::timer_type;

    runtime_suite(report& to, E& environment, suite_options const& options)
        : report_{&to}, environment_{&environment}, options_{options}
    {
    }

    void run()
    {
        look(law::post, &runtime_suite::post_in_order);
        look(law::dispatch, &runtime_suite::dispatch_here_and_from_outside);
        look(law::copies, &runtime_suite::use_copies);
        look(law::now, &runtime_suite::read_the_time);
        look(law::timer, &runtime_suite::run_timers);
        look(law::cancelled, &runtime_suite::end_timers);
        look(law::random, &runtime_suite::draw);
        look(law::incarnation, &runtime_suite::begin_lives);
    }

private:
    using law = runtime_laws;
    using milliseconds = std::chrono::milliseconds;

    /// Looks at a fresh runtime.
    void look(char const* law_name, void (runtime_suite::*which)(runtime_type&))
    {
        report_->law(law_name, [&] {
            auto runtime = environment_->make_runtime("runtime-" + std::to_string(++runtimes_count_));
            (this->*which)(runtime);
        });
    }

    template <class... Parts>
    bool check(bool holds, Parts const&... sentence)
    {
        return report_->check(holds, sentence...);
    }

    template <class Turn>
    bool in_a_turn(runtime_type& runtime, Turn&& turn)
    {
        return run_on_strand(*environment_, runtime, std::forward<Turn>(turn));
    }

    void post_in_order(runtime_type& runtime)
    {
        auto const ran = std::make_shared<std::vector<int>>();
        runtime.post([ran] { ran->push_back(0); });
        check(ran->empty(), "a turn ran within post()");
        in_a_turn(runtime, [&] {
            for (int i = 1; i <= 20; ++i)
                runtime.post([ran, i] { ran->push_back(i); });
            check(ran->size() == 1, "a turn ran within post(), called on the strand");
        });
        check(wait_until(*environment_, [&] { return ran->size() == 21; }), ran->size(), " of 21 turns ran");
        for (std::size_t i = 0; i < ran->size(); ++i)
            if (!check((*ran)[i] == static_cast<int>(i), "turn ", (*ran)[i], " ran as number ", i))
                return;
    }

    void dispatch_here_and_from_outside(runtime_type& runtime)
    {
        auto const ran = std::make_shared<int>(0);
        runtime.dispatch([ran] { ++*ran; });
        check(wait_until(*environment_, [&] { return *ran == 1; }), "a turn that was dispatched from outside did not run");
        in_a_turn(runtime, [&] {
            runtime.dispatch([ran] { ++*ran; });
            check(*ran == 2, "a turn that was dispatched on the strand did not run at once");
        });
        check(wait_until(*environment_, [&] { return *ran == 2; }), "turns ran ", *ran, " times, not twice");
    }

    void use_copies(runtime_type& runtime)
    {
        auto copy = runtime;
        auto const ran = std::make_shared<std::string>();
        runtime.post([ran] { *ran += '1'; });
        copy.post([ran] { *ran += '2'; });
        runtime.post([ran] { *ran += '3'; });
        check(wait_until(*environment_, [&] { return ran->size() == 3; }) && *ran == "123",
            "turns that were posted to a runtime and its copy ran in the order ", *ran);
        in_a_turn(runtime, [&] { copy.dispatch([ran] { *ran += '4'; }); });
        check(ran->size() == 4, "a copy does not know that it is on the strand");
        check(copy.random(7).next() == runtime.random(7).next(), "a copy has other streams of randomness");
    }

    void read_the_time(runtime_type& runtime)
    {
        auto last = runtime.now();
        for (int i = 0; i < 50; ++i)
            in_a_turn(runtime, [&] {
                auto const now = runtime.now();
                check(now >= last, "it was ", last.time_since_epoch().count(), " ns, and is ", now.time_since_epoch().count());
                last = now;
            });
    }

    void run_timers(runtime_type& runtime)
    {
        auto const runs = std::make_shared<std::vector<int>>(4, 0);
        std::vector<std::unique_ptr<timer_type>> timers;
        for (int i = 0; i < 4; ++i)
            timers.push_back(std::make_unique<timer_type>(runtime));
        in_a_turn(runtime, [&] {
            auto const now = runtime.now();
            for (std::size_t i = 0; i < 3; ++i) {
                // In the past, now, and later.
                auto const at = now + (static_cast<int>(i) - 1) * milliseconds{5};
                timers[i]->expires_at(at, [this, runs, i, at, runtime] {
                    ++(*runs)[i];
                    check(runtime.now() >= at, "a turn ran ", (at - runtime.now()).count(), " ns before its time");
                });
            }
            timers[3]->expires_at(never, [runs] { ++(*runs)[3]; });
            check(*runs == std::vector<int>(4, 0), "a turn ran within expires_at()");
        });
        check(wait_until(*environment_, [&] { return (*runs)[0] > 0 && (*runs)[1] > 0 && (*runs)[2] > 0; }),
            "timers that were set for the past, for now and for later ran ", (*runs)[0], ", ", (*runs)[1], " and ", (*runs)[2],
            " times");
        in_a_turn(runtime, [&] { timers[0]->expires_at(runtime.now() + milliseconds{5}, [runs] { (*runs)[0] += 10; }); });
        check(wait_until(*environment_, [&] { return (*runs)[0] > 1; }), "a timer did not run when it was set anew");
        check(*runs == std::vector{11, 1, 1, 0}, "the turns ran ", (*runs)[0], ", ", (*runs)[1], ", ", (*runs)[2],
            " times, and that of a timer that is set for never ", (*runs)[3], " times");
        in_a_turn(runtime, [&] { timers.clear(); });
    }

    /// The first turn to run ends the others, whose time has come by then.
    void end_timers(runtime_type& runtime)
    {
        auto const ran = std::make_shared<std::string>();
        std::vector<std::unique_ptr<timer_type>> timers;
        for (int i = 0; i < 5; ++i)
            timers.push_back(std::make_unique<timer_type>(runtime));
        auto const end_others = [&, ran] {
            timers[1]->cancel();
            timers[2].reset();
            timers[3]->expires_at(runtime.now(), [ran] { *ran += " replacement"; });
        };
        in_a_turn(runtime, [&] {
            auto const past = runtime.now() - milliseconds{1};
            timers[0]->expires_at(past, [ran, end_others] {
                *ran += "first";
                end_others();
            });
            timers[1]->expires_at(past, [ran] { *ran += " cancelled"; });
            if (timers[2]) // it may be gone already: a wrong timer runs its turn at once
                timers[2]->expires_at(past, [ran] { *ran += " gone"; });
            timers[3]->expires_at(past, [ran] { *ran += " replaced"; });
        });
        wait_until(*environment_, [&] { return ran->ends_with("replacement"); });
        in_a_turn(runtime, [&] { timers[4]->expires_at(runtime.now() + milliseconds{5}, [ran] { *ran += " last"; }); });
        wait_until(*environment_, [&] { return ran->ends_with("last"); });
        check(*ran == "first replacement last", "the turns that ran: ", *ran);
        in_a_turn(runtime, [&] { timers.clear(); });
    }

    void draw(runtime_type& runtime)
    {
        for (std::uint64_t round = 0; round < options_.rounds; ++round) {
            auto const purpose = options_.seed + round;
            auto one = runtime.random(purpose);
            auto same = runtime.random(purpose);
            auto other = runtime.random(purpose + 1);
            auto const first = one.next();
            check(first == same.next() && one.next() == same.next(), "two streams for purpose ", purpose, " differ");
            check(first != other.next(), "the streams for purposes ", purpose, " and ", purpose + 1, " begin alike");
        }
        auto elsewhere = environment_->make_runtime("another-runtime");
        check(elsewhere.random(1).next() != runtime.random(1).next(), "two nodes draw the same");
    }

    void begin_lives(runtime_type& runtime)
    {
        auto last = runtime.new_incarnation();
        check(last > 0, "the first incarnation is 0");
        for (int i = 0; i < 20; ++i) {
            auto const next = runtime.new_incarnation();
            check(next > last, "incarnation ", next, " came after ", last);
            last = next;
        }
        auto again = environment_->make_runtime("runtime-" + std::to_string(runtimes_count_));
        auto const next = again.new_incarnation();
        check(next > last, "a later runtime of the name begins with incarnation ", next, ", and ", last, " was given before");
    }

    report* report_;
    E* environment_;
    suite_options options_;
    int runtimes_count_ = 0;
};

} // namespace drover::conformance
