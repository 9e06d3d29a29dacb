// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/base/time.hpp>
#include <drover/journal_runner.hpp>
#include <drover/policy/journal.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

namespace drover::detail {

/// The journal of a supervisor's store, as its shell sees it: of a store without one, nothing, and everything is done at once.
template <class Shell, class Runtime, class StateStore>
class shell_journal {
public:
    shell_journal(Runtime const&, StateStore&) {}

    template <class Done>
    void open(journal_identity, std::shared_ptr<Shell> const&, Done&& done)
    {
        done(journal_failure{});
    }

    template <class Core>
    void restore(Core&, time_point)
    {
    }

    template <class Core>
    void commit_next(Core&)
    {
    }

    template <class Done>
    void close(Done&& done)
    {
        done();
    }

    void abandon() {}
};

/// On the strand. The shell has `on_committed`, `on_commit_failed` and `next_batch`.
template <class Shell, class Runtime, class StateStore>
    requires keeps_a_journal<StateStore>
class shell_journal<Shell, Runtime, StateStore> {
public:
    shell_journal(Runtime const& runtime, StateStore& store) : runner_{runtime, store.journal()} {}

    /// `done` hears of it later: unless it failed, what was read is there for `restore`.
    template <class Done>
    void open(journal_identity who, std::shared_ptr<Shell> const& shell, Done done)
    {
        to_shell_.shell = shell.get();
        runner_.open(std::move(who), std::shared_ptr<journal_user>{shell, &to_shell_},
            [this, done = std::move(done)](journal_failure failure, journal_contents contents) mutable {
                contents_ = std::move(contents);
                done(std::move(failure));
            });
    }

    /// Gives the core what was read.
    template <class Core>
    void restore(Core& core, time_point now)
    {
        core.restore(std::exchange(contents_, {}), now);
    }

    /// Commits what the core has written, unless a commit is under way.
    template <class Core>
    void commit_next(Core& core)
    {
        if (auto batch = core.take_batch())
            runner_.commit(std::move(*batch));
    }

    /// `done` is called when another may open it.
    template <class Done>
    void close(Done done)
    {
        contents_ = {};
        runner_.close(std::move(done));
    }

    /// Closes soon, and tells nobody.
    void abandon() { runner_.abandon(); }

private:
    struct forwarding final : journal_user {
        void on_committed(std::uint64_t number) override { shell->on_committed(number); }
        void on_commit_failed(std::string_view reason) override { shell->on_commit_failed(reason); }
        std::optional<journal_batch> next_batch() override { return shell->next_batch(); }

        Shell* shell = nullptr;
    };

    forwarding to_shell_;
    journal_runner<Runtime, typename StateStore::journal_type> runner_;
    journal_contents contents_;
};

} // namespace drover::detail
