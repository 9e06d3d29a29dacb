// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "arguments.hpp"
#include "commands.hpp"
#include "monitor.hpp"
#include "report.hpp"
#include "reporter.hpp"
#include "services_file.hpp"

#include <drover/net.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace service_monitor {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

using node_type = drover::node<drover::tcp_transport, drover::static_members>;
using supervisor_type = drover::distributed_supervisor<drover::tcp_transport>;

struct node_settings {
    drover::node_options node;
    monitor_options monitor;
    std::vector<std::string> services;
    std::optional<std::string> report;
};

node_settings parse_settings(std::span<char* const> words)
{
    arguments const given{
        words, {"--name", "--listen", "--seed", "--services", "--interval", "--deadline", "--report"}, {"--introduce"}};
    if (given.word())
        throw bad_input{"'" + *given.word() + "' is no flag: a node takes only flags"};
    node_settings result;
    result.node.name = given.required("--name");
    result.node.listen = given.one("--listen").value_or(result.node.listen);
    result.node.seeds = given.all("--seed");
    result.monitor = {given.time("--interval", 1s), given.time("--deadline", 1s), given.has("--introduce")};
    result.report = given.one("--report");
    if (!drover::link::parse_address(result.node.listen))
        throw bad_input{"--listen wants host:port, and not '" + result.node.listen + "'"};
    for (auto const& seed : result.node.seeds)
        if (auto const address = drover::link::parse_address(seed); !address || address->port == 0)
            throw bad_input{"--seed wants host:port, and not '" + seed + "'"};
    if (auto const sentence = validate(result.node); !sentence.empty())
        throw bad_input{sentence};
    if (result.node.name.find_first_of(" \t\n") != std::string::npos)
        throw bad_input{"--name wants a name without blanks"};
    result.services = read_services(given.required("--services"));
    return result;
}

/// A busy machine may keep a node silent for a while. One that was killed is known by its connections, not by its silence.
constexpr drover::static_members_options patient{.silence_timeout = 3s};

/// One node, from its first line to its goodbye. One thread runs all of it.
class node_program {
public:
    explicit node_program(node_settings settings)
        : settings_{std::move(settings)}, node_{context_, settings_.node, drover::static_members{patient}},
          supervisor_{node_, drover::supervisor_options{}}, signals_{context_, SIGINT, SIGTERM},
          questions_{context_, SIGUSR1}, pulse_{context_}
    {
        if (settings_.report)
            reporter_.emplace(context_, *settings_.report);
        tell(report::hello{node_.name(), "-"});
    }

    int run()
    {
        watch_events();
        watch_signals();
        watch_questions();
        show_progress();
        supervisor_.add_child_type("monitor", [options = settings_.monitor, board = board_](drover::child_context self) {
            return monitor(std::move(self), options, board);
        });
        if (reporter_)
            reporter_->watch([this] { leave("the conductor is gone"); });
        supervisor_.async_start([this](drover::error_code error) { on_started(error); });
        context_.run();
        context_.restart();
        context_.run_for(1s); // what was said last is on its way to the others
        return exit_code_;
    }

private:
    // ---- life --------------------------------------------------------------------------------------------------------

    void on_started(drover::error_code error)
    {
        if (error && leaving_)
            return;
        if (error) {
            std::cerr << "service_monitor: " << reason_of(error) << '\n';
            return finish(1);
        }
        log("listens on " + node_.address() + ", in a cluster of " + std::to_string(node_.members().size()));
        tell(report::hello{node_.name(), node_.address()});
        for (auto const& service : settings_.services)
            asio::co_spawn(context_, start_child(service), asio::detached);
        if (reporter_)
            keep_reporting();
    }

    std::string reason_of(drover::error_code error) const
    {
        auto const& options = settings_.node;
        auto const because = ": " + error.message();
        if (error == drover::errc::seeds_unreachable) {
            std::string seeds;
            for (auto const& seed : options.seeds)
                seeds += ' ' + seed;
            return options.name + " cannot join through" + seeds + because;
        }
        if (error == drover::errc::address_in_use || error == drover::errc::permission_denied
            || error == drover::errc::address_unavailable)
            return options.name + " cannot listen on " + options.listen + because;
        return options.name + " cannot start" + because;
    }

    // Every node asks for all children, and the first to ask gets them: it is the same child, whoever asks.
    asio::awaitable<void> start_child(std::string service)
    {
        for (asio::steady_timer timer{context_}; !leaving_;) {
            drover::child_spec const spec{.id = service, .type = "monitor", .arguments = service};
            auto const [error, child] = co_await supervisor_.async_start_child(spec, asio::as_tuple(asio::use_awaitable));
            if (!error || error == drover::errc::already_started || error == drover::errc::already_present
                || error == drover::errc::not_acknowledged)
                co_return;
            log("asks again for " + service + ": " + error.message());
            timer.expires_after(1s);
            co_await timer.async_wait(asio::use_awaitable);
        }
    }

    void watch_signals()
    {
        signals_.async_wait([this](drover::error_code error, int) {
            if (error)
                return;
            if (leaving_)
                std::_Exit(130); // the second one
            watch_signals();
            leave("asked to leave");
        });
    }

    // Each answers for itself, wherever it runs.
    void watch_questions()
    {
        questions_.async_wait([this](drover::error_code error, int) {
            if (error)
                return;
            watch_questions();
            for (auto const& service : settings_.services)
                supervisor_.async_call(service, "status", [this, service](drover::error_code failed, drover::bytes answer) {
                    log(service + ": " + (failed ? failed.message() : answer));
                });
        });
    }

    void leave(std::string const& why)
    {
        if (std::exchange(leaving_, true))
            return;
        auto const children = supervisor_.which_children(drover::scope::local).size();
        log(why + ": leaves, with " + std::to_string(children) + " children to hand on; Ctrl-C once more quits at once");
        supervisor_.async_stop([this](drover::error_code) {
            node_.async_stop([this](drover::error_code) {
                log("has left");
                finish(0);
            });
        });
    }

    void finish(int code)
    {
        exit_code_ = code;
        finished_ = true;
        signals_.cancel();
        questions_.cancel();
        pulse_.cancel();
        if (reporter_)
            reporter_->close_when_written();
        context_.stop();
    }

    // ---- what it tells -----------------------------------------------------------------------------------------------

    void watch_events()
    {
        supervisor_.events([this](drover::event const& what) {
            using kind = drover::event_kind;
            if (what.kind != kind::child_starting && what.kind != kind::regrouped && what.kind != kind::command_refused)
                log(to_string(what)); // refused is only what another node has asked for already
        });
        node_.events([this](drover::node_event const& what) {
            if (what.what == drover::node_event::kind::dial_failed && !unreachable_[what.subject].insert(what.reason).second)
                return; // said already
            if (what.what == drover::node_event::kind::dial_failed)
                log("cannot reach " + what.subject + ": " + what.reason);
            if (what.what == drover::node_event::kind::peer_up)
                unreachable_.erase(what.reason);
        });
    }

    void show_progress()
    {
        board_->on_started = [this](drover::child_context const& self, progress count) {
            tell(report::started{self.id(), self.generation(), count.checks, report::monotonic_now()});
        };
        board_->on_acknowledged = [this](drover::child_id const& id, drover::generation_number generation, progress count) {
            tell(report::acknowledged{id, generation, count.checks});
        };
    }

    void keep_reporting()
    {
        auto const children = supervisor_.which_children(drover::scope::local);
        tell(report::snapshot{children.size()});
        for (auto const& child : children) {
            auto const& [count, latency] = board_->entries[child.id];
            auto const state = child.status == drover::child_status::running_here ? "running" : to_string(child.status);
            tell(report::row{child.id, child.generation, count.checks, count.failed, latency ? latency->count() : -1, state});
        }
        pulse_.expires_after(100ms);
        pulse_.async_wait([this](drover::error_code) {
            if (!finished_)
                keep_reporting();
        });
    }

    void tell(report::message const& what)
    {
        if (reporter_)
            reporter_->tell(what);
    }

    void log(std::string const& text)
    {
        std::cout << time_of_day() << ' ' << settings_.node.name << ' ' << text << std::endl;
        tell(report::happened{text});
    }

    // "13:37:00.042"
    static std::string time_of_day()
    {
        auto const now = std::chrono::system_clock::now();
        auto const seconds = std::chrono::system_clock::to_time_t(now);
        auto const milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1'000;
        std::tm local{};
        localtime_r(&seconds, &local);
        std::array<char, 16> text{};
        auto const size = std::strftime(text.data(), text.size(), "%H:%M:%S.", &local);
        return std::string{text.data(), size} + std::to_string(1'000 + milliseconds).substr(1);
    }

    node_settings settings_;
    asio::io_context context_{1};
    std::shared_ptr<notice_board> board_ = std::make_shared<notice_board>();
    std::optional<reporter> reporter_;
    node_type node_;
    supervisor_type supervisor_;
    asio::signal_set signals_;
    asio::signal_set questions_;
    asio::steady_timer pulse_;
    std::map<std::string, std::set<std::string>> unreachable_; // what was said of each address
    bool leaving_ = false;
    bool finished_ = false;
    int exit_code_ = 0;
};

} // namespace

int run_node(std::span<char* const> words) { return node_program{parse_settings(words)}.run(); }

} // namespace service_monitor
