// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>
#include <drover/membership/heartbeat_messages.hpp>
#include <drover/membership/member_table.hpp>
#include <drover/membership/static_members_options.hpp>
#include <drover/policy/capabilities.hpp>
#include <drover/policy/membership.hpp>
#include <drover/policy/transport.hpp>
#include <drover/policy/view.hpp>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover {

/// Membership for small clusters: every member is connected to every other, and tells each of them, at every interval, the
/// heartbeat counters of all that it knows to be alive. `member_table` holds the rules by which this becomes a view.
///
/// How news travels. What a node finds out itself (a peer came up, a dial was refused, it leaves) it tells all its peers at
/// once; what it hears from others it does not pass on. Heartbeats carry a digest of the sender's view, and whoever finds
/// that it differs from its own sends its whole list at its next beat: so what was lost on the way is repaired.
///
/// How a death is found. A lost connection is re-dialled by the transport at once. A refusal means that the process is gone,
/// and all know it a few messages later. Anything else is left to the counters: a member is alive while its counter grows,
/// whoever it is heard from, so one broken link declares nobody dead. The dead stay dialled, so that halves of a split
/// find each other; so do the seeds. A node that was itself held up does not count that time as the silence of others.
///
/// Joining. A node without other seeds forms a cluster at once. One with seeds waits for the list of a node that belongs to a
/// cluster; two that have each other as seeds form one together; with a seed that goes on looking for a cluster itself, a
/// node forms one after `form_alone_after`, as a node whose own address is among the seeds does if nobody answers.
///
/// Traffic: members x (members x 10 + 12) octets an interval and node. Work: O(members) an input.
///
/// `Effects`: what is appended to; see `membership_effects`.
template <class Effects>
class basic_static_members {
public:
    using options = static_members_options;

    static constexpr membership_capabilities capabilities{
        .detects_silence = true, .needs_full_mesh = true, .indirect_evidence = true};

    basic_static_members() = default;

    /// Pre: validate(chosen) is empty.
    explicit basic_static_members(options chosen) : options_{chosen}
    {
        expects(validate(chosen).empty(), "static_members needs valid options: see validate()");
    }

    /// Pre: not started; the identity has a name and an address within their limits.
    void start(membership_identity const& identity, time_point now, Effects& out)
    {
        expects(phase_ == phase::idle, "static_members was started twice");
        expects(acceptable(identity.self), "static_members needs a name and an address within their limits");
        table_.open(identity.self, options_.members_count_max, now);
        address_ = identity.self.address;
        seeds_ = sorted_once(identity.seeds);
        bool const may_form_alone = std::erase(seeds_, address_) > 0;
        next_beat_ = saturating_add(now, options_.heartbeat_interval);
        give_up_at_ = saturating_add(now, options_.join_timeout);
        asked_ = seeds_;
        formed_ = seeds_.empty();
        phase_ = formed_ ? phase::formed : phase::joining;
        if (may_form_alone)
            form_at_ = saturating_add(now, options_.form_alone_after);
        news_ = true;
        settle(out);
    }

    void on_peer_up(peer const& who, time_point now, Effects& out)
    {
        if (!running() || !counts(acceptable(who)))
            return;
        // What we knew before: a member that we took for dead learns so, and refutes it to all.
        auto const known_before = reports_of_all();
        bool const news = table_.meet(who, now);
        send_list(who, known_before, out);
        if (news) {
            news_ = true;
            tell_others(who.id.name, out);
        }
        settle(out);
    }

    void on_peer_down(node_id const& id, time_point, Effects&)
    {
        if (running())
            table_.part(id);
    }

    void on_dial_failed(std::string_view address, dial_failure why, errc code, time_point, Effects& out)
    {
        if (!running())
            return;
        if (formed_ && why == dial_failure::rejected && code == errc::name_in_use) {
            // A later life of this name is in the cluster: we are what it was before, and stop, so that nothing runs twice.
            failure_ = code;
            return stop(phase::failed);
        }
        if (phase_ == phase::joining && why == dial_failure::rejected && code != errc::success) {
            rejection_ = code;
            std::erase(asked_, address);
            if (asked_.empty() && form_at_ == never)
                return end_joining(out); // all have answered, and none lets us in: waiting would not change it
        }
        if (why == dial_failure::refused)
            table_.bury_refused(address, [&](heartbeat_messages::obituary const& found) {
                news_ = true;
                tell_all(encode(found), out);
            });
        settle(out);
    }

    void on_message(node_id const& from, bytes_view frame, time_point now, Effects& out)
    {
        if (!running())
            return;
        auto* const sender = table_.find(from.name);
        if (!counts(sender != nullptr && sender->who.id == from && !table_.is_self(*sender)))
            return;
        // The limit of all nodes, not of this one: a node with less room must not take what others say for rubbish.
        auto const understood = heartbeat_messages::visit_message(frame, limits::members_count_max, [&](auto const& told) {
            news_ |= table_.hear(*sender, now);
            take(told, from, now, out);
        });
        if (counts(understood))
            settle(out);
    }

    void on_time(time_point now, Effects& out)
    {
        if (now < deadline_)
            return;
        if (now - next_beat_ >= options_.heartbeat_interval)
            table_.excuse(now - next_beat_, now);
        if (phase_ == phase::joining && now >= joining_ends_at())
            end_joining(out);
        if (running()) {
            news_ |= table_.bury_silent(now, options_.silence_timeout);
            if (now >= next_beat_)
                beat(now, out);
        }
        settle(out);
    }

    /// Says goodbye. Nothing changes the view afterwards.
    void leave(time_point, Effects& out)
    {
        if (!running())
            return;
        table_.leave();
        tell_self(out);
        stop(phase::left);
        settle(out);
    }

    [[nodiscard]] time_point deadline() const { return deadline_; }
    [[nodiscard]] view const& current_view() const { return view_; }
    /// Stays true once it is, also when this node has left.
    [[nodiscard]] bool formed() const { return formed_; }
    [[nodiscard]] errc failure() const { return failure_; }

    /// Inputs that were ignored: malformed messages, messages from strangers, members over the limit.
    [[nodiscard]] std::uint64_t rejected_count() const { return rejected_count_ + table_.turned_away_count(); }

private:
    enum class phase : std::uint8_t {
        idle,    ///< before start
        joining, ///< looks for a cluster
        formed,  ///< belongs to one
        failed,  ///< found none
        left,    ///< said goodbye
    };

    [[nodiscard]] static bool acceptable(peer const& who)
    {
        return !who.id.name.empty() && who.id.name.size() <= limits::node_name_size_max && !who.address.empty()
            && who.address.size() <= limits::address_size_max;
    }

    [[nodiscard]] static std::vector<std::string> sorted_once(std::vector<std::string> addresses)
    {
        std::sort(addresses.begin(), addresses.end());
        addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
        return addresses;
    }

    [[nodiscard]] bool running() const { return phase_ == phase::joining || phase_ == phase::formed; }

    [[nodiscard]] bool is_seed(std::string_view address) const
    {
        return std::binary_search(seeds_.begin(), seeds_.end(), address);
    }

    /// Passes `accepted` on, and counts when it is false.
    bool counts(bool accepted)
    {
        rejected_count_ += accepted ? 0 : 1;
        return accepted;
    }

    void take(heartbeat_messages::members const& told, node_id const& from, time_point now, Effects& out)
    {
        for (auto const& each : told.reports) {
            if (each.state == member_state::dead)
                refute(each.id, each.counter, out);
            news_ |= table_.merge(each, now);
        }
        if (phase_ != phase::joining || !told.complete)
            return;
        auto const* const sender = table_.find(from.name);
        bool const from_seed = sender != nullptr && is_seed(sender->who.address);
        if (told.formed || (from_seed && told.you_are_a_seed))
            form(out);
        else if (from_seed)
            form_at_ = std::min(form_at_, saturating_add(now, options_.form_alone_after));
    }

    void take(heartbeat_messages::heartbeat const& told, node_id const& from, time_point now, Effects&)
    {
        for (auto const& each : told.pulses)
            news_ |= table_.merge(each, now);
        if (auto* const sender = table_.find(from.name))
            sender->peer_digest = told.digest;
    }

    void take(heartbeat_messages::obituary const& told, node_id const&, time_point, Effects& out)
    {
        refute(told.id, told.counter, out);
        news_ |= table_.merge(told);
    }

    /// When it is this life that is called dead: raises the counter over what was said, and tells all. A counter that is
    /// larger already needs no help: the next heartbeats carry it.
    void refute(node_id const& id, std::uint64_t counter, Effects& out)
    {
        auto& self = table_.self();
        if (id != self.who.id || self.counter > counter)
            return;
        self.counter = heartbeat_messages::grown(counter, 1);
        tell_self(out);
    }

    void beat(time_point now, Effects& out)
    {
        auto& self = table_.self();
        self.counter = heartbeat_messages::grown(self.counter, 1);
        next_beat_ = saturating_add(next_beat_, options_.heartbeat_interval);
        if (next_beat_ <= now)
            next_beat_ = saturating_add(now, options_.heartbeat_interval);
        auto const digest = formed_ ? table_.digest() : heartbeat_messages::undecided;
        tell_all(encode(heartbeat_messages::heartbeat{digest, pulses()}), out);
        for (auto const& each : table_.records())
            if (reachable(each) && each.peer_digest && (each.peer_digest != digest || !formed_))
                send_list({each.who.id, each.who.address}, reports_of_all(), out);
    }

    [[nodiscard]] time_point joining_ends_at() const { return form_at_ != never ? form_at_ : give_up_at_; }

    void end_joining(Effects& out)
    {
        if (form_at_ != never)
            return form(out);
        failure_ = rejection_ != errc::success ? rejection_ : errc::seeds_unreachable;
        stop(phase::failed);
    }

    /// From now on the view is the cluster's. Those that wait for us are told.
    void form(Effects& out)
    {
        phase_ = phase::formed;
        formed_ = true;
        news_ = true;
        for (auto const& each : table_.records())
            if (reachable(each))
                send_list({each.who.id, each.who.address}, reports_of_all(), out);
    }

    void stop(phase last)
    {
        phase_ = last;
        news_ = true;
    }

    [[nodiscard]] bool reachable(member_record const& record) const
    {
        return record.connected && record.who.state != member_state::left && !table_.is_self(record);
    }

    void tell_all(bytes const& frame, Effects& out, std::string_view except = {}) const
    {
        for (auto const& each : table_.records())
            if (reachable(each) && each.who.id.name != except)
                out.sends.push_back({each.who.id.name, frame});
    }

    void tell_self(Effects& out)
    {
        tell_all(encode(heartbeat_messages::members{.formed = formed_, .reports = {report_of(table_.self())}}), out);
    }

    void tell_others(std::string const& name, Effects& out)
    {
        auto const* const record = table_.find(name);
        tell_all(encode(heartbeat_messages::members{.formed = formed_, .reports = {report_of(*record)}}), out, name);
    }

    void send_list(peer const& to, std::vector<heartbeat_messages::report> reports, Effects& out) const
    {
        heartbeat_messages::members const told{
            .complete = true, .formed = formed_, .you_are_a_seed = is_seed(to.address), .reports = std::move(reports)};
        out.sends.push_back({to.id.name, encode(told)});
    }

    [[nodiscard]] static heartbeat_messages::report report_of(member_record const& record)
    {
        auto const dead = record.who.state == member_state::dead;
        return {record.who.id, record.who.address, record.who.state, dead ? record.death_counter : record.counter};
    }

    [[nodiscard]] std::vector<heartbeat_messages::report> reports_of_all() const
    {
        std::vector<heartbeat_messages::report> reports;
        reports.reserve(table_.records().size());
        for (auto const& each : table_.records())
            reports.push_back(report_of(each));
        return reports;
    }

    [[nodiscard]] std::vector<heartbeat_messages::pulse> pulses() const
    {
        std::vector<heartbeat_messages::pulse> alive;
        for (auto const& each : table_.records())
            if (each.who.state == member_state::alive)
                alive.push_back({heartbeat_messages::fingerprint(each.who.id), each.counter});
        return alive;
    }

    /// The end of every input: publishes what has changed, and sets the deadline.
    void settle(Effects& out)
    {
        if (std::exchange(news_, false)) {
            view_.members.clear();
            for (auto const& each : table_.records())
                view_.members.push_back(each.who);
            ++view_.number;
            out.view_changed = true;
            settle_dials(out);
        }
        deadline_ = running() ? std::min(next_beat_, saturating_add(table_.oldest_heard_at(), options_.silence_timeout)) : never;
        if (phase_ == phase::joining)
            deadline_ = std::min(deadline_, joining_ends_at());
    }

    /// Dialled are the seeds and all members that have not left, as long as this node has a part in it.
    void settle_dials(Effects& out)
    {
        std::vector<std::string> wanted;
        if (running()) {
            wanted = seeds_;
            for (auto const& each : table_.records())
                if (each.who.state != member_state::left && each.who.address != address_)
                    wanted.push_back(each.who.address);
            wanted = sorted_once(std::move(wanted));
        }
        std::set_difference(wanted.begin(), wanted.end(), dialled_.begin(), dialled_.end(), std::back_inserter(out.dials));
        std::set_difference(dialled_.begin(), dialled_.end(), wanted.begin(), wanted.end(), std::back_inserter(out.undials));
        dialled_ = std::move(wanted);
    }

    options options_;
    phase phase_ = phase::idle;
    bool formed_ = false;
    std::string address_;
    std::vector<std::string> seeds_;   ///< sorted, without our own address
    std::vector<std::string> dialled_; ///< sorted
    member_table table_;
    view view_;
    bool news_ = false; ///< the view is another one since the last `settle`
    time_point next_beat_ = never;
    time_point give_up_at_ = never;
    time_point form_at_ = never;
    time_point deadline_ = never;
    errc rejection_ = errc::success;
    errc failure_ = errc::success;
    std::vector<std::string> asked_; // seeds that have not turned us away
    std::uint64_t rejected_count_ = 0;
};

using static_members = basic_static_members<membership_effects>;

static_assert(membership<static_members>);

} // namespace drover
