// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <deque>
#include <exception>
#include <string>
#include <utility>
#include <vector>

/// Erlang/OTP's supervisor (supervisor.erl of OTP 24 and its manual), put down again as plainly as can be: one process that
/// takes one message after another, waits for each start and each stop, and searches a vector. It shares nothing with Drover,
/// whose machine is compared with it. A coroutine stands for the process, so that the rules read as they do in Erlang.
namespace otp_reference {

enum class rule { permanent, transient, temporary };
enum class strategy { one_for_one, one_for_all, rest_for_one };
enum class auto_shutdown { never, any_significant, all_significant };
enum class outcome { ok, error, ignore }; // of a start
enum class order { start, terminate, restart, remove, update };
enum class reply {
    ok,
    already_started,
    already_present,
    running,
    restarting,
    not_found,
    start_failed,
    max_children,
    shutting_down
};

/// What the reference does otherwise than OTP, to show that a comparison with it notices.
enum class deviation {
    none,
    window_one_more,                // one restart more than the intensity allows
    window_bound_outside,           // a restart that is exactly as old as the period no longer counts
    transient_after_normal,         // a transient child is restarted after a normal exit
    rest_for_one_as_all,            // children before the failed one are restarted, too
    stopped_left_to_right,          // the first started is stopped first
    temporary_kept,                 // the spec of a temporary child outlives it
    temporary_restarted_with_group, // a temporary child is started again with its group
    ignored_temporary_kept,         // start_child of a temporary child that says ignore keeps the spec
    retry_not_counted,              // a restart whose start fails is tried again for nothing
    all_significant_as_any,         // the first significant child ends the supervisor
    terminated_stays_down,          // a group that is restarted leaves out who was terminated
    undo_forgotten,                 // a failed start leaves the children that had started
    restarting_may_be_deleted,      // delete_child of a child that is being restarted
    count
};

struct spec {
    std::string id;
    rule restart = rule::permanent;
    bool significant = false;
};

struct flags {
    otp_reference::strategy strategy = strategy::one_for_one;
    std::size_t intensity = 1;
    std::int64_t period = 5;
    otp_reference::auto_shutdown auto_shutdown = auto_shutdown::never;
    bool stops_in_parallel = false;
    std::size_t children_max = 1000;
    deviation deviates = deviation::none;
};

/// A coroutine that another one awaits, or that is resumed from outside.
class [[nodiscard]] job {
public:
    struct promise_type {
        std::coroutine_handle<> awaiting = std::noop_coroutine();
        int value = 0;

        job get_return_object() { return job{std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        auto final_suspend() noexcept
        {
            struct back {
                bool await_ready() noexcept { return false; }
                std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept
                {
                    return self.promise().awaiting;
                }
                void await_resume() noexcept {}
            };
            return back{};
        }
        void return_value(int result) { value = result; }
        void unhandled_exception() { std::terminate(); }
    };

    explicit job(std::coroutine_handle<promise_type> handle) : handle_{handle} {}
    job(job&& other) noexcept : handle_{std::exchange(other.handle_, nullptr)} {}
    job& operator=(job&&) = delete;
    ~job()
    {
        if (handle_)
            handle_.destroy();
    }

    void begin() { handle_.resume(); }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept
    {
        handle_.promise().awaiting = awaiting;
        return handle_;
    }
    int await_resume() const noexcept { return handle_.promise().value; }

private:
    std::coroutine_handle<promise_type> handle_;
};

class supervisor {
public:
    static constexpr int undefined = 0;
    static constexpr int restarting = -1;

    struct child {
        otp_reference::spec spec;
        int pid = undefined; // or restarting, or the number of a process
    };

    supervisor(otp_reference::flags flags, std::vector<spec> initial) : flags_{flags}
    {
        for (auto& each : initial)
            children_.push_back({std::move(each), undefined});
    }

    void start() { process_.begin(); }

    /// A call of a client.
    void call(order what, std::uint64_t number, otp_reference::spec about, std::int64_t now)
    {
        now_ = now;
        if (ending_)
            return answer(number, reply::shutting_down);
        mail({message::kind::call, what, number, std::move(about), 0});
    }

    /// A process ended by itself; what is on its way to be stopped is answered instead.
    void exited(std::string const& id, bool normally, std::int64_t now)
    {
        now_ = now;
        auto const pid = find(id)->pid;
        dead_.push_back(pid);
        mail({message::kind::exit, order::start, normally ? std::uint64_t{1} : std::uint64_t{0}, {}, pid});
    }

    /// The parent says stop.
    void stop(std::int64_t now)
    {
        now_ = now;
        mail({message::kind::shutdown, order::start, 0, {}, 0});
    }

    /// What the start or stop that was traced last came to.
    void answer_start(outcome what, std::int64_t now)
    {
        now_ = now;
        outcome_ = what;
        std::exchange(waiting_, nullptr).resume();
    }
    void answer_stop(std::int64_t now)
    {
        now_ = now;
        if (--stops_open_ == 0)
            std::exchange(waiting_, nullptr).resume();
    }

    std::vector<std::string> trace; // "start a", "stop a", "reply 3 ok", "ended"

    [[nodiscard]] std::vector<child> const& children() const { return children_; }

private:
    struct message {
        enum class kind { call, exit, try_again, shutdown };

        kind what;
        order asked;
        std::uint64_t number; // of a call; of an exit, whether it was normal
        otp_reference::spec about;
        int pid;
    };

    enum verdict { go_on, shut_down };

    // ---- the process -------------------------------------------------------------------------------------------------

    job run()
    {
        auto const failed = co_await start_children(0, true);
        if (failed >= 0) {
            if (!deviates(deviation::undo_forgotten))
                co_await terminate("start_failed");
            else
                trace.push_back("ended start_failed");
            ending_ = true;
            co_return 0;
        }
        trace.push_back("started");
        for (;;) {
            if (mailbox_.empty())
                co_await next_message{*this};
            auto const next = std::move(mailbox_.front());
            mailbox_.pop_front();
            if (next.what == message::kind::shutdown) {
                co_await terminate("stopped");
                co_return 0;
            }
            auto result = int{go_on};
            if (next.what == message::kind::call)
                co_await handle_call(&next);
            else if (next.what == message::kind::exit)
                result = co_await handle_exit(next.pid, next.number != 0);
            else if (auto* const found = find(next.about.id); found != nullptr && found->pid == restarting)
                result = co_await restart(&next, found->spec.id, !deviates(deviation::retry_not_counted));
            if (result == shut_down) {
                co_await terminate(reason_);
                co_return 0;
            }
        }
    }

    job handle_call(message const* call)
    {
        auto const* const found = find(call->about.id);
        auto const id = call->about.id;
        auto const known = found != nullptr;
        auto const pid = known ? found->pid : undefined;
        if (call->asked == order::start) {
            if (known)
                answer(call->number, pid == undefined ? reply::already_present : reply::already_started);
            else if (children_.size() >= flags_.children_max)
                answer(call->number, reply::max_children);
            else {
                children_.push_back({call->about, undefined});
                auto const what = outcome(co_await start_process(id));
                answer(call->number, what == outcome::error ? reply::start_failed : reply::ok);
                auto const temporary = call->about.restart == rule::temporary && !deviates(deviation::ignored_temporary_kept);
                if (what == outcome::error || (what == outcome::ignore && temporary))
                    erase(id);
            }
            co_return 0;
        }
        if (!known) {
            answer(call->number, reply::not_found);
            co_return 0;
        }
        switch (call->asked) {
        case order::start: break;
        case order::terminate:
            co_await stop_process(id);
            answer(call->number, reply::ok);
            del_child(id);
            break;
        case order::restart:
            if (pid == undefined) {
                auto const what = outcome(co_await start_process(id));
                answer(call->number, what == outcome::error ? reply::start_failed : reply::ok);
                if (what != outcome::ok && find(id)->spec.restart == rule::temporary)
                    erase(id);
            } else {
                answer(call->number, pid == restarting ? reply::restarting : reply::running);
            }
            break;
        case order::remove:
            if (pid == undefined || (pid == restarting && deviates(deviation::restarting_may_be_deleted))) {
                answer(call->number, reply::ok);
                erase(id);
            } else {
                answer(call->number, pid == restarting ? reply::restarting : reply::running);
            }
            break;
        case order::update: // not in OTP: stop, change the spec where it stands, start
            if (pid > 0) {
                co_await stop_process(id);
                find(id)->spec = call->about;
                auto const what = outcome(co_await start_process(id));
                answer(call->number, what == outcome::error ? reply::start_failed : reply::ok);
                if (what != outcome::ok && find(id)->spec.restart == rule::temporary)
                    erase(id);
            } else {
                find(id)->spec = call->about;
                answer(call->number, reply::ok);
                if (call->about.restart == rule::temporary)
                    erase(id);
            }
            break;
        }
        co_return 0;
    }

    job handle_exit(int pid, bool normally)
    {
        auto const at = std::find_if(children_.begin(), children_.end(), [&](child const& each) { return each.pid == pid; });
        if (at == children_.end())
            co_return go_on;
        auto const spec = at->spec;
        auto const again = spec.restart == rule::permanent
            || (spec.restart == rule::transient && (!normally || deviates(deviation::transient_after_normal)));
        if (again)
            co_return co_await restart(nullptr, spec.id, true);
        if (deviates(deviation::temporary_kept))
            at->pid = undefined;
        else
            del_child(spec.id);
        if (!spec.significant || flags_.auto_shutdown == auto_shutdown::never)
            co_return go_on;
        auto const others = std::any_of(
            children_.begin(), children_.end(), [](child const& each) { return each.spec.significant && each.pid != undefined; });
        if (flags_.auto_shutdown == auto_shutdown::any_significant || !others || deviates(deviation::all_significant_as_any)) {
            reason_ = "auto_shutdown";
            co_return shut_down;
        }
        co_return go_on;
    }

    // The pointer says whether it is tried again; the id is a copy, for children move.
    job restart(message const*, std::string id, bool counts)
    {
        if (counts && !add_restart()) {
            del_child(id);
            reason_ = "gave_up";
            co_return shut_down;
        }
        if (flags_.strategy == strategy::one_for_one) {
            auto const what = outcome(co_await start_process(id));
            if (what == outcome::error)
                try_again(id);
            co_return go_on;
        }
        auto const all = flags_.strategy == strategy::one_for_all || deviates(deviation::rest_for_one_as_all);
        find(id)->pid = undefined;
        std::string const first = all ? std::string{} : id;
        co_await terminate_children(first);
        auto const from = all ? 0 : index_of(id);
        auto const failed = co_await start_children(from, false);
        if (failed >= 0)
            try_again(children_[static_cast<std::size_t>(failed)].spec.id);
        co_return go_on;
    }

    void try_again(std::string const& id)
    {
        find(id)->pid = restarting;
        mailbox_.push_back({message::kind::try_again, order::start, 0, {id, {}, {}}, 0});
    }

    [[nodiscard]] bool add_restart()
    {
        auto const threshold = now_ - flags_.period;
        auto const bound_outside = deviates(deviation::window_bound_outside);
        std::vector<std::int64_t> kept{now_};
        for (auto const at : restarts_)
            if (bound_outside ? at > threshold : at >= threshold)
                kept.push_back(at);
        restarts_ = kept;
        return restarts_.size() <= flags_.intensity + (deviates(deviation::window_one_more) ? 1 : 0);
    }

    // ---- children ----------------------------------------------------------------------------------------------------

    // Left to right. The index of the one that failed, or -1.
    job start_children(int from, bool)
    {
        for (auto i = static_cast<std::size_t>(from); i < children_.size();) {
            auto const id = children_[i].spec.id;
            if (deviates(deviation::terminated_stays_down) && is_terminated(id)) {
                ++i;
                continue;
            }
            auto const what = outcome(co_await start_process(id));
            if (what == outcome::error)
                co_return static_cast<int>(i);
            if (what == outcome::ignore && children_[i].spec.restart == rule::temporary)
                erase(id);
            else
                ++i;
        }
        co_return -1;
    }

    // Right to left, down to the first of them (empty: all). Temporary children are forgotten.
    job terminate_children(std::string first)
    {
        std::vector<std::string> ids;
        for (auto i = first.empty() ? std::size_t{0} : static_cast<std::size_t>(index_of(first)); i < children_.size(); ++i)
            ids.push_back(children_[i].spec.id);
        if (!deviates(deviation::stopped_left_to_right))
            std::reverse(ids.begin(), ids.end());
        for (std::size_t i = 0; i < ids.size(); ++i) {
            co_await stop_process(ids[i]);
            find(ids[i])->pid = undefined;
            if (find(ids[i])->spec.restart == rule::temporary && !deviates(deviation::temporary_restarted_with_group))
                erase(ids[i]);
        }
        co_return 0;
    }

    job terminate(std::string reason)
    {
        ending_ = true;
        for (auto const& each : mailbox_)
            if (each.what == message::kind::call)
                answer(each.number, reply::shutting_down);
        mailbox_.clear();
        if (flags_.stops_in_parallel) {
            for (auto at = children_.rbegin(); at != children_.rend(); ++at) {
                if (at->pid <= 0 || is_dead(at->pid))
                    continue;
                trace.push_back("stop " + at->spec.id);
                ++stops_open_;
            }
            if (stops_open_ > 0)
                co_await answered{*this};
        } else {
            co_await terminate_children({});
        }
        trace.push_back("ended " + reason);
        co_return 0;
    }

    job start_process(std::string id)
    {
        trace.push_back("start " + id);
        co_await answered{*this};
        auto const what = outcome_;
        find(id)->pid = what == outcome::ok ? ++last_pid_ : undefined;
        std::erase(terminated_, id);
        co_return static_cast<int>(what);
    }

    job stop_process(std::string id)
    {
        auto const pid = find(id)->pid;
        if (pid > 0 && !is_dead(pid)) {
            trace.push_back("stop " + id);
            stops_open_ = 1;
            co_await answered{*this};
        }
        co_return 0;
    }

    void del_child(std::string const& id)
    {
        find(id)->pid = undefined;
        terminated_.push_back(id);
        if (find(id)->spec.restart == rule::temporary)
            erase(id);
    }

    void erase(std::string const& id)
    {
        std::erase_if(children_, [&](child const& each) { return each.spec.id == id; });
    }

    [[nodiscard]] child* find(std::string const& id)
    {
        auto const at = std::find_if(children_.begin(), children_.end(), [&](child const& each) { return each.spec.id == id; });
        return at == children_.end() ? nullptr : &*at;
    }
    [[nodiscard]] int index_of(std::string const& id) { return static_cast<int>(find(id) - children_.data()); }
    [[nodiscard]] bool is_dead(int pid) const { return std::find(dead_.begin(), dead_.end(), pid) != dead_.end(); }
    [[nodiscard]] bool is_terminated(std::string const& id) const
    {
        return std::find(terminated_.begin(), terminated_.end(), id) != terminated_.end();
    }
    [[nodiscard]] bool deviates(deviation which) const { return flags_.deviates == which; }

    // ---- messages ----------------------------------------------------------------------------------------------------

    void mail(message next)
    {
        mailbox_.push_back(std::move(next));
        if (receiving_)
            std::exchange(receiving_, nullptr).resume();
    }

    void answer(std::uint64_t number, reply what)
    {
        trace.push_back("reply " + std::to_string(number) + " " + std::to_string(static_cast<int>(what)));
    }

    struct next_message {
        supervisor& self;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiting) noexcept { self.receiving_ = waiting; }
        void await_resume() const noexcept {}
    };

    struct answered {
        supervisor& self;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiting) noexcept { self.waiting_ = waiting; }
        void await_resume() const noexcept {}
    };

    otp_reference::flags flags_;
    std::vector<child> children_; // in the order of their start
    std::deque<message> mailbox_;
    std::vector<std::int64_t> restarts_;
    std::vector<int> dead_;
    std::vector<std::string> terminated_; // or ended; for a deviation
    std::string reason_;
    otp_reference::outcome outcome_{};
    std::int64_t now_ = 0;
    int last_pid_ = 0;
    int stops_open_ = 0;
    bool ending_ = false;
    std::coroutine_handle<> waiting_;   // for an answer
    std::coroutine_handle<> receiving_; // for a message
    job process_ = run();
};

} // namespace otp_reference
