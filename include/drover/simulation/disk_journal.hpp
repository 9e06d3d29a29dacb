// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/error.hpp>
#include <drover/policy/journal.hpp>
#include <drover/policy/state_store.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

namespace drover::simulation {

/// The disk of one simulated host: what was committed to it, for whichever life of the host asks. Copies are copies of what is on
/// it: keep one, and put it back later, and the host has an old disk.
class disk {
public:
    /// Every commit and every opening fails with this, until `mend`.
    void break_down(errc code, std::string reason) { failure_ = {code, std::move(reason)}; }
    void mend() { failure_ = {}; }
    [[nodiscard]] journal_failure const& failure() const { return failure_; }

    void apply(journal_batch const& batch)
    {
        for (auto const& record : batch.records)
            records_.insert_or_assign({record.table, record.key}, record);
        for (auto const& name : batch.erased)
            records_.erase(name);
        for (auto const& origin : batch.origins)
            origins_.insert_or_assign(origin.id, origin);
        for (auto const id : batch.origins_erased)
            origins_.erase(id);
        ++commits_count_;
    }

    [[nodiscard]] journal_contents contents() const
    {
        journal_contents result;
        for (auto const& [name, record] : records_)
            result.records.push_back(record);
        for (auto const& [id, origin] : origins_)
            result.origins.push_back(origin);
        return result;
    }

    void wipe() { *this = disk{}; }
    [[nodiscard]] std::uint64_t commits_count() const { return commits_count_; }

private:
    std::map<std::pair<record_table, bytes>, journal_record> records_;
    std::map<std::uint64_t, journal_origin> origins_;
    std::uint64_t commits_count_ = 0;
    journal_failure failure_;
};

/// A journal on a `disk`. How long a commit takes is up to the runtime that it is offloaded to; a host that crashes meanwhile has
/// not committed.
class disk_journal {
public:
    static constexpr bool durable = true;

    /// On a disk of its own.
    disk_journal() : disk_journal{std::make_shared<disk>()} {}
    explicit disk_journal(std::shared_ptr<disk> on) : disk_{std::move(on)} {}

    journal_failure open(journal_identity const&, journal_contents& contents)
    {
        if (!disk_->failure())
            contents = disk_->contents();
        return disk_->failure();
    }

    journal_failure commit(journal_batch const& batch)
    {
        if (!disk_->failure())
            disk_->apply(batch);
        return disk_->failure();
    }

    void close() {}

private:
    std::shared_ptr<disk> disk_;
};

static_assert(journal<disk_journal>);

} // namespace drover::simulation
