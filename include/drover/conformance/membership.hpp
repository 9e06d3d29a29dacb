// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/conformance/membership_network.hpp>
#include <drover/conformance/membership_probe.hpp>
#include <drover/conformance/membership_stage.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/suite_options.hpp>
#include <drover/policy/membership.hpp>
#include <drover/policy/view.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace drover::conformance {

/// The suite of `check_membership`. Each function is one story, told with several seeds.
template <class Make>
class membership_suite : membership_stage<Make> {
    using stage = membership_stage<Make>;
    using stage::address_of;
    using stage::bounds_;
    using stage::draw;
    using stage::expect;
    using stage::expect_agreement;
    using stage::expect_all_see;
    using stage::expect_joined;
    using stage::expect_nobody_dies;
    using stage::make_;
    using stage::members_count;
    using stage::name_of;
    using stage::promised;
    using stage::report_;
    using stage::start_cluster;
    using typename stage::law;
    using typename stage::machine_type;
    using typename stage::milliseconds;
    using typename stage::network;
    using typename stage::seconds;

public:
    using stage::stage;

    report run()
    {
        name_lasting_laws();
        forming();
        joining();
        faults();
        lives();
        tell(law::rubbish, &membership_suite::hear_rubbish);
        tell(law::hostile, &membership_suite::hear_damaged_messages);
        tell(law::repeatable, &membership_suite::repeat);
        tell(law::converges, &membership_suite::live_through_everything);
        return std::move(report_);
    }

private:
    using story = void (membership_suite::*)(std::uint64_t);

    // ---- which laws there are ----------------------------------------------------------------------------------------

    /// They are checked all along; those that nothing breaks are shown by the runs themselves.
    void name_lasting_laws()
    {
        for (auto const* const each :
            {law::sorted, law::self, law::number, law::kept, law::lasting, law::effects, law::early, law::deadline, law::bounded})
            report_.law(each);
    }

    void forming()
    {
        tell(law::alone, &membership_suite::form_alone);
        tell(law::own_seed, &membership_suite::form_alone_as_a_seed);
        tell(law::gives_up, &membership_suite::look_in_vain);
        tell(law::turned_away, &membership_suite::be_turned_away);
    }

    void joining()
    {
        tell(law::joins, &membership_suite::join);
        tell(law::loss, &membership_suite::join_over_loss);
        tell_if(promised.needs_full_mesh, "needs_full_mesh", law::mesh, &membership_suite::connect_all);
        tell(law::quiet, &membership_suite::be_quiet);
    }

    void faults()
    {
        tell(law::crash, &membership_suite::crash_one);
        tell(law::hint, &membership_suite::lose_connections);
        tell_if(promised.detects_silence, "detects_silence", law::silence, &membership_suite::silence_one);
        tell_if(promised.indirect_evidence, "indirect_evidence", law::one_link, &membership_suite::break_one_link);
        tell(law::heals, &membership_suite::split_and_heal);
        tell(law::leaves, &membership_suite::leave_one);
    }

    void lives()
    {
        tell(law::replaced, &membership_suite::return_at_once);
        tell(law::replaced, &membership_suite::return_to_the_cluster);
        tell(law::outlived, &membership_suite::hear_that_the_name_is_in_use);
        tell(law::outlived, &membership_suite::outlive_one);
    }

    void tell(char const* law_name, story which)
    {
        stage::tell(law_name, [&](std::uint64_t seed) { (this->*which)(seed); });
    }

    void tell_if(bool is_promised, char const* capability, char const* law_name, story which)
    {
        stage::tell_if(is_promised, capability, law_name, [&](std::uint64_t seed) { (this->*which)(seed); });
    }

    // ---- forming and joining -----------------------------------------------------------------------------------------

    void form_alone(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        net.start("n0", {});
        expect_agreement(net, seed, law::alone, bounds_.agree_max);
        net.run_for(seconds{5});
        expect(net, seed, law::alone, net["n0"].failure() == errc::success, "it failed: ", describe(net["n0"].failure()));
    }

    void form_alone_as_a_seed(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        std::vector<std::string> seeds;
        for (std::size_t i = 0; i < 3; ++i)
            seeds.push_back(address_of(i));
        net.start("n1", seeds);
        expect_agreement(net, seed, law::own_seed, bounds_.give_up_max);
        expect(net, seed, law::own_seed, net["n1"].failure() == errc::success, "it failed: ", describe(net["n1"].failure()));
        net.start("n0", seeds);
        net.start("n2", seeds);
        expect_agreement(net, seed, law::own_seed, bounds_.agree_max);
    }

    void look_in_vain(std::uint64_t seed)
    {
        for (bool const silent : {false, true}) {
            network net{*make_, report_, bounds_, seed};
            net.start("n0", {});
            if (silent)
                net.cut("n0", "n1");
            net.start("n1", {silent ? address_of(0) : address_of(7)});
            bool const formed = net.run_until([&] { return net["n1"].formed(); }, bounds_.give_up_max);
            auto const* const how = silent ? "silent" : "refused";
            expect(net, seed, law::gives_up, !formed, "it formed a cluster, which its seeds do not allow: ", how);
            expect(net, seed, law::gives_up, net["n1"].failure() == errc::seeds_unreachable, "its failure is '",
                describe(net["n1"].failure()), "', not '", describe(errc::seeds_unreachable), "': ", how);
        }
    }

    void be_turned_away(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        net.turn_away_at("n0", errc::cluster_mismatch);
        net.turn_away_at("n1", errc::cluster_mismatch);
        net.start("n2", {address_of(0), address_of(1)});
        net.run_until([&] { return net["n2"].failure() != errc::success; }, bounds_.give_up_max);
        expect(net, seed, law::turned_away, net["n2"].failure() == errc::cluster_mismatch, "its failure is '",
            describe(net["n2"].failure()), "', not '", describe(errc::cluster_mismatch), "'");
    }

    /// By one seed, by a chain of them, or with all as seeds of all; at once or one after the other.
    void join(std::uint64_t seed)
    {
        for (std::size_t const count : {std::size_t{2}, members_count}) {
            for (int const way : {0, 1, 2}) {
                network net{*make_, report_, bounds_, seed};
                join_by(net, way, count);
                expect_joined(net, seed, law::joins, way == 2 ? bounds_.give_up_max : bounds_.agree_max);
            }
        }
    }

    static void join_by(network& net, int way, std::size_t count)
    {
        for (std::size_t i = 0; i < count; ++i) {
            std::vector<std::string> seeds;
            if (way == 2)
                for (std::size_t each = 0; each < count; ++each)
                    seeds.push_back(address_of(each));
            else if (i > 0)
                seeds.push_back(address_of(way == 0 ? 0 : i - 1));
            net.start(name_of(i), std::move(seeds));
            if (net.random().chance(500'000))
                net.run_for(net.random().between(milliseconds{0}, milliseconds{500}));
        }
    }

    void join_over_loss(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        net.loss_per_million = 500'000;
        join_by(net, 0, members_count);
        net.run_for(seconds{2});
        net.loss_per_million = 0;
        expect_joined(net, seed, law::loss, bounds_.agree_max);
    }

    void connect_all(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        if (!start_cluster(net, seed))
            return;
        for (auto const& one : net.alive_hosts())
            for (auto const& other : net.alive_hosts())
                if (one != other)
                    expect(net, seed, law::mesh, net.connected(one, other), one, " is not connected with ", other);
    }

    void be_quiet(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        net.early_per_million = 300'000;
        if (!start_cluster(net, seed))
            return;
        std::map<std::string, std::uint64_t> before;
        for (auto const& host : net.alive_hosts())
            before[host] = net[host].current_view().number;
        net.run_for(seconds{30});
        for (auto const& host : net.alive_hosts())
            expect(net, seed, law::quiet, net[host].current_view().number == before[host], "the view of ", host, " changed ",
                net[host].current_view().number - before[host], " times");
        report_.law(law::bounded);
        report_.check(!net.stormy(), "seed ", seed);
    }

    // ---- faults ------------------------------------------------------------------------------------------------------

    void crash_one(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        if (!start_cluster(net, seed))
            return;
        auto const victim = name_of(draw(net, members_count)); // the seed of the others may be it
        net.crash(victim);
        expect_all_see(net, seed, law::crash, {victim, 1}, member_state::dead);
        net.run_for(seconds{10});
        expect_all_see(net, seed, law::crash, {victim, 1}, member_state::dead);
        expect_agreement(net, seed, law::crash, bounds_.agree_max);
    }

    void lose_connections(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        if (!start_cluster(net, seed))
            return;
        for (int i = 0; i < 10; ++i) {
            net.reset(name_of(draw(net, members_count)), name_of(draw(net, members_count)));
            expect_nobody_dies(net, seed, law::hint, net.random().between(milliseconds{1}, milliseconds{2'000}));
        }
    }

    void silence_one(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        if (!start_cluster(net, seed))
            return;
        auto const victim = name_of(draw(net, members_count));
        net.isolate(victim);
        for (auto const& other : net.alive_hosts()) {
            if (other == victim)
                continue;
            bool const seen = net.run_until(
                [&] {
                    return net.seen_by(other, {victim, 1}) == member_state::dead;
                },
                bounds_.notice_max);
            expect(net, seed, law::silence, seen, victim, " is silent, and ", other, " sees ", net.describe_view(other));
        }
    }

    void break_one_link(std::uint64_t seed)
    {
        for (bool const noticed : {false, true}) {
            network net{*make_, report_, bounds_, seed};
            if (!start_cluster(net, seed))
                return;
            net.cut("n1", "n3");
            if (noticed)
                net.reset("n1", "n3");
            expect_nobody_dies(net, seed, law::one_link, bounds_.notice_max);
        }
    }

    void split_and_heal(std::uint64_t seed)
    {
        for (bool const noticed : {false, true}) {
            network net{*make_, report_, bounds_, seed};
            if (!start_cluster(net, seed))
                return;
            for (std::size_t i = 0; i < 2; ++i)
                for (std::size_t j = 2; j < members_count; ++j) {
                    net.cut(name_of(i), name_of(j));
                    if (noticed)
                        net.reset(name_of(i), name_of(j));
                }
            net.run_for(bounds_.notice_max);
            net.heal();
            expect_agreement(net, seed, law::heals, bounds_.agree_max);
        }
    }

    void leave_one(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        if (!start_cluster(net, seed))
            return;
        auto const who = name_of(draw(net, members_count));
        net.leave(who);
        net.run_for(milliseconds{50});
        expect_all_see(net, seed, law::leaves, {who, 1}, member_state::left);
        net.run_for(seconds{10});
        expect_all_see(net, seed, law::leaves, {who, 1}, member_state::left);
    }

    // ---- lives -------------------------------------------------------------------------------------------------------

    /// Two lives of a peer, seen by one machine.
    void return_at_once(std::uint64_t seed)
    {
        membership_probe<machine_type> probe{report_, (*make_)(), "seed " + std::to_string(seed)};
        time_point now{seconds{100}};
        probe.start({{{"m", 1}, "m.test:7"}, {}, seed}, now);
        peer const earlier{{"p", 5}, "p.test:5"};
        peer const later{{"p", 7}, "p.test:7"};
        for (auto const* const who : {&earlier, &later, &later}) {
            now += milliseconds{3};
            if (who == &later && !probe.current_view().alive(later.id))
                probe.on_peer_down(earlier.id, now);
            probe.on_peer_up(*who, now);
            auto const* const entry = find_entry(probe.current_view().members, "p");
            probe.expect(law::replaced, entry != nullptr && *entry == member{who->id, who->address, member_state::alive},
                "when p/", who->id.incarnation, " has come up the view has ",
                entry == nullptr ? "no p" : "p/" + std::to_string(entry->id.incarnation) + ' ' + to_string(entry->state));
        }
    }

    void return_to_the_cluster(std::uint64_t seed)
    {
        for (int const how : {0, 1, 2}) {
            network net{*make_, report_, bounds_, seed};
            if (!start_cluster(net, seed))
                return;
            if (how == 0)
                net.isolate("n2"); // so that its end is not noticed
            if (how == 2)
                net.leave("n2");
            net.run_for(milliseconds{50});
            if (how != 2)
                net.crash("n2");
            if (how == 1)
                net.run_for(seconds{5});
            net.heal();
            net.start("n2", {address_of(0)}, 2);
            expect_agreement(net, seed, law::replaced, bounds_.agree_max);
        }
    }

    /// What a dial is refused for concerns this node only when it says that the name is in use.
    void hear_that_the_name_is_in_use(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        if (!start_cluster(net, seed))
            return;
        for (auto const code : {errc::success, errc::cluster_mismatch}) {
            net.forge_refusal("n1", address_of(3), code);
            expect_nobody_dies(net, seed, law::outlived, seconds{1});
        }
        net.forge_refusal("n1", address_of(3), errc::name_in_use);
        net.run_until([&] { return net["n1"].failure() != errc::success; }, bounds_.agree_max);
        expect(net, seed, law::outlived, net["n1"].failure() == errc::name_in_use, "a dial of n1 was rejected for ",
            "its name is in use, and n1 sees ", net.describe_view("n1"));
    }

    /// The earlier life cannot be reached, is started anew elsewhere, and then can be reached again. The others dial it as
    /// well, when it is their seed.
    void outlive_one(std::uint64_t seed)
    {
        for (std::size_t const old : {std::size_t{0}, std::size_t{3}}) {
            network net{*make_, report_, bounds_, seed};
            if (!start_cluster(net, seed))
                return;
            outlive(net, seed, name_of(old));
        }
    }

    void outlive(network& net, std::uint64_t seed, std::string const& old)
    {
        auto const other = name_of(1);
        net.isolate(old);
        for (auto const& host : net.alive_hosts())
            net.reset(host, old);
        net.start("later", {network::address_of(other)}, 2, old);
        net.cut("later", old);
        net.run_for(bounds_.notice_max / 2);
        net.heal();
        bool const failed = net.run_until([&] { return net[old].failure() != errc::success; }, bounds_.agree_max);
        expect(
            net, seed, law::outlived, failed && net[old].failure() == errc::name_in_use, old, "/1 sees ", net.describe_view(old));
        expect_agreement(net, seed, law::outlived, bounds_.agree_max);
        expect(net, seed, law::outlived, net.failed_count() <= 1, "others failed as well");
    }

    // ---- what comes from others --------------------------------------------------------------------------------------

    static bytes noise(random_stream& random, std::size_t size)
    {
        bytes octets(size, '\0');
        for (auto& octet : octets)
            octet = static_cast<char>(random.next());
        return octets;
    }

    void hear_rubbish(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        if (!start_cluster(net, seed))
            return;
        random_stream random{seed, 3};
        for (int i = 0; i < 300; ++i) {
            auto const number = net["n1"].current_view().number;
            auto const frame = i == 0 ? bytes{} : noise(random, 32 + random.below(500));
            net.forge("n0", "n1", frame);
            expect(net, seed, law::rubbish, net["n1"].current_view().number == number, "a frame of ", frame.size(),
                " random octets changed the view");
        }
        expect(net, seed, law::rubbish, net["n1"].failure() == errc::success, "n1 failed: ", describe(net["n1"].failure()));
        net.run_for(seconds{1});
        expect_agreement(net, seed, law::rubbish, bounds_.agree_max);
    }

    /// Messages cut short, lengthened, and with octets changed. What they say may be believed; what always holds must hold.
    void hear_damaged_messages(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        if (!start_cluster(net, seed))
            return;
        random_stream random{seed, 4};
        for (int i = 0; i < 300 && !net.sample().empty() && net.alive("n1"); ++i) {
            auto frame = net.sample()[random.below(net.sample().size())];
            if (random.chance(300'000))
                frame.resize(random.below(frame.size() + 1));
            if (random.chance(300'000))
                frame += noise(random, random.below(20));
            for (auto flips = random.below(4); flips > 0 && !frame.empty(); --flips)
                frame[random.below(frame.size())] = static_cast<char>(random.next());
            net.forge("n0", "n1", frame);
        }
        if (net.sample().empty())
            net.forge("n0", "n1", noise(random, 100));
        net.run_for(seconds{2});
        auto const& seen = net["n1"].current_view();
        expect(net, seed, law::hostile, net["n1"].failure() == errc::success && seen.members.size() <= limits::members_count_max,
            "after damaged messages n1 sees ", seen.members.size(), " members, and its failure is '",
            describe(net["n1"].failure()), "'");
    }

    // ---- everything at once ------------------------------------------------------------------------------------------

    void repeat(std::uint64_t seed)
    {
        auto const first = trace_of_storm(seed, 0);
        auto const again = trace_of_storm(seed, 0);
        auto const woken = trace_of_storm(seed, 300'000);
        report_.law(law::repeatable);
        report_.check(again == first, "two runs with the same inputs had other effects; seed ", seed);
        report_.law(law::early);
        report_.check(again != first || woken == first, "wake-ups before their time changed what came after them; seed ", seed);
    }

    std::uint64_t trace_of_storm(std::uint64_t seed, std::uint64_t early_per_million)
    {
        network net{*make_, report_, bounds_, seed};
        net.early_per_million = early_per_million;
        play_storm(net, seed);
        return net.trace();
    }

    void live_through_everything(std::uint64_t seed)
    {
        network net{*make_, report_, bounds_, seed};
        play_storm(net, seed);
        net.heal();
        net.loss_per_million = 0;
        net.run_for(bounds_.give_up_max); // those that look in vain for a cluster have given up
        expect_agreement(net, seed, law::converges, bounds_.agree_max);
    }

    /// Faults of all kinds. A machine that does not promise to detect silence is spared the cuts: nobody else would tell it.
    void play_storm(network& net, std::uint64_t seed)
    {
        random_stream random{seed, 5};
        net.start(name_of(0), {});
        for (std::size_t i = 1; i < members_count; ++i)
            net.start(name_of(i), {address_of(0)});
        net.run_for(seconds{3});
        net.loss_per_million = random.below(2) * 100'000;
        incarnation_number life = 1;
        for (int i = 0; i < 25 && !net.stormy(); ++i) {
            auto const one = name_of(1 + random.below(members_count - 1)); // the first stays, so that there is one to join
            auto const other = name_of(random.below(members_count));
            switch (random.below(promised.detects_silence ? 7 : 4)) {
            case 0: net.alive(one) ? net.crash(one) : net.start(one, {address_of(0)}, ++life); break;
            case 1: net.alive(one) ? net.reset(one, other) : net.start(one, {address_of(0)}, ++life); break;
            case 2: net.alive(one) ? net.pause(one, random.between(milliseconds{100}, milliseconds{4'000})) : void(); break;
            case 3: net.alive(one) && i % 3 == 0 ? net.leave(one) : void(); break;
            case 4: net.isolate(one); break;
            case 5: one != other ? net.cut(one, other) : void(); break;
            case 6: net.heal(); break;
            }
            net.run_for(random.between(milliseconds{1}, milliseconds{1'500}));
        }
    }
};

/// Holds a Membership to the laws of docs/concepts/membership.md: machines that `make()` gives, each used once, on a network in
/// virtual time. What `M::capabilities` does not promise is skipped.
template <class Make>
[[nodiscard]] report check_membership(Make make, membership_bounds const& bounds = {}, suite_options const& options = {})
{
    static_assert(
        requires { requires membership<decltype(make())>; },
        "drover: check_membership takes a function that makes a Membership (see docs/concepts/membership.md)");
    if constexpr (requires { requires membership<decltype(make())>; })
        return membership_suite<Make>{make, bounds, options}.run();
}

/// The same, for machines that are default constructed.
template <class M>
[[nodiscard]] report check_membership(membership_bounds const& bounds = {}, suite_options const& options = {})
{
    return check_membership([] { return M{}; }, bounds, options);
}

} // namespace drover::conformance
