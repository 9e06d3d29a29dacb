// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/net.hpp>
#include <drover/process.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <thread>
#include <utility>
#include <vector>

/// What the tests of process children share.
namespace process_stage {

using supervisor = drover::distributed_supervisor<drover::tcp_transport>;

/// Waits for a condition, with a bound; others do the work.
template <class Condition>
bool within(std::chrono::seconds bound, Condition&& condition)
{
    auto const end = std::chrono::steady_clock::now() + bound;
    while (!condition()) {
        if (std::chrono::steady_clock::now() > end)
            return false;
        std::this_thread::yield();
    }
    return true;
}

/// A folder of this test's, where processes leave their numbers.
class folder {
public:
    folder()
    {
        auto pattern = (std::filesystem::temp_directory_path() / "drover-process-XXXXXX").string();
        drover::expects(::mkdtemp(pattern.data()) != nullptr, "there is a temporary folder");
        path_ = pattern;
    }
    folder(folder const&) = delete;
    folder& operator=(folder const&) = delete;
    ~folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] std::string path(std::string_view name = {}) const { return (path_ / name).string(); }

    /// The whole first line of a file, once it is there.
    [[nodiscard]] std::optional<std::string> line(std::string_view name) const
    {
        std::ifstream file{path_ / name};
        std::string text;
        if (!std::getline(file, text) || file.eof())
            return std::nullopt;
        return text;
    }

    /// The number that a process wrote there, or 0.
    [[nodiscard]] pid_t number(std::string_view name) const
    {
        auto const text = line(name);
        return text ? std::stoi(*text) : 0;
    }

private:
    std::filesystem::path path_;
};

inline bool is_gone(pid_t process) { return ::kill(process, 0) != 0 && errno == ESRCH; }

inline bool ends(pid_t process, std::chrono::seconds bound = std::chrono::seconds{30})
{
    return within(bound, [&] { return is_gone(process); });
}

/// A shell that runs this.
inline drover::process_child shell(std::string script) { return {.command = "sh", .arguments = {"-c", std::move(script)}}; }

/// One node with a thread of its own. Remembers what its children wrote, and what happened.
class station {
public:
    using factory = std::function<drover::process_child(drover::child_context)>;

    explicit station(std::map<std::string, factory> types)
        : supervisor_{std::in_place, io_, drover::node_options{.name = "n1"}, drover::supervisor_options{}}
    {
        for (auto& [name, make] : types)
            supervisor_->add_child_type(name, std::move(make));
        supervisor_->log_to([this](drover::child_id const&, std::string_view line) { keep(lines_, std::string{line}); });
        supervisor_->events([this](drover::event const& what) { keep(events_, what); });
        thread_ = std::thread{[this] { io_.run(); }};
        supervisor_->async_start(boost::asio::use_future).get();
    }
    station(station const&) = delete;
    station& operator=(station const&) = delete;
    ~station() { die(); }

    supervisor* operator->() { return &*supervisor_; }
    boost::asio::io_context& io() { return io_; }

    /// Destroys the supervisor without a word, as the end of a scope does.
    void die()
    {
        if (!thread_.joinable())
            return;
        supervisor_.reset();
        guard_.reset();
        thread_.join();
    }

    drover::error_code start(drover::child_spec spec)
    {
        return supervisor_
            ->async_start_child(
                std::move(spec), boost::asio::use_future([](drover::error_code code, auto const&) { return code; }))
            .get();
    }

    /// Terminates a child, and waits until its instance has stopped.
    bool stop(std::string const& id)
    {
        auto const stopped = [this, &id] { return count(drover::event_kind::child_stopped, id); };
        auto const before = stopped();
        supervisor_->async_terminate_child(id, [](drover::error_code, drover::child_ref const&) {});
        return within(std::chrono::seconds{30}, [&] { return stopped() > before; });
    }

    void note(std::string line) { keep(lines_, std::move(line)); }

    [[nodiscard]] std::vector<std::string> lines() const
    {
        std::lock_guard const lock{mutex_};
        return lines_;
    }

    bool says(std::string_view line)
    {
        return within(std::chrono::seconds{30}, [&] {
            auto const all = lines();
            return std::find(all.begin(), all.end(), line) != all.end();
        });
    }

    /// The reasons of all events of one kind so far.
    [[nodiscard]] std::vector<std::string> reasons(drover::event_kind kind) const
    {
        std::lock_guard const lock{mutex_};
        std::vector<std::string> result;
        for (auto const& each : events_)
            if (each.kind == kind)
                result.push_back(each.reason);
        return result;
    }

    [[nodiscard]] std::ptrdiff_t count(drover::event_kind kind, std::string_view subject) const
    {
        std::lock_guard const lock{mutex_};
        return std::count_if(
            events_.begin(), events_.end(), [&](auto const& each) { return each.kind == kind && each.subject == subject; });
    }

    /// The reason of the first exit.
    std::string exit_reason()
    {
        if (!within(std::chrono::seconds{30}, [&] { return !reasons(drover::event_kind::child_exited).empty(); }))
            return "no exit";
        return reasons(drover::event_kind::child_exited).front();
    }

private:
    template <class Value>
    void keep(std::vector<Value>& into, Value what)
    {
        std::lock_guard const lock{mutex_};
        into.push_back(std::move(what));
    }

    mutable std::mutex mutex_;
    std::vector<std::string> lines_;
    std::vector<drover::event> events_;
    boost::asio::io_context io_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_ = boost::asio::make_work_guard(io_);
    std::optional<supervisor> supervisor_;
    std::thread thread_;
};

/// A station with one type, "process".
inline std::map<std::string, station::factory> only(station::factory make) { return {{"process", std::move(make)}}; }
inline std::map<std::string, station::factory> only(drover::process_child what)
{
    return only([what = std::move(what)](drover::child_context const&) { return what; });
}

inline drover::child_spec spec_of(std::string id, drover::restart_rule restart = drover::restart_rule::temporary)
{
    return {.id = std::move(id), .type = "process", .restart = restart};
}

} // namespace process_stage
