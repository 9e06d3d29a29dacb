// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/random.hpp>
#include <drover/conformance/journal_part.hpp>
#include <drover/conformance/store_judge.hpp>
#include <drover/conformance/watched_store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace drover::conformance {

/// A user's way to make a store: `make()`, or `make(id)` for one that is named after its node.
template <class Make>
[[nodiscard]] auto make_store(Make& make, node_id const& id)
{
    if constexpr (std::is_invocable_v<Make&, node_id const&>)
        return make(id);
    else
        return make();
}

template <class Make>
using store_made_by = decltype(make_store(std::declval<Make&>(), std::declval<node_id const&>()));

/// What the network does to messages; chances in times in a million. As it is here, all arrive, in order.
struct store_weather {
    std::uint64_t loss = 0;
    std::uint64_t duplication = 0;
    duration delay_max = std::chrono::milliseconds{1};
};

/// Replicas of one map in a network that loses, doubles, delays, reorders and splits, on virtual time. Plays the supervisor's
/// part: after every input a flush, and a wake-up at the deadline; and holds each replica to what the others hold.
template <class Make>
class store_network {
public:
    using store_type = store_made_by<Make>;
    using replica = watched_store<store_type>;
    using input = typename replica::input;

    /// Beyond so many in one second a store that never rests is stopped.
    static constexpr std::uint64_t messages_per_second_max = 10'000;
    static constexpr std::uint64_t wakeups_per_second_max = 10'000;
    static constexpr duration commit_time_max = std::chrono::milliseconds{20};

    store_network(store_run& run, Make& make, std::uint64_t seed)
        : run_{run}, make_{make}, random_{seed}, judge_{run, replicas_, counting_}
    {
    }

    // ---- who is there ------------------------------------------------------------------------------------------------

    /// A new member, with nothing, connected to all. `joined`: it is a peer of the others, and they of it.
    std::size_t add(std::string name, incarnation_number incarnation = 1, bool joined = true)
    {
        auto const index = replicas_.size();
        node_id id{std::move(name), incarnation};
        replicas_.push_back(
            std::make_unique<replica>(run_, index, id, std::unique_ptr<store_type>(new store_type(make_store(make_, id)))));
        judge_.on_added();
        at(index).step(input::other, [&](store_type& store) { store.open(id); });
        if constexpr (keeps_a_journal<store_type>)
            at(index).step(input::message, [&](store_type& store) {
                auto const failure = open_journal(store, id.name);
                run_.check(store_law::durable, failure.empty(), "the journal of ", id.name, " cannot be opened: ", failure);
            });
        counting_.push_back(index);
        members_changed();
        for (std::size_t other = 0; other < index && joined; ++other)
            if (at(other).alive)
                connect(other, index);
        return index;
    }

    /// The process is gone, and others notice. `counts`: it stays a member.
    void kill(std::size_t index, bool counts = false)
    {
        at(index).alive = false;
        close_journal(at(index).store());
        std::erase_if(committing_, [&](commit const& each) { return each.of == index; });
        drop_frames([&](flight const& each) { return each.from == index || each.to == index; });
        judge_.on_killed(index);
        if (!counts)
            std::erase(counting_, index);
        for (auto const& each : replicas_)
            if (each->alive && each->up.erase(at(index).id.name) > 0)
                each->step(input::other, [&](store_type& store) { store.on_peer_down(at(index).id, run_.now); });
        members_changed();
    }

    /// It returns under its name, as another life, with nothing.
    std::size_t restart(std::size_t index)
    {
        auto const id = at(index).id;
        if (at(index).alive)
            kill(index);
        std::erase(counting_, index);
        return add(id.name, id.incarnation + 1);
    }

    /// Both lose the other, and notice; frames that were under way are gone.
    void disconnect(std::size_t a, std::size_t b)
    {
        drop_frames([&](flight const& each) { return (each.from == a && each.to == b) || (each.from == b && each.to == a); });
        for (auto const& [here, there] : {std::pair{a, b}, std::pair{b, a}}) {
            auto const& id = at(there).id;
            if (at(here).up.erase(id.name) > 0) {
                judge_.on_disconnected(here, id.name);
                turn(here, input::other, [&](store_type& store) { store.on_peer_down(id, run_.now); });
            }
        }
    }

    void connect(std::size_t a, std::size_t b)
    {
        meet(a, b);
        meet(b, a);
    }

    /// `here` is told of `there`, not the other way round.
    void meet(std::size_t here, std::size_t there)
    {
        auto const& id = at(there).id;
        if (auto const known = at(here).up.find(id.name); known != at(here).up.end() && known->second == id)
            return;
        at(here).up.insert_or_assign(id.name, id);
        judge_.on_connected(here, there);
        at(here).step(input::other, [&](store_type& store) { store.on_peer_up(id, run_.now); });
        run_.check(store_law::synchronised, !at(here).store().synchronised(id), at(here).id.name, " is synchronised with ",
            id.name, " at once when it comes up");
        finish(here);
    }

    /// Frames between the two are lost, and neither notices; or no longer, and a connection came up.
    void mute(std::size_t a, std::size_t b) { muted_.insert(std::minmax(a, b)); }
    void unmute(std::size_t a, std::size_t b)
    {
        if (muted_.erase(std::minmax(a, b)) == 0 || !at(a).alive || !at(b).alive)
            return;
        for (auto const& [here, there] : {std::pair{a, b}, std::pair{b, a}})
            if (auto const& id = at(there).id; at(here).up.contains(id.name))
                turn(here, input::other, [&](store_type& store) { store.on_peer_connected(id, run_.now); });
    }

    [[nodiscard]] replica& at(std::size_t index) { return *replicas_[index]; }
    [[nodiscard]] std::size_t size() const { return replicas_.size(); }
    [[nodiscard]] random_stream& random() { return random_; }
    void set_weather(store_weather weather) { weather_ = weather; }

    [[nodiscard]] std::vector<std::size_t> living() const
    {
        std::vector<std::size_t> result;
        for (auto const& each : replicas_)
            if (each->alive)
                result.push_back(each->index());
        return result;
    }

    // ---- what happens ------------------------------------------------------------------------------------------------

    void write(std::size_t index, std::size_t slot, record_rank rank, bool removal = false)
    {
        if (stopped())
            return;
        at(index).write(slot, rank, removal, removal ? bytes{} : next_value());
        finish(index);
    }

    bytes next_value() { return "value " + std::to_string(run_.log.size()) + bytes(random_.below(40), '.'); }

    /// An input of any kind, and the flush that follows.
    template <class Call>
    void turn(std::size_t index, input kind, Call&& call)
    {
        if (stopped())
            return;
        at(index).step(kind, call);
        finish(index);
    }

    /// The flush, and everything that is then judged.
    void finish(std::size_t index)
    {
        auto& each = at(index);
        each.step(input::other, [&](store_type& store) { store.flush(run_.now); });
        for (auto& message : std::exchange(each.outbox, {}))
            send(index, message);
        if constexpr (keeps_a_journal<store_type>)
            if (auto batch = each.store().take_batch())
                committing_.push_back(
                    {run_.now + random_.between(std::chrono::milliseconds{1}, commit_time_max), index, std::move(*batch)});
        judge_.after_turn(index);
    }

    void run(duration span)
    {
        auto const end = run_.now + span;
        for (auto next = next_event(); next <= end && !stopped(); next = next_event()) {
            run_.now = std::max(run_.now, next);
            if (run_.now >= second_ends_at_) {
                second_ends_at_ = run_.now + std::chrono::seconds{1};
                messages_before_ = messages_count_;
                wakeups_before_ = wakeups_count_;
            }
            if (!flying_.empty() && flying_.begin()->at <= run_.now)
                deliver();
            else if (finish_commits())
                continue;
            else
                wake();
        }
        run_.now = end;
    }

    /// A wake-up that nobody asked for.
    void wake_early(std::size_t index)
    {
        auto& each = at(index);
        auto const deadline = each.store().deadline();
        if (deadline <= run_.now)
            return;
        auto const context = each.store().context();
        auto const held = each.held();
        each.told = false;
        each.step(input::time, [&](store_type& store) { store.on_time(run_.now); });
        run_.check(store_law::early,
            each.outbox.empty() && !each.told && each.store().deadline() == deadline && each.store().context() == context
                && each.held() == held,
            each.id.name, " was woken before its deadline, and did something");
        finish(index);
    }

    /// What holds between replicas, looked at when the caller likes.
    [[nodiscard]] store_judge<replica>& judge() { return judge_; }

    // ---- how it ends -------------------------------------------------------------------------------------------------

    /// Everything is heard from now on, until all are level, or for so long.
    void settle(duration span)
    {
        set_weather({});
        for (auto const& [a, b] : std::exchange(muted_, {})) {
            muted_.insert({a, b});
            unmute(a, b);
        }
        for (auto const end = run_.now + span; run_.now < end && !stopped() && !judge_.in_order();)
            run(std::chrono::milliseconds{50});
        if (!stopped())
            judge_.at_end();
    }

    /// Who is level repeats itself a few times a second at most.
    void stay_quiet(duration span, std::uint64_t per_second_max)
    {
        auto const messages = messages_count_;
        auto const wakeups = wakeups_count_;
        run(span);
        auto const seconds = static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(span).count());
        auto const all = living().size();
        run_.check(store_law::quiet, messages_count_ - messages <= per_second_max * seconds * all * all,
            messages_count_ - messages, " messages among ", all, " replicas that are level, in ", seconds, " s");
        run_.check(store_law::quiet, wakeups_count_ - wakeups <= per_second_max * seconds * all * all, wakeups_count_ - wakeups,
            " wake-ups of ", all, " replicas that are level, in ", seconds, " s");
    }

    /// Notes every frame that is sent from now on.
    void record(std::vector<bytes>* frames) { recorded_ = frames; }

    /// There is no point in going on.
    [[nodiscard]] bool stopped() const { return stopped_ || run_.broken; }

private:
    struct flight {
        time_point at;
        std::uint64_t order;
        std::size_t from;
        std::size_t to;
        std::shared_ptr<bytes const> frame;

        bool operator<(flight const& other) const { return std::tie(at, order) < std::tie(other.at, other.order); }
    };

    // On its way to stable storage: lost when the process is.
    struct commit {
        time_point at;
        std::size_t of;
        journal_batch batch;
    };

    bool finish_commits()
    {
        auto const found =
            std::find_if(committing_.begin(), committing_.end(), [&](commit const& each) { return each.at <= run_.now; });
        if (found == committing_.end())
            return false;
        auto const done = std::move(*found);
        committing_.erase(found);
        if constexpr (keeps_a_journal<store_type>) {
            auto const failure = at(done.of).store().journal()->commit(done.batch);
            run_.check(store_law::durable, !failure, "a commit failed: ", failure.reason);
            turn(done.of, input::other, [&](store_type& store) { store.on_committed(done.batch.number, run_.now); });
        }
        return true;
    }

    void members_changed()
    {
        std::vector<node_id> members;
        for (auto const index : counting_)
            members.push_back(at(index).id);
        for (auto const index : living()) {
            at(index).members = members;
            at(index).step(input::other, [&](store_type& store) { store.set_members(members); });
            judge_.on_members_changed(index);
        }
        for (auto const index : living())
            finish(index);
    }

    template <class Matches>
    void drop_frames(Matches&& matches)
    {
        std::erase_if(flying_, matches);
    }

    // ---- time and messages -------------------------------------------------------------------------------------------

    [[nodiscard]] time_point next_event()
    {
        auto next = flying_.empty() ? never : flying_.begin()->at;
        for (auto const& each : committing_)
            next = std::min(next, each.at);
        for (auto const index : living())
            next = std::min(next, at(index).store().deadline());
        return next;
    }

    void wake()
    {
        for (auto const index : living()) {
            if (at(index).store().deadline() > run_.now)
                continue;
            turn(index, input::time, [&](store_type& store) { store.on_time(run_.now); });
            auto const moved = run_.check(store_law::deadline, at(index).store().deadline() > run_.now, at(index).id.name,
                " was woken at its deadline, and still wants to be woken then");
            if (!moved)
                stopped_ = true;
            else if (++wakeups_count_ - wakeups_before_ > wakeups_per_second_max)
                stop("wakes up without end");
        }
    }

    void stop(char const* why)
    {
        if (!std::exchange(stopped_, true))
            run_.check(store_law::quiet, false, "the network was stopped: somebody ", why);
    }

    void send(std::size_t from, store_effects::message const& message)
    {
        auto const known = at(from).up.find(message.to);
        if (known == at(from).up.end() || message.frame == nullptr || message.frame->size() > store_frame_size_max)
            return; // the transport says no
        if (++messages_count_ - messages_before_ > messages_per_second_max)
            return stop("sends without end");
        if (recorded_ != nullptr)
            recorded_->push_back(*message.frame);
        for (auto const to : living()) {
            if (at(to).id != known->second || muted_.contains(std::minmax(from, to)) || random_.chance(weather_.loss))
                continue;
            fly(from, to, message.frame);
            if (random_.chance(weather_.duplication))
                fly(from, to, message.frame);
        }
    }

    void fly(std::size_t from, std::size_t to, std::shared_ptr<bytes const> frame)
    {
        flying_.insert(
            {run_.now + random_.between(std::chrono::milliseconds{1}, weather_.delay_max), ++sent_, from, to, std::move(frame)});
    }

    void deliver()
    {
        auto const next = *flying_.begin();
        flying_.erase(flying_.begin());
        auto const& from = at(next.from).id;
        at(next.to).up.insert_or_assign(from.name, from); // a message says so, too
        // Exact, and on the heap, so that a sanitizer sees one octet too many.
        std::vector<char> const exact(next.frame->begin(), next.frame->end());
        turn(next.to, input::message, [&](store_type& store) { store.on_message(from, {exact.data(), exact.size()}, run_.now); });
    }

    store_run& run_;
    Make& make_;
    random_stream random_;
    store_weather weather_;
    std::vector<std::unique_ptr<replica>> replicas_;
    std::vector<std::size_t> counting_; // members
    std::set<std::pair<std::size_t, std::size_t>> muted_;
    std::set<flight> flying_;
    std::vector<commit> committing_;
    std::vector<bytes>* recorded_ = nullptr;
    std::uint64_t sent_ = 0;
    std::uint64_t messages_count_ = 0;
    std::uint64_t wakeups_count_ = 0;
    time_point second_ends_at_{};
    std::uint64_t messages_before_ = 0; // the second that runs
    std::uint64_t wakeups_before_ = 0;
    bool stopped_ = false;
    store_judge<replica> judge_;
};

} // namespace drover::conformance
