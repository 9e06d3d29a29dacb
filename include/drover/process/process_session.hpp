// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/child/object.hpp>
#include <drover/process/beats.hpp>
#include <drover/process/descriptor.hpp>
#include <drover/process/end_reason.hpp>
#include <drover/process/keeper_handle.hpp>
#include <drover/process/launch_plan.hpp>
#include <drover/process/line_splitter.hpp>
#include <drover/process/process_child.hpp>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <sys/types.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace drover::detail {

/// One process child, from its start to its end, as seen from the node: lines out of it, messages into it, orders to its
/// keeper. On the supervisor's strand; its handlers share it, and do nothing once it is abandoned.
class process_session : public std::enable_shared_from_this<process_session> {
public:
    process_session(child_context context, process_child what, boost::asio::any_io_executor const& executor)
        : context_{std::move(context)}, what_{std::move(what)}, control_{executor}, input_{executor},
          output_{executor, what_.line_size_max}, error_{executor, what_.line_size_max}
    {
    }

    process_session(process_session const&) = delete;
    process_session& operator=(process_session const&) = delete;
    ~process_session() { abandon(); }

    /// Throws with the reason when the command cannot be executed.
    void start()
    {
        launch();
        keeper_.wait(limits::process_start_wait_max);
        if (auto const first = keeper_.read(); first.report)
            take_report(*first.report);
        if (ended_)
            throw std::runtime_error{*ended_};
        watch_control();
        watch(output_);
        watch(error_);
        auto& book = beat_book::instance();
        supervisor_ = context_.link()->host;
        beats_ = {&keeper_, what_.keeper_deadline.count() / beats_a_deadline, 0};
        beat();
        book.add(supervisor_, beats_);
        book.beat_due(supervisor_);
    }

    /// A cast is a line on its standard input. A call is answered with `errc::no_such_message`.
    void deliver(child_message message)
    {
        if (message.wants_reply() || what_.input == process_input::none || !input_.is_open())
            return;
        auto const& payload = message.payload();
        if (waiting_input_.size() + payload.size() + 1 > what_.input_size_max) {
            context_.log("a message was dropped: the process does not read its standard input");
            return;
        }
        auto const idle = waiting_input_.empty();
        waiting_input_.append(payload).push_back('\n');
        if (idle)
            write_input();
    }

    stop_result stop()
    {
        keeper_.order(keeper_order::terminate);
        return stop_result::later;
    }

    /// Ends the process at once, if it has not ended. Perhaps within the destructor of the execution context.
    void abandon() noexcept
    {
        if (std::exchange(abandoned_, true))
            return;
        beat_book::instance().remove(supervisor_, beats_);
        (void)control_.release();
        keeper_.kill();
        boost::system::error_code ignored;
        input_.close(ignored);
        output_.from.close(ignored);
        error_.from.close(ignored);
    }

private:
    using stream = boost::asio::posix::stream_descriptor;

    struct line_source {
        line_source(boost::asio::any_io_executor const& executor, std::size_t line_size_max)
            : from{executor}, lines{line_size_max}
        {
        }

        stream from;
        line_splitter lines;
    };

    static constexpr std::size_t chunk_size = 16 * 1024;      // read in one turn on the strand, for each stream
    static constexpr std::size_t last_size_max = 1024 * 1024; // read of what a process left in a pipe when it ended
    static constexpr int beats_a_deadline = 4;

    void launch()
    {
        auto input = make_pipe(pipe_direction::from_node);
        auto output = make_pipe(pipe_direction::to_node);
        auto error = make_pipe(pipe_direction::to_node);
        launch_plan const plan{what_, context_};
        keeper_setup setup;
        setup.plan = &plan;
        setup.ends = {input.far.number(), output.far.number(), error.far.number()};
        setup.grace_ns = what_.kill_grace.count();
        setup.silence_ns = what_.keeper_deadline.count();
        keeper_ = keeper_handle::launch(setup);
        control_.assign(keeper_.number());
        output_.from.assign(output.near.number());
        (void)output.near.release();
        error_.from.assign(error.near.number());
        (void)error.near.release();
        if (what_.input == process_input::none)
            return;
        input_.assign(input.near.number());
        (void)input.near.release();
    }

    // ---- the keeper --------------------------------------------------------------------------------------------------

    void watch_control()
    {
        control_.async_wait(stream::wait_read, [self = shared_from_this()](boost::system::error_code const& code) {
            if (code || self->abandoned_)
                return;
            self->take_reports();
            if (self->ended_)
                self->finish();
            else
                self->watch_control();
        });
    }

    void take_reports()
    {
        while (!ended_) {
            auto const next = keeper_.read();
            if (next.report)
                take_report(*next.report);
            else if (next.gone)
                lose_keeper();
            else
                return;
        }
    }

    void take_report(report_record const& report)
    {
        switch (report.said) {
        case keeper_said::started: process_ = report.value; return;
        case keeper_said::failed: ended_ = start_failure(what_, report.step, report.value); return;
        case keeper_said::ended: ended_ = exit_reason(report); return;
        }
    }

    // Somebody killed it. Its process was killed by that; who else is in the group is so now.
    void lose_keeper()
    {
        if (process_ > 0)
            ::kill(-process_, SIGKILL);
        ended_ = "its keeper was killed";
    }

    void beat()
    {
        beats_.beat(keeper_clock_ns());
        context_.after(what_.keeper_deadline / beats_a_deadline, [weak = weak_from_this()] {
            auto const self = weak.lock();
            if (self != nullptr && !self->abandoned_)
                self->beat();
        });
    }

    // What it wrote last is still in the pipes.
    void finish()
    {
        read_rest(output_);
        read_rest(error_);
        if (!abandoned_ && !failed_)
            context_.exit(*ended_);
    }

    // ---- lines out ---------------------------------------------------------------------------------------------------

    void watch(line_source& source)
    {
        source.from.async_wait(stream::wait_read, [self = shared_from_this(), &source](boost::system::error_code const& code) {
            if (code || self->abandoned_ || self->ended_)
                return;
            if (self->read_chunk(source) != 0 && !self->abandoned_)
                self->watch(source);
        });
    }

    // How many octets came: 0 at the end of the stream, -1 if there are none now.
    ssize_t read_chunk(line_source& source)
    {
        char chunk[chunk_size];
        auto size = ::read(source.from.native_handle(), chunk, sizeof chunk);
        if (size < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? -1 : 0;
        give_lines(source, [&](auto& take) {
            if (size > 0)
                source.lines.feed({chunk, static_cast<std::size_t>(size)}, take);
            else
                source.lines.finish(take);
        });
        return size;
    }

    void read_rest(line_source& source)
    {
        for (std::size_t total = 0; total < last_size_max && !abandoned_ && source.from.is_open();) {
            auto const size = read_chunk(source);
            if (size <= 0)
                break;
            total += static_cast<std::size_t>(size);
        }
        give_lines(source, [&](auto& take) { source.lines.finish(take); });
    }

    template <class Feed>
    void give_lines(line_source& source, Feed&& feed)
    {
        auto const& handler = &source == &output_ ? what_.on_output : what_.on_error;
        auto take = [&](bytes_view line) {
            if (abandoned_ || failed_)
                return;
            if (handler)
                handler(context_, line);
            else
                context_.log(line);
        };
        try {
            feed(take);
        } catch (std::exception const& error) {
            fail(error.what());
        } catch (...) {
            fail("an exception that is no std::exception");
        }
    }

    void fail(std::string reason)
    {
        failed_ = true;
        context_.exit(std::move(reason));
    }

    // ---- messages in -------------------------------------------------------------------------------------------------

    void write_input()
    {
        while (!waiting_input_.empty()) {
            auto const size = write_without_signal(input_.native_handle(), waiting_input_.data(), waiting_input_.size());
            if (size < 0 && errno == EINTR)
                continue;
            if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                return wait_for_input();
            if (size < 0)
                return close_input();
            waiting_input_.erase(0, static_cast<std::size_t>(size));
        }
    }

    void wait_for_input()
    {
        input_.async_wait(stream::wait_write, [self = shared_from_this()](boost::system::error_code const& code) {
            if (!code && !self->abandoned_)
                self->write_input();
        });
    }

    // Nobody reads any more.
    void close_input()
    {
        waiting_input_.clear();
        boost::system::error_code ignored;
        input_.close(ignored);
    }

    child_context context_;
    process_child what_;
    keeper_handle keeper_;
    beat_source beats_;
    child_host const* supervisor_ = nullptr;
    stream control_; // waits on the descriptor of `keeper_`, which owns it
    stream input_;
    line_source output_;
    line_source error_;
    bytes waiting_input_;
    pid_t process_ = 0;
    std::optional<std::string> ended_; // why, once it has
    bool failed_ = false;              // by what a line handler threw
    bool abandoned_ = false;
};

} // namespace drover::detail
