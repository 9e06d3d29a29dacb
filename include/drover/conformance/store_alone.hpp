// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/limits.hpp>
#include <drover/conformance/journal_part.hpp>
#include <drover/conformance/report.hpp>
#include <drover/conformance/store_laws.hpp>
#include <drover/conformance/store_network.hpp>
#include <drover/policy/state_store.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drover::conformance {

/// The laws of a StateStore that can be seen from one replica alone.
template <class Make>
class store_alone {
    using store_type = store_made_by<Make>;

public:
    store_alone(report& found, Make& make) : found_{found}, make_{make} {}

    void check_all()
    {
        found_.law(store_law::versions, [&] { check_versions(); });
        found_.law(store_law::own_writes, [&] { check_own_writes(); });
        found_.law(store_law::smaller_rank, [&] { check_smaller_rank(); });
        found_.law(store_law::removal, [&] { check_removal(); });
        found_.law(store_law::tables, [&] { check_tables(); });
        found_.law(store_law::octets, [&] { check_octets(); });
        found_.law(store_law::stamps, [&] { check_stamps(); });
        found_.law(store_law::batches, [&] { check_batches(); });
        found_.law(store_law::changes, [&] { check_changes(); });
        if constexpr (!store_type::capabilities.replicated)
            found_.law(store_law::not_replicated, [&] { check_not_replicated(); });
    }

private:
    static constexpr record_rank low{3, 1};
    static constexpr record_rank middle{3, 5};
    static constexpr record_rank high{4, 0};

    /// A store of its own for each law, opened, the only member.
    std::unique_ptr<store_type> fresh()
    {
        node_id const id{"alone " + std::to_string(++made_), 1};
        std::unique_ptr<store_type> made{new store_type(make_store(make_, id))};
        made->open(id);
        auto const failure = open_journal(*made, id.name);
        found_.check(failure.empty(), "the journal cannot be opened: ", failure);
        made->set_members(std::vector<node_id>{id});
        return made;
    }

    static std::optional<bytes> value_of(store_type const& store, bytes_view key, record_table table = record_table::spec)
    {
        auto const found = store.find(table, key);
        return found ? std::optional{bytes{found->value}} : std::nullopt;
    }

    void check_versions()
    {
        auto const store = fresh();
        found_.check(store->version() == 0, "the version of a store without writes is ", store->version());
        store_version last = 0;
        for (int i = 0; i < 5; ++i) {
            auto const made = i == 3 ? store->remove(record_table::spec, "key 0", low)
                                     : store->put(record_table::spec, "key " + std::to_string(i % 2), low, "value");
            found_.check(made > last && store->version() == made, "write ", i, " returned ", made, " after ", last,
                ", and the version is ", store->version());
            commit_all(*store, time_point{});
            found_.check(store->held_by(1) == store->version(), "held_by(1) is ", store->held_by(1), ", and the version is ",
                store->version());
            last = made;
        }
    }

    void check_own_writes()
    {
        auto const store = fresh();
        found_.check(!store->find(record_table::spec, "key") && !store->rank_of(record_table::spec, "key"),
            "a store without writes finds something");
        for (auto const* const value : {"first", "second", ""}) {
            (void)store->put(record_table::spec, "key", low, value);
            found_.check(value_of(*store, "key") == value, "a put of '", value, "' is not found");
            found_.check(store->rank_of(record_table::spec, "key") == low && store->find(record_table::spec, "key")
                    && store->find(record_table::spec, "key")->rank == low,
                "a put is not found with its rank");
        }
        (void)store->put(record_table::spec, "other", middle, "third");
        found_.check(value_of(*store, "key") == "" && value_of(*store, "other") == "third", "two keys are mixed up");
    }

    void check_smaller_rank()
    {
        auto const store = fresh();
        (void)store->put(record_table::spec, "key", middle, "present");
        auto const version = store->version();
        for (auto const rank : {low, record_rank{2, 9}, record_rank{}}) {
            found_.check(store->put(record_table::spec, "key", rank, "late") == 0, "a put of a smaller rank was done");
            found_.check(store->remove(record_table::spec, "key", rank) == 0, "a removal of a smaller rank was done");
        }
        found_.check(store->version() == version && value_of(*store, "key") == "present"
                && store->rank_of(record_table::spec, "key") == middle,
            "what was refused left something behind");
        found_.check(store->put(record_table::spec, "key", middle, "equal") != 0 && value_of(*store, "key") == "equal",
            "a put of an equal rank was not done, and it saw the one before");
        found_.check(store->put(record_table::spec, "key", high, "larger") != 0 && value_of(*store, "key") == "larger",
            "a put of a larger rank was not done");
    }

    void check_removal()
    {
        auto const store = fresh();
        found_.check(store->remove(record_table::spec, "key", high) == 0, "a removal of nothing was done");
        (void)store->put(record_table::spec, "key", low, "present");
        found_.check(store->remove(record_table::spec, "key", middle) != 0, "a removal was not done");
        found_.check(!store->find(record_table::spec, "key"), "what was removed is found");
        auto const remembered = store->rank_of(record_table::spec, "key");
        found_.check(!remembered || *remembered == middle, "rank_of gives something else than the rank of the removal");
        if (remembered)
            found_.check(store->put(record_table::spec, "key", low, "late") == 0 && !store->find(record_table::spec, "key"),
                "a put of a smaller rank than the removal that is remembered was done");
        found_.check(store->remove(record_table::spec, "key", high) == 0, "what was removed is removed again");
        found_.check(store->put(record_table::spec, "key", high, "anew") != 0 && value_of(*store, "key") == "anew",
            "a put of a larger rank than the removal was not done");
        found_.check(store->remove(record_table::spec, "key", high) != 0 && !store->find(record_table::spec, "key"),
            "a removal of an equal rank was not done");
    }

    void check_tables()
    {
        auto const store = fresh();
        auto const table = [](std::size_t i) { return static_cast<record_table>(i); };
        for (std::size_t i = 0; i < record_tables_count; ++i)
            (void)store->put(table(i), "key", {10 - i, 0}, "value " + std::to_string(i));
        for (std::size_t i = 0; i < record_tables_count; ++i)
            found_.check(value_of(*store, "key", table(i)) == "value " + std::to_string(i), "table ", i,
                " does not have what was written there");
        (void)store->remove(table(1), "key", {20, 0});
        for (std::size_t i = 0; i < record_tables_count; ++i)
            found_.check(value_of(*store, "key", table(i)).has_value() == (i != 1), "a removal in table 1 shows in table ", i);
    }

    void check_octets()
    {
        auto const store = fresh();
        bytes all;
        for (int octet = 0; octet < 256; ++octet)
            all.push_back(static_cast<char>(octet));
        std::vector<bytes> const keys{bytes{}, bytes(1, '\0'), bytes(2, '\0'), all.substr(1, limits::child_id_size_max),
            bytes(limits::child_id_size_max, '\xff'), bytes(limits::child_id_size_max - 1, '\xff') + "e", "key",
            bytes{"key"} + bytes(1, '\0')};
        std::vector<bytes> const values{bytes{}, bytes(3, '\0'), all, bytes(limits::record_size_max, '\x80'), "value",
            bytes{"value"} + bytes(1, '\0') + "more", "\n|,;", "last"};
        for (std::size_t i = 0; i < keys.size(); ++i)
            (void)store->put(record_table::checkpoint, keys[i], low, values[i]);
        for (std::size_t i = 0; i < keys.size(); ++i)
            found_.check(value_of(*store, keys[i], record_table::checkpoint) == values[i], "a key of ", keys[i].size(),
                " octets does not have its value of ", values[i].size());
    }

    void check_stamps()
    {
        auto const store = fresh();
        std::uint64_t last = 0;
        for (int i = 0; i < 5; ++i) {
            (void)store->put(record_table::spec, "key", i < 3 ? low : high, "the same value");
            auto const found = store->find(record_table::spec, "key");
            found_.check(found && found->stamp > last, "a write over stamp ", last, " has stamp ", found ? found->stamp : 0);
            last = found ? found->stamp : last;
        }
        (void)store->remove(record_table::spec, "key", high);
        (void)store->put(record_table::spec, "key", {9, 0}, "anew");
        auto const found = store->find(record_table::spec, "key");
        found_.check(found && found->stamp != last && found->stamp != 0, "a record that was made anew has a stamp that was used");
    }

    void check_batches()
    {
        auto const store = fresh();
        (void)store->put(record_table::spec, "key", low, "value");
        found_.check(store->effects().sends.empty(), "a store that is alone sends");
        store->flush(time_point{});
        found_.check(store->effects().sends.empty(), "a store that is alone sends");
    }

    void check_changes()
    {
        auto const store = fresh();
        (void)store->put(record_table::spec, "key", low, "value");
        (void)store->put(record_table::spec, "key", middle, "value");
        (void)store->remove(record_table::spec, "key", high);
        store->flush(time_point{});
        found_.check(store->effects().changes.empty(), "a local write is named as a change");
    }

    void check_not_replicated()
    {
        auto const store = fresh();
        node_id const other{"other", 1};
        store->set_members(std::vector<node_id>{{"alone " + std::to_string(made_), 1}, other});
        store->on_peer_up(other, time_point{});
        (void)store->put(record_table::spec, "key", low, "value");
        store->flush(time_point{});
        if (store->deadline() != never)
            store->on_time(store->deadline());
        found_.check(store->effects().sends.empty(), "it says that it is not replicated, and sends");
        found_.check(store->held_by(1) == store->version(), "what is written is not held by one");
        found_.check(store->held_by(2) == 0, "it says that it is not replicated, and that another holds what is written");
        found_.check(
            !store->has_seen(origin_of(other), 1), "it says that it is not replicated, and that it has seen a write of another");
    }

    report& found_;
    Make& make_;
    int made_ = 0;
};

} // namespace drover::conformance
