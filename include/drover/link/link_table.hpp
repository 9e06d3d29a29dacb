// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/error.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/link/backoff.hpp>
#include <drover/link/dial_book.hpp>
#include <drover/link/handshake.hpp>
#include <drover/link/link_effects.hpp>
#include <drover/link/peer_book.hpp>
#include <drover/policy/transport.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace drover::link {

/// Callers that may be connected without having said who they are; over it, the one that has been silent longest goes.
inline constexpr std::size_t silent_callers_count_max = 256;
/// Addresses that may be wanted at once.
inline constexpr std::size_t wanted_addresses_count_max = 2 * limits::members_count_max;

/// Owns every connection of one node: whom to dial and when, who may call, and which connection is the one with a peer.
///
///     dialled:  connecting --connected--> greeting --welcome--> established
///     called:                             greeting --hello----> established
///
/// A machine without I/O: inputs append effects, which the interpreter carries out in order. Frames of an established
/// connection are none of its business. Inputs about a connection that it closed, or never knew, change nothing.
///
/// Two nodes keep one connection. When there are two, both nodes keep the same: that which was dialled by the node of the
/// smaller name, and of two dialled by one node the later. One exception repairs what only one side can see: a node that was
/// turned away for a connection that it does not have says so (`hello::insist`), and then counts.
///
/// Every input is O(log n) in the connections and wanted addresses, but for text.
///
/// `Effects`: what is appended to, by `emplace_back`; see `link_effects`.
template <class Effects>
class basic_link_table {
public:
    /// The first wait after a connection was lost and the dial that followed at once found the listener still there; doubles,
    /// up to `transport_options::backoff_min`.
    static constexpr duration wait_after_loss_min = std::chrono::microseconds{250};

    /// Pre: `options.advertise` is what others dial; where it is empty, `options.listen` is.
    basic_link_table(transport_options const& options, random_stream random)
        : dial_timeout_{options.dial_timeout}, backoff_min_{options.backoff_min}, backoff_max_{options.backoff_max},
          identity_{options.cluster_name, {options.self, options.advertise.empty() ? options.listen : options.advertise}},
          random_{random}
    {
        expects(!options.self.name.empty() && options.self.name.size() <= limits::node_name_size_max,
            "a node has a name of at most node_name_size_max octets");
        expects(options.cluster_name.size() <= limits::cluster_name_size_max,
            "a cluster has a name of at most cluster_name_size_max octets");
        expects(!identity_.self.address.empty() && identity_.self.address.size() <= limits::address_size_max,
            "a node has an address of at most address_size_max octets");
        expects(backoff_min_ >= duration::zero() && backoff_min_ <= backoff_max_, "backoff_min is at most backoff_max");
    }

    /// For tests of the negotiation: as if this code spoke other wire versions.
    void speak_versions(std::uint64_t oldest, std::uint64_t newest)
    {
        identity_.version_oldest = oldest;
        identity_.version_newest = newest;
    }

    [[nodiscard]] peer const& self() const { return identity_.self; }

    /// A name for a connection that somebody else opened, to be given to `on_accepted`. Grows.
    [[nodiscard]] connection_id next_connection() { return ++last_connection_; }

    /// Keep a connection to this address from now on.
    void want(std::string_view address, time_point now, Effects& out)
    {
        if (address == identity_.self.address)
            return report(out, address, dial_failure::rejected, errc::success, "this is this node itself");
        if (address.empty() || address.size() > limits::address_size_max)
            return report(out, address, dial_failure::unreachable, errc::invalid_address, describe(errc::invalid_address));
        if (dials_.size() >= wanted_addresses_count_max)
            return report(out, address, dial_failure::unreachable, errc::success, "too many addresses are wanted");
        auto const [entry, made] = dials_.want(address);
        if (made)
            pursue(entry->first, entry->second, now, out);
    }

    /// Stop trying to reach this address. A connection that is up stays.
    void unwant(std::string_view address, Effects& out) { abandon(dials_.unwant(address), out); }

    /// Somebody connected to us. Pre: `connection` is from `next_connection`.
    void on_accepted(connection_id connection, time_point now, Effects& out)
    {
        if (silent_callers_.size() >= silent_callers_count_max) {
            out.emplace_back(caller_refused{{}, "too many callers are connected without having said who they are"});
            close(*silent_callers_.begin(), out);
        }
        silent_callers_.insert(connection);
        open(connection, line{.incoming = true, .phase = phase::greeting}, now);
    }

    /// An `open_connection` succeeded.
    void on_connected(connection_id connection, Effects& out)
    {
        auto const at = lines_.find(connection);
        if (at == lines_.end() || at->second.phase != phase::connecting)
            return;
        at->second.phase = phase::greeting;
        auto const* const entry = dials_.find(at->second.address);
        bool const insist = entry != nullptr && entry->insist;
        out.emplace_back(send_frame{connection, encode(hello{identity_, connection, insist})});
    }

    /// An `open_connection` failed.
    void on_connect_failed(connection_id connection, dial_failure why, std::string_view sentence, time_point now, Effects& out)
    {
        if (auto const at = lines_.find(connection); at != lines_.end() && at->second.phase == phase::connecting)
            fail(connection, why, errc::success, sentence, now, out);
    }

    /// The first frame that came on a connection. Frames that follow a `peer_up` are not given to the table.
    void on_frame(connection_id connection, bytes_view frame, time_point now, Effects& out)
    {
        auto const at = lines_.find(connection);
        if (at == lines_.end() || at->second.phase != phase::greeting)
            return;
        if (at->second.incoming)
            on_hello(connection, frame, now, out);
        else
            on_answer(connection, frame, now, out);
    }

    /// A connection ended that the table did not close.
    void on_closed(connection_id connection, time_point now, Effects& out)
    {
        auto const at = lines_.find(connection);
        if (at == lines_.end())
            return;
        if (at->second.phase == phase::established)
            return lose(connection, now, out);
        if (at->second.incoming)
            return forget(connection);
        fail(connection, dial_failure::unreachable, errc::success, "the connection was closed during the handshake", now, out);
    }

    /// Acts on what is due. Too early, it changes nothing.
    void on_time(time_point now, Effects& out)
    {
        while (!deadlines_.empty() && deadlines_.begin()->first <= now)
            expire(deadlines_.begin()->second, now, out);
        while (auto const address = dials_.due(now))
            pursue(*address, *dials_.find(*address), now, out);
    }

    /// When `on_time` has something to do; `never` for not before another input.
    [[nodiscard]] time_point deadline() const
    {
        return std::min(deadlines_.empty() ? never : deadlines_.begin()->first, dials_.deadline());
    }

private:
    enum class phase : std::uint8_t { connecting, greeting, established };

    /// One connection.
    struct line {
        bool incoming = false;
        enum phase phase = phase::connecting;
        std::string address{};       // of the dial; empty when incoming
        std::string name{};          // of the peer, once established
        time_point deadline = never; // of connect and handshake
    };

    // Callers.

    void on_hello(connection_id connection, bytes_view frame, time_point now, Effects& out)
    {
        auto const decoded = decode_hello(frame, identity_);
        if (auto const* const malformed = std::get_if<refusal>(&decoded))
            return turn_away(connection, {}, *malformed, out);
        auto const& caller = std::get<hello>(decoded);
        auto const& who = caller.identity.self;
        if (auto const no = judge(caller))
            return turn_away(connection, who.id.name, *no, out);
        if (preferred(name(), who.id.name, true))
            abandon_dial_of(who, out);
        out.emplace_back(send_frame{connection, encode(welcome{*negotiate(identity_, caller.identity), identity_.self})});
        establish(connection, who, caller.attempt, now, out);
    }

    /// Why a caller is not let in, or nothing.
    [[nodiscard]] std::optional<refusal> judge(hello const& caller)
    {
        auto const& who = caller.identity.self;
        auto const* const current = peers_.find(who.id.name);
        if (auto no = verify(caller, identity_, current ? std::optional{current->who.id.incarnation} : std::nullopt))
            return no;
        if (current == nullptr && peers_.size() >= limits::members_count_max)
            return refusal{
                refusal_kind::rejected, errc::success, "this node is connected with as many peers as it may be", identity_.self};
        if (!caller.insist && loses(who, current, caller.attempt))
            return refusal{refusal_kind::duplicate, errc::success, "the two nodes are connected already", identity_.self};
        return std::nullopt;
    }

    /// A call by this peer counts less than the connection that we have with it, or are about to have.
    [[nodiscard]] bool loses(peer const& who, tie const* current, std::uint64_t attempt)
    {
        if (current != nullptr && current->who.id == who.id)
            return !counts_more(name(), true, attempt, *current);
        auto const* const entry = dials_.find(who.address);
        return entry != nullptr && entry->dialling != 0 && !preferred(name(), who.id.name, true);
    }

    void turn_away(connection_id connection, std::string_view name, refusal const& why, Effects& out)
    {
        out.emplace_back(send_frame{connection, encode(why)});
        if (why.kind == refusal_kind::rejected)
            out.emplace_back(caller_refused{detail::printable(name), why.sentence});
        close(connection, out);
    }

    /// The peer's call counts more than our own dial of it, which is given up.
    void abandon_dial_of(peer const& who, Effects& out)
    {
        if (auto* const entry = dials_.find(who.address))
            abandon(std::exchange(entry->dialling, 0), out);
    }

    // Dials.

    /// Dials the address, unless its peer is up.
    void pursue(std::string const& address, dial_entry& entry, time_point now, Effects& out)
    {
        if (peers_.connected_at(address))
            satisfy(address, entry);
        else if (entry.dialling == 0)
            dial(address, entry, now, out);
    }

    void dial(std::string const& address, dial_entry& entry, time_point now, Effects& out)
    {
        dials_.schedule(address, never);
        entry.dialling = next_connection();
        open(entry.dialling, line{.address = address}, now);
        out.emplace_back(open_connection{entry.dialling, address});
    }

    void on_answer(connection_id connection, bytes_view frame, time_point now, Effects& out)
    {
        auto const answer = decode_answer(frame);
        if (!answer)
            return fail_and_close(connection, dial_failure::rejected, errc::success,
                "what answers at this address is not a Drover node of this version", now, out);
        if (auto const* const no = std::get_if<refusal>(&*answer))
            return on_refusal(connection, *no, now, out);
        auto const& yes = std::get<welcome>(*answer);
        if (auto const why = objection(yes))
            return fail_and_close(connection, dial_failure::rejected, why->first, why->second, now, out);
        on_welcome(connection, yes.self, now, out);
    }

    /// Why we do not want one that wants us, or nothing.
    [[nodiscard]] std::optional<std::pair<errc, std::string>> objection(welcome const& answer) const
    {
        if (answer.version < identity_.version_oldest || answer.version > identity_.version_newest)
            return std::pair{errc::version_mismatch,
                "the other side chose wire version " + std::to_string(answer.version) + ", which this node does not speak"};
        auto const& id = answer.self.id;
        if (id.name == name())
            return std::pair{errc::name_in_use, "the other side has this node's name, " + detail::quoted(id.name)};
        auto const* const current = peers_.find(id.name);
        // It is not this node's name that is in use: who hears `name_in_use` takes itself for the one that was replaced.
        if (current != nullptr && current->who.id.incarnation > id.incarnation)
            return std::pair{errc::success,
                "the name " + detail::quoted(id.name) + " is in use by incarnation " + std::to_string(current->who.id.incarnation)
                    + ", the other side is incarnation " + std::to_string(id.incarnation)};
        if (current == nullptr && peers_.size() >= limits::members_count_max)
            return std::pair{errc::success, std::string{"this node is connected with as many peers as it may be"}};
        return std::nullopt;
    }

    void on_welcome(connection_id connection, peer const& who, time_point now, Effects& out)
    {
        settle_dial(connection, who.address, out);
        auto const* const current = peers_.find(who.id.name);
        bool const same = current != nullptr && current->who.id == who.id;
        if (same && !counts_more(name(), false, connection, *current))
            return close(connection, out);
        establish(connection, who, connection, now, out);
    }

    /// The dial reached a node that is dialled at `address`: its entry is kept under that, and is no longer being dialled.
    void settle_dial(connection_id connection, std::string const& address, Effects& out)
    {
        auto& dialled = lines_.at(connection).address;
        if (auto* const entry = dials_.find(dialled)) {
            *entry = dial_entry{.wanted_as = std::move(entry->wanted_as), .brief_connections = entry->brief_connections};
            abandon(dials_.rename(dialled, address), out);
        }
        dialled = address;
    }

    void on_refusal(connection_id connection, refusal const& no, time_point now, Effects& out)
    {
        if (no.kind == refusal_kind::itself && no.self.id == identity_.self.id)
            return on_reached_itself(connection, out);
        if (no.kind == refusal_kind::duplicate)
            return on_duplicate(connection, no.self, now, out);
        fail_and_close(connection, dial_failure::rejected, no.code, no.sentence, now, out);
    }

    void on_reached_itself(connection_id connection, Effects& out)
    {
        auto const address = lines_.at(connection).address;
        dials_.drop(address);
        close(connection, out);
        report(out, address, dial_failure::rejected, errc::success, "this is this node itself");
    }

    /// The other side says that there is a connection between us. If we do not see it soon, we insist.
    void on_duplicate(connection_id connection, peer const& who, time_point now, Effects& out)
    {
        auto const dialled = lines_.at(connection).address;
        close(connection, out);
        auto* entry = dials_.find(dialled);
        if (entry == nullptr)
            return;
        entry->dialling = 0;
        entry->insist = true;
        auto const failures = ++entry->failures;
        abandon(dials_.rename(dialled, who.address), out);
        entry = dials_.find(who.address);
        if (peers_.connected_at(who.address))
            satisfy(who.address, *entry);
        else if (entry->dialling == 0)
            dials_.schedule(who.address, saturating_add(now, backoff_delay(failures, backoff_min_, backoff_max_, random_)));
    }

    void fail_and_close(
        connection_id connection, dial_failure why, errc code, std::string_view sentence, time_point now, Effects& out)
    {
        out.emplace_back(close_connection{connection});
        fail(connection, why, code, sentence, now, out);
    }

    /// The attempt failed: says so and tries again later, unless the peer is up by another connection.
    void fail(connection_id connection, dial_failure why, errc code, std::string_view sentence, time_point now, Effects& out)
    {
        auto const address = lines_.at(connection).address;
        forget(connection);
        auto* const entry = dials_.find(address);
        if (entry == nullptr)
            return;
        entry->dialling = 0;
        if (peers_.connected_at(address))
            return satisfy(address, *entry);
        dials_.schedule(address, saturating_add(now, wait_after(*entry, why)));
        report(out, address, why, code, sentence);
    }

    /// Until the next attempt. A process that dies may still accept connections for a moment after it has closed those that it
    /// had: only the attempts that follow a loss closely find it gone.
    [[nodiscard]] duration wait_after(dial_entry& entry, dial_failure why)
    {
        if (why == dial_failure::unreachable && entry.soon > duration::zero() && entry.soon < backoff_min_)
            return std::exchange(entry.soon, entry.soon * 2);
        return backoff_delay(++entry.failures, backoff_min_, backoff_max_, random_);
    }

    // Peers.

    /// From now on this is the connection with the peer, instead of any other that there was.
    void establish(connection_id connection, peer const& who, std::uint64_t attempt, time_point now, Effects& out)
    {
        auto& established = lines_.at(connection);
        set_deadline(connection, established, never);
        silent_callers_.erase(connection);
        established.phase = phase::established;
        established.name = who.id.name;
        auto const old = peers_.insert(tie{who, connection, established.incoming, attempt, now});
        if (old)
            end(*old, who.id, out);
        if (auto* const entry = dials_.find(who.address); entry != nullptr && entry->dialling == 0)
            satisfy(who.address, *entry);
        out.emplace_back(peer_up{connection, who});
        if (old && old->who.address != who.address)
            dial_again(*old, now, out);
    }

    void satisfy(std::string const& address, dial_entry& entry)
    {
        entry.failures = 0;
        entry.soon = duration::zero();
        entry.insist = false;
        dials_.schedule(address, never);
    }

    void end(tie const& old, node_id const& by, Effects& out)
    {
        close(old.connection, out);
        if (old.who.id != by)
            out.emplace_back(peer_down{old.who.id});
    }

    void lose(connection_id connection, time_point now, Effects& out)
    {
        auto const lost = peers_.erase(lines_.at(connection).name);
        forget(connection);
        out.emplace_back(peer_down{lost->who.id});
        dial_again(*lost, now, out);
    }

    /// Where a peer was that is lost. If it is wanted it is dialled at once, which tells a process that is gone from one that
    /// is not, and again soon while the answer is neither; a connection that is lost soon again and again is not dialled in a
    /// loop.
    void dial_again(tie const& lost, time_point now, Effects& out)
    {
        auto* const entry = dials_.find(lost.who.address);
        if (entry == nullptr || entry->dialling != 0)
            return;
        bool const brief = now - lost.since < backoff_max_;
        entry->brief_connections = brief ? entry->brief_connections + 1 : 0;
        entry->soon = wait_after_loss_min;
        if (entry->brief_connections <= 1)
            return pursue(lost.who.address, *entry, now, out);
        auto const delay = backoff_delay(entry->brief_connections - 1, backoff_min_, backoff_max_, random_);
        dials_.schedule(lost.who.address, saturating_add(now, delay));
    }

    // Connections.

    [[nodiscard]] std::string const& name() const { return identity_.self.id.name; }

    void open(connection_id connection, line opened, time_point now)
    {
        auto const [at, added] = lines_.try_emplace(connection, std::move(opened));
        expects(added, "a connection has a name of its own, from next_connection()");
        set_deadline(connection, at->second, saturating_add(now, dial_timeout_));
    }

    void set_deadline(connection_id connection, line& of, time_point at)
    {
        if (of.deadline != never)
            deadlines_.erase({of.deadline, connection});
        of.deadline = at;
        if (at != never)
            deadlines_.emplace(at, connection);
    }

    void expire(connection_id connection, time_point now, Effects& out)
    {
        if (lines_.at(connection).incoming) {
            out.emplace_back(caller_refused{{}, "a caller did not say in time who it is"});
            return close(connection, out);
        }
        fail_and_close(connection, dial_failure::timed_out, errc::success, "no answer within the time limit", now, out);
    }

    void abandon(connection_id connection, Effects& out)
    {
        if (connection != 0)
            close(connection, out);
    }

    void close(connection_id connection, Effects& out)
    {
        out.emplace_back(close_connection{connection});
        forget(connection);
    }

    void forget(connection_id connection)
    {
        auto const at = lines_.find(connection);
        set_deadline(connection, at->second, never);
        silent_callers_.erase(connection);
        lines_.erase(at);
    }

    static void report(Effects& out, std::string_view address, dial_failure why, errc code, std::string_view sentence)
    {
        out.emplace_back(dial_failed{std::string{address}, why, code, std::string{sentence}});
    }

    duration dial_timeout_;
    duration backoff_min_;
    duration backoff_max_;
    handshake_identity identity_;
    random_stream random_;
    connection_id last_connection_ = 0;
    std::map<connection_id, line> lines_;
    std::set<connection_id> silent_callers_; // in the order in which they called
    std::set<std::pair<time_point, connection_id>> deadlines_;
    peer_book<tie> peers_;
    dial_book<dial_entry> dials_;
};

using link_table = basic_link_table<link_effects>;

} // namespace drover::link
