// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// Broken memberships: `static_members` with one thing wrong.

#include <drover/membership/static_members.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mutants {

using namespace std::chrono_literals;
using drover::bytes_view;
using drover::dial_failure;
using drover::errc;
using drover::member;
using drover::member_state;
using drover::membership_effects;
using drover::membership_identity;
using drover::node_id;
using drover::peer;
using drover::static_members;
using drover::time_point;

/// `static_members` as it is; a mutant overrides what it does wrong.
class almost_right {
public:
    almost_right() = default;
    explicit almost_right(static_members::options const& chosen) : inner{chosen} {}
    almost_right(almost_right const&) = delete;
    almost_right& operator=(almost_right const&) = delete;
    virtual ~almost_right() = default;

    virtual void start(membership_identity const& identity, time_point now, membership_effects& out)
    {
        inner.start(identity, now, out);
    }
    virtual void on_peer_up(peer const& who, time_point now, membership_effects& out) { inner.on_peer_up(who, now, out); }
    virtual void on_peer_down(node_id const& id, time_point now, membership_effects& out) { inner.on_peer_down(id, now, out); }
    virtual void on_dial_failed(std::string_view address, dial_failure why, errc code, time_point now, membership_effects& out)
    {
        inner.on_dial_failed(address, why, code, now, out);
    }
    virtual void on_message(node_id const& from, bytes_view frame, time_point now, membership_effects& out)
    {
        inner.on_message(from, frame, now, out);
    }
    virtual void on_time(time_point now, membership_effects& out) { inner.on_time(now, out); }
    virtual void leave(time_point now, membership_effects& out) { inner.leave(now, out); }
    [[nodiscard]] virtual time_point deadline() const { return inner.deadline(); }
    [[nodiscard]] virtual bool formed() const { return inner.formed(); }
    [[nodiscard]] virtual errc failure() const { return inner.failure(); }

    /// How the members look from outside.
    virtual void show(std::vector<member>&) {}
    /// The last word on the effects and on the view.
    virtual void finish(time_point, membership_effects&, drover::view&) {}

    static_members inner{};
    peer self{};
    std::set<std::string> up{}; ///< names
    std::uint64_t inner_number = 0;
};

/// A Membership around any of them.
class mutant {
public:
    static constexpr auto capabilities = static_members::capabilities;

    mutant() = default;
    explicit mutant(std::unique_ptr<almost_right> what) : what_{std::move(what)} {}

    void start(membership_identity const& identity, time_point now, membership_effects& out)
    {
        what_->self = identity.self;
        what_->start(identity, now, out);
        settle(now, out);
    }
    void on_peer_up(peer const& who, time_point now, membership_effects& out)
    {
        what_->up.insert(who.id.name);
        what_->on_peer_up(who, now, out);
        settle(now, out);
    }
    void on_peer_down(node_id const& id, time_point now, membership_effects& out)
    {
        what_->up.erase(id.name);
        what_->on_peer_down(id, now, out);
        settle(now, out);
    }
    void on_dial_failed(std::string_view address, dial_failure why, errc code, time_point now, membership_effects& out)
    {
        what_->on_dial_failed(address, why, code, now, out);
        settle(now, out);
    }
    void on_message(node_id const& from, bytes_view frame, time_point now, membership_effects& out)
    {
        what_->on_message(from, frame, now, out);
        settle(now, out);
    }
    void on_time(time_point now, membership_effects& out)
    {
        what_->on_time(now, out);
        settle(now, out);
    }
    void leave(time_point now, membership_effects& out)
    {
        what_->leave(now, out);
        settle(now, out);
    }
    [[nodiscard]] time_point deadline() const { return what_->deadline(); }
    [[nodiscard]] drover::view const& current_view() const { return view_; }
    [[nodiscard]] bool formed() const { return what_->formed(); }
    [[nodiscard]] errc failure() const { return what_->failure(); }

private:
    void settle(time_point now, membership_effects& out)
    {
        auto const& inner = what_->inner.current_view();
        auto members = inner.members;
        what_->show(members);
        bool const news = std::exchange(what_->inner_number, inner.number) != inner.number;
        out.view_changed = news || members != view_.members;
        view_.number += out.view_changed ? 1 : 0;
        view_.members = std::move(members);
        what_->finish(now, out, view_);
    }

    std::unique_ptr<almost_right> what_;
    drover::view view_;
};

// ---- views -----------------------------------------------------------------------------------------------------------

struct unsorted : almost_right {
    void show(std::vector<member>& members) override { std::reverse(members.begin(), members.end()); }
};

struct two_entries_a_name : almost_right {
    void show(std::vector<member>& members) override
    {
        if (!members.empty())
            members.push_back(members.back());
    }
};

struct without_itself : almost_right {
    void show(std::vector<member>& members) override
    {
        if (inner.formed() && up.empty())
            std::erase_if(members, [&](member const& each) { return each.id == self.id; });
    }
};

struct alive_for_ever : almost_right {
    void show(std::vector<member>& members) override
    {
        for (auto& each : members)
            if (each.id == self.id)
                each.state = member_state::alive;
    }
};

struct counts_by_two : almost_right {
    void finish(time_point, membership_effects& out, drover::view& seen) override { seen.number += out.view_changed ? 1 : 0; }
};

struct changes_in_silence : almost_right {
    void finish(time_point, membership_effects& out, drover::view&) override { out.view_changed = false; }
};

struct cries_wolf : almost_right {
    void finish(time_point, membership_effects& out, drover::view&) override { out.view_changed = true; }
};

struct forgets_the_dead : almost_right {
    void show(std::vector<member>& members) override
    {
        std::erase_if(members, [](member const& each) { return each.state == member_state::dead; });
    }
};

/// Every tenth wake-up is news, though nothing is new.
struct restless : almost_right {
    void on_time(time_point now, membership_effects& out) override
    {
        auto const due = inner.deadline();
        inner.on_time(now, out);
        news_ = now >= due && ++wakeups_ % 10 == 0;
    }
    void finish(time_point, membership_effects& out, drover::view& seen) override
    {
        seen.number += std::exchange(news_, false) && !std::exchange(out.view_changed, true) ? 1 : 0;
    }
    bool news_ = false;
    int wakeups_ = 0;
};

/// Somebody who has left, and is connected no more, is dead.
struct buries_leavers : almost_right {
    void on_peer_down(node_id const& id, time_point now, membership_effects& out) override
    {
        inner.on_peer_down(id, now, out);
        auto const* const entry = inner.current_view().find(id.name);
        if (entry != nullptr && entry->state == member_state::left)
            buried_.insert(id);
    }
    void show(std::vector<member>& members) override
    {
        for (auto& each : members)
            if (buried_.contains(each.id))
                each.state = member_state::dead;
    }
    std::set<node_id> buried_;
};

// ---- what it says and wants ------------------------------------------------------------------------------------------

struct unforms : almost_right {
    [[nodiscard]] bool formed() const override
    {
        return inner.formed() && (inner.current_view().members.size() < 2 || !up.empty());
    }
};

struct dials_itself : almost_right {
    void on_peer_up(peer const& who, time_point now, membership_effects& out) override
    {
        inner.on_peer_up(who, now, out);
        out.dials.push_back(self.address);
    }
};

struct dials_strangers : almost_right {
    void on_peer_up(peer const& who, time_point now, membership_effects& out) override
    {
        inner.on_peer_up(who, now, out);
        out.dials.push_back(who.address + "0");
    }
};

struct sends_to_the_lost : almost_right {
    void on_peer_down(node_id const& id, time_point now, membership_effects& out) override
    {
        inner.on_peer_down(id, now, out);
        out.sends.push_back({id.name, "are you there"});
    }
};

struct acts_early : almost_right {
    void on_time(time_point now, membership_effects& out) override { inner.on_time(std::max(now, inner.deadline()), out); }
};

/// Early wake-ups show nothing at once, and are not forgotten.
struct counts_early_ones : almost_right {
    void on_time(time_point now, membership_effects& out) override
    {
        ++wakeups_;
        inner.on_time(now, out);
        if (wakeups_ % 7 == 0)
            std::reverse(out.sends.begin(), out.sends.end());
    }
    int wakeups_ = 0;
};

/// Wants to be called a second time for everything.
struct stays_due : almost_right {
    void on_time(time_point now, membership_effects& out) override
    {
        if (now < inner.deadline() || std::exchange(asked_, !asked_))
            inner.on_time(now, out);
    }
    bool asked_ = false;
};

struct wakes_all_the_time : almost_right {
    void finish(time_point now, membership_effects&, drover::view&) override
    {
        if (now >= next_)
            next_ = now + 100us;
    }
    [[nodiscard]] time_point deadline() const override { return std::min(next_, inner.deadline()); }
    time_point next_{};
};

struct answers_everything : almost_right {
    void on_message(node_id const& from, bytes_view frame, time_point now, membership_effects& out) override
    {
        inner.on_message(from, frame, now, out);
        if (up.contains(from.name))
            out.sends.insert(out.sends.end(), 2, {from.name, "heard"});
    }
};

struct draws_from_outside : almost_right {
    void on_time(time_point now, membership_effects& out) override
    {
        static std::uint64_t calls_count = 0;
        inner.on_time(now, out);
        if (!out.sends.empty() && ++calls_count % 3 == 0)
            std::reverse(out.sends.begin(), out.sends.end());
    }
};

// ---- forming and joining ---------------------------------------------------------------------------------------------

struct never_alone : almost_right {
    [[nodiscard]] bool formed() const override { return inner.formed() && (seeds_ || inner.current_view().members.size() > 1); }
    void start(membership_identity const& identity, time_point now, membership_effects& out) override
    {
        seeds_ = !identity.seeds.empty();
        inner.start(identity, now, out);
    }
    bool seeds_ = false;
};

struct is_no_seed : almost_right {
    void start(membership_identity const& identity, time_point now, membership_effects& out) override
    {
        auto others = identity;
        if (others.seeds.size() > 1)
            std::erase(others.seeds, identity.self.address);
        inner.start(others, now, out);
    }
};

struct forms_unasked : almost_right {
    [[nodiscard]] bool formed() const override { return inner.formed() || gave_up(); }
    [[nodiscard]] errc failure() const override { return gave_up() ? errc::success : inner.failure(); }
    [[nodiscard]] bool gave_up() const { return inner.failure() == errc::seeds_unreachable; }
};

struct never_gives_up : almost_right {
    [[nodiscard]] errc failure() const override
    {
        return inner.failure() == errc::seeds_unreachable ? errc::success : inner.failure();
    }
};

struct hides_the_reason : almost_right {
    [[nodiscard]] errc failure() const override
    {
        return inner.failure() == errc::cluster_mismatch ? errc::seeds_unreachable : inner.failure();
    }
};

/// Takes no list of the members.
struct does_not_listen : almost_right {
    void on_message(node_id const& from, bytes_view frame, time_point now, membership_effects& out) override
    {
        if (frame.size() < 2 || frame[1] != 1)
            inner.on_message(from, frame, now, out);
    }
};

/// Sends no list again: what was lost once is lost.
struct repeats_nothing : almost_right {
    void on_time(time_point now, membership_effects& out) override
    {
        inner.on_time(now, out);
        std::erase_if(out.sends, [](auto const& each) { return each.frame[1] == 1; });
    }
};

struct dials_seeds_only : almost_right {
    void start(membership_identity const& identity, time_point now, membership_effects& out) override
    {
        seeds_ = {identity.seeds.begin(), identity.seeds.end()};
        inner.start(identity, now, out);
    }
    void finish(time_point, membership_effects& out, drover::view&) override
    {
        std::erase_if(out.dials, [&](std::string const& each) { return !seeds_.contains(each); });
    }
    std::set<std::string> seeds_;
};

// ---- faults ----------------------------------------------------------------------------------------------------------

struct sees_no_death : almost_right {
    void show(std::vector<member>& members) override
    {
        for (auto& each : members)
            if (each.state == member_state::dead)
                each.state = member_state::alive;
    }
};

struct takes_a_loss_for_a_death : almost_right {
    void show(std::vector<member>& members) override
    {
        for (auto& each : members)
            if (lost_.contains(each.id) && !up.contains(each.id.name) && each.state == member_state::alive)
                each.state = member_state::dead;
    }
    void on_peer_down(node_id const& id, time_point now, membership_effects& out) override
    {
        lost_.insert(id);
        inner.on_peer_down(id, now, out);
    }
    std::set<node_id> lost_;
};

struct waits_for_ever : almost_right {
    waits_for_ever() : almost_right{static_members::options{.silence_timeout = std::chrono::hours{9}}} {}
};

/// A dial that has no answer counts as one that is refused.
struct impatient : almost_right {
    void on_dial_failed(std::string_view address, dial_failure why, errc code, time_point now, membership_effects& out) override
    {
        inner.on_dial_failed(address, why == dial_failure::timed_out ? dial_failure::refused : why, code, now, out);
    }
};

struct gives_up_the_dead : almost_right {
    void finish(time_point, membership_effects& out, drover::view& seen) override
    {
        if (out.view_changed)
            for (auto const& each : seen.members)
                if (each.state == member_state::dead)
                    out.undials.push_back(each.address);
    }
};

struct leaves_without_a_word : almost_right {
    void leave(time_point now, membership_effects& out) override
    {
        inner.leave(now, out);
        out.sends.clear();
    }
};

// ---- lives -----------------------------------------------------------------------------------------------------------

/// Believes in a later life of one that it knows when it next has time.
struct slow_to_believe : almost_right {
    void on_peer_up(peer const& who, time_point now, membership_effects& out) override
    {
        auto const* const known = inner.current_view().find(who.id.name);
        if (known != nullptr && known->id.incarnation < who.id.incarnation)
            doubted_.insert_or_assign(who.id.name, *known);
        inner.on_peer_up(who, now, out);
    }
    void on_time(time_point now, membership_effects& out) override
    {
        if (now >= inner.deadline())
            doubted_.clear();
        inner.on_time(now, out);
    }
    void show(std::vector<member>& members) override
    {
        for (auto& each : members)
            if (auto const at = doubted_.find(each.id.name); at != doubted_.end())
                each = at->second;
    }
    std::map<std::string, member> doubted_;
};

struct lives_on : almost_right {
    void on_dial_failed(std::string_view address, dial_failure why, errc code, time_point now, membership_effects& out) override
    {
        if (code != errc::name_in_use)
            inner.on_dial_failed(address, why, code, now, out);
    }
};

struct dies_for_others : almost_right {
    void on_dial_failed(std::string_view address, dial_failure why, errc code, time_point now, membership_effects& out) override
    {
        inner.on_dial_failed(
            address, why, why == dial_failure::rejected && code == errc::success ? errc::name_in_use : code, now, out);
    }
};

// ---- what comes from others ------------------------------------------------------------------------------------------

struct believes_rubbish : almost_right {
    void on_message(node_id const& from, bytes_view frame, time_point now, membership_effects& out) override
    {
        inner.on_message(from, frame, now, out);
        if (frame.size() > 40 && frame[0] != 1)
            rude_.insert(from);
    }
    void show(std::vector<member>& members) override
    {
        for (auto& each : members)
            if (rude_.contains(each.id))
                each.state = member_state::left;
    }
    std::set<node_id> rude_;
};

/// Gives up at a message that is cut short.
struct easily_hurt : almost_right {
    void on_message(node_id const& from, bytes_view frame, time_point now, membership_effects& out) override
    {
        inner.on_message(from, frame, now, out);
        auto const fits = drover::heartbeat_messages::visit_message(frame, drover::limits::members_count_max, [](auto const&) {});
        hurt_ = hurt_ || (!fits && frame.size() > 1 && frame[0] == 1 && frame[1] <= 3);
    }
    [[nodiscard]] errc failure() const override { return hurt_ ? errc::version_mismatch : inner.failure(); }
    bool hurt_ = false;
};

} // namespace mutants
