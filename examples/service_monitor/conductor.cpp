// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "conductor.hpp"
#include "table.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>
#include <unistd.h>
#include <utility>

namespace service_monitor {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::size_t own_services_count = 6;
constexpr std::size_t children_shown_max = 30;
constexpr auto patience = 30s; ///< for whatever is waited for
constexpr auto calm = 400ms;   ///< without a change of who runs what: settled
constexpr auto draw_interval = 100ms;
constexpr auto look_interval = 5ms; ///< between two looks whether it is there

std::int64_t nanoseconds(std::chrono::nanoseconds time) { return time.count(); }

/// "3 children", "1 child".
std::string children_in_words(std::size_t count) { return std::to_string(count) + (count == 1 ? " child" : " children"); }

std::string seconds_in_words(std::chrono::milliseconds time)
{
    std::ostringstream out;
    out << static_cast<double>(time.count()) / 1e3 << " s";
    return out.str();
}

/// Throws `failure`.
std::filesystem::path write_services(std::vector<std::string> const& services)
{
    auto name = (std::filesystem::temp_directory_path() / "service_monitor_XXXXXX").string();
    auto const file = mkstemp(name.data());
    if (file < 0)
        throw failure{"cannot write " + name + ": " + std::strerror(errno)};
    close(file);
    std::ofstream out{name};
    for (auto const& service : services)
        out << service << '\n';
    if (!out.flush())
        throw failure{"cannot write " + name};
    return name;
}

} // namespace

conductor::conductor(conductor_settings settings)
    : settings_{std::move(settings)}, signals_{context_, SIGINT, SIGTERM}, own_services_{settings_.services.empty()
                                                                                   ? std::optional<local_services>{std::in_place,
                                                                                       context_, own_services_count}
                                                                                   : std::nullopt},
      reports_{own_services_ ? settings_.services = own_services_->addresses() : settings_.services}, server_{context_, reports_},
      file_{write_services(settings_.services)}
{
}

conductor::~conductor()
{
    nodes_.clear();
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
}

int conductor::run()
{
    signals_.async_wait([this](boost::system::error_code error, int) {
        interrupted_ = !error;
        context_.stop();
    });
    asio::co_spawn(context_, play(), [this](std::exception_ptr error) {
        failure_ = error;
        context_.stop();
    });
    context_.run();
    if (interrupted_)
        throw failure{"interrupted; the nodes are stopped"};
    if (!failure_)
        return 0;
    for (auto const& line : reports_.news())
        std::cerr << "  " << line << '\n';
    std::rethrow_exception(failure_);
}

// ---- the story -------------------------------------------------------------------------------------------------------

conductor::flow conductor::play()
{
    co_await start_all();
    auto const killed = co_await kill_one();
    co_await start_again(killed);
    co_await let_one_leave(killed);
    co_await stop_all();
    judge_overlap();
    screen_.say(failover_);
    screen_.say("Each of the " + std::to_string(settings_.services.size())
        + " services was monitored by exactly one child, before and after, as the nodes reported"
        + (own_services_ ? " and as the services saw it." : "."));
    screen_.say("No count went back behind what was acknowledged, in " + std::to_string(reports_.starts_count()) + " starts of "
        + children_in_words(settings_.services.size()) + ".");
}

conductor::flow conductor::start_all()
{
    screen_.say(own_services_ ? "Runs " + std::to_string(own_services_count) + " small services on 127.0.0.1, and "
                + std::to_string(settings_.nodes_count) + " nodes that monitor them, each a process."
                              : "Runs " + std::to_string(settings_.nodes_count) + " nodes, each a process, that monitor "
                + std::to_string(settings_.services.size()) + " services.");
    for (std::size_t number = 1; number <= settings_.nodes_count; ++number) {
        auto const node = "n" + std::to_string(number);
        spawn(node);
        if (number == 1)
            co_await until([&] { return reports_.address_of(node) ? "" : node + " has not joined"; });
    }
    co_await settle();
    first_settled_at_ = report::monotonic_now();
    show("All monitors run. One node is killed in " + seconds_in_words(settings_.kill_after) + ".");
    co_await watch(settings_.kill_after);
}

asio::awaitable<std::string> conductor::kill_one()
{
    auto const victim = busiest("");
    auto const children = reports_.children_of(victim);
    show("Kills " + victim + " now.");
    before_ = reports_.assigned();
    ended_[victim] = "killed";
    auto const killed_at = report::monotonic_now();
    nodes_.at(victim).signal(SIGKILL);
    auto last = killed_at;
    co_await until([&]() -> std::string {
        for (auto const& child : children) {
            auto const again = reports_.started_after(child, before_.at(child).at(victim));
            if (!again)
                return child + " has not started again";
            last = std::max(last, again->at);
        }
        return {};
    });
    std::ostringstream sentence;
    sentence << "Killed " << victim << " with SIGKILL: " << children_in_words(children.size()) << " of " << victim
             << " ran again elsewhere; " << std::fixed << std::setprecision(1) << static_cast<double>(last - killed_at) / 1e6
             << " ms from the kill to the last one.";
    co_await settle();
    failover_ = sentence.str();
    show(failover_);
    co_await watch(settings_.show_for);
    co_return victim;
}

conductor::flow conductor::start_again(std::string node)
{
    before_ = reports_.assigned();
    nodes_.erase(node);
    ended_.erase(node);
    spawn(node);
    co_await settle();
    auto const count = reports_.children_of(node).size();
    show("Started " + node + " again: " + children_in_words(count) + " moved to it, with what they had counted.");
    co_await watch(settings_.show_for);
}

conductor::flow conductor::let_one_leave(std::string not_this)
{
    auto const leaver = busiest(not_this);
    auto const count = reports_.children_of(leaver).size();
    before_ = reports_.assigned();
    ended_[leaver] = "left";
    nodes_.at(leaver).signal(SIGTERM);
    co_await until([&] { return nodes_.at(leaver).end() ? "" : leaver + " has not left"; });
    if (auto const end = *nodes_.at(leaver).end(); end != "exit code 0")
        throw failure{leaver + " was asked to leave, and ended with " + end};
    co_await settle();
    show("Asked " + leaver + " to leave (SIGTERM): it handed on " + children_in_words(count) + ", with what they had counted.");
    co_await watch(settings_.show_for);
}

conductor::flow conductor::stop_all()
{
    show("Stops the rest.");
    screen_.finish();
    for (auto const& node : running_nodes()) {
        ended_[node] = "left";
        nodes_.at(node).signal(SIGTERM);
    }
    for (auto& [name, process] : nodes_) {
        co_await until([&, &node = process, &called = name] { return node.end() ? "" : called + " has not left"; });
        if (ended_[name] == "left" && process.end() != "exit code 0")
            throw failure{name + " was asked to leave, and ended with " + *process.end()};
    }
}

// ---- what the steps are made of --------------------------------------------------------------------------------------

void conductor::spawn(std::string const& node)
{
    std::vector<std::string> words{"node", "--name", node, "--services", file_.string(), "--report", server_.address(),
        "--interval", std::to_string(settings_.interval.count()) + "ms"};
    if (own_services_)
        words.push_back("--introduce");
    for (auto const& other : running_nodes())
        if (auto const address = reports_.address_of(other))
            words.insert(words.end(), {"--seed", *address});
    nodes_.emplace(node, node_process{std::move(words)});
}

std::set<std::string> conductor::running_nodes() const
{
    std::set<std::string> result;
    for (auto const& [name, process] : nodes_)
        if (!ended_.contains(name))
            result.insert(name);
    return result;
}

// The node with the most children; `not_this` only when no other has any.
std::string conductor::busiest(std::string const& not_this) const
{
    std::string result = not_this;
    std::size_t most = 0;
    for (auto const& node : running_nodes())
        if (auto const count = reports_.children_of(node).size(); node != not_this && count > most) {
            most = count;
            result = node;
        }
    return result;
}

// Waits until each child runs on one node and has been heard of there, and until nothing has moved for a while since.
conductor::flow conductor::settle()
{
    auto restless_at = report::monotonic_now();
    co_await until([&]() -> std::string {
        auto const sentence = reports_.unsettled(running_nodes());
        if (!sentence.empty())
            restless_at = report::monotonic_now();
        auto const calm_since = std::max(restless_at, reports_.changed_at());
        return report::monotonic_now() - calm_since >= nanoseconds(calm) ? "" : sentence.empty() ? "children move" : sentence;
    });
}

// Nothing happens for a while, and nothing may: every child is checked at least once more, by the same instance.
conductor::flow conductor::watch(std::chrono::milliseconds length)
{
    auto const since = report::monotonic_now();
    std::map<std::string, std::uint64_t> counts;
    for (auto const& service : settings_.services)
        counts[service] = reports_.acknowledged(service);
    co_await until([&]() -> std::string {
        for (auto const& [child, count] : counts)
            if (reports_.acknowledged(child) <= count)
                return "no further check of " + child + " is acknowledged";
        return {};
    });
    if (auto const rest = nanoseconds(length) - (report::monotonic_now() - since); rest > 0)
        co_await pause(std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds{rest}));
    judge(since);
}

conductor::flow conductor::until(std::function<std::string()> missing)
{
    auto const deadline = report::monotonic_now() + nanoseconds(patience + 3 * settings_.interval);
    for (auto sentence = missing(); !sentence.empty(); sentence = missing()) {
        if (report::monotonic_now() > deadline)
            throw failure{"waited in vain: " + sentence};
        co_await pause(look_interval);
    }
}

// In short steps: the nodes are looked after, and the table lives.
conductor::flow conductor::pause(std::chrono::milliseconds length)
{
    auto const end = std::chrono::steady_clock::now() + length;
    for (asio::steady_timer timer{context_}; std::chrono::steady_clock::now() < end;) {
        timer.expires_at(std::min(end, std::chrono::steady_clock::now() + draw_interval));
        co_await timer.async_wait(asio::use_awaitable);
        look_after_nodes();
    }
}

void conductor::look_after_nodes()
{
    for (auto& [name, process] : nodes_)
        if (auto const& end = process.end(); end && !ended_.contains(name))
            throw failure{name + " ended by itself, with " + *end};
    auto const now = report::monotonic_now();
    if (now - drawn_at_ < nanoseconds(draw_interval))
        return;
    drawn_at_ = now;
    screen_.draw(picture());
}

// ---- what must hold --------------------------------------------------------------------------------------------------

void conductor::judge(std::int64_t since) const
{
    if (auto const sentence = reports_.unsettled(running_nodes()); !sentence.empty())
        throw failure{sentence + ", though nothing had happened"};
    if (reports_.changed_at() > since)
        throw failure{"children moved, though nothing had happened"};
    if (auto const sentence = reports_.went_back(); !sentence.empty())
        throw failure{sentence};
    if (own_services_)
        judge_services(since);
}

// In this time each service saw the instance that the nodes reported, and no other.
void conductor::judge_services(std::int64_t since) const
{
    for (auto const& service : settings_.services) {
        auto const checks = own_services_->seen_since(service, since);
        if (checks.empty())
            throw failure{service + " was monitored by nobody"};
        auto const& [node, generation] = *reports_.assigned().at(service).begin();
        for (auto const& check : checks)
            if (check.node != node || check.generation != generation)
                throw failure{service + " was monitored by " + check.node + ", generation " + std::to_string(check.generation)
                    + ", and " + node + ", generation " + std::to_string(generation) + ", was reported"};
    }
}

// From the first time that all was well, also while children moved: no instance was seen after one that followed it.
void conductor::judge_overlap() const
{
    if (!own_services_)
        return;
    for (auto const& service : settings_.services) {
        local_services::sighting last;
        for (auto const& check : own_services_->seen_since(service, first_settled_at_)) {
            if (check.generation < last.generation || (check.generation == last.generation && check.node != last.node))
                throw failure{service + " was monitored by " + check.node + ", generation " + std::to_string(check.generation)
                    + ", after " + last.node + ", generation " + std::to_string(last.generation)};
            last = check;
        }
    }
}

// ---- what is shown ---------------------------------------------------------------------------------------------------

std::vector<std::string> conductor::picture() const
{
    std::vector<std::string> lines{""};
    for (auto const& line : table{reports_, settings_.services, before_}.lines(children_shown_max))
        lines.push_back("  " + line);
    lines.push_back("");
    std::string nodes = "  nodes:";
    for (auto const& [name, process] : nodes_) {
        auto const end = ended_.find(name);
        nodes += ' ' + name
            + (end == ended_.end() ? " runs (" + children_in_words(reports_.children_of(name).size()) + ")" : ' ' + end->second);
        nodes += name == nodes_.rbegin()->first ? "" : ",";
    }
    lines.push_back(nodes);
    return lines;
}

void conductor::show(std::string const& sentence)
{
    screen_.say(sentence);
    screen_.print(picture());
}

} // namespace service_monitor
