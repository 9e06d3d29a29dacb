// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/policy/state_store.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace models {

/// Defects that a test plants into a `whole_state_store`.
enum class whole_state_fault : std::uint8_t {
    none,
    last_to_come_wins,     ///< whatever the rank
    name_before_stamp,     ///< equal ranks are ordered by the writer, whoever saw whom
    arrival_among_equals,  ///< equal ranks are not ordered at all
    removal_erased,        ///< a removal leaves no marker
    nothing_forwarded,     ///< only what was written here is said
    earlier_life_counts,   ///< what a node had seen, it has still seen when it returns with nothing
    blind_acknowledgement, ///< an answer says what was seen, and not what is there
    endless_answers,       ///< every answer wants an answer
    number_of_process,     ///< messages are numbered through the whole process
    never_again,           ///< what was lost is not said again
};

/// The simplest store that replicates: whoever has something to say says all that it has. Nothing removed is ever forgotten.
///
/// A message is a part of everything: some records; the last part says what its sender had seen. A replica takes the records as
/// they come, and what was seen once no part is missing. What a peer is not known to have seen is said again until it is.
class whole_state_store {
public:
    static constexpr drover::store_capabilities capabilities{.replicated = true, .ordered = true};
    static constexpr drover::duration retry_interval = std::chrono::milliseconds{200};
    static constexpr std::size_t part_size = 1024 * 1024;

    whole_state_store() = default;
    explicit whole_state_store(whole_state_fault planted) : fault_{planted} {}

    void open(drover::node_id const& self) { self_ = self; }

    drover::store_version put(drover::record_table table, drover::bytes_view key, drover::record_rank rank, drover::bytes value)
    {
        auto const found = records_.find({table, drover::bytes{key}});
        if (found != records_.end() && found->second.rank > rank)
            return 0;
        return write({table, drover::bytes{key}}, rank, false, std::move(value));
    }

    drover::store_version remove(drover::record_table table, drover::bytes_view key, drover::record_rank rank)
    {
        auto const found = records_.find({table, drover::bytes{key}});
        if (found == records_.end() || found->second.removed || found->second.rank > rank)
            return 0;
        return write({table, drover::bytes{key}}, rank, true, {});
    }

    std::optional<drover::record_view> find(drover::record_table table, drover::bytes_view key) const
    {
        auto const found = records_.find({table, drover::bytes{key}});
        if (found == records_.end() || found->second.removed)
            return std::nullopt;
        return drover::record_view{found->second.value, found->second.rank, found->second.stamp};
    }

    std::optional<drover::record_rank> rank_of(drover::record_table table, drover::bytes_view key) const
    {
        auto const found = records_.find({table, drover::bytes{key}});
        return found == records_.end() ? std::nullopt : std::optional{found->second.rank};
    }

    void set_members(std::span<drover::node_id const> members)
    {
        members_.assign(members.begin(), members.end());
        effects_.acknowledgement_changed = true;
    }

    void on_peer_up(drover::node_id const& id, drover::time_point now)
    {
        auto& known = peers_[id.name];
        if (known.up && known.id == id)
            return;
        auto const earlier = std::exchange(known, peer{});
        known.id = id;
        known.up = true;
        if (fault_ == whole_state_fault::earlier_life_counts)
            known.seen = earlier.seen;
        effects_.acknowledgement_changed = true;
        say(known, now);
    }

    void on_peer_connected(drover::node_id const& id, drover::time_point now)
    {
        if (auto const found = peers_.find(id.name); found != peers_.end() && found->second.up && found->second.id == id)
            say(found->second, now);
    }

    void on_peer_down(drover::node_id const& id, drover::time_point)
    {
        if (auto const found = peers_.find(id.name); found != peers_.end() && found->second.id == id) {
            found->second.up = false;
            effects_.acknowledgement_changed = true;
        }
    }

    void on_message(drover::node_id const& from, drover::bytes_view frame, drover::time_point now)
    {
        on_peer_up(from, now);
        auto& sender = peers_[from.name];
        drover::wire::reader in{frame};
        auto const number = in.number();
        auto const part = in.number();
        auto const last = in.boolean();
        auto const wants_answer = in.boolean();
        auto const whole = in.boolean();
        std::vector<std::pair<place, record>> told;
        for (auto count = in.count(1'000'000, 6); count > 0 && in.ok(); --count)
            told.push_back(decode_record(in));
        auto const seen = last ? decode_seen(in) : seen_map{};
        if (!in.complete())
            return;
        for (auto& [where, what] : told)
            take(where, std::move(what));
        if (part == 0 || sender.saying != number)
            sender.parts = part == 0 ? 0 : missing;
        sender.saying = number;
        if (sender.parts != part) {
            sender.parts = missing;
            return;
        }
        ++sender.parts;
        if (!last)
            return;
        if (whole)
            merge(seen_, seen);
        merge(sender.seen, seen);
        sender.heard |= whole;
        effects_.acknowledgement_changed = true;
        if (wants_answer)
            say(sender, now, fault_ == whole_state_fault::endless_answers);
        else if (!level(sender) && sender.say_again == drover::never)
            sender.say_again = now + retry_interval;
        if (level(sender))
            sender.say_again = drover::never;
    }

    void on_time(drover::time_point now)
    {
        for (auto& [name, each] : peers_)
            if (each.up && each.say_again <= now)
                say(each, now);
    }

    void flush(drover::time_point now)
    {
        if (std::exchange(flushed_, version_) == version_)
            return;
        for (auto& [name, each] : peers_)
            if (each.up)
                say(each, now);
    }

    drover::time_point deadline() const
    {
        auto result = drover::never;
        for (auto const& [name, each] : peers_)
            if (each.up)
                result = std::min(result, each.say_again);
        return result;
    }

    drover::store_effects& effects() { return effects_; }
    drover::store_version version() const { return version_; }

    drover::store_version held_by(std::size_t count) const
    {
        if (count <= 1)
            return version_;
        std::vector<drover::store_version> held;
        for (auto const& id : members_)
            if (auto const found = peers_.find(id.name); found != peers_.end() && found->second.up && found->second.id == id)
                held.push_back(at(found->second.seen, self_));
        std::sort(held.begin(), held.end(), std::greater<>{});
        return held.size() + 1 < count ? 0 : held[count - 2];
    }

    bool has_seen(drover::origin_id writer, drover::store_version version) const
    {
        return std::any_of(seen_.begin(), seen_.end(),
            [&](auto const& each) { return drover::origin_of(each.first) == writer && each.second >= version; });
    }

    drover::bytes context() const
    {
        drover::wire::writer out;
        encode_seen(out);
        return out.take();
    }

    bool covers(drover::bytes_view context, drover::node_id const& from)
    {
        drover::wire::reader in{context};
        auto const wanted = decode_seen(in);
        if (!in.complete())
            return false;
        if (includes(seen_, wanted))
            return true;
        if (auto const found = peers_.find(from.name); found != peers_.end() && found->second.id == from) {
            merge(found->second.told, wanted);
            found->second.say_again = drover::time_point::min();
        }
        return false;
    }

    bool acknowledges(drover::bytes_view context, drover::store_version version) const
    {
        drover::wire::reader in{context};
        auto const seen = decode_seen(in);
        return in.complete() && at(seen, self_) >= version;
    }

    bool level_with(drover::node_id const& id) const
    {
        auto const found = peers_.find(id.name);
        return found != peers_.end() && found->second.id == id && includes(seen_, found->second.seen)
            && includes(seen_, found->second.told);
    }

    bool synchronised(drover::node_id const& id) const
    {
        auto const found = peers_.find(id.name);
        return found != peers_.end() && found->second.id == id && found->second.heard;
    }

private:
    using place = std::pair<drover::record_table, drover::bytes>;
    using seen_map = std::map<drover::node_id, drover::store_version>;

    static constexpr std::uint64_t missing = ~std::uint64_t{0};

    struct record {
        drover::record_rank rank;
        std::uint64_t stamp = 0;
        drover::node_id writer;
        bool removed = false;
        drover::bytes value;
    };

    struct peer {
        drover::node_id id;
        bool up = false;
        bool heard = false;       // all that it had, once
        seen_map seen;            // as it says, and then we have all that it had by then
        seen_map told;            // as its contexts say: what it had is on its way
        std::uint64_t saying = 0; // the number of what it says
        std::uint64_t parts = missing;
        drover::time_point say_again = drover::never;
    };

    static drover::store_version at(seen_map const& seen, drover::node_id const& writer)
    {
        auto const found = seen.find(writer);
        return found == seen.end() ? 0 : found->second;
    }

    static bool includes(seen_map const& all, seen_map const& some)
    {
        return std::all_of(some.begin(), some.end(), [&](auto const& each) { return at(all, each.first) >= each.second; });
    }

    static void merge(seen_map& into, seen_map const& other)
    {
        for (auto const& [writer, version] : other)
            into[writer] = std::max(into[writer], version);
    }

    bool level(peer const& other) const { return other.heard && other.seen == seen_; }

    drover::store_version write(place where, drover::record_rank rank, bool removed, drover::bytes value)
    {
        records_.insert_or_assign(std::move(where), record{rank, ++clock_, self_, removed, std::move(value)});
        return seen_[self_] = ++version_;
    }

    // `next` wins over `present`.
    bool wins(record const& next, record const& present) const
    {
        switch (fault_) {
        case whole_state_fault::last_to_come_wins:
            return std::tie(next.stamp, next.writer) != std::tie(present.stamp, present.writer);
        case whole_state_fault::name_before_stamp:
            return std::tie(next.rank, next.writer, next.stamp) > std::tie(present.rank, present.writer, present.stamp);
        case whole_state_fault::arrival_among_equals:
            return std::tie(next.rank, next.stamp) > std::tie(present.rank, present.stamp);
        default: return std::tie(next.rank, next.stamp, next.writer) > std::tie(present.rank, present.stamp, present.writer);
        }
    }

    void take(place const& where, record&& told)
    {
        clock_ = std::max(clock_, told.stamp);
        auto const [found, inserted] = records_.try_emplace(where);
        if (!inserted && !wins(told, found->second))
            return;
        found->second = std::move(told);
        effects_.changes.push_back({where.first, where.second});
        forget_removal(found);
    }

    void forget_removal(std::map<place, record>::iterator where)
    {
        if (fault_ == whole_state_fault::removal_erased && where->second.removed)
            records_.erase(where);
    }

    bool is_said(record const& what, bool wants_answer) const
    {
        return (fault_ != whole_state_fault::nothing_forwarded || what.writer == self_)
            && (fault_ != whole_state_fault::blind_acknowledgement || wants_answer);
    }

    std::uint64_t next_number()
    {
        static std::uint64_t of_process = 0;
        return fault_ == whole_state_fault::number_of_process ? ++of_process : ++said_;
    }

    void say(peer& to, drover::time_point now, bool wants_answer = true)
    {
        auto const number = next_number();
        std::uint64_t part = 0;
        for (auto next = records_.begin(); part == 0 || next != records_.end(); ++part) {
            drover::wire::writer records;
            std::size_t count = 0;
            for (std::size_t size = 0; next != records_.end() && size < part_size; ++next) {
                if (!is_said(next->second, wants_answer))
                    continue;
                encode_record(*next, records);
                ++count;
                size += next->second.value.size() + next->first.second.size() + 100;
            }
            auto const last = next == records_.end();
            drover::wire::writer out;
            out.number(number).number(part).boolean(last).boolean(last && wants_answer);
            out.boolean(fault_ != whole_state_fault::blind_acknowledgement || wants_answer).number(count).raw(records.take());
            if (last)
                encode_seen(out);
            effects_.sends.push_back({to.id.name, std::make_shared<drover::bytes const>(out.take())});
        }
        if (wants_answer)
            to.say_again = fault_ == whole_state_fault::never_again ? drover::never : now + retry_interval;
    }

    static void encode_record(std::pair<place const, record> const& each, drover::wire::writer& out)
    {
        auto const& [where, what] = each;
        out.u8(static_cast<std::uint8_t>(where.first)).string(where.second);
        out.number(what.rank.major).number(what.rank.minor).number(what.stamp).node(what.writer).boolean(what.removed);
        out.string(what.value);
    }

    static std::pair<place, record> decode_record(drover::wire::reader& in)
    {
        place where;
        record what;
        auto const table = in.u8();
        if (table >= drover::record_tables_count)
            in.fail();
        where.first = static_cast<drover::record_table>(table);
        where.second = in.string(drover::limits::child_id_size_max);
        what.rank.major = in.number();
        what.rank.minor = in.number();
        what.stamp = in.number();
        what.writer = in.node();
        what.removed = in.boolean();
        what.value = in.string(drover::limits::record_size_max);
        return {std::move(where), std::move(what)};
    }

    void encode_seen(drover::wire::writer& out) const
    {
        out.number(seen_.size());
        for (auto const& [writer, version] : seen_)
            out.node(writer).number(version);
    }

    static seen_map decode_seen(drover::wire::reader& in)
    {
        seen_map result;
        for (auto count = in.count(100'000, 3); count > 0 && in.ok(); --count) {
            auto writer = in.node();
            result[std::move(writer)] = in.number();
        }
        return result;
    }

    whole_state_fault fault_ = whole_state_fault::none;
    drover::node_id self_;
    std::map<place, record> records_;
    std::map<std::string, peer> peers_;
    std::vector<drover::node_id> members_;
    seen_map seen_; // how many writes of each node are in `records_`, or were outranked
    drover::store_effects effects_;
    drover::store_version version_ = 0;
    drover::store_version flushed_ = 0;
    std::uint64_t clock_ = 0;
    std::uint64_t said_ = 0;
};

} // namespace models
