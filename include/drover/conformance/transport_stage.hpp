// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/random.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/conformance/transport_environment.hpp>
#include <drover/conformance/transport_station.hpp>
#include <drover/policy/transport.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace drover::conformance {

/// The laws of docs/concepts/transport.md.
struct transport_laws : transport_lasting_laws {
    static constexpr char const* starts = "start listens, and gives an address";
    static constexpr char const* taken = "an address that is taken is refused, until it is free again";
    static constexpr char const* malformed = "what is no address is refused";
    static constexpr char const* both_up = "a dial brings both sides up, and each knows the other";
    static constexpr char const* whole = "frames arrive whole, once, and in order";
    static constexpr char const* largest = "the largest frame passes, and a larger one is not taken";
    static constexpr char const* unknown = "send gives false when nobody of that name is connected";
    static constexpr char const* queue = "what waits for one peer is bounded, and there is room again afterwards";
    static constexpr char const* one_connection = "two nodes have one connection, though both dial at once";
    static constexpr char const* refused = "a dial where nobody listens is refused again and again, until it is given up";
    static constexpr char const* later = "a dial that failed succeeds when somebody listens";
    static constexpr char const* silent = "a dial that nobody answers times out";
    static constexpr char const* cluster = "a node of another cluster is rejected, and told why";
    static constexpr char const* itself = "a node that dials itself is told so";
    static constexpr char const* same_name = "a node is rejected by one that has its name";
    static constexpr char const* replaced = "a later life of a peer replaces the earlier one";
    static constexpr char const* outlived =
        "an earlier life of a peer is rejected, and only that one is told that its name is in use";
    static constexpr char const* lost = "a connection that is lost is told, and dialled again at once";
    static constexpr char const* broken = "a connection that breaks comes back";
    static constexpr char const* killed = "a process that ends is lost, and then nobody listens there";
    static constexpr char const* undialled = "what is no longer dialled keeps its connection, and is not dialled again";
    static constexpr char const* flush = "stop sends what was taken before";
    static constexpr char const* stops = "a transport may be stopped at any time, twice, and by what it tells";
};

/// On which the plays of the suite are played: a report, stations, and what most plays begin with or ask for.
template <transport_environment E>
class transport_stage {
public:
    using transport_type = typename E::transport_type;
    using station = transport_station<E>;

    transport_stage(E& environment, suite_options const& options) : environment_{&environment}, options_{options} {}

protected:
    using law = transport_laws;

    template <class Play>
    void play(char const* law_name, Play const& what)
    {
        ++plays_count_;
        report_.law(law_name, what);
    }

    /// A host name that was not used before; those of one play differ in the letter.
    [[nodiscard]] std::string host(char letter) const
    {
        return std::string{letter} + "-" + std::to_string(plays_count_) + "-" + std::to_string(rounds_count_);
    }

    template <class Change>
    std::unique_ptr<station> make(std::string const& on, Change const& change)
    {
        auto options = station::options_for(*environment_, on);
        change(options);
        return std::make_unique<station>(report_, *environment_, on, std::move(options));
    }

    std::unique_ptr<station> make(std::string const& on)
    {
        return make(on, [](transport_options&) {});
    }

    template <class Change>
    std::unique_ptr<station> started(char const* law_name, std::string const& on, Change const& change)
    {
        auto made = make(on, change);
        auto const code = made->start();
        expect(law_name, code == errc::success, on, " does not start: ", describe(code));
        return made;
    }

    std::unique_ptr<station> started(char const* law_name, std::string const& on)
    {
        return started(law_name, on, [](transport_options&) {});
    }

    template <class... Parts>
    bool expect(char const* law_name, bool holds, Parts const&... sentence)
    {
        report_.law(law_name);
        return report_.check(holds, sentence...);
    }

    /// Waits until it holds, and notes whether it did.
    template <class Predicate, class... Parts>
    bool await(char const* law_name, Predicate const& done, Parts const&... sentence)
    {
        bool const came = wait_until(*environment_, done);
        return expect(law_name, came, sentence...);
    }

    bool connect(char const* law_name, station& one, station& other)
    {
        one.dial(other.address());
        return await(
            law_name, [&] { return one.has_up(other.id) && other.has_up(one.id); }, one.id.name, " dials ", other.id.name,
            ", and they are not both up");
    }

    /// All that was sent has arrived, and no more; ended with a frame that is sent behind it.
    void expect_arrivals(char const* law_name, station& from, station& to, std::vector<bytes> const& sent)
    {
        await(
            law_name, [&] { return from.send(to.id.name, "the end"); }, "no room for a last frame");
        await(
            law_name, [&] { return !to.arrivals.empty() && to.arrivals.back().frame == "the end"; }, to.arrivals.size(),
            " frames arrived, and the last is not the last that was sent");
        expect(law_name, to.arrivals.size() == sent.size() + 1, sent.size() + 1, " frames were sent, and ", to.arrivals.size(),
            " arrived");
        for (std::size_t i = 0; i < std::min(sent.size(), to.arrivals.size()); ++i)
            if (!expect(law_name, to.arrivals[i].frame == sent[i] && to.arrivals[i].from == from.id, "frame ", i, ", of ",
                    sent[i].size(), " octets, arrived as another, of ", to.arrivals[i].frame.size()))
                break;
        await(
            law::batches, [&] { return !to.in_batch(); }, "frames arrived at ", to.id.name, ", and the batch does not end");
    }

    static bytes noise(random_stream& random, std::size_t size)
    {
        bytes octets(size, '\0');
        for (auto& octet : octets)
            octet = static_cast<char>(random.next());
        return octets;
    }

    static std::size_t count(std::vector<typename station::failure> const& all, dial_failure why)
    {
        return static_cast<std::size_t>(std::count_if(all.begin(), all.end(), [&](auto const& each) { return each.why == why; }));
    }

    /// Lets some time pass: so long that a dial where nobody listens fails `failures_count` times.
    void let_time_pass(std::size_t failures_count)
    {
        ++rounds_count_;
        auto const clock = make(host('z'));
        if (clock->start() != errc::success)
            return;
        clock->dial(environment_->address_of_nobody());
        wait_until(*environment_, [&] { return clock->failures.size() >= failures_count; });
    }

    E* environment_;
    suite_options options_;
    report report_{"Transport"};
    int plays_count_ = 0;
    int rounds_count_ = 0;
};

} // namespace drover::conformance
