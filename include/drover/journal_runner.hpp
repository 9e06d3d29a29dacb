// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/function.hpp>
#include <drover/base/time.hpp>
#include <drover/policy/journal.hpp>
#include <drover/policy/transport.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace drover::detail {

/// What a journal_runner tells, on the strand.
class journal_user {
public:
    virtual void on_committed(std::uint64_t number) = 0;
    /// It is tried again, unless the journal is being closed.
    virtual void on_commit_failed(std::string_view reason) = 0;
    /// What is left to commit before the journal is closed.
    virtual std::optional<journal_batch> next_batch() = 0;

protected:
    ~journal_user() = default;
};

/// Does the blocking work of one journal beside a node's strand, one piece after the other. Decides nothing but when a commit
/// that failed is tried again.
///
/// Used on the strand only. Owned by its user: it is called back only while that one lives.
template <class Runtime, class Journal>
class journal_runner {
public:
    static constexpr duration retry_after_min = std::chrono::milliseconds{100}; ///< doubled with each failure in a row
    static constexpr duration retry_after_max = std::chrono::seconds{5};

    using opened_handler = unique_function<void(journal_failure, journal_contents)>;
    using closed_handler = unique_function<void()>;

    journal_runner(Runtime runtime, std::shared_ptr<Journal> journal)
        : runtime_{std::move(runtime)}, journal_{std::move(journal)}, timer_{runtime_}
    {
    }

    /// `done` hears of it later. After a failure it may be called again.
    void open(journal_identity who, std::weak_ptr<journal_user> user, opened_handler done)
    {
        struct opened {
            journal_failure failure;
            journal_contents contents;
        };
        user_ = std::move(user);
        used_ = true;
        auto const result = std::make_shared<opened>();
        runtime_.offload(
            [journal = journal_, who = std::move(who), result] { result->failure = journal->open(who, result->contents); },
            [alive = user_, result, done = std::move(done)]() mutable {
                if (auto const keep = alive.lock())
                    done(std::move(result->failure), std::move(result->contents));
            });
    }

    /// Pre: open, and what was given before is committed.
    void commit(journal_batch batch)
    {
        expects(batch_ == nullptr, "a journal is given one batch at a time");
        batch_ = std::make_shared<journal_batch const>(std::move(batch));
        attempt();
    }

    /// Finishes the commit that is under way and what is left to commit, once, and closes: `done` is called afterwards; at once
    /// when it was never opened. May be called again.
    void close(closed_handler done)
    {
        if (!used_)
            return done();
        closing_ = true;
        timer_.cancel();
        finish(std::move(done));
    }

    /// Closes, and nothing is told any more. What was not committed is not.
    void abandon()
    {
        if (!used_ || std::exchange(ended_, true))
            return;
        closing_ = true;
        timer_.cancel();
        runtime_.offload([journal = journal_] { journal->close(); }, [] {});
    }

private:
    void attempt()
    {
        attempt([] {});
    }

    /// `then` is called when the user has been told how it went.
    void attempt(closed_handler then)
    {
        in_flight_ = true;
        auto const failure = std::make_shared<journal_failure>();
        runtime_.offload([journal = journal_, batch = batch_, failure] { *failure = journal->commit(*batch); },
            [this, alive = user_, failure, then = std::move(then)]() mutable {
                if (auto const keep = alive.lock()) {
                    on_attempted(*failure, *keep);
                    then();
                }
            });
    }

    void on_attempted(journal_failure const& failure, journal_user& user)
    {
        in_flight_ = false;
        if (ended_)
            return;
        if (!failure) {
            retry_after_ = retry_after_min;
            auto const number = std::exchange(batch_, nullptr)->number;
            return user.on_committed(number);
        }
        user.on_commit_failed(failure.reason);
        if (closing_)
            return;
        timer_.expires_at(saturating_add(runtime_.now(), retry_after_), [this, alive = user_] {
            if (auto const keep = alive.lock())
                attempt();
        });
        retry_after_ = std::min(2 * retry_after_, retry_after_max);
    }

    void finish(closed_handler done)
    {
        if (in_flight_) // behind it
            return runtime_.offload([] {},
                [this, alive = user_, done = std::move(done)]() mutable {
                    if (auto const keep = alive.lock())
                        finish(std::move(done));
                });
        if (batch_ == nullptr && !ended_)
            if (auto const user = user_.lock())
                if (auto next = user->next_batch())
                    batch_ = std::make_shared<journal_batch const>(std::move(*next));
        if (batch_ != nullptr && !ended_)
            return attempt([this, tried = batch_, done = std::move(done)]() mutable {
                ended_ = ended_ || batch_ == tried; // it failed: once is enough
                finish(std::move(done));
            });
        ended_ = true;
        runtime_.offload([journal = journal_] { journal->close(); },
            [this, alive = user_, done = std::move(done)]() mutable {
                if (auto const keep = alive.lock()) {
                    used_ = closing_ = ended_ = false;
                    batch_ = nullptr;
                    done();
                }
            });
    }

    Runtime runtime_;
    std::shared_ptr<Journal> journal_;
    typename Runtime::timer_type timer_;
    std::weak_ptr<journal_user> user_;
    std::shared_ptr<journal_batch const> batch_; // not committed yet
    duration retry_after_ = retry_after_min;
    bool used_ = false; // opened, or perhaps
    bool in_flight_ = false;
    bool closing_ = false;
    bool ended_ = false; // nothing more is committed
};

} // namespace drover::detail
