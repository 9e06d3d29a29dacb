// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "text_of.hpp"
#include "whole_state_store.hpp"

#include <drover/conformance/state_store.hpp>
#include <drover/store/crdt_store.hpp>
#include <drover/store/memory_store.hpp>

#include <drover/simulation/disk_journal.hpp>

#include <catch2/catch_test_macros.hpp>

namespace {

using drover::crdt_store;
using drover::crdt_store_options;
using drover::conformance::check_state_store;
namespace store_law = drover::conformance::store_law;

/// A store of one node, written by somebody else: nobody else hears of anything.
struct lonely_store : models::whole_state_store {
    static constexpr drover::store_capabilities capabilities{.ordered = true};

    void on_peer_up(drover::node_id const&, drover::time_point) {}
    void on_peer_connected(drover::node_id const&, drover::time_point) {}
    void on_message(drover::node_id const&, drover::bytes_view, drover::time_point) {}
};

/// Removals are forgotten as early as is safe, and large deltas go in many parts.
crdt_store<> eager_store()
{
    crdt_store_options options;
    options.sync_interval = std::chrono::milliseconds{200};
    options.removal_retention = drover::duration::zero();
    options.piece_size = 1024;
    options.pieces_in_flight_max = 2;
    return crdt_store<>{options};
}

/// As it is with a journal: on one disk for all lives of a node.
class stores_on_disks {
public:
    using store_type = crdt_store<drover::simulation::disk_journal>;

    store_type operator()(drover::node_id const& id)
    {
        auto& disk = (*disks_)[id.name];
        if (disk == nullptr)
            disk = std::make_shared<drover::simulation::disk>();
        crdt_store_options options;
        options.sync_interval = std::chrono::milliseconds{200};
        options.removal_retention = drover::duration::zero();
        return store_type{drover::simulation::disk_journal{disk}, options};
    }

private:
    using disks = std::map<std::string, std::shared_ptr<drover::simulation::disk>>;
    std::shared_ptr<disks> disks_ = std::make_shared<disks>();
};

} // namespace

TEST_CASE("crdt_store with a journal is a StateStore, and durable", "[conformance]")
{
    auto const found = check_state_store(stores_on_disks{}, {200, 8});
    INFO(text_of(found));
    CHECK(found.passed());
}

TEST_CASE("crdt_store is a StateStore", "[conformance]")
{
    auto const found = check_state_store<crdt_store<>>();
    INFO(text_of(found));
    CHECK(found.passed());
}

TEST_CASE("crdt_store is a StateStore also when it forgets early and cuts small", "[conformance]")
{
    auto const found = check_state_store(eager_store, {100, 8});
    INFO(text_of(found));
    CHECK(found.passed());
}

TEST_CASE("the simplest store that replicates is a StateStore", "[conformance]")
{
    auto const found = check_state_store<models::whole_state_store>();
    INFO(text_of(found));
    CHECK(found.passed());
}

TEST_CASE("memory_store is a StateStore, of one node", "[conformance]")
{
    for (auto const& found :
        {check_state_store<drover::memory_store>(), check_state_store<drover::standalone<drover::memory_store>>()}) {
        INFO(text_of(found));
        CHECK(found.passed());
        CHECK(found.holds(store_law::not_replicated));
        CHECK(found.holds(store_law::removal));
        CHECK_FALSE(found.holds(store_law::agree));
    }
}

TEST_CASE("a store that is not replicated is held to what it can promise", "[conformance]")
{
    auto const found = check_state_store<lonely_store>();
    INFO(text_of(found));
    CHECK(found.passed());
    CHECK(found.holds(store_law::not_replicated));
    CHECK(found.holds(store_law::smaller_rank));
    CHECK_FALSE(found.holds(store_law::agree));
}
