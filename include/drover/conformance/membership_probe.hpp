// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/conformance/report.hpp>
#include <drover/policy/membership.hpp>
#include <drover/policy/view.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::conformance {

/// The laws of docs/concepts/membership.md that hold after every single input.
struct membership_lasting_laws {
    static constexpr char const* sorted = "a view is sorted by name, and has one entry a name";
    static constexpr char const* self = "a view has the node itself, alive until it leaves";
    static constexpr char const* number = "the number grows by one with each change, and view_changed says so";
    static constexpr char const* kept = "an entry stays, goes to no earlier life, and keeps that it left";
    static constexpr char const* lasting = "formed() stays true, and failure() stays what it is";
    static constexpr char const* effects = "effects name peers that are up and addresses that the machine was told of";
    static constexpr char const* early = "a wake-up before the deadline changes nothing";
    static constexpr char const* deadline = "a wake-up at the deadline sets a later one";
    static constexpr char const* bounded = "wake-ups and frames are bounded in number";
};

/// The entry of this name, or null. A linear search: the view may not be sorted.
[[nodiscard]] inline member const* find_entry(std::vector<member> const& members, std::string_view name)
{
    auto const at = std::find_if(members.begin(), members.end(), [&](member const& each) { return each.id.name == name; });
    return at == members.end() ? nullptr : &*at;
}

/// One machine under observation. What it is given, it is given through here, and after each input its view and its effects
/// are held to the laws that always hold.
template <class M>
class membership_probe {
public:
    /// `context`: what a breach says of the run, such as its seed.
    membership_probe(report& to, M machine, std::string context)
        : report_{&to}, machine_{std::move(machine)}, context_{std::move(context)}
    {
    }

    [[nodiscard]] view const& current_view() const { return machine_.current_view(); }
    [[nodiscard]] time_point deadline() const { return machine_.deadline(); }
    [[nodiscard]] bool formed() const { return machine_.formed(); }
    [[nodiscard]] errc failure() const { return machine_.failure(); }

    /// A hash of all effects so far, and of all views.
    [[nodiscard]] std::uint64_t trace() const { return trace_; }

    membership_effects start(membership_identity const& identity, time_point now)
    {
        self_ = identity.self;
        for (auto const& seed : identity.seeds)
            told_.insert(seed);
        return give([&](membership_effects& out) { machine_.start(identity, now, out); });
    }

    membership_effects on_peer_up(peer const& who, time_point now)
    {
        told_.insert(who.address);
        std::erase_if(up_, [&](node_id const& each) { return each.name == who.id.name; });
        up_.insert(who.id);
        return give([&](membership_effects& out) { machine_.on_peer_up(who, now, out); });
    }

    membership_effects on_peer_down(node_id const& id, time_point now)
    {
        up_.erase(id);
        return give([&](membership_effects& out) { machine_.on_peer_down(id, now, out); });
    }

    membership_effects on_dial_failed(std::string const& address, dial_failure why, errc code, time_point now)
    {
        return give([&](membership_effects& out) { machine_.on_dial_failed(address, why, code, now, out); });
    }

    membership_effects on_message(node_id const& from, bytes_view frame, time_point now)
    {
        return give([&](membership_effects& out) { machine_.on_message(from, frame, now, out); });
    }

    membership_effects on_time(time_point now)
    {
        auto effects = give([&](membership_effects& out) { machine_.on_time(now, out); });
        expect(law::deadline, machine_.deadline() > now, "after a wake-up at ", text(now), " the deadline is ",
            text(machine_.deadline()));
        return effects;
    }

    /// Pre: now < deadline().
    void on_time_early(time_point now)
    {
        auto const before = snapshot();
        auto const due = machine_.deadline();
        auto const effects = give([&](membership_effects& out) { machine_.on_time(now, out); }, false);
        expect(law::early, effects.dials.empty() && effects.undials.empty() && effects.sends.empty(), "a wake-up at ", text(now),
            ", before the deadline at ", text(due), ", has effects");
        expect(law::early, before == snapshot() && machine_.deadline() == due, "a wake-up at ", text(now),
            ", before the deadline at ", text(due), ", changes the view, the deadline, formed() or failure()");
    }

    membership_effects leave(time_point now)
    {
        left_ = true;
        return give([&](membership_effects& out) { machine_.leave(now, out); });
    }

    /// Checks one thing, and says in which run.
    template <class... Parts>
    bool expect(char const* law_name, bool holds, Parts const&... sentence)
    {
        report_->law(law_name);
        return report_->check(holds, sentence..., "; node ", self_.id.name, "/", self_.id.incarnation, ", ", context_);
    }

    /// For sentences: seconds since the run began.
    [[nodiscard]] static std::string text(time_point at)
    {
        if (at == never)
            return "never";
        auto const milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
        return std::to_string(milliseconds) + " ms";
    }

private:
    using law = membership_lasting_laws;

    /// What is visible of the machine.
    struct appearance {
        std::uint64_t number;
        std::vector<member> members;
        bool formed;
        errc failure;

        friend bool operator==(appearance const&, appearance const&) = default;
    };

    [[nodiscard]] appearance snapshot() const
    {
        auto const& seen = machine_.current_view();
        return {seen.number, seen.members, machine_.formed(), machine_.failure()};
    }

    template <class Input>
    membership_effects give(Input input, bool traced = true)
    {
        auto const before = snapshot();
        membership_effects out;
        input(out);
        check_view(before, out.view_changed);
        check_lasting(before);
        check_effects(out);
        if (traced)
            absorb(out);
        return out;
    }

    void check_view(appearance const& before, bool said)
    {
        auto const& now = machine_.current_view();
        bool const other = now.members != before.members;
        bool const counted = now.number == before.number + 1;
        expect(law::number, said ? counted : now.number == before.number && !other, "the view was number ", before.number,
            " and is number ", now.number, other ? ", its members are others" : ", its members are the same",
            said ? ", view_changed is set" : ", view_changed is not set");
        for (std::size_t i = 1; i < now.members.size(); ++i)
            expect(law::sorted, now.members[i - 1].id.name < now.members[i].id.name, "'", now.members[i - 1].id.name,
                "' stands before '", now.members[i].id.name, "'");
        auto const me = find_entry(now.members, self_.id.name);
        expect(law::self,
            me != nullptr && me->id == self_.id && me->address == self_.address
                && (machine_.failure() != errc::success || me->state == (left_ ? member_state::left : member_state::alive)),
            me == nullptr ? "the node itself is missing" : "the node itself is there with another id, address or state: ",
            me == nullptr ? "" : to_string(me->state));
        for (auto const& old : before.members)
            check_kept(old, find_entry(now.members, old.id.name));
    }

    void check_kept(member const& old, member const* now)
    {
        if (old.state != member_state::left)
            expect(law::kept, now != nullptr, "'", old.id.name, "', ", to_string(old.state), ", was forgotten");
        if (now == nullptr)
            return;
        expect(law::kept, now->id.incarnation >= old.id.incarnation, "'", old.id.name, "' went from incarnation ",
            old.id.incarnation, " to ", now->id.incarnation);
        expect(law::kept, old.state != member_state::left || now->id != old.id || now->state == old.state, "'", old.id.name,
            "' had left, and is now ", to_string(now->state));
    }

    void check_lasting(appearance const& before)
    {
        expect(law::lasting, !before.formed || machine_.formed(), "formed() was true, and is false");
        expect(law::lasting, before.failure == errc::success || machine_.failure() == before.failure, "failure() was '",
            describe(before.failure), "', and is '", describe(machine_.failure()), "'");
    }

    void check_effects(membership_effects const& out)
    {
        for (auto const& each : machine_.current_view().members)
            told_.insert(each.address);
        for (auto const& address : out.dials) {
            expect(law::effects, !address.empty() && address != self_.address, "it dials '", address,
                "', which is itself or nothing");
            expect(law::effects, told_.contains(address), "it dials '", address, "', of which nobody told it");
        }
        for (auto const& each : out.sends)
            expect(law::effects, std::any_of(up_.begin(), up_.end(), [&](node_id const& id) { return id.name == each.to; }),
                "it sends to '", each.to, "', with whom it is not connected");
    }

    void absorb(membership_effects const& out)
    {
        for (auto const& address : out.dials)
            absorb(address);
        absorb("undials");
        for (auto const& address : out.undials)
            absorb(address);
        absorb("sends");
        for (auto const& each : out.sends) {
            absorb(each.to);
            absorb(each.frame);
        }
        auto const& now = machine_.current_view();
        trace_ = mix64(trace_ + now.number);
        for (auto const& each : now.members) {
            absorb(each.id.name);
            trace_ = mix64(trace_ + each.id.incarnation * 8 + static_cast<std::uint64_t>(each.state));
        }
        trace_ = mix64(trace_ + static_cast<std::uint64_t>(machine_.deadline().time_since_epoch().count()));
    }

    void absorb(bytes_view text) { trace_ = mix64(trace_ ^ hash64(text)); }

    report* report_;
    M machine_;
    std::string context_;
    peer self_;
    bool left_ = false;
    std::set<node_id> up_;
    std::set<std::string, std::less<>> told_; // addresses
    std::uint64_t trace_ = 0;
};

} // namespace drover::conformance
