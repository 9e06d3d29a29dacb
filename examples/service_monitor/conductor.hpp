// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "arguments.hpp"
#include "ledger.hpp"
#include "local_services.hpp"
#include "node_process.hpp"
#include "report_server.hpp"
#include "screen.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <chrono>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace service_monitor {

struct conductor_settings {
    std::vector<std::string> services; ///< none: the conductor runs some of its own
    std::size_t nodes_count = 3;
    std::chrono::milliseconds kill_after{};
    std::chrono::milliseconds show_for{}; ///< each later step
    std::chrono::milliseconds interval{};
};

/// Plays the demonstration, and judges it by what the nodes report and by what the services see.
class conductor {
public:
    explicit conductor(conductor_settings settings);
    ~conductor();
    conductor(conductor const&) = delete;

    /// The exit code; throws `failure`.
    int run();

private:
    using flow = boost::asio::awaitable<void>;

    // The story, and its steps.
    flow play();
    flow start_all();
    boost::asio::awaitable<std::string> kill_one();
    flow start_again(std::string node);
    flow let_one_leave(std::string not_this);
    flow stop_all();

    // What the steps are made of.
    void spawn(std::string const& node);
    [[nodiscard]] std::set<std::string> running_nodes() const;
    [[nodiscard]] std::string busiest(std::string const& not_this) const;
    flow settle();
    flow watch(std::chrono::milliseconds length);
    flow until(std::function<std::string()> missing);
    flow pause(std::chrono::milliseconds length);

    // What must hold.
    void judge(std::int64_t since) const;
    void judge_services(std::int64_t since) const;
    void judge_overlap() const;

    // What is shown.
    [[nodiscard]] std::vector<std::string> picture() const;
    void show(std::string const& sentence);
    void look_after_nodes();

    conductor_settings settings_;
    boost::asio::io_context context_{1};
    boost::asio::signal_set signals_;
    std::optional<local_services> own_services_;
    ledger reports_;
    report_server server_;
    std::filesystem::path file_; ///< the services, as the nodes read them
    screen screen_;
    std::map<std::string, node_process> nodes_;
    std::map<std::string, std::string> ended_; ///< nodes that were meant to end, and how
    std::set<std::string> leaving_;
    ledger::assignment before_; ///< who ran what before the last step
    std::string failover_;      ///< what became of the kill, in words
    std::int64_t drawn_at_ = 0;
    std::int64_t first_settled_at_ = 0;
    std::exception_ptr failure_;
    bool interrupted_ = false;
};

} // namespace service_monitor
