// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/hash.hpp>
#include <drover/base/identity.hpp>
#include <drover/base/limits.hpp>
#include <drover/base/time.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/store_laws.hpp>
#include <drover/conformance/write_log.hpp>
#include <drover/policy/state_store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::conformance {

/// Octets of a frame that the supervisor puts around what a store sends.
inline constexpr std::size_t store_frame_size_max = limits::frame_size_max - 1024;

/// What all replicas of one run share.
struct store_run {
    report& found;
    std::string name; ///< for sentences: which scenario, which seed
    std::vector<record_slot> slots;
    write_log log;
    time_point now{};
    bool broken = false;
    bool recording = false;
    std::vector<std::uint64_t> digests{}; ///< while recording, one for each step: what the store wanted done

    store_run(report& into, std::string title, std::vector<record_slot> records)
        : found{into}, name{std::move(title)}, slots{std::move(records)}, log{slots.size()}
    {
    }

    /// `holds` must be true by `law`. The first breach of a run is reported; what follows from it is not.
    template <class... Parts>
    bool check(std::string_view law, bool holds, Parts const&... sentence)
    {
        if (broken)
            return holds;
        broken = !holds;
        found.law(law);
        return found.check(holds, name, ", ",
            std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count(), " ms: ", sentence...);
    }
};

/// One replica. At every call it is held to what can be seen from it alone.
template <class Store>
class watched_store {
public:
    using store_type = Store;

    enum class input : std::uint8_t {
        write,   ///< a local write: may change its record, and sends nothing
        message, ///< may change records, and says which
        time,    ///< as a message, once one has come
        other,   ///< changes no record
    };

    watched_store(store_run& run, std::size_t index, node_id who, std::unique_ptr<Store> store)
        : id{std::move(who)}, history{run.slots.size()}, run_{run}, index_{index}, store_{std::move(store)},
          sights_(run.slots.size())
    {
    }

    /// Calls the store, takes its effects, and judges them.
    template <class Call>
    void step(input kind, Call&& call)
    {
        call(*store_);
        auto& effects = store_->effects();
        auto const changes = std::exchange(effects.changes, {});
        auto const acknowledgement_changed = std::exchange(effects.acknowledgement_changed, false);
        auto sends = std::exchange(effects.sends, {});
        told |= acknowledgement_changed || !changes.empty();
        judge_changes(kind, changes);
        judge_acknowledgement(acknowledgement_changed);
        if (kind == input::write)
            run_.check(store_law::batches, sends.empty(), id.name, " sent something before the flush");
        for (auto& message : sends)
            judge_send(message);
        if (run_.recording)
            run_.digests.push_back(digest_of(changes, sends));
        for (auto& message : sends)
            outbox.push_back(std::move(message));
    }

    /// Writes, and notes it. Rank: at least that of what is there. Pre of a removal: a record is found.
    void write(std::size_t slot, record_rank rank, bool removal, bytes value)
    {
        auto const over = sights_[slot].write;
        auto const before = store_->version();
        store_version made = 0;
        auto const noted = run_.log.add({slot, rank, removal, index_, 0, over}, value);
        expected_ = removal ? record_sight{std::nullopt, rank, 0} : record_sight{noted, rank, 0};
        expected_slot_ = slot;
        step(input::write, [&](Store& store) { made = put_or_remove(store, slot, rank, removal, std::move(value)); });
        expected_slot_.reset();
        run_.check(store_law::versions, made > before && made == store_->version(), id.name, " wrote; the version was ", before,
            ", the write returned ", made, ", and the version is ", store_->version());
        run_.log.set_version(noted, made);
        own.push_back(noted);
    }

    /// Attempts a write that is outranked.
    void write_outranked(std::size_t slot, record_rank rank, bool removal)
    {
        auto const before = store_->version();
        store_version made = 0;
        step(input::other, [&](Store& store) { made = put_or_remove(store, slot, rank, removal, "outranked"); });
        run_.check(store_law::smaller_rank, made == 0 && store_->version() == before, id.name, " wrote with rank {", rank.major,
            ", ", rank.minor, "} over a larger one, and it returned ", made);
    }

    [[nodiscard]] Store& store() { return *store_; }
    [[nodiscard]] Store const& store() const { return *store_; }
    [[nodiscard]] std::vector<record_sight> const& sights() const { return sights_; }
    /// `held_by` of 2, 3, ... after the last step.
    [[nodiscard]] std::vector<store_version> const& held() const { return held_; }
    [[nodiscard]] std::size_t index() const { return index_; }

    [[nodiscard]] bool holds(std::size_t write) const { return history.holds(write, run_.log); }

    node_id id;
    bool alive = true;
    std::vector<node_id> members;
    std::map<std::string, node_id, std::less<>> up; ///< peers, by name
    sight_history history;
    std::vector<std::size_t> own; ///< its writes that the log has, in order
    bool told = false;            ///< the supervisor would look again at what it waits for
    std::vector<store_effects::message> outbox;
    /// Slots of which it shows nothing any more, not even that something was removed, and the rank that was there.
    std::vector<std::pair<std::size_t, record_rank>> forgotten;

private:
    store_version put_or_remove(Store& store, std::size_t slot, record_rank rank, bool removal, bytes value)
    {
        auto const& [table, key] = run_.slots[slot];
        return removal ? store.remove(table, key, rank) : store.put(table, key, rank, std::move(value));
    }

    record_sight look_at(std::size_t slot)
    {
        auto const& [table, key] = run_.slots[slot];
        record_sight result;
        result.rank = std::as_const(*store_).rank_of(table, key);
        auto const found = std::as_const(*store_).find(table, key);
        if (!found)
            return result;
        result.write = run_.log.of_value(found->value);
        result.stamp = found->stamp;
        auto const known = result.write && run_.log[*result.write].slot == slot && run_.log[*result.write].rank == found->rank;
        run_.check(store_law::made_up, known && result.rank == std::optional{found->rank}, id.name,
            " shows a record with a value or a rank that was not written there, or another rank by rank_of");
        if (!known)
            return sights_[slot];
        return result;
    }

    void judge_changes(input kind, std::vector<store_effects::change> const& changes)
    {
        auto const named = [&](record_slot const& slot) {
            return std::any_of(changes.begin(), changes.end(),
                [&](auto const& change) { return change.table == slot.table && change.key == slot.key; });
        };
        heard_ |= kind == input::message;
        auto const may_change = kind == input::message || (kind == input::time && heard_);
        run_.check(store_law::changes, may_change || changes.empty(), id.name, " names a change, and no message had come");
        for (std::size_t slot = 0; slot < sights_.size(); ++slot) {
            auto const now = look_at(slot);
            if (expected_slot_ == slot)
                judge_own_write(slot, now);
            else
                judge_change(may_change, slot, now, named(run_.slots[slot]));
        }
    }

    void judge_own_write(std::size_t slot, record_sight const& now)
    {
        auto const gone = !expected_.write && !now.rank && members.size() <= 1; // every member has seen it
        if (gone)
            forgotten.emplace_back(slot, *expected_.rank);
        run_.check(store_law::own_writes, now.write == expected_.write && (now.rank == expected_.rank || gone), id.name,
            " does not show what it has just written");
        run_.check(store_law::stamps, !now.write || now.stamp > sights_[slot].stamp, id.name, " wrote over stamp ",
            sights_[slot].stamp, ", and the stamp is ", now.stamp);
        take(slot, now);
    }

    void judge_change(bool may_change, std::size_t slot, record_sight const& now, bool named)
    {
        auto const& before = sights_[slot];
        auto const same = now == before;
        if (before.rank && !now.rank)
            forgotten.emplace_back(slot, *before.rank);
        if (!before.write && !now.write && !now.rank)
            run_.check(store_law::changes, true);
        else if (may_change)
            run_.check(store_law::changes, same || named, id.name, " shows a change that it does not name");
        else
            run_.check(store_law::changes, same, id.name, " shows a change, and no message had come");
        run_.check(store_law::changes, !same || !named || !now.write, id.name, " names a change that is none");
        if (!same)
            judge_order(slot, before, now);
        take(slot, now);
    }

    void judge_order(std::size_t slot, record_sight const& before, record_sight const& now)
    {
        auto const& removals = history.removals(slot);
        if (!now.rank)
            return;
        auto const& shown = history.shown(slot);
        auto const returned = (!removals.empty() && *removals.rbegin() > *now.rank)
            || std::any_of(shown.begin(), shown.end(), [&](std::size_t each) {
                   return run_.log[each].rank > *now.rank || (now.write && run_.log.beats(each, *now.write));
               });
        run_.check(store_law::winner, !returned, id.name, " shows what was outranked here before");
        auto const successor = before.write && now.write && before.write != now.write && run_.log.beats(*now.write, *before.write)
            && run_.log[*now.write].over == before.write;
        run_.check(store_law::stamps, !now.write || (now.stamp != 0 && (!successor || now.stamp > before.stamp)), id.name,
            " shows stamp ", now.stamp, " after stamp ", before.stamp, ", which its writer saw");
    }

    void take(std::size_t slot, record_sight const& now)
    {
        sights_[slot] = now;
        history.note(slot, now);
    }

    void judge_acknowledgement(bool acknowledgement_changed)
    {
        std::vector<store_version> now;
        for (std::size_t count = 2; count <= members.size() + 1; ++count)
            now.push_back(std::as_const(*store_).held_by(count));
        auto const common = std::min(now.size(), held_.size());
        auto const same = std::equal(now.begin(), now.begin() + static_cast<std::ptrdiff_t>(common), held_.begin());
        run_.check(store_law::told, same || acknowledgement_changed, id.name, " changes its held_by, and does not say so");
        run_.check(store_law::held, std::is_sorted(now.rbegin(), now.rend()), id.name, " holds more with more members");
        held_ = std::move(now);
    }

    void judge_send(store_effects::message const& message)
    {
        run_.check(store_law::sends, up.contains(message.to) && message.frame != nullptr, id.name, " sends to ", message.to,
            ", which is not a peer that is up");
        if (message.frame != nullptr)
            run_.check(store_law::frames, message.frame->size() <= store_frame_size_max, id.name, " sends a frame of ",
                message.frame->size(), " octets; the largest has ", store_frame_size_max);
    }

    std::uint64_t digest_of(
        std::vector<store_effects::change> const& changes, std::vector<store_effects::message> const& sends) const
    {
        auto digest = hash64(std::as_const(*store_).context(), index_);
        for (auto const& change : changes)
            digest = hash64(change.key, digest ^ static_cast<std::uint64_t>(change.table));
        for (auto const& message : sends)
            digest = hash64(message.frame != nullptr ? *message.frame : bytes{}, hash64(message.to, digest));
        return hash64({}, digest ^ static_cast<std::uint64_t>(store_->deadline().time_since_epoch().count()));
    }

    store_run& run_;
    bool heard_ = false; // a message has come
    std::size_t index_;
    std::unique_ptr<Store> store_;
    std::vector<record_sight> sights_;
    std::vector<store_version> held_;
    std::optional<std::size_t> expected_slot_; // while a local write is judged
    record_sight expected_;
};

} // namespace drover::conformance
