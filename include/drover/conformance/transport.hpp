// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/runtime.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/conformance/transport_environment.hpp>
#include <drover/conformance/transport_stage.hpp>
#include <drover/conformance/transport_station.hpp>
#include <drover/policy/transport.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::conformance {

/// The suite of `check_transport`. Each function plays with stations of its own.
template <transport_environment E>
class transport_suite : transport_stage<E> {
    using stage = transport_stage<E>;
    using stage::await;
    using stage::connect;
    using stage::count;
    using stage::environment_;
    using stage::expect;
    using stage::expect_arrivals;
    using stage::host;
    using stage::let_time_pass;
    using stage::make;
    using stage::noise;
    using stage::options_;
    using stage::play;
    using stage::plays_count_;
    using stage::report_;
    using stage::rounds_count_;
    using stage::started;
    using typename stage::law;
    using typename stage::station;
    using typename stage::transport_type;

public:
    using stage::stage;

    report run()
    {
        for (auto const* const each : {law::outside, law::on_strand, law::after_stop, law::between, law::batches, law::sentences})
            report_.law(each);
        runtime_suite<E>{report_, *environment_, options_}.run();
        starting();
        talking();
        dialling();
        lives_and_losses();
        stopping();
        return std::move(report_);
    }

private:
    static constexpr bool breaks = requires(E & e, std::string const& host) { e.break_connection(host, host); };
    static constexpr bool kills = requires(E & e, std::string const& host) { e.kill(host); };
    static constexpr bool silences = requires(E & e, std::string const& host) { e.silent_address(host); };

    // ---- which laws there are ----------------------------------------------------------------------------------------

    void starting()
    {
        play(law::starts, [&] { start_one(); });
        play(law::taken, [&] { take_an_address(); });
        play(law::malformed, [&] { use_no_address(); });
    }

    void talking()
    {
        play(law::both_up, [&] { introduce(); });
        play(law::whole, [&] { send_all_sizes(); });
        play(law::largest, [&] { send_the_largest(); });
        play(law::unknown, [&] { send_to_nobody(); });
        play(law::queue, [&] { fill_a_queue(); });
        play(law::one_connection, [&] {
            for (std::uint64_t round = 0; round < options_.rounds; ++round)
                dial_each_other(options_.seed + round);
        });
    }

    void dialling()
    {
        play(law::refused, [&] { dial_nobody(); });
        play(law::later, [&] { dial_one_that_comes_later(); });
        if constexpr (silences)
            play(law::silent, [&] { dial_the_silent(); });
        else
            report_.skip(law::silent, "the environment has no silent_address(host)");
        play(law::cluster, [&] { dial_another_cluster(); });
        play(law::itself, [&] { dial_itself(); });
        play(law::same_name, [&] { dial_its_namesake(); });
    }

    void lives_and_losses()
    {
        play(law::replaced, [&] { replace(); });
        play(law::outlived, [&] { outlive(); });
        play(law::lost, [&] { lose(); });
        if constexpr (breaks)
            play(law::broken, [&] { break_a_connection(); });
        else
            report_.skip(law::broken, "the environment has no break_connection(one, other)");
        if constexpr (kills)
            play(law::killed, [&] { kill_one(); });
        else
            report_.skip(law::killed, "the environment has no kill(host)");
        play(law::undialled, [&] { undial(); });
    }

    void stopping()
    {
        play(law::flush, [&] { stop_behind_frames(); });
        play(law::stops, [&] { stop_early_and_twice(); });
        play(law::stops, [&] { stop_from_events(); });
        play(law::stops, [&] { stop_in_the_middle(); });
    }

    // ---- starting ----------------------------------------------------------------------------------------------------

    void start_one()
    {
        auto const one = started(law::starts, host('a'));
        auto const address = one->address();
        expect(law::starts, !address.empty() && address.size() <= limits::address_size_max, "its address is '", address, "'");
    }

    void take_an_address()
    {
        auto const one = started(law::taken, host('a'));
        auto const address = one->address();
        auto const listen_there = [&](transport_options& options) { options.listen = address; };
        auto const code = make(host('b'), listen_there)->start();
        expect(law::taken, code == errc::address_in_use, "listening twice at ", address, " gives '", describe(code), "'");
        one->stop();
        started(law::taken, host('c'), listen_there);
    }

    void use_no_address()
    {
        std::string const malformed = environment_->malformed_address();
        auto const code = make(host('a'), [&](transport_options& options) { options.listen = malformed; })->start();
        expect(law::malformed, code == errc::invalid_address, "listening at '", malformed, "' gives '", describe(code), "'");
        auto const one = started(law::malformed, host('b'));
        one->dial(malformed);
        await(
            law::malformed, [&] { return count(one->failures, dial_failure::unreachable) > 0; }, "a dial of '", malformed,
            "' is not told to be unreachable");
    }

    // ---- talking -----------------------------------------------------------------------------------------------------

    void introduce()
    {
        auto const a = started(law::both_up, host('a'));
        auto const b = started(law::both_up, host('b'));
        connect(law::both_up, *a, *b);
        for (auto const& [one, other] : {std::pair{a.get(), b.get()}, std::pair{b.get(), a.get()}}) {
            expect(law::both_up, one->ups.size() == 1, one->id.name, " was told ", one->ups.size(), " times that a peer is up");
            for (auto const& who : one->ups)
                expect(law::both_up, who == peer{other->id, other->address()}, "the peer is '", who.id.name, "'/",
                    who.id.incarnation, " at '", who.address, "', and not '", other->id.name, "'/", other->id.incarnation,
                    " at '", other->address(), "'");
        }
        expect(law::both_up, a->failures.empty() && b->failures.empty(), "a dial is told to have failed");
    }

    void send_all_sizes()
    {
        auto const a = started(law::whole, host('a'));
        auto const b = started(law::whole, host('b'));
        if (!connect(law::whole, *b, *a))
            return;
        random_stream random{options_.seed, 6};
        std::vector<bytes> sent;
        for (std::size_t const size : {0U, 1U, 2U, 3U, 4U, 5U, 127U, 128U, 4'095U, 4'096U, 65'535U, 65'536U, 1'048'576U, 0U})
            sent.push_back(noise(random, size));
        for (int i = 0; i < 300; ++i)
            sent.push_back(noise(random, static_cast<std::size_t>(random.below(i % 50 == 0 ? 70'000 : 300))));
        for (auto const& frame : sent)
            for (auto const& [from, to] : {std::pair{a.get(), b.get()}, std::pair{b.get(), a.get()}})
                expect(law::whole, from->send(to->id.name, frame), "a frame of ", frame.size(), " octets was not taken");
        expect_arrivals(law::whole, *a, *b, sent);
        expect_arrivals(law::whole, *b, *a, sent);
    }

    void send_the_largest()
    {
        auto const a = started(law::largest, host('a'));
        auto const b = started(law::largest, host('b'));
        if (!connect(law::largest, *a, *b))
            return;
        expect(law::largest, !a->send(b->id.name, bytes(limits::frame_size_max + 1, 'x')), "a frame over the limit was taken");
        bytes const large(limits::frame_size_max, 'x');
        expect(law::largest, a->send(b->id.name, large), "a frame of limits::frame_size_max octets was not taken");
        expect_arrivals(law::largest, *a, *b, {large});
    }

    void send_to_nobody()
    {
        auto const a = started(law::unknown, host('a'));
        auto const b = started(law::unknown, host('b'));
        expect(law::unknown, !a->send(b->id.name, "too early"), "a frame was taken for one that is not connected yet");
        expect(law::unknown, !a->send(a->id.name, "myself"), "a frame was taken for the node itself");
        expect(law::unknown, !a->send("", "nobody"), "a frame was taken for nobody");
        if (!connect(law::unknown, *a, *b))
            return;
        b->stop();
        await(
            law::unknown, [&] { return !a->has_up(b->id); }, "the end of a connection is not told");
        expect(law::unknown, !a->send(b->id.name, "too late"), "a frame was taken for one that is connected no more");
    }

    void fill_a_queue()
    {
        constexpr std::size_t frame_size = 16'384;
        constexpr std::size_t frames_count_max = 4'096; // 64 MiB, more than any kernel takes
        auto const a = started(law::queue, host('a'), [](transport_options& o) { o.send_queue_size_max = 100'000; });
        auto const b = started(law::queue, host('b'));
        if (!connect(law::queue, *a, *b))
            return;
        random_stream random{options_.seed, 7};
        std::vector<bytes> sent;
        a->call([&](transport_type& t) { // in one turn, so that nobody reads meanwhile
            for (bytes frame = noise(random, frame_size); sent.size() < frames_count_max && t.send(b->id.name, frame);)
                sent.push_back(std::exchange(frame, noise(random, frame_size)));
            return 0;
        });
        expect(law::queue, sent.size() < frames_count_max, "64 MiB were taken, and send_queue_size_max is 100000");
        expect(law::queue, sent.size() >= 3, "only ", sent.size(),
            " frames of 16 KiB were taken, and send_queue_size_max is 100000");
        expect_arrivals(law::queue, *a, *b, sent);
    }

    void dial_each_other(std::uint64_t seed)
    {
        ++rounds_count_;
        random_stream random{seed, 8};
        auto const a = started(law::one_connection, host('a'));
        auto const b = started(law::one_connection, host('b'));
        auto const at_a = a->address();
        auto const at_b = b->address();
        bool const a_first = random.chance(500'000);
        (a_first ? a : b)->dial(a_first ? at_b : at_a);
        for (auto turns = random.below(4); turns > 0; --turns)
            a->address(); // some events pass
        (a_first ? b : a)->dial(a_first ? at_a : at_b);
        if (!await(
                law::one_connection, [&] { return a->has_up(b->id) && b->has_up(a->id); }, "they are not both up; seed ", seed))
            return;
        a->dial(at_b); // once more, which changes nothing
        let_time_pass(5);
        expect(law::one_connection, a->has_up(b->id) && b->has_up(a->id), "they did not stay connected; seed ", seed);
        a->arrivals.clear();
        b->arrivals.clear();
        for (auto const& [from, to] : {std::pair{a.get(), b.get()}, std::pair{b.get(), a.get()}}) {
            from->send(to->id.name, "one");
            from->send(to->id.name, "two");
            expect_arrivals(law::one_connection, *from, *to, {"one", "two"});
        }
    }

    // ---- dialling ----------------------------------------------------------------------------------------------------

    void dial_nobody()
    {
        auto const a = started(law::refused, host('a'));
        std::string const nobody = environment_->address_of_nobody();
        a->dial(nobody);
        await(
            law::refused, [&] { return count(a->failures, dial_failure::refused) >= 3; }, a->failures.size(),
            " dials are told to have failed, ", count(a->failures, dial_failure::refused), " of them refused");
        a->undial(nobody);
        let_time_pass(1);
        auto const before = a->failures.size();
        let_time_pass(10);
        expect(law::refused, a->failures.size() == before, a->failures.size() - before, " dials failed after it was given up");
    }

    void dial_one_that_comes_later()
    {
        auto const first = started(law::later, host('a'));
        auto const address = first->address();
        first->stop();
        auto const b = started(law::later, host('b'));
        b->dial(address);
        await(
            law::later, [&] { return !b->failures.empty(); }, "no dial is told to have failed");
        auto const second = started(law::later, host('c'), [&](transport_options& options) { options.listen = address; });
        await(
            law::later, [&] { return b->has_up(second->id) && second->has_up(b->id); }, "they are not both up");
    }

    void dial_the_silent()
    {
        auto const a =
            started(law::silent, host('a'), [](transport_options& o) { o.dial_timeout = std::chrono::milliseconds{30}; });
        a->dial(environment_->silent_address(host('a')));
        await(
            law::silent, [&] { return count(a->failures, dial_failure::timed_out) >= 2; },
            count(a->failures, dial_failure::timed_out), " of ", a->failures.size(), " failed dials timed out");
    }

    /// `from` dials `to`, and is rejected with this code.
    void expect_rejection(char const* law_name, station& from, station& to, errc code)
    {
        auto const before = from.failures.size();
        from.dial(to.address());
        if (!await(
                law_name, [&] { return from.failures.size() > before; }, "no failed dial is told"))
            return;
        auto const& told = from.failures[before];
        expect(law_name, told.why == dial_failure::rejected && told.code == code, "the dial failed for reason ",
            static_cast<int>(told.why), " with '", describe(told.code), "', and not rejected with '", describe(code), "'");
        from.undial(to.address());
        await(
            law_name, [&] { return !from.has_up(to.id) && !to.has_up(from.id); }, "they are connected");
    }

    void dial_another_cluster()
    {
        auto const a = started(law::cluster, host('a'), [](transport_options& options) { options.cluster_name = "another"; });
        auto const b = started(law::cluster, host('b'));
        expect_rejection(law::cluster, *a, *b, errc::cluster_mismatch);
        expect_rejection(law::cluster, *b, *a, errc::cluster_mismatch);
    }

    void dial_itself()
    {
        auto const a = started(law::itself, host('a'));
        expect_rejection(law::itself, *a, *a, errc::success);
    }

    void dial_its_namesake()
    {
        auto const a = started(law::same_name, host('a'));
        auto const b = started(law::same_name, host('b'), [&](transport_options& options) { options.self = {a->id.name, 9}; });
        expect_rejection(law::same_name, *a, *b, errc::name_in_use);
    }

    // ---- lives and losses --------------------------------------------------------------------------------------------

    std::unique_ptr<station> life(char const* law_name, char letter, incarnation_number incarnation)
    {
        return started(law_name, host(letter), [&](transport_options& options) {
            options.self = {"peer-" + std::to_string(plays_count_), incarnation};
        });
    }

    void replace()
    {
        auto const b = started(law::replaced, host('b'));
        auto const earlier = life(law::replaced, 'p', 5);
        if (!connect(law::replaced, *earlier, *b))
            return;
        auto const later = life(law::replaced, 'q', 7);
        if (!connect(law::replaced, *later, *b))
            return;
        expect(
            law::replaced, b->downs == std::vector{earlier->id}, b->downs.size(), " peers went down, not the earlier life alone");
        auto const place = [&](std::string const& what) {
            return std::find(b->order.begin(), b->order.end(), what + " " + later->id.name + "/" + (what == "up" ? "7" : "5"));
        };
        expect(law::replaced, place("down") < place("up"), "the later life was up before the earlier one was down");
        await(
            law::replaced, [&] { return !earlier->has_up(b->id); }, "the earlier life is connected still");
        b->send(later->id.name, "to the later");
        expect_arrivals(law::replaced, *b, *later, {"to the later"});
        expect(law::replaced, earlier->arrivals.empty(), "the earlier life got what was sent to the later");
    }

    void outlive()
    {
        auto const b = started(law::outlived, host('b'));
        auto const later = life(law::outlived, 'q', 7);
        if (!connect(law::outlived, *later, *b))
            return;
        auto const earlier = life(law::outlived, 'p', 5);
        expect_rejection(law::outlived, *earlier, *b, errc::name_in_use);
        expect_rejection(law::outlived, *b, *earlier, errc::success); // it is not the name of b
        expect(law::outlived, b->has_up(later->id) && b->downs.empty(), "the later life was lost");
    }

    /// With an hour of backoff only a dial that does not wait can find out that nobody listens any more.
    void lose()
    {
        for (duration const backoff : {duration{std::chrono::hours{1}}, duration{std::chrono::milliseconds{5}}}) {
            ++rounds_count_;
            auto const a = started(
                law::lost, host('a'), [&](transport_options& options) { options.backoff_min = options.backoff_max = backoff; });
            auto const earlier = life(law::lost, 'p', 1);
            auto const address = earlier->address();
            if (!connect(law::lost, *a, *earlier))
                return;
            earlier->stop();
            await(
                law::lost, [&] { return a->downs == std::vector{earlier->id}; }, "the end of the connection is not told");
            await(
                law::lost, [&] { return count(a->failures, dial_failure::refused) > 0; }, "it is not dialled at once");
            if (backoff > transport_patience)
                continue;
            auto const later = started(law::lost, host('q'), [&](transport_options& options) {
                options.self = {earlier->id.name, 2};
                options.listen = address;
            });
            await(
                law::lost, [&] { return a->has_up(later->id) && later->has_up(a->id); }, "who listens there later is not up");
        }
    }

    void break_a_connection()
    {
        auto const a = started(law::broken, host('a'));
        auto const b = started(law::broken, host('b'));
        if (!connect(law::broken, *a, *b))
            return;
        environment_->break_connection(host('a'), host('b'));
        await(
            law::broken, [&] { return a->ups.size() >= 2 && b->ups.size() >= 2; }, "they are not up again");
        expect(
            law::broken, a->downs == std::vector{b->id} && b->downs == std::vector{a->id}, "the loss was not told on both sides");
        expect_arrivals(law::broken, *a, *b, {});
    }

    void kill_one()
    {
        auto const a = started(law::killed, host('a'));
        auto const b = started(law::killed, host('b'));
        if (!connect(law::killed, *a, *b))
            return;
        environment_->kill(host('b'));
        await(
            law::killed, [&] { return a->downs == std::vector{b->id}; }, "the end of the connection is not told");
        await(
            law::killed, [&] { return count(a->failures, dial_failure::refused) > 0; },
            "the dial of one that is gone is not refused");
    }

    void undial()
    {
        auto const a = started(law::undialled, host('a'));
        auto const b = started(law::undialled, host('b'));
        if (!connect(law::undialled, *a, *b))
            return;
        a->undial(b->address());
        let_time_pass(3);
        expect(law::undialled, a->downs.empty() && b->downs.empty(), "the connection was closed");
        expect_arrivals(law::undialled, *a, *b, {});
        b->stop();
        await(
            law::undialled, [&] { return !a->has_up(b->id); }, "the end of the connection is not told");
        let_time_pass(5);
        expect(law::undialled, a->failures.empty(), a->failures.size(), " dials failed after it was given up");
    }

    // ---- stopping ----------------------------------------------------------------------------------------------------

    void stop_behind_frames()
    {
        auto const a = started(law::flush, host('a'));
        auto const b = started(law::flush, host('b'));
        if (!connect(law::flush, *a, *b))
            return;
        std::size_t taken = 0;
        a->call([&](transport_type& t) { // in one turn, so that nothing is written meanwhile
            for (int i = 0; i < 100; ++i)
                taken += t.send(b->id.name, bytes(20'000, 'x')) ? 1U : 0U;
            a->stop_here();
            return 0;
        });
        await(
            law::flush, [&] { return b->downs == std::vector{a->id}; }, "the end of the connection is not told");
        expect(law::flush, b->arrivals.size() == taken, taken, " frames were taken before stop(), and ", b->arrivals.size(),
            " arrived");
        expect(law::flush, !a->send(b->id.name, "too late"), "a frame was taken after stop()");
    }

    void stop_early_and_twice()
    {
        auto const never_started = make(host('a'));
        never_started->stop();
        never_started->destroy();
        auto const b = started(law::stops, host('b'));
        auto const c = started(law::stops, host('c'));
        connect(law::stops, *b, *c);
        auto const address = c->address();
        b->stop();
        b->stop();
        b->dial(address);
        b->undial(address);
        let_time_pass(5);
        expect(law::stops, b->ups.size() == 1, "a dial after stop() had an effect");
        await(
            law::stops, [&] { return !c->has_up(b->id); }, "the end of the connection is not told");
    }

    void stop_from_events()
    {
        for (int const from : {0, 1, 2}) {
            ++rounds_count_;
            auto const a = started(law::stops, host('a'));
            auto const b = started(law::stops, host('b'));
            auto const stop = [&] { b->stop_here(); };
            (from == 0 ? b->when_up : from == 1 ? b->when_frame : b->when_failed) = stop;
            if (from == 2)
                b->dial(environment_->address_of_nobody());
            a->when_up = [&] { // once
                for (int i = 0; i < 20 && a->ups.size() == 1; ++i)
                    a->call_here([&](transport_type& t) -> bool { return t.send(b->id.name, "to one that stops"); });
            };
            a->dial(b->address());
            if (from == 2)
                await(
                    law::stops, [&] { return !b->failures.empty(); }, "a dial where nobody listens did not fail");
            else
                await(
                    law::stops, [&] { return !a->downs.empty(); }, "the end of a connection is not told");
            expect(law::stops, b->arrivals.size() <= (from == 1 ? 1U : 0U) || from == 2, b->arrivals.size(),
                " frames came after stop()");
            a->when_up = nullptr;
            let_time_pass(3);
        }
    }

    /// After so many turns, whatever is under way then.
    void stop_in_the_middle()
    {
        for (std::uint64_t turns = 0; turns < 2 * options_.rounds; ++turns) {
            ++rounds_count_;
            auto const a = started(law::stops, host('a'));
            auto b = started(law::stops, host('b'));
            auto const nobody = environment_->address_of_nobody();
            a->dial(b->address());
            b->dial(a->address());
            b->dial(nobody);
            for (std::uint64_t i = 0; i < turns; ++i) {
                a->send(b->id.name, "x");
                b->send(a->id.name, "y");
            }
            b->destroy();
            await(
                law::stops, [&] { return a->up.empty(); }, "the end of a connection is not told");
        }
        let_time_pass(3);
    }
};

/// Holds a Transport, with its runtime, to the laws of docs/concepts/transport.md, in an environment of its own. Laws that need
/// what the environment does not have are skipped.
template <class E>
[[nodiscard]] report check_transport(E& environment, suite_options const& options = {})
{
    static_assert(
        requires { requires transport<typename E::transport_type>; },
        "drover: an environment for check_transport has a transport_type, which is a Transport (see docs/concepts/transport.md)");
    static_assert(transport_environment<E>,
        "drover: an environment for check_transport has make_runtime, listen_address, address_of_nobody, malformed_address and "
        "run_until (see docs/concepts/transport.md)");
    if constexpr (transport_environment<E>)
        return transport_suite<E>{environment, options}.run();
}

} // namespace drover::conformance
