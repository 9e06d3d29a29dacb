// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/function.hpp>

#include <boost/asio/execution_context.hpp>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace drover::net::detail {

/// What one thread has to do, one after the other. Shared by the thread, by whoever gives it work, and by the service that
/// ends it.
class work_queue {
public:
    /// Blocks, on the thread.
    using work_function = unique_function<void()>;
    /// Tells that the work is done; may use the execution context. Destroyed uncalled when the context ends first.
    using deliver_function = unique_function<void()>;

    /// False: the context has ended, and both were destroyed.
    bool push(work_function&& work, deliver_function&& deliver)
    {
        item refused; // destroyed without the lock
        std::lock_guard const lock{mutex_};
        if (closed_) {
            refused = {std::move(work), std::move(deliver)};
            return false;
        }
        items_.push_back({std::move(work), std::move(deliver)});
        changed_.notify_one();
        return true;
    }

    /// Nothing more will be pushed: the thread ends when all is done.
    void retire()
    {
        std::lock_guard const lock{mutex_};
        retired_ = true;
        changed_.notify_one();
    }

    /// The context ends: what has begun is finished, and nothing is delivered.
    void close()
    {
        std::lock_guard const lock{mutex_};
        closed_ = true;
        changed_.notify_one();
    }

    /// Pre: closed, and the thread has ended. Destroys what was not done.
    void clear()
    {
        std::deque<item> left;
        std::lock_guard const lock{mutex_};
        left.swap(items_);
    }

    /// The thread has nothing to do any more, or is about to end.
    [[nodiscard]] bool finished()
    {
        std::lock_guard const lock{mutex_};
        return finished_;
    }

    /// The thread.
    void run()
    {
        std::unique_lock lock{mutex_};
        for (;;) {
            changed_.wait(lock, [this] { return closed_ || retired_ || !items_.empty(); });
            if (closed_ || items_.empty())
                break;
            auto next = std::move(items_.front());
            items_.pop_front();
            lock.unlock();
            next.work();
            next.work = nullptr;
            lock.lock();
            if (closed_) {
                items_.push_front(std::move(next)); // destroyed by `clear`, in the thread that ends the context
                break;
            }
            lock.unlock();
            next.deliver(); // the context waits for this thread before it goes
            next.deliver = nullptr;
            lock.lock();
        }
        finished_ = true;
    }

private:
    struct item {
        work_function work{};
        deliver_function deliver{};
    };

    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<item> items_;
    bool retired_ = false;
    bool closed_ = false;
    bool finished_ = false;
};

/// The work threads of one execution context. When the context ends, it waits for each to finish what has begun.
class work_threads final : public boost::asio::execution_context::service {
public:
    static inline boost::asio::execution_context::id id;

    explicit work_threads(boost::asio::execution_context& owner) : service{owner} {}

    void start(std::shared_ptr<work_queue> queue)
    {
        std::lock_guard const lock{mutex_};
        std::erase_if(threads_, [](running& one) {
            if (!one.queue->finished())
                return false;
            one.thread.join();
            return true;
        });
        std::thread thread{[queue] { queue->run(); }};
        threads_.push_back({std::move(queue), std::move(thread)});
    }

private:
    struct running {
        std::shared_ptr<work_queue> queue;
        std::thread thread;
    };

    void shutdown() override
    {
        std::vector<running> all;
        {
            std::lock_guard const lock{mutex_};
            all.swap(threads_);
        }
        for (auto const& one : all)
            one.queue->close();
        for (auto& one : all)
            one.thread.join();
        for (auto const& one : all)
            one.queue->clear();
    }

    std::mutex mutex_;
    std::vector<running> threads_;
};

/// A thread beside a strand, for work that blocks. It is made when it is first given some, and ends when this object is gone
/// and all is done, or with the context. May be used from any thread.
class work_thread {
public:
    work_thread() = default;
    work_thread(work_thread const&) = delete;
    work_thread& operator=(work_thread const&) = delete;
    ~work_thread() { queue_->retire(); }

    /// Calls `work`, then `deliver`, on the thread; in the order in which they were given.
    void give(boost::asio::execution_context& context, work_queue::work_function work, work_queue::deliver_function deliver)
    {
        if (queue_->push(std::move(work), std::move(deliver)))
            std::call_once(started_, [&] { boost::asio::use_service<work_threads>(context).start(queue_); });
    }

private:
    std::shared_ptr<work_queue> queue_ = std::make_shared<work_queue>();
    std::once_flag started_;
};

} // namespace drover::net::detail
