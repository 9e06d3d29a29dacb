// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/policy/journal.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/store/causal_context.hpp>
#include <drover/store/causal_map.hpp>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

namespace drover {

/// A journal that keeps nothing: the store lives in memory, and a restart is a loss.
struct no_journal {
    static constexpr bool durable = false;

    journal_failure open(journal_identity const&, journal_contents&) { return {}; }
    journal_failure commit(journal_batch const&) { return {}; }
    void close() {}
};

} // namespace drover

namespace drover::store {

/// What of a map is on stable storage, and what is on its way there: one batch at a time, and each the state of the map as it is
/// when the one before is there. So the journal is always a state that the map once had.
template <class Journal>
class journaling {
public:
    explicit journaling(Journal journal) : journal_{std::make_shared<Journal>(std::move(journal))} {}

    [[nodiscard]] std::shared_ptr<Journal> journal() const { return journal_; }

    /// What would be found after a loss of power.
    [[nodiscard]] causal_context const& committed() const { return committed_; }

    void open(causal_map& map)
    {
        map.note_touched();
        committed_ = map.context();
    }

    /// Appends what it put into the map to `changes`. Returns how much made no sense. O(contents log contents).
    std::uint64_t restore(causal_map& map, journal_contents contents, std::vector<store_effects::change>& changes)
    {
        std::uint64_t rejected = 0;
        for (auto const& origin : contents.origins) {
            if (origin.id != origin_of(origin.node) || !map.learn_origin(origin.node)) {
                ++rejected;
                continue;
            }
            map.restore_seen(origin.id, origin.seen);
            map.raise_forgotten(origin.id, origin.forgotten);
        }
        std::sort(contents.records.begin(), contents.records.end(), [](auto const& left, auto const& right) {
            return std::tie(left.origin, left.sequence) < std::tie(right.origin, right.sequence);
        });
        for (auto& record : contents.records) {
            causal_map::write write{
                record.origin, record.sequence, record.stamp, record.rank, record.removed, std::move(record.value)};
            if (record.sequence == 0 || record.stamp > stamp_max || map.context().at(record.origin) < record.sequence
                || !map.restore(record.table, record.key, std::move(write)))
                ++rejected;
            else
                changes.push_back({record.table, std::move(record.key)});
        }
        (void)map.take_touched();
        committed_ = map.context();
        origins_ = origins_of(map);
        return rejected;
    }

    /// Pre: what is held follows from what was seen. None: nothing to do, or one is under way. O(what changed log of it,
    /// origins).
    [[nodiscard]] std::optional<journal_batch> take_batch(causal_map& map)
    {
        if (committing_)
            return std::nullopt;
        journal_batch batch;
        auto origins = origins_of(map);
        for (auto const& origin : origins)
            if (!std::binary_search(origins_.begin(), origins_.end(), origin, before))
                batch.origins.push_back(origin);
        auto touched = map.take_touched();
        auto const order = [](auto const& left, auto const& right) {
            return std::tie(left.table, left.key) < std::tie(right.table, right.key);
        };
        std::sort(touched.begin(), touched.end(), order);
        touched.erase(std::unique(touched.begin(), touched.end()), touched.end());
        for (auto& name : touched) {
            auto const* const entry = map.find(name.table, name.key);
            if (entry == nullptr)
                batch.erased.emplace_back(name.table, std::move(name.key));
            else
                batch.records.push_back({name.table, std::move(name.key), entry->origin, entry->sequence, entry->stamp,
                    entry->rank, entry->removed, entry->value});
        }
        if (batch.origins.empty() && batch.records.empty() && batch.erased.empty())
            return std::nullopt;
        batch.number = ++batches_;
        committing_ = map.context();
        origins_ = std::move(origins);
        return batch;
    }

    /// False when it is not the one that is under way.
    bool on_committed(std::uint64_t number)
    {
        if (!committing_ || number != batches_)
            return false;
        committed_ = std::move(*std::exchange(committing_, std::nullopt));
        return true;
    }

private:
    static bool before(journal_origin const& left, journal_origin const& right)
    {
        return std::tie(left.id, left.seen, left.forgotten) < std::tie(right.id, right.seen, right.forgotten);
    }

    [[nodiscard]] static std::vector<journal_origin> origins_of(causal_map const& map)
    {
        std::vector<journal_origin> result;
        for (auto const& item : map.context().items())
            if (auto const* const node = map.origin(item.origin))
                result.push_back({item.origin, *node, item.sequence, map.forgotten(item.origin)});
        return result;
    }

    std::shared_ptr<Journal> journal_;
    causal_context committed_;
    std::optional<causal_context> committing_;
    std::vector<journal_origin> origins_; // as in the last batch
    std::uint64_t batches_ = 0;
};

/// Of a store that lives in memory: nothing, at no cost.
template <>
class journaling<no_journal> {
public:
    explicit journaling(no_journal) {}

    [[nodiscard]] std::shared_ptr<no_journal> journal() const { return nullptr; }
    void open(causal_map&) {}
    std::uint64_t restore(causal_map&, journal_contents const&, std::vector<store_effects::change>&) { return 0; }
    [[nodiscard]] std::optional<journal_batch> take_batch(causal_map&) { return std::nullopt; }
    bool on_committed(std::uint64_t) { return false; }
};

} // namespace drover::store
