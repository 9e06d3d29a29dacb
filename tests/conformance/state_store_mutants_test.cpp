// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A suite that cannot fail is worthless: stores with one defect each, and the laws that must tell.
#include "text_of.hpp"
#include "whole_state_store.hpp"

#include <drover/conformance/state_store.hpp>
#include <drover/store/crdt_store.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using drover::bytes;
using drover::bytes_view;
using drover::crdt_store;
using drover::node_id;
using drover::record_rank;
using drover::record_table;
using drover::store_version;
using drover::time_point;
using drover::conformance::check_state_store;
using drover::conformance::suite_options;
using models::whole_state_fault;
using models::whole_state_store;
namespace store_law = drover::conformance::store_law;

enum class fault {
    none,
    version_always_one,
    rank_raised,
    equal_rank_refused,
    empty_value_absent,
    removal_repeated,
    tables_shared,
    long_keys_cut,
    stamp_constant,
    stamp_of_node,
    own_write_named,
    put_sends,
    flush_sends_twice,
    sends_to_the_gone,
    huge_frames,
    changes_kept_back,
    change_invented,
    value_altered,
    busy_when_early,
    deadline_in_the_past,
    held_by_all_at_once,
    members_ignored,
    acknowledgement_kept_back,
    has_seen_everything,
    acknowledges_everything,
    covers_everything,
    level_always,
    synchronised_always,
    held_by_nobody,
    strangers_ignored,
    rubbish_removes,
    rubbish_forgives_nothing,
    rubbish_throws,
};

/// A store with one defect.
class faulty_store : public crdt_store<> {
    using base = crdt_store<>;

public:
    faulty_store() = default;
    explicit faulty_store(fault planted) : base{options_with(planted)}, fault_{planted} {}

    void open(node_id const& self)
    {
        self_ = self;
        base::open(self);
    }

    store_version put(record_table table, bytes_view key, record_rank rank, bytes value)
    {
        auto const present = base::rank_of(at(table), cut(key));
        if (has(fault::equal_rank_refused) && present && *present == rank)
            return 0;
        if (has(fault::rank_raised) && present)
            rank = std::max(rank, *present);
        auto const made = base::put(at(table), cut(key), rank, std::move(value));
        if (has(fault::own_write_named))
            base::effects().changes.push_back({table, bytes{key}});
        if (has(fault::held_by_all_at_once))
            base::effects().acknowledgement_changed = true;
        if (has(fault::put_sends))
            base::flush(now_);
        return has(fault::version_always_one) ? std::min<store_version>(made, 1) : made;
    }

    store_version remove(record_table table, bytes_view key, record_rank rank)
    {
        if (has(fault::removal_repeated) && base::rank_of(at(table), cut(key)) && !base::find(at(table), cut(key)))
            base::put(at(table), cut(key), rank, {});
        return base::remove(at(table), cut(key), rank);
    }

    std::optional<drover::record_view> find(record_table table, bytes_view key) const
    {
        auto found = base::find(at(table), cut(key));
        if (found && has(fault::stamp_constant))
            found->stamp = 1;
        if (found && has(fault::stamp_of_node))
            found->stamp = found->stamp * 1'000 + static_cast<std::uint64_t>(self_.name.back() & 7);
        if (found && has(fault::empty_value_absent) && found->value.empty())
            return std::nullopt;
        if (found && has(fault::value_altered) && found->value.size() > 30 && found->value.size() < 60)
            found->value.remove_suffix(1);
        return found;
    }

    std::optional<record_rank> rank_of(record_table table, bytes_view key) const { return base::rank_of(at(table), cut(key)); }

    void set_members(std::span<node_id const> members)
    {
        members_.assign(members.begin(), members.end());
        if (has(fault::members_ignored))
            for (auto const& id : ever_up_)
                if (std::find(members_.begin(), members_.end(), id) == members_.end())
                    members_.push_back(id);
        base::set_members(members_);
    }

    void on_peer_up(node_id const& id, time_point now)
    {
        ever_up_.push_back(id);
        up_.push_back(id);
        base::on_peer_up(id, now);
        if (has(fault::members_ignored))
            set_members(std::vector{members_});
    }

    void on_peer_down(node_id const& id, time_point now)
    {
        std::erase(up_, id);
        base::on_peer_down(id, now);
    }

    void on_message(node_id const& from, bytes_view frame, time_point now)
    {
        if (has(fault::strangers_ignored) && std::find(up_.begin(), up_.end(), from) == up_.end())
            return;
        auto const rejected = base::rejected_count();
        base::on_message(from, frame, now);
        if (base::rejected_count() > rejected) {
            if (has(fault::rubbish_throws))
                throw std::invalid_argument{"no such message"};
            if (has(fault::rubbish_removes))
                base::remove(record_table::spec, "a", {~std::uint64_t{0}, 0});
            if (has(fault::rubbish_forgives_nothing)) {
                base::on_peer_down(from, now);
                base::on_peer_up(from, now);
            }
        }
        auto& changes = base::effects().changes;
        if (has(fault::changes_kept_back) && !changes.empty()) {
            changes.clear();
            base::effects().acknowledgement_changed = true;
        }
        if (has(fault::change_invented) && base::find(record_table::spec, "a"))
            changes.push_back({record_table::spec, "a"});
    }

    void on_time(time_point now)
    {
        now_ = now;
        if (has(fault::busy_when_early) && base::deadline() > now && !up_.empty())
            base::on_peer_connected(up_.front(), now);
        base::on_time(now);
    }

    void flush(time_point now)
    {
        now_ = now;
        auto const sent = base::effects().sends.size();
        base::flush(now);
        auto& sends = base::effects().sends;
        if (sends.size() > sent && has(fault::flush_sends_twice))
            sends.push_back(sends.back());
        if (sends.size() > sent && has(fault::sends_to_the_gone))
            for (auto const& each : ever_up_)
                if (std::find(up_.begin(), up_.end(), each) == up_.end())
                    sends.push_back({each.name, sends.back().frame});
    }

    time_point deadline() const { return has(fault::deadline_in_the_past) ? time_point{} : base::deadline(); }

    drover::store_effects& effects()
    {
        if (has(fault::acknowledgement_kept_back))
            base::effects().acknowledgement_changed = false;
        return base::effects();
    }

    store_version held_by(std::size_t count) const
    {
        if (has(fault::held_by_all_at_once) && count <= members_.size())
            return base::version();
        return has(fault::held_by_nobody) && count > 1 ? 0 : base::held_by(count);
    }

    bool has_seen(drover::origin_id writer, store_version version) const
    {
        return has(fault::has_seen_everything) || base::has_seen(writer, version);
    }

    bool covers(bytes_view context, node_id const& from) { return base::covers(context, from) || has(fault::covers_everything); }

    bool acknowledges(bytes_view context, store_version version) const
    {
        return has(fault::acknowledges_everything) || base::acknowledges(context, version);
    }

    bool level_with(node_id const& id) const { return has(fault::level_always) || base::level_with(id); }
    bool synchronised(node_id const& id) const { return has(fault::synchronised_always) || base::synchronised(id); }

private:
    static drover::crdt_store_options options_with(fault planted)
    {
        drover::crdt_store_options options;
        if (planted == fault::huge_frames)
            options.piece_size = options.in_flight_max = 1024 * 1024 * 1024;
        return options;
    }

    bool has(fault which) const { return fault_ == which; }

    // Tables that the network of the suite does not use.
    record_table at(record_table table) const
    {
        return has(fault::tables_shared) && table == record_table::provisional ? record_table::checkpoint : table;
    }

    bytes_view cut(bytes_view key) const { return has(fault::long_keys_cut) ? key.substr(0, 100) : key; }

    fault fault_ = fault::none;
    node_id self_;
    std::vector<node_id> members_;
    std::vector<node_id> ever_up_;
    std::vector<node_id> up_;
    time_point now_{};
};

/// Says that it is durable, and keeps nothing.
struct forgetful_store : crdt_store<> {
    static constexpr drover::store_capabilities capabilities{.replicated = true, .durable = true, .ordered = true};
};

/// Says that it is not replicated, and is.
struct secretive_store : crdt_store<> {
    static constexpr drover::store_capabilities capabilities{.ordered = true};
};

using laws = std::vector<std::string_view>;

constexpr suite_options few_rounds{1, 2};

template <class Make>
void check_broken(Make make, laws const& expected)
{
    auto const found = check_state_store(make, few_rounds);
    auto broken = found.broken_laws();
    std::sort(broken.begin(), broken.end());
    std::vector<std::string> wanted{expected.begin(), expected.end()};
    std::sort(wanted.begin(), wanted.end());
    INFO(text_of(found));
    CHECK(broken == wanted);
    CHECK_FALSE(found.passed());
}

void check_fault(fault planted, laws const& expected)
{
    INFO("fault " << static_cast<int>(planted));
    check_broken([planted] { return faulty_store{planted}; }, expected);
}

void check_fault(whole_state_fault planted, laws const& expected)
{
    INFO("whole state fault " << static_cast<int>(planted));
    check_broken([planted] { return whole_state_store{planted}; }, expected);
}

} // namespace

TEST_CASE("what is wrong with one replica is told by its law", "[conformance]")
{
    check_fault(fault::version_always_one, {store_law::versions});
    check_fault(fault::rank_raised, {store_law::smaller_rank, store_law::removal});
    check_fault(
        fault::equal_rank_refused, {store_law::smaller_rank, store_law::own_writes, store_law::stamps, store_law::versions});
    check_fault(fault::empty_value_absent, {store_law::own_writes, store_law::octets});
    check_fault(fault::removal_repeated, {store_law::removal});
    check_fault(fault::tables_shared, {store_law::tables});
    check_fault(fault::long_keys_cut, {store_law::octets});
    check_fault(fault::stamp_constant, {store_law::stamps});
}

TEST_CASE("what a replica does wrong to its caller is told by its law", "[conformance]")
{
    check_fault(fault::own_write_named, {store_law::changes});
    check_fault(fault::put_sends, {store_law::batches});
    check_fault(fault::flush_sends_twice, {store_law::batches});
    check_fault(fault::sends_to_the_gone, {store_law::sends});
    check_fault(fault::huge_frames, {store_law::frames});
    check_fault(fault::changes_kept_back, {store_law::changes});
    check_fault(fault::change_invented, {store_law::changes});
    check_fault(fault::value_altered, {store_law::made_up});
    check_fault(fault::strangers_ignored, {store_law::brought_up});
}

TEST_CASE("what is wrong about time is told by its law", "[conformance]")
{
    check_fault(fault::busy_when_early, {store_law::early});
    check_fault(fault::deadline_in_the_past, {store_law::deadline});
    check_fault(whole_state_fault::endless_answers, {store_law::quiet});
    check_fault(whole_state_fault::never_again, {store_law::agree});
}

TEST_CASE("who claims too much, or too little, is told by its law", "[conformance]")
{
    check_fault(fault::held_by_all_at_once, {store_law::held});
    check_fault(fault::members_ignored, {store_law::held});
    check_fault(fault::acknowledgement_kept_back, {store_law::told});
    check_fault(fault::has_seen_everything, {store_law::has_seen});
    check_fault(fault::acknowledges_everything, {store_law::acknowledges});
    check_fault(fault::covers_everything, {store_law::covers});
    check_fault(fault::level_always, {store_law::level});
    check_fault(fault::synchronised_always, {store_law::synchronised});
    check_fault(fault::held_by_nobody, {store_law::all_held});
    check_fault(whole_state_fault::earlier_life_counts, {store_law::held});
    check_fault(whole_state_fault::blind_acknowledgement, {store_law::stood});
}

TEST_CASE("replicas that do not agree, or on the wrong record, are told by their law", "[conformance]")
{
    check_fault(whole_state_fault::last_to_come_wins, {store_law::winner});
    check_fault(whole_state_fault::name_before_stamp, {store_law::winner, store_law::held});
    check_fault(whole_state_fault::arrival_among_equals, {store_law::stood});
    check_fault(fault::stamp_of_node, {store_law::agree});
    check_fault(whole_state_fault::removal_erased, {store_law::remembered, store_law::winner, store_law::held});
    check_fault(whole_state_fault::nothing_forwarded, {store_law::covers, store_law::stood, store_law::synchronised});
}

TEST_CASE("harm by octets, and whatever is not repeatable, is told by its law", "[conformance]")
{
    check_fault(fault::rubbish_removes, {store_law::changes});
    check_fault(fault::rubbish_forgives_nothing, {store_law::rubbish});
    check_fault(fault::rubbish_throws, {store_law::survives});
    check_fault(whole_state_fault::number_of_process, {store_law::repeatable});
}

TEST_CASE("a promise that is not kept is told by its law", "[conformance]")
{
    check_broken([] { return forgetful_store{}; }, {store_law::durable});
    check_broken([] { return secretive_store{}; }, {store_law::not_replicated});
}
