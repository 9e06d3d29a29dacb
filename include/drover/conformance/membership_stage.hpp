// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/conformance/membership_network.hpp>
#include <drover/conformance/membership_probe.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/policy/view.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace drover::conformance {

/// The laws of docs/concepts/membership.md that take a cluster to show.
struct membership_laws : membership_lasting_laws {
    static constexpr char const* alone = "a node without seeds forms a cluster alone";
    static constexpr char const* own_seed = "a node that is a seed itself forms a cluster alone when nobody answers";
    static constexpr char const* gives_up = "a node whose seeds do not answer forms nothing, and gives up";
    static constexpr char const* turned_away = "a node that every seed turns away gives up with their reason";
    static constexpr char const* joins = "nodes join through seeds, and then all views are equal";
    static constexpr char const* loss = "what lost frames leave open is made good";
    static constexpr char const* mesh = "every member holds a connection to every other";
    static constexpr char const* quiet = "when nothing happens no view changes";
    static constexpr char const* crash = "a process that ends is dead for all";
    static constexpr char const* hint = "a lost connection that comes back declares nobody dead";
    static constexpr char const* silence = "a member that falls silent is dead for all";
    static constexpr char const* one_link = "one broken link declares nobody dead";
    static constexpr char const* heals = "the parts of a split find each other again";
    static constexpr char const* leaves = "one that leaves has left for all";
    static constexpr char const* replaced = "a later life of a name replaces the earlier one at once";
    static constexpr char const* outlived = "an earlier life that learns of a later one fails, and only that one";
    static constexpr char const* rubbish = "octets that are no message change no view";
    static constexpr char const* hostile = "damaged messages do no harm to the machine";
    static constexpr char const* repeatable = "equal inputs give equal effects";
    static constexpr char const* converges = "whatever happened, once it is over all views are equal and true";
};

/// On which the stories of the suite are played: a report, and what most stories begin with or ask for.
template <class Make>
class membership_stage {
public:
    using network = membership_network<Make>;
    using machine_type = typename network::machine_type;

    membership_stage(Make& make, membership_bounds const& bounds, suite_options const& options)
        : make_{&make}, bounds_{bounds}, options_{options}
    {
    }

protected:
    using law = membership_laws;
    using seconds = std::chrono::seconds;
    using milliseconds = std::chrono::milliseconds;

    static constexpr membership_capabilities promised = machine_type::capabilities;
    static constexpr std::size_t members_count = 5;

    /// Tells the story once with each seed.
    template <class Story>
    void tell(char const* law_name, Story const& story)
    {
        report_.law(law_name, [&] {
            for (std::uint64_t round = 0; round < options_.rounds; ++round)
                story(options_.seed + round);
        });
    }

    template <class Story>
    void tell_if(bool is_promised, char const* capability, char const* law_name, Story const& story)
    {
        if (is_promised)
            tell(law_name, story);
        else
            report_.skip(law_name, std::string{"capabilities."} + capability + " is false");
    }

    static std::string name_of(std::size_t index) { return "n" + std::to_string(index); }
    static std::string address_of(std::size_t index) { return network::address_of(name_of(index)); }

    /// Notes whether it holds, unless the network was stopped: then why it was is in the report already.
    template <class... Parts>
    bool expect(network const& net, std::uint64_t seed, char const* law_name, bool holds, Parts const&... sentence)
    {
        if (net.stormy())
            return false;
        report_.law(law_name);
        return report_.check(holds, sentence..., "; seed ", seed);
    }

    bool expect_agreement(network& net, std::uint64_t seed, char const* law_name, duration bound)
    {
        bool const holds = net.run_until([&] { return net.agreed(); }, bound);
        return expect(net, seed, law_name, holds, net.disagreement());
    }

    /// All that were started are members of one cluster.
    bool expect_joined(network& net, std::uint64_t seed, char const* law_name, duration bound)
    {
        return expect_agreement(net, seed, law_name, bound)
            && expect(net, seed, law_name, net.failed_count() == 0, net.failed_count(), " found no cluster");
    }

    /// A cluster, all of which have the first as seed, in agreement and quiet. False when there is none: then it is `joins`
    /// that does not hold.
    bool start_cluster(network& net, std::uint64_t seed)
    {
        net.start(name_of(0), {});
        for (std::size_t i = 1; i < members_count; ++i)
            net.start(name_of(i), {address_of(0)});
        if (!expect_joined(net, seed, law::joins, bounds_.agree_max))
            return false;
        net.run_for(seconds{3});
        return expect(net, seed, law::quiet, net.agreed(), net.disagreement());
    }

    /// Runs on, and checks all the time that every host sees every other alive.
    void expect_nobody_dies(network& net, std::uint64_t seed, char const* law_name, duration length)
    {
        bool const died = net.run_until([&] { return !net.agreed(); }, length);
        expect(net, seed, law_name, !died, net.disagreement());
    }

    void expect_all_see(network& net, std::uint64_t seed, char const* law_name, node_id const& id, member_state state)
    {
        bool const seen = net.run_until([&] { return net.seen_by_all(id) == state; }, bounds_.notice_max);
        expect(net, seed, law_name, seen, id.name, '/', id.incarnation, " is not ", to_string(state), " for all",
            net.describe_views());
    }

    static std::size_t draw(network& net, std::size_t bound) { return static_cast<std::size_t>(net.random().below(bound)); }

    Make* make_;
    membership_bounds bounds_;
    suite_options options_;
    report report_{"Membership"};
};

} // namespace drover::conformance
