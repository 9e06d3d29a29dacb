// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/conformance/membership_probe.hpp>
#include <drover/conformance/report.hpp>
#include <drover/policy/membership.hpp>
#include <drover/policy/view.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace drover::conformance {

/// Within what a membership machine keeps its promises, in virtual time. The defaults are generous; a machine with long
/// intervals wants longer ones.
struct membership_bounds {
    duration agree_max = std::chrono::seconds{20};   ///< from when all is calm until all views are equal and true
    duration notice_max = std::chrono::seconds{20};  ///< from a death until it is in every view
    duration give_up_max = std::chrono::seconds{60}; ///< from the start until a node without a cluster says so
    std::uint64_t wakeups_per_second_max = 1'000;    ///< of one machine
    std::uint64_t frames_per_second_max = 10'000;    ///< that one machine sends
};

/// A few machines in virtual time, and between them what docs/concepts/transport.md promises: one connection a pair, frames in
/// order, a dial that is tried again until it is given up, a lost connection that is dialled again at once. A function of the
/// seed. Hosts are told apart by name; two hosts may claim the same node name, as two lives of one node.
template <class Make>
class membership_network {
public:
    using machine_type = decltype(std::declval<Make&>()());
    using probe_type = membership_probe<machine_type>;

    static constexpr duration dial_timeout = std::chrono::milliseconds{300};

    membership_network(Make& make, report& to, membership_bounds const& bounds, std::uint64_t seed)
        : make_{&make}, report_{&to}, bounds_{bounds}, seed_{seed}, random_{seed, 1}, early_{seed, 2}
    {
    }
    membership_network(membership_network const&) = delete;
    membership_network& operator=(membership_network const&) = delete;

    std::uint64_t loss_per_million = 0;  ///< of frames
    std::uint64_t early_per_million = 0; ///< of wake-ups before their time, for each event

    // ---- what happens to hosts ---------------------------------------------------------------------------------------

    static std::string address_of(std::string const& host) { return host + ".test:7"; }

    /// A process starts on this host, as this node (empty: named as the host).
    void start(std::string const& host, std::vector<std::string> seeds, incarnation_number incarnation = 1, std::string node = {})
    {
        auto& at = hosts_[host];
        node = node.empty() ? host : node;
        auto machine = (*make_)();
        at.self = {{node, incarnation}, address_of(host)};
        at.probe.emplace(*report_, std::move(machine), "seed " + std::to_string(seed_));
        at.alive = true;
        ++at.life;
        at.paused = false;
        at.leaving = false;
        at.held.clear();
        at.dials.clear();
        membership_identity const identity{at.self, std::move(seeds), mix64(seed_ + hash64(node) + incarnation)};
        carry_out(host, at.probe->start(identity, now_));
    }

    /// The process ends. Its connections are reset, unless a cut link swallows that.
    void crash(std::string const& host)
    {
        auto& at = hosts_.at(host);
        at.alive = false;
        ++at.life;
        for (auto const& [other, open] : std::exchange(at.connections, {}))
            send_reset(host, other, open.number);
    }

    /// It says goodbye; the process ends a moment later. One that is paused, or has said so already, does not.
    void leave(std::string const& host)
    {
        if (hosts_.at(host).paused || std::exchange(hosts_.at(host).leaving, true))
            return;
        carry_out(host, hosts_.at(host).probe->leave(now_));
        after(std::chrono::milliseconds{20}, [this, host, life = hosts_.at(host).life] {
            if (hosts_.at(host).life == life)
                crash(host);
        });
    }

    /// The connection between the two is lost, at both ends.
    void reset(std::string const& one, std::string const& other)
    {
        auto const found = hosts_.at(one).connections.find(other);
        if (found == hosts_.at(one).connections.end())
            return;
        auto const number = found->second.number;
        lose(one, other, number);
        lose(other, one, number);
    }

    /// The host does nothing for so long; what arrives waits.
    void pause(std::string const& host, duration length)
    {
        hosts_.at(host).paused = true;
        after(length, [this, host, life = hosts_.at(host).life] {
            if (hosts_.at(host).life == life)
                resume(host);
        });
    }

    /// Nothing gets from one to the other any more, and nobody is told.
    void cut(std::string const& one, std::string const& other) { cuts_.insert({std::min(one, other), std::max(one, other)}); }
    void isolate(std::string const& host)
    {
        for (auto const& [other, at] : hosts_)
            if (other != host)
                cut(host, other);
    }
    void heal() { cuts_.clear(); }

    /// Whoever dials this host is turned away with this code.
    void turn_away_at(std::string const& host, errc code) { hosts_[host].turns_away = code; }

    /// These octets reach `to` as a frame of the membership of `from`. Pre: they are connected.
    void forge(std::string const& from, std::string const& to, bytes const& frame)
    {
        auto const id = hosts_.at(from).self.id;
        give(to, [=, this](probe_type& probe) { return probe.on_message(id, frame, now_); });
    }

    /// A dial by `host` of this address is rejected.
    void forge_refusal(std::string const& host, std::string const& address, errc code)
    {
        give(host, [=, this](probe_type& probe) { return probe.on_dial_failed(address, dial_failure::rejected, code, now_); });
    }

    // ---- time --------------------------------------------------------------------------------------------------------

    void run_for(duration length)
    {
        auto const until = now_ + length;
        while (step(until)) {
        }
        now_ = until;
    }

    /// Whether `holds` became true within `bound`; stops when it does.
    template <class Predicate>
    bool run_until(Predicate const& holds, duration bound)
    {
        auto const until = now_ + bound;
        while (!holds())
            if (!step(until)) {
                now_ = until;
                return holds();
            }
        return true;
    }

    /// A machine wants more turns, or sends more, than any sane one would. Nothing runs any more.
    [[nodiscard]] bool stormy() const { return stormy_; }

    // ---- what is seen ------------------------------------------------------------------------------------------------

    [[nodiscard]] probe_type& operator[](std::string const& host) { return *hosts_.at(host).probe; }
    [[nodiscard]] bool alive(std::string const& host) const { return hosts_.at(host).alive; }
    [[nodiscard]] bool connected(std::string const& one, std::string const& other) const
    {
        return hosts_.at(one).connections.contains(other);
    }
    [[nodiscard]] std::vector<bytes> const& sample() const { return sample_; }
    [[nodiscard]] random_stream& random() { return random_; }

    [[nodiscard]] std::vector<std::string> alive_hosts() const
    {
        std::vector<std::string> names;
        for (auto const& [name, at] : hosts_)
            if (at.alive)
                names.push_back(name);
        return names;
    }

    /// Of those that were started, how many found no cluster, or are members no more.
    [[nodiscard]] std::size_t failed_count() const
    {
        return static_cast<std::size_t>(std::count_if(hosts_.begin(), hosts_.end(),
            [](auto const& each) { return each.second.probe && each.second.probe->failure() != errc::success; }));
    }

    /// Every host that runs has formed, all see the same, and that is the truth.
    [[nodiscard]] bool agreed() const
    {
        return std::all_of(
            hosts_.begin(), hosts_.end(), [&](auto const& each) { return !each.second.alive || sees_truth(each.first); });
    }

    /// What the first host whose view is not the common truth sees; for sentences.
    [[nodiscard]] std::string disagreement() const
    {
        for (auto const& [name, at] : hosts_)
            if (at.alive && !sees_truth(name))
                return "'" + name + "' sees " + describe_view(name);
        return "all see the truth";
    }

    /// How this host sees this node; none: not at all.
    [[nodiscard]] std::optional<member_state> seen_by(std::string const& host, node_id const& id) const
    {
        auto const* const entry = find_entry(hosts_.at(host).probe->current_view().members, id.name);
        return entry == nullptr || entry->id != id ? std::nullopt : std::optional{entry->state};
    }

    /// How all living hosts but the node itself see this node; none: they differ, or do not know it.
    [[nodiscard]] std::optional<member_state> seen_by_all(node_id const& id) const
    {
        std::optional<member_state> common;
        for (auto const& [name, at] : hosts_) {
            if (!at.alive || at.self.id.name == id.name)
                continue;
            auto const seen = seen_by(name, id);
            if (!seen || (common && *common != *seen))
                return std::nullopt;
            common = seen;
        }
        return common;
    }

    /// Of all hosts, dead or alive: what they did.
    [[nodiscard]] std::uint64_t trace() const
    {
        std::uint64_t sum = 0;
        for (auto const& [name, at] : hosts_)
            sum = mix64(sum ^ hash64(name)) + (at.probe ? at.probe->trace() : 0);
        return sum;
    }

    [[nodiscard]] std::string describe_views() const
    {
        std::string text;
        for (auto const& host : alive_hosts())
            text += ", '" + host + "' sees " + describe_view(host);
        return text;
    }

    [[nodiscard]] std::string describe_view(std::string const& host) const
    {
        auto const& at = hosts_.at(host);
        std::string text = at.probe->formed() ? "(formed)" : "(not formed)";
        if (at.probe->failure() != errc::success)
            text += std::string{" (failed: "} + describe(at.probe->failure()) + ')';
        for (auto const& each : at.probe->current_view().members)
            text += ' ' + each.id.name + '/' + std::to_string(each.id.incarnation) + ' ' + to_string(each.state);
        return text;
    }

private:
    struct connection {
        std::uint64_t number;
        node_id peer;
    };

    struct host_state {
        peer self{};
        std::optional<probe_type> probe{};
        bool alive = false;
        std::uint64_t life = 0;
        bool paused = false;
        bool leaving = false;
        errc turns_away = errc::success;
        std::deque<std::function<void()>> held{};        // what came during the pause
        std::map<std::string, std::uint64_t> dials{};    // address -> number of the dial
        std::map<std::string, connection> connections{}; // by the other host
        std::uint64_t wakeups_count = 0;                 // in this second
        std::uint64_t frames_count = 0;                  // in this second
    };

    // ---- events ------------------------------------------------------------------------------------------------------

    void after(duration delay, std::function<void()> what)
    {
        events_.emplace(std::pair{now_ + delay, ++sequence_}, std::move(what));
    }

    /// Does what is next, not after `until`.
    bool step(time_point until)
    {
        auto next = events_.empty() ? never : events_.begin()->first.first;
        std::string due;
        for (auto const& [name, at] : hosts_)
            if (at.alive && !at.paused && std::max(now_, at.probe->deadline()) < next) {
                next = std::max(now_, at.probe->deadline());
                due = name;
            }
        if (stormy_ || next > until)
            return false;
        wake_early(next);
        count_seconds(next);
        now_ = next;
        if (due.empty())
            events_.extract(events_.begin()).mapped()();
        else
            wake(due);
        return true;
    }

    void wake(std::string const& host)
    {
        auto& at = hosts_.at(host);
        if (++at.wakeups_count > bounds_.wakeups_per_second_max)
            return call_storm(host, "wakes up more than ", bounds_.wakeups_per_second_max);
        carry_out(host, at.probe->on_time(now_));
    }

    /// Some machine may be woken before its time.
    void wake_early(time_point before)
    {
        if (early_per_million == 0 || !early_.chance(early_per_million))
            return;
        for (auto& [name, at] : hosts_)
            if (at.alive && !at.paused && early_.chance(500'000))
                if (auto const when = early_.chance(500'000) ? now_ : before; when < at.probe->deadline())
                    at.probe->on_time_early(when);
    }

    void count_seconds(time_point next)
    {
        using std::chrono::seconds;
        if (next.time_since_epoch() / seconds{1} == now_.time_since_epoch() / seconds{1})
            return;
        for (auto& [name, at] : hosts_)
            at.wakeups_count = at.frames_count = 0;
    }

    void call_storm(std::string const& host, char const* what, std::uint64_t bound)
    {
        if (std::exchange(stormy_, true))
            return;
        hosts_.at(host).probe->expect(membership_lasting_laws::bounded, false, what, bound, " times in a second");
    }

    template <class Input>
    void give(std::string const& host, Input input)
    {
        auto& at = hosts_.at(host);
        if (!at.alive)
            return;
        if (at.paused)
            at.held.push_back([this, host, input] { give(host, input); });
        else
            carry_out(host, input(*at.probe));
    }

    void resume(std::string const& host)
    {
        auto& at = hosts_.at(host);
        at.paused = false;
        auto const life = at.life;
        for (auto& what : std::exchange(at.held, {}))
            if (at.life == life)
                what();
    }

    // ---- what the transport does -------------------------------------------------------------------------------------

    void carry_out(std::string const& host, membership_effects const& out)
    {
        auto& at = hosts_.at(host);
        for (auto const& address : out.dials)
            if (at.dials.try_emplace(address, ++sequence_).second)
                dial(host, address);
        for (auto const& address : out.undials)
            at.dials.erase(address);
        for (auto const& each : out.sends)
            send(host, each.to, each.frame);
        if (at.probe->failure() != errc::success && at.alive)
            crash(host); // as a node does
    }

    void send(std::string const& from, std::string const& node, bytes const& frame)
    {
        auto& at = hosts_.at(from);
        if (++at.frames_count > bounds_.frames_per_second_max)
            return call_storm(from, "sends more than ", bounds_.frames_per_second_max);
        keep_sample(frame);
        auto const found = std::find_if(
            at.connections.begin(), at.connections.end(), [&](auto const& each) { return each.second.peer.name == node; });
        if (found == at.connections.end())
            return;
        auto const to = found->first;
        bool const lost = random_.chance(loss_per_million);
        if (lost || is_cut(from, to))
            return;
        after(latency(from, to), [=, this, number = found->second.number] { arrive(from, to, number, frame); });
    }

    void arrive(std::string const& from, std::string const& to, std::uint64_t number, bytes const& frame)
    {
        auto const& open = hosts_.at(to).connections;
        auto const at = open.find(from);
        if (at == open.end() || at->second.number != number)
            return send_reset(to, from, number);
        auto const id = at->second.peer;
        give(to, [=, this](probe_type& probe) { return probe.on_message(id, frame, now_); });
    }

    void send_reset(std::string const& from, std::string const& to, std::uint64_t number)
    {
        after(latency(from, to), [=, this] {
            if (!is_cut(from, to))
                lose(to, from, number);
        });
    }

    void dial(std::string const& host, std::string const& address)
    {
        auto const& at = hosts_.at(host);
        auto const wanted = at.dials.find(address);
        auto const to = host_at(address);
        if (wanted == at.dials.end() || at.connections.contains(to))
            return;
        bool const silent = is_cut(host, to) || (hosts_.contains(to) && hosts_.at(to).paused);
        after(silent ? dial_timeout : 2 * latency(host, to),
            [=, this, number = wanted->second, life = at.life] { dialled(host, life, address, number, silent); });
    }

    void dialled(std::string const& host, std::uint64_t life, std::string const& address, std::uint64_t number, bool silent)
    {
        auto& at = hosts_.at(host);
        auto const wanted = at.dials.find(address);
        auto const to = host_at(address);
        if (at.life != life || wanted == at.dials.end() || wanted->second != number || at.connections.contains(to))
            return;
        auto const target = hosts_.find(to);
        bool const listens = target != hosts_.end() && (target->second.alive || target->second.turns_away != errc::success);
        if (silent || !listens)
            return fail(host, address, silent ? dial_failure::timed_out : dial_failure::refused, errc::success, number);
        if (auto const code = refusal_of(at, target->second))
            return fail(host, address, dial_failure::rejected, *code, number);
        connect(host, to);
    }

    /// Why the one that is dialled does not want the one that dials, or the other way round.
    [[nodiscard]] std::optional<errc> refusal_of(host_state const& from, host_state const& to) const
    {
        if (to.turns_away != errc::success)
            return to.turns_away;
        auto const is_later = [](host_state const& where, node_id const& than) {
            return std::any_of(where.connections.begin(), where.connections.end(), [&](auto const& each) {
                return each.second.peer.name == than.name && each.second.peer.incarnation > than.incarnation;
            });
        };
        if (is_later(to, from.self.id))
            return errc::name_in_use;
        if (from.self.id.name == to.self.id.name)
            return from.self.id.incarnation < to.self.id.incarnation ? errc::name_in_use : errc::success;
        return is_later(from, to.self.id) ? std::optional{errc::success} : std::nullopt;
    }

    void fail(std::string const& host, std::string const& address, dial_failure why, errc code, std::uint64_t number)
    {
        auto const life = hosts_.at(host).life;
        give(host, [=, this](probe_type& probe) { return probe.on_dial_failed(address, why, code, now_); });
        after(random_.between(std::chrono::milliseconds{50}, std::chrono::milliseconds{400}), [=, this] {
            auto const& at = hosts_.at(host);
            auto const wanted = at.dials.find(address);
            if (at.life == life && wanted != at.dials.end() && wanted->second == number)
                dial(host, address);
        });
    }

    void connect(std::string const& one, std::string const& other)
    {
        auto const number = ++connections_count_;
        for (auto const& [here, there] : {std::pair{one, other}, std::pair{other, one}}) {
            auto const who = hosts_.at(there).self;
            replace(here, who.id);
            hosts_.at(here).connections[there] = {number, who.id};
        }
        for (auto const& [here, there] : {std::pair{one, other}, std::pair{other, one}})
            give(here, [who = hosts_.at(there).self, this](probe_type& probe) { return probe.on_peer_up(who, now_); });
    }

    /// An earlier life of the peer that comes up is gone.
    void replace(std::string const& here, node_id const& by)
    {
        auto const open = hosts_.at(here).connections;
        for (auto const& [there, old] : open)
            if (old.peer.name == by.name && old.peer != by) {
                lose(here, there, old.number);
                send_reset(here, there, old.number);
            }
    }

    /// `here` learns that its connection with `there` is gone.
    void lose(std::string const& here, std::string const& there, std::uint64_t number)
    {
        auto& at = hosts_.at(here);
        auto const found = at.connections.find(there);
        if (!at.alive || found == at.connections.end() || found->second.number != number)
            return;
        auto const id = found->second.peer;
        at.connections.erase(found);
        give(here, [=, this](probe_type& probe) { return probe.on_peer_down(id, now_); });
        dial(here, address_of(there));
    }

    [[nodiscard]] std::string host_at(std::string const& address) const
    {
        for (auto const& [name, at] : hosts_)
            if (address_of(name) == address)
                return name;
        return {};
    }

    [[nodiscard]] bool is_cut(std::string const& one, std::string const& other) const
    {
        return cuts_.contains({std::min(one, other), std::max(one, other)});
    }

    /// 1 to 3 ms, and the same for one direction of a link at all times: so frames keep their order.
    [[nodiscard]] duration latency(std::string const& from, std::string const& to) const
    {
        return duration{1'000'000 + static_cast<duration::rep>(mix64(hash64(from + '>' + to) + seed_) % 2'000'000)};
    }

    // ---- the truth ---------------------------------------------------------------------------------------------------

    [[nodiscard]] bool sees_truth(std::string const& host) const
    {
        auto const& probe = *hosts_.at(host).probe;
        if (!probe.formed())
            return false;
        for (auto const& [name, at] : hosts_) {
            auto const* const entry = find_entry(probe.current_view().members, at.self.id.name);
            if (at.alive && (entry == nullptr || entry->id != at.self.id || entry->state != member_state::alive))
                return false;
            if (at.alive && at.probe->current_view().members != probe.current_view().members)
                return false;
        }
        auto const& members = probe.current_view().members;
        return std::all_of(members.begin(), members.end(), [&](member const& each) {
            return each.state != member_state::alive || std::any_of(hosts_.begin(), hosts_.end(), [&](auto const& host_at) {
                return host_at.second.alive && host_at.second.self.id == each.id;
            });
        });
    }

    void keep_sample(bytes const& frame)
    {
        constexpr std::size_t sample_count_max = 64;
        if (sample_.size() < sample_count_max)
            sample_.push_back(frame);
        else
            sample_[sequence_ % sample_count_max] = frame;
    }

    Make* make_;
    report* report_;
    membership_bounds bounds_;
    std::uint64_t seed_;
    random_stream random_;
    random_stream early_;                          // apart, so that it shifts nothing else
    time_point now_{std::chrono::hours{24 * 365}}; // any time line will do
    std::uint64_t sequence_ = 0;
    std::uint64_t connections_count_ = 0;
    bool stormy_ = false;
    std::map<std::pair<time_point, std::uint64_t>, std::function<void()>> events_;
    std::map<std::string, host_state> hosts_;
    std::set<std::pair<std::string, std::string>> cuts_;
    std::vector<bytes> sample_; // frames that were sent
};

} // namespace drover::conformance
