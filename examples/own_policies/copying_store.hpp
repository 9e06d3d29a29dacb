// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

/// A StateStore of one's own, written from docs/concepts/state_store.md: the simplest that keeps every law. It is for scopes of
/// some hundred children, because each message is a copy of everything.

#include <drover/base/expects.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/limits.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

namespace own {

/// Of each node, the newest write that is known. One replica has seen all that another has when it includes the other's.
class seen_writes {
public:
    [[nodiscard]] drover::store_version of(drover::node_id const& writer) const
    {
        auto const found = newest_.find(writer);
        return found == newest_.end() ? 0 : found->second;
    }

    [[nodiscard]] bool has(drover::origin_id writer, drover::store_version version) const
    {
        return std::any_of(newest_.begin(), newest_.end(),
            [&](auto const& each) { return drover::origin_of(each.first) == writer && each.second >= version; });
    }

    [[nodiscard]] bool includes(seen_writes const& other) const
    {
        return std::all_of(
            other.newest_.begin(), other.newest_.end(), [this](auto const& each) { return of(each.first) >= each.second; });
    }

    void raise(drover::node_id const& writer, drover::store_version version)
    {
        auto& newest = newest_[writer];
        newest = std::max(newest, version);
    }

    void raise(seen_writes const& other)
    {
        for (auto const& [writer, version] : other.newest_)
            raise(writer, version);
    }

    void encode(drover::wire::writer& out) const
    {
        out.number(newest_.size());
        for (auto const& [writer, version] : newest_)
            out.node(writer).number(version);
    }

    [[nodiscard]] static seen_writes decode(drover::wire::reader& in)
    {
        seen_writes seen;
        for (auto left = in.count(writers_count_max, 3); left > 0 && in.ok(); --left) {
            auto const writer = in.node();
            seen.raise(writer, in.number());
        }
        return seen;
    }

private:
    static constexpr std::size_t writers_count_max = 16'384; // lives of nodes: 4 MiB of them

    std::map<drover::node_id, drover::store_version> newest_;
};

/// Octets with a hash behind them, so that what was broken on its way is not taken for something else.
[[nodiscard]] inline drover::bytes sealed(drover::wire::writer&& content)
{
    auto const hash = drover::hash64(content.view());
    return content.fixed64(hash).take();
}

/// The octets without the hash; none: they are not what was sealed.
[[nodiscard]] inline std::optional<drover::bytes_view> unsealed(drover::bytes_view octets)
{
    if (octets.size() < 8)
        return std::nullopt;
    auto const content = octets.substr(0, octets.size() - 8);
    if (drover::wire::reader{octets.substr(content.size())}.fixed64() != drover::hash64(content))
        return std::nullopt;
    return content;
}

/// What is written under a key: a value, or that there is none any more. The greater one wins on every node.
struct written {
    drover::record_rank rank;
    std::uint64_t stamp = 0; ///< larger than all that its writer had seen (Lamport 1978); serves as the writer's version, too
    drover::node_id writer;
    bool removed = false;
    drover::bytes value;

    friend bool operator<(written const& one, written const& other)
    {
        return std::tie(one.rank, one.stamp, one.writer) < std::tie(other.rank, other.stamp, other.writer);
    }
};

/// One frame of a copy of a replica.
struct copy_part {
    static constexpr std::uint8_t format = 1;
    static constexpr std::size_t count_max = 65'536;

    struct record {
        drover::record_table table;
        drover::bytes key;
        written content;
    };

    drover::node_id to;            ///< one life of the receiver
    std::uint64_t number = 0;      ///< of the copy: grows with each copy that a replica sends
    std::uint64_t answers_to = 0;  ///< the number of the receiver's copy that this one answers; 0: it wants an answer itself
    std::size_t index = 0;         ///< of this part of the copy
    std::size_t count = 1;         ///< parts of the copy
    seen_writes seen;              ///< by the sender, when it sent the copy
    std::vector<record> records{}; ///< decoded ones

    [[nodiscard]] drover::bytes encode(drover::bytes_view encoded_records) const
    {
        drover::wire::writer out;
        out.u8(format).node(to).number(number).number(answers_to).number(index).number(count);
        seen.encode(out);
        out.raw(encoded_records);
        return sealed(std::move(out));
    }

    static void encode_record(
        drover::wire::writer& out, drover::record_table table, drover::bytes_view key, written const& content)
    {
        out.u8(static_cast<std::uint8_t>(table)).string(key).number(content.rank.major).number(content.rank.minor);
        out.number(content.stamp).node(content.writer).boolean(content.removed).string(content.value);
    }

    /// None: it is no part of a copy.
    [[nodiscard]] static std::optional<copy_part> decode(drover::bytes_view frame)
    {
        auto const content = unsealed(frame);
        if (!content)
            return std::nullopt;
        drover::wire::reader in{*content};
        copy_part part;
        if (in.u8() != format)
            return std::nullopt;
        part.to = in.node();
        part.number = in.number();
        part.answers_to = in.number();
        part.index = static_cast<std::size_t>(in.number(count_max));
        part.count = static_cast<std::size_t>(in.number(count_max));
        part.seen = seen_writes::decode(in);
        while (in.ok() && !in.at_end())
            part.records.push_back(decode_record(in));
        if (!in.complete() || part.number == 0 || part.index >= part.count)
            return std::nullopt;
        return part;
    }

private:
    [[nodiscard]] static record decode_record(drover::wire::reader& in)
    {
        record read;
        auto const table = in.u8();
        if (table >= drover::record_tables_count)
            in.fail();
        read.table = static_cast<drover::record_table>(table);
        read.key = in.string(255);
        read.content.rank.major = in.number();
        read.content.rank.minor = in.number();
        read.content.stamp = in.number();
        read.content.writer = in.node();
        read.content.removed = in.boolean();
        read.content.value = in.string(drover::limits::record_size_max);
        if (read.content.stamp == 0)
            in.fail();
        return read;
    }
};

/// Sends a copy of all that it has: to who comes up, to all after a write, and again to who is not known to have it. Who gets a
/// copy that asks for one answers with a copy. It remembers removals, and the lives of all writers, for ever.
class copying_store {
public:
    static constexpr drover::store_capabilities capabilities{.replicated = true, .ordered = true};

    void open(drover::node_id const& self)
    {
        drover::expects(self_ == drover::node_id{}, "a store is opened once");
        self_ = self;
    }

    // ---- records -----------------------------------------------------------------------------------------------------

    drover::store_version put(drover::record_table table, drover::bytes_view key, drover::record_rank rank, drover::bytes value)
    {
        auto const* const there = look_up(table, key);
        return there && there->rank > rank ? 0 : write(table, key, {rank, 0, self_, false, std::move(value)});
    }

    drover::store_version remove(drover::record_table table, drover::bytes_view key, drover::record_rank rank)
    {
        auto const* const there = look_up(table, key);
        return !there || there->removed || there->rank > rank ? 0 : write(table, key, {rank, 0, self_, true, {}});
    }

    [[nodiscard]] std::optional<drover::record_view> find(drover::record_table table, drover::bytes_view key) const
    {
        auto const* const there = look_up(table, key);
        if (!there || there->removed)
            return std::nullopt;
        return drover::record_view{there->value, there->rank, there->stamp};
    }

    [[nodiscard]] std::optional<drover::record_rank> rank_of(drover::record_table table, drover::bytes_view key) const
    {
        auto const* const there = look_up(table, key);
        return there ? std::optional{there->rank} : std::nullopt;
    }

    [[nodiscard]] drover::store_version version() const { return seen_.of(self_); }

    // ---- peers -------------------------------------------------------------------------------------------------------

    void set_members(std::span<drover::node_id const> members)
    {
        members_ = {members.begin(), members.end()};
        effects_.acknowledgement_changed = true;
    }

    void on_peer_up(drover::node_id const& id, drover::time_point now)
    {
        if (id == self_ || is_up(id))
            return;
        rest(now);
        bring_up(id);
        send_copy(id);
    }

    void on_peer_connected(drover::node_id const& id, drover::time_point now)
    {
        rest(now);
        if (is_up(id))
            send_copy(id);
    }

    void on_peer_down(drover::node_id const& id, drover::time_point now)
    {
        rest(now);
        if (!is_up(id))
            return;
        peers_.at(id).up = false;
        effects_.acknowledgement_changed = true;
    }

    void on_message(drover::node_id const& from, drover::bytes_view frame, drover::time_point now)
    {
        auto const part = copy_part::decode(frame);
        if (!part || part->to != self_ || from == self_ || is_outlived(from))
            return;
        rest(now);
        auto const was_up = is_up(from);
        auto& sender = was_up ? peers_.at(from) : bring_up(from);
        sender.told.raise(part->seen);
        for (auto const& each : part->records)
            take(each);
        auto const complete = sender.completes(*part);
        if (complete)
            learn(sender, *part);
        if (!was_up)
            send_copy(from);
        else if (complete && part->answers_to == 0)
            send_copy(from, part->number);
    }

    /// Says again what was not heard, or not answered.
    void on_time(drover::time_point now)
    {
        if (now < deadline())
            return;
        next_ = saturating_add(now, interval);
        for (auto const& [id, each] : peers_)
            if (lacks(each))
                send_copy(id);
    }

    void flush(drover::time_point now)
    {
        if (!std::exchange(unsent_, false))
            return;
        next_ = saturating_add(now, interval);
        for (auto const& [id, each] : peers_)
            if (each.up)
                send_copy(id);
    }

    [[nodiscard]] drover::time_point deadline() const { return anybody_lacks() ? next_ : drover::never; }

    drover::store_effects& effects() { return effects_; }

    // ---- who holds what ----------------------------------------------------------------------------------------------

    [[nodiscard]] drover::store_version held_by(std::size_t count) const
    {
        std::vector<drover::store_version> held{version()};
        for (auto const& [id, each] : peers_)
            if (each.up && members_.contains(id))
                held.push_back(each.seen.of(self_));
        std::sort(held.begin(), held.end(), std::greater{});
        return count == 0 ? held.front() : count > held.size() ? 0 : held[count - 1];
    }

    [[nodiscard]] bool has_seen(drover::origin_id writer, drover::store_version version) const
    {
        return seen_.has(writer, version);
    }

    [[nodiscard]] drover::bytes context() const
    {
        drover::wire::writer out;
        seen_.encode(out);
        return sealed(std::move(out));
    }

    bool covers(drover::bytes_view context, drover::node_id const& id)
    {
        auto const named = decode_context(context);
        if (!named)
            return false;
        if (id != self_ && !is_outlived(id))
            peers_[id].told.raise(*named); // on_time asks for what it lacks
        return seen_.includes(*named);
    }

    [[nodiscard]] bool acknowledges(drover::bytes_view context, drover::store_version version) const
    {
        auto const named = decode_context(context);
        return named && named->of(self_) >= version;
    }

    [[nodiscard]] bool level_with(drover::node_id const& id) const { return is_up(id) && seen_.includes(peers_.at(id).told); }

    [[nodiscard]] bool synchronised(drover::node_id const& id) const { return is_up(id) && peers_.at(id).synchronised; }

private:
    static constexpr drover::duration interval = std::chrono::milliseconds{200};
    static constexpr std::size_t part_size_max = 4 * 1024 * 1024; // and one record more, and what was seen

    /// One life of another node.
    struct peer {
        bool up = false;
        bool synchronised = false;
        std::uint64_t up_since = 0;    ///< number of our newest copy when it came up: answers to later ones are of its time
        seen_writes seen{};            ///< by the peer, and by us: by its complete copies. These acknowledge
        seen_writes told{};            ///< by the peer, as far as we were told: by parts of copies and by contexts, too
        std::uint64_t copy = 0;        ///< the newest one that came, in part at least
        std::set<std::size_t> parts{}; ///< of that copy, that came

        /// Whether no part of that copy is missing now. A part of an earlier copy completes nothing.
        [[nodiscard]] bool completes(copy_part const& part)
        {
            if (part.number < copy)
                return false;
            if (std::exchange(copy, part.number) != part.number)
                parts.clear();
            parts.insert(part.index);
            return parts.size() == part.count;
        }
    };

    using records = std::map<drover::bytes, written, std::less<>>;

    [[nodiscard]] static std::optional<seen_writes> decode_context(drover::bytes_view context)
    {
        auto const content = unsealed(context);
        if (!content)
            return std::nullopt;
        drover::wire::reader in{*content};
        auto const seen = seen_writes::decode(in);
        return in.complete() ? std::optional{seen} : std::nullopt;
    }

    [[nodiscard]] written const* look_up(drover::record_table table, drover::bytes_view key) const
    {
        auto const& all = tables_[static_cast<std::size_t>(table)];
        auto const found = all.find(key);
        return found == all.end() ? nullptr : &found->second;
    }

    drover::store_version write(drover::record_table table, drover::bytes_view key, written content)
    {
        content.stamp = ++clock_;
        tables_[static_cast<std::size_t>(table)].insert_or_assign(drover::bytes{key}, std::move(content));
        seen_.raise(self_, clock_);
        unsent_ = true;
        return clock_;
    }

    /// What somebody else wrote: it stays if it wins.
    void take(copy_part::record const& record)
    {
        clock_ = std::max(clock_, record.content.stamp);
        auto const* const here = look_up(record.table, record.key);
        if (here && !(*here < record.content))
            return;
        auto const as_before = here && here->removed == record.content.removed && here->rank == record.content.rank
            && here->value == record.content.value;
        if (!as_before)
            effects_.changes.push_back({record.table, record.key});
        tables_[static_cast<std::size_t>(record.table)].insert_or_assign(record.key, record.content);
    }

    /// The whole of a copy has come: all that its sender had seen is seen here, too.
    void learn(peer& sender, copy_part const& part)
    {
        if (!sender.seen.includes(part.seen) || !seen_.includes(part.seen))
            effects_.acknowledgement_changed = true;
        sender.seen.raise(part.seen);
        seen_.raise(part.seen);
        sender.synchronised |= part.answers_to > sender.up_since;
    }

    [[nodiscard]] bool is_up(drover::node_id const& id) const
    {
        auto const found = peers_.find(id);
        return found != peers_.end() && found->second.up;
    }

    /// Whether a later life of that node is up.
    [[nodiscard]] bool is_outlived(drover::node_id const& id) const
    {
        auto const later = [&id](auto const& each) {
            return each.second.up && each.first.name == id.name && each.first.incarnation > id.incarnation;
        };
        return std::any_of(peers_.begin(), peers_.end(), later);
    }

    peer& bring_up(drover::node_id const& id)
    {
        std::erase_if(peers_, [&id](auto const& each) { return each.first.name == id.name && each.first != id; });
        auto& brought = peers_[id];
        brought.up = true;
        brought.synchronised = false;
        brought.up_since = copies_;
        effects_.acknowledgement_changed = true;
        return brought;
    }

    [[nodiscard]] bool lacks(peer const& each) const
    {
        return each.up && !(each.synchronised && each.seen.includes(seen_) && seen_.includes(each.told));
    }

    [[nodiscard]] bool anybody_lacks() const
    {
        return std::any_of(peers_.begin(), peers_.end(), [this](auto const& each) { return lacks(each.second); });
    }

    /// While nobody lacks anything, the next time is counted from now.
    void rest(drover::time_point now)
    {
        if (!anybody_lacks())
            next_ = saturating_add(now, interval);
    }

    void send_copy(drover::node_id const& id, std::uint64_t answers_to = 0)
    {
        std::vector<drover::wire::writer> parts(1);
        for (std::size_t table = 0; table < tables_.size(); ++table)
            for (auto const& [key, content] : tables_[table]) {
                if (parts.back().size() > part_size_max)
                    parts.emplace_back();
                copy_part::encode_record(parts.back(), static_cast<drover::record_table>(table), key, content);
            }
        copy_part part{.to = id, .number = ++copies_, .answers_to = answers_to, .count = parts.size(), .seen = seen_};
        for (; part.index < part.count; ++part.index)
            effects_.sends.push_back({id.name, std::make_shared<drover::bytes const>(part.encode(parts[part.index].view()))});
    }

    drover::node_id self_;
    std::array<records, drover::record_tables_count> tables_;
    std::uint64_t clock_ = 0; ///< the largest stamp that was seen
    seen_writes seen_;        ///< by this replica
    bool unsent_ = false;     ///< something was written since the last flush
    std::set<drover::node_id> members_;
    std::map<drover::node_id, peer> peers_;
    std::uint64_t copies_ = 0; ///< that were sent
    drover::time_point next_{};
    drover::store_effects effects_;
};

} // namespace own
