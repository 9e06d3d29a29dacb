// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/store_laws.hpp>
#include <drover/conformance/store_network.hpp>
#include <drover/conformance/suite_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::conformance {

/// What happens to the replicas of a StateStore: each story once a seed.
template <class Make>
class store_stories {
    using network = store_network<Make>;
    using store_type = typename network::store_type;
    using input = typename network::input;

    static constexpr duration settle_span = std::chrono::seconds{60};
    /// After so many that were broken, what is wrong is known.
    static constexpr unsigned stories_broken_max = 4;
    static constexpr std::uint64_t quiet_per_second_max = 20;
    static constexpr store_weather bad_weather{150'000, 150'000, std::chrono::milliseconds{200}};

public:
    store_stories(report& found, Make& make, suite_options options) : found_{found}, make_{make}, options_{options} {}

    void play_all()
    {
        for (auto seed = options_.seed; seed < options_.seed + std::max<std::uint64_t>(options_.rounds, 1); ++seed) {
            play("storm", seed, [&](store_run& run) { storm(run, seed); });
            play("lives", seed, [&](store_run& run) { lives(run, seed); });
            play("absence", seed, [&](store_run& run) { absence(run, seed); });
            play("rubbish", seed, [&](store_run& run) { rubbish(run, seed); });
        }
        play("batch", options_.seed, [&](store_run& run) { batch(run); });
        play("silence", options_.seed, [&](store_run& run) { silence(run); });
        play("stranger", options_.seed, [&](store_run& run) { stranger(run); });
        play("loser", options_.seed, [&](store_run& run) { loser(run); });
        play("observers", options_.seed, [&](store_run& run) { observers(run); });
        play("large", options_.seed, [&](store_run& run) { large(run); });
        play("broken frames", options_.seed, [&](store_run& run) { broken_frames(run); });
        repeat();
        if constexpr (store_type::capabilities.durable)
            play("power cut", options_.seed, [&](store_run& run) { power_cut(run); });
        else
            found_.skip(store_law::durable, "not durable");
    }

    void skip_all(std::string_view why)
    {
        for (auto const law : {store_law::sends, store_law::frames, store_law::made_up, store_law::winner, store_law::remembered,
                 store_law::early, store_law::deadline, store_law::quiet, store_law::held, store_law::stood, store_law::told,
                 store_law::has_seen, store_law::acknowledges, store_law::covers, store_law::level, store_law::synchronised,
                 store_law::agree, store_law::all_held, store_law::brought_up, store_law::rubbish, store_law::survives,
                 store_law::repeatable, store_law::durable})
            found_.skip(law, why);
    }

private:
    static std::vector<record_slot> slots()
    {
        return {{record_table::spec, "a"}, {record_table::owner, "a"}, {record_table::checkpoint, "b"},
            {record_table::spec, bytes(1, '\0')}, {record_table::roster, "node"}, {record_table::owner, ""}};
    }

    template <class Story>
    void play(std::string_view name, std::uint64_t seed, Story&& story)
    {
        if (stories_broken_ >= stories_broken_max)
            return;
        store_run run{found_, std::string{name} + ", seed " + std::to_string(seed), slots()};
        found_.law(store_law::survives, [&] {
            story(run);
            found_.law(store_law::survives);
            found_.check(true);
        });
        stories_broken_ += run.broken ? 1U : 0U;
    }

    /// Names are never used twice, so that what is durable is that of one network.
    std::vector<std::size_t> populate(network& net, std::size_t count)
    {
        std::vector<std::size_t> all;
        for (std::size_t i = 0; i < count; ++i)
            all.push_back(net.add("node " + std::to_string(++named_)));
        return all;
    }

    // ---- what happens all the time -----------------------------------------------------------------------------------

    static std::size_t any_of(network& net, std::vector<std::size_t> const& from)
    {
        return from[net.random().below(from.size())];
    }

    /// Writes as the supervisor does: a key that is made anew after a removal gets a larger rank.
    static void write_somewhere(network& net, store_run& run, std::size_t index)
    {
        auto& random = net.random();
        auto const slot = random.below(run.slots.size());
        auto const present = net.at(index).sights()[slot];
        if (!present.write) {
            if (present.rank && random.chance(200'000) && *present.rank > record_rank{})
                return net.at(index).write_outranked(slot, {}, false);
            return net.write(index, slot, {run.log.largest_removal(slot).major + 1, 0});
        }
        auto rank = *present.rank;
        if (rank > record_rank{} && random.chance(100'000))
            return net.at(index).write_outranked(slot, {}, random.chance(500'000));
        if (random.chance(300'000))
            rank.minor += random.below(3);
        net.write(index, slot, rank, random.chance(200'000));
    }

    static void look_around(network& net, store_run& run)
    {
        auto const all = net.living();
        auto const one = any_of(net, all);
        auto const other = any_of(net, all);
        if (one != other)
            net.judge().tell_context(one, other);
        if (run.log.size() > 0)
            net.judge().ask_seen(one, net.random().below(run.log.size()));
        net.wake_early(other);
    }

    /// A while of writes, with the links between replicas going and coming.
    static void live(network& net, store_run& run, duration span)
    {
        auto& random = net.random();
        for (auto const end = run.now + span; run.now < end && !net.stopped(); net.run(std::chrono::milliseconds{10})) {
            auto const all = net.living();
            if (random.chance(600'000))
                write_somewhere(net, run, any_of(net, all));
            if (random.chance(150'000))
                look_around(net, run);
            auto const a = any_of(net, all);
            auto const b = any_of(net, all);
            if (a == b)
                continue;
            switch (random.below(60)) {
            case 0: net.disconnect(a, b); break;
            case 1:
            case 2: net.connect(a, b); break;
            case 3: net.mute(a, b); break;
            case 4:
            case 5: net.unmute(a, b); break;
            default: break;
            }
        }
    }

    static void connect_all(network& net)
    {
        auto const all = net.living();
        for (auto const a : all)
            for (auto const b : all)
                if (a < b)
                    net.connect(a, b);
    }

    static void end(network& net)
    {
        connect_all(net);
        net.settle(settle_span);
        if (!net.stopped())
            net.stay_quiet(std::chrono::seconds{10}, quiet_per_second_max);
    }

    // ---- stories -----------------------------------------------------------------------------------------------------

    /// Writes in bad weather, links that break, noticed or not.
    void storm(store_run& run, std::uint64_t seed)
    {
        network net{run, make_, seed};
        populate(net, 2 + seed % 3);
        net.set_weather(bad_weather);
        live(net, run, std::chrono::seconds{3});
        end(net);
    }

    /// Nodes die, return with nothing, and join.
    void lives(store_run& run, std::uint64_t seed)
    {
        network net{run, make_, seed};
        populate(net, 3);
        net.set_weather({50'000, 50'000, std::chrono::milliseconds{40}});
        for (int act = 0; act < 6; ++act) {
            live(net, run, std::chrono::milliseconds{400});
            auto const all = net.living();
            auto const one = any_of(net, all);
            switch (net.random().below(3)) {
            case 0: net.restart(one); break;
            case 1:
                if (all.size() > 2) {
                    net.kill(one);
                    break;
                }
                [[fallthrough]];
            default: populate(net, 1);
            }
        }
        end(net);
    }

    /// One is away for so long that a store might forget it, and writes meanwhile; another is dead, and counts.
    void absence(store_run& run, std::uint64_t seed)
    {
        network net{run, make_, seed};
        auto const all = populate(net, 4);
        live(net, run, std::chrono::milliseconds{500});
        connect_all(net);
        net.run(std::chrono::seconds{5});
        auto const away = all[seed % 3];
        for (auto const each : all)
            if (each != away)
                net.disconnect(away, each);
        net.kill(all[3], true);
        for (std::size_t slot = 0; slot < run.slots.size(); ++slot) {
            auto const here = all[(seed + 1) % 3];
            auto const present = net.at(here).sights()[slot];
            if (present.write)
                net.write(here, slot, {present.rank->major, present.rank->minor + 9}, true);
            if (net.at(away).sights()[slot].write)
                net.write(away, slot, *net.at(away).sights()[slot].rank);
        }
        for (int i = 0; i < 40; ++i) {
            write_somewhere(net, run, away);
            net.run(std::chrono::seconds{4});
        }
        net.restart(all[3]);
        end(net);
    }

    /// Octets of no meaning come in between: too many of them to have one by chance.
    void rubbish(store_run& run, std::uint64_t seed)
    {
        network net{run, make_, seed};
        auto const all = populate(net, 2);
        auto& random = net.random();
        for (int i = 0; i < 100 && !net.stopped(); ++i) {
            write_somewhere(net, run, any_of(net, all));
            auto const to = any_of(net, all);
            auto const& from = net.at(all[to == all[0] ? 1 : 0]).id;
            bytes octets(random.chance(50'000) ? 0 : random.between(16, 80), '\0');
            for (auto& octet : octets)
                octet = static_cast<char>(random.next());
            auto const before = net.at(to).sights();
            auto const held = net.at(to).held();
            std::vector<char> const exact(octets.begin(), octets.end());
            net.turn(to, input::message, [&](store_type& store) {
                store.on_message(from, {exact.data(), exact.size()}, run.now);
            });
            run.check(store_law::rubbish, net.at(to).sights() == before && net.at(to).held() == held, net.at(to).id.name,
                " was sent ", octets.size(), " random octets, and shows other records or holders");
            net.run(std::chrono::milliseconds{20});
        }
        end(net);
    }

    /// Many writes between two flushes, and a flush of nothing.
    void batch(store_run& run)
    {
        network net{run, make_, options_.seed};
        auto const all = populate(net, 3);
        net.run(std::chrono::seconds{10});
        auto& one = net.at(all[0]);
        for (std::size_t i = 0; i < 20; ++i)
            one.write(i % run.slots.size(), {1, i}, false, net.next_value());
        one.step(input::other, [&](store_type& store) { store.flush(run.now); });
        run.check(store_law::batches, one.outbox.size() == 2, "twenty small writes went to two peers in ", one.outbox.size(),
            " messages");
        auto const sent = one.outbox.size();
        one.step(input::other, [&](store_type& store) { store.flush(run.now); });
        run.check(store_law::batches, one.outbox.size() == sent, "a flush of nothing sent something");
        net.finish(all[0]);
        end(net);
    }

    /// What is written is lost on the way, and nothing else happens: only the deadline can bring it back.
    void silence(store_run& run)
    {
        network net{run, make_, options_.seed};
        auto const all = populate(net, 3);
        net.run(std::chrono::seconds{5});
        net.set_weather({.loss = 1'000'000});
        net.write(all[0], 0, {1, 0});
        net.write(all[1], 1, {1, 0});
        net.run(std::chrono::milliseconds{50});
        end(net);
    }

    /// Only one side has been told of the other.
    void stranger(store_run& run)
    {
        network net{run, make_, options_.seed};
        auto const name = "node " + std::to_string(++named_);
        auto const one = net.add(name);
        auto const other = net.add("node " + std::to_string(++named_), 1, false);
        net.write(one, 0, {1, 0});
        net.write(other, 1, {1, 0});
        net.meet(one, other);
        net.run(settle_span);
        if (net.stopped())
            return;
        auto const shown = [&](std::size_t index, std::size_t slot) { return net.at(index).sights()[slot].write.has_value(); };
        run.check(store_law::brought_up, shown(one, 0) && shown(one, 1) && shown(other, 0) && shown(other, 1),
            "one of two was told of the other, and after long they still do not show the same records");
    }

    /// What one lacks of another is a write that loses: once it has come, nothing is shown that was not shown before, and yet
    /// what was told is covered.
    void loser(store_run& run)
    {
        network net{run, make_, options_.seed};
        auto const all = populate(net, 3);
        net.run(std::chrono::seconds{5});
        net.mute(all[2], all[0]);
        net.mute(all[2], all[1]);
        net.write(all[1], 0, {5, 0});
        net.write(all[2], 0, {1, 0});
        net.run(std::chrono::seconds{1});
        net.judge().tell_context(all[2], all[0]);
        end(net);
    }

    /// Peers that are no members do not count.
    void observers(store_run& run)
    {
        network net{run, make_, options_.seed};
        auto const all = populate(net, 3);
        auto& one = net.at(all[0]);
        one.members.pop_back();
        net.turn(all[0], input::other, [&](store_type& store) { store.set_members(one.members); });
        for (int i = 0; i < 20; ++i) {
            net.write(all[0], 0, {1, 0});
            net.run(std::chrono::milliseconds{10});
        }
        net.run(std::chrono::seconds{5});
        run.check(store_law::held, one.store().held_by(3) == 0, "two are members, and held_by(3) is ", one.store().held_by(3));
        run.check(store_law::all_held, one.store().held_by(2) == one.store().version(), "two members are up, and held_by(2) is ",
            one.store().held_by(2), " of ", one.store().version());
    }

    /// More than fits into one frame, for one that was not there.
    void large(store_run& run)
    {
        auto const records_count = store_frame_size_max / limits::checkpoint_size_max + 2;
        run.slots.clear();
        for (std::size_t i = 0; i < records_count; ++i)
            run.slots.push_back({record_table::checkpoint, "key " + std::to_string(i)});
        run.log = write_log{records_count};
        network net{run, make_, options_.seed};
        auto const one = populate(net, 1).front();
        for (std::size_t i = 0; i < records_count; ++i)
            net.at(one).write(i, {1, 0}, false, bytes(limits::checkpoint_size_max - 8, 'x') + std::to_string(i));
        net.finish(one);
        populate(net, 1);
        net.settle(settle_span);
    }

    /// Frames with an octet changed, cut short, or prolonged, to stores that are thrown away afterwards: no lie that is
    /// well-formed can be told from the truth.
    void broken_frames(store_run& run)
    {
        std::vector<bytes> frames;
        node_id const liar{"liar", 1};
        network net{run, make_, options_.seed};
        populate(net, 2);
        net.record(&frames);
        live(net, run, std::chrono::seconds{1});
        connect_all(net);
        net.settle(settle_span);
        auto& random = net.random();
        for (std::size_t i = 0; i < 4 * frames.size() && i < 2'000; ++i) {
            if (i % 50 == 0)
                victim_ = fresh_victim();
            auto broken = frames[random.below(frames.size())];
            damage(broken, random);
            std::vector<char> const exact(broken.begin(), broken.end());
            bytes_view const view{exact.data(), exact.size()};
            run.now += std::chrono::milliseconds{1};
            victim_->on_message(liar, view, run.now);
            (void)victim_->covers(view, liar);
            (void)victim_->acknowledges(view, random.below(100));
            (void)victim_->put(record_table::spec, "a", {~std::uint64_t{0}, i}, "mine");
            victim_->flush(run.now);
            victim_->effects() = {};
            auto const mine = victim_->find(record_table::spec, "a");
            run.check(store_law::survives, victim_->deadline() > time_point::min() || wakes(run.now),
                "a store that was told lies does not rest");
            run.check(store_law::survives, !mine || mine->rank.major == ~std::uint64_t{0},
                "a store that was told lies lost its own write");
        }
        victim_.reset();
    }

    std::unique_ptr<store_type> fresh_victim()
    {
        node_id const id{"node " + std::to_string(++named_), 1};
        std::unique_ptr<store_type> made{new store_type(make_store(make_, id))};
        made->open(id);
        made->set_members(std::vector<node_id>{id, {"liar", 1}});
        made->on_peer_up({"liar", 1}, time_point{});
        return made;
    }

    bool wakes(time_point now)
    {
        victim_->on_time(now);
        return victim_->deadline() > now;
    }

    static void flip(char& octet, random_stream& random)
    {
        octet = static_cast<char>(static_cast<unsigned char>(octet) ^ (1U << random.below(8)));
    }

    static void damage(bytes& frame, random_stream& random)
    {
        switch (frame.empty() ? 2 : random.below(4)) {
        case 0: flip(frame[random.below(frame.size())], random); break;
        case 1: frame.resize(random.below(frame.size())); break;
        case 2: frame.append(1 + random.below(20), static_cast<char>(random.next())); break;
        default:
            for (auto i = random.below(8) + 1; i > 0; --i)
                frame[random.below(frame.size())] = static_cast<char>(random.next());
        }
    }

    /// The same once more.
    void repeat()
    {
        std::vector<std::uint64_t> digests[2];
        auto const named = named_;
        for (auto& each : digests)
            play("storm again", options_.seed, [&](store_run& run) {
                if constexpr (!store_type::capabilities.durable)
                    named_ = named; // one that is durable would find what it wrote
                run.recording = true;
                storm(run, options_.seed);
                each = std::move(run.digests);
            });
        if constexpr (store_type::capabilities.durable)
            return found_.skip(store_law::repeatable, "a durable store is not what it was before");
        auto const differs = std::mismatch(digests[0].begin(), digests[0].end(), digests[1].begin(), digests[1].end()).first;
        found_.law(store_law::repeatable);
        found_.check(digests[0] == digests[1], "two runs of seed ", options_.seed, " differ from step ",
            differs - digests[0].begin(), " of ", digests[0].size());
    }

    /// What all acknowledged is there when all processes were gone.
    void power_cut(store_run& run)
    {
        network net{run, make_, options_.seed};
        auto const all = populate(net, 3);
        live(net, run, std::chrono::seconds{1});
        connect_all(net);
        net.settle(settle_span);
        auto const sights = net.at(all[0]).sights();
        for (auto const each : all)
            net.kill(each, true);
        std::vector<std::size_t> again;
        for (auto const each : all)
            again.push_back(net.restart(each));
        net.run(settle_span);
        for (auto const each : again)
            for (std::size_t slot = 0; slot < sights.size(); ++slot)
                run.check(store_law::durable, net.at(each).sights()[slot].write == sights[slot].write,
                    "all processes were gone, and what they had acknowledged is not there");
    }

    report& found_;
    Make& make_;
    suite_options options_;
    std::uint64_t named_ = 0;
    unsigned stories_broken_ = 0;
    std::unique_ptr<store_type> victim_;
};

} // namespace drover::conformance
