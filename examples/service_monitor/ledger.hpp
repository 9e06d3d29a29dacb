// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "report.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace service_monitor {

/// All that the nodes reported, and what follows from it. Knows nothing of processes and sockets.
class ledger {
public:
    using session = std::uint64_t; ///< one connection of one life of one node

    /// One instance of a child, as its node shows it.
    struct instance {
        std::string node;
        report::row row;
    };

    /// Who runs what: by child, every node that shows it, with its generation.
    using assignment = std::map<std::string, std::map<std::string, drover::generation_number>>;

    /// The beginning of an instance.
    struct start {
        std::string node;
        drover::generation_number generation = 0;
        std::uint64_t checks = 0;
        std::int64_t at = 0;
    };

    explicit ledger(std::vector<std::string> const& children)
    {
        for (auto const& child : children)
            histories_[child];
    }

    // ---- what is reported --------------------------------------------------------------------------------------------

    void on(session from, report::message const& what)
    {
        std::visit([&](auto const& content) { take(sessions_[from], content); }, what);
    }

    /// The connection has ended: what the node showed is no more.
    void gone(session from)
    {
        sessions_.erase(from);
        look();
    }

    // ---- what is known -----------------------------------------------------------------------------------------------

    [[nodiscard]] std::optional<std::string> address_of(std::string const& node) const
    {
        for (auto const& [number, each] : sessions_)
            if (each.node == node && each.address != "-")
                return each.address;
        return std::nullopt;
    }

    [[nodiscard]] std::vector<instance> instances_of(std::string const& child) const
    {
        std::vector<instance> result;
        for (auto const& [number, each] : sessions_)
            if (auto const found = each.rows.find(child); found != each.rows.end())
                result.push_back({each.node, found->second});
        return result;
    }

    [[nodiscard]] assignment const& assigned() const { return assigned_; }
    /// When it last changed.
    [[nodiscard]] std::int64_t changed_at() const { return changed_at_; }

    /// The children that run on one node, and on no other.
    [[nodiscard]] std::vector<std::string> children_of(std::string const& node) const
    {
        std::vector<std::string> result;
        for (auto const& [child, nodes] : assigned_)
            if (nodes.size() == 1 && nodes.contains(node))
                result.push_back(child);
        return result;
    }

    /// The first instance of a generation above `generation`, if it began.
    [[nodiscard]] std::optional<start> started_after(std::string const& child, drover::generation_number generation) const
    {
        std::optional<start> first;
        for (auto const& each : histories_.at(child).starts)
            if (each.generation > generation && (!first || each.at < first->at))
                first = each;
        return first;
    }

    /// The largest count that was acknowledged to any instance.
    [[nodiscard]] std::uint64_t acknowledged(std::string const& child) const
    {
        std::uint64_t largest = 0;
        for (auto const& [generation, checks] : histories_.at(child).acknowledged)
            largest = std::max(largest, checks);
        return largest;
    }

    [[nodiscard]] std::size_t starts_count() const
    {
        std::size_t sum = 0;
        for (auto const& [child, history] : histories_)
            sum += history.starts.size();
        return sum;
    }

    /// The last lines of the nodes' logs.
    [[nodiscard]] std::deque<std::string> const& news() const { return news_; }

    // ---- what must hold ----------------------------------------------------------------------------------------------

    /// Why it cannot be said that every child runs on exactly one of these nodes, and has been heard of there; a sentence, or
    /// an empty one.
    [[nodiscard]] std::string unsettled(std::set<std::string> const& nodes) const
    {
        for (auto const& node : nodes)
            if (!address_of(node))
                return node + " has not joined";
        for (auto const& [number, each] : sessions_)
            if (!nodes.contains(each.node))
                return each.node + " still reports";
        for (auto const& [child, history] : histories_) {
            auto const instances = instances_of(child);
            if (instances.empty())
                return child + " runs nowhere";
            if (instances.size() > 1)
                return child + " runs on " + instances[0].node + " and on " + instances[1].node;
            auto const& [node, row] = instances.front();
            if (row.state != "running")
                return child + " is " + row.state + " on " + node;
            if (!history.acknowledged.contains(row.generation))
                return "no check of " + child + " on " + node + " is acknowledged";
        }
        return {};
    }

    /// A child whose count went back behind what was acknowledged to an instance before; a sentence, or an empty one.
    [[nodiscard]] std::string went_back() const
    {
        for (auto const& [child, history] : histories_)
            for (auto const& begun : history.starts)
                for (auto const& [generation, checks] : history.acknowledged)
                    if (generation < begun.generation && checks > begun.checks)
                        return child + " began with " + std::to_string(begun.checks) + " in generation "
                            + std::to_string(begun.generation) + " on " + begun.node + ", and " + std::to_string(checks)
                            + " were acknowledged in generation " + std::to_string(generation);
        return {};
    }

private:
    struct node_reports {
        std::string node;
        std::string address;
        std::map<std::string, report::row> rows; ///< of the last whole snapshot
        std::map<std::string, report::row> coming;
        std::size_t missing = 0; ///< rows of the snapshot that comes
    };

    struct life {
        std::map<drover::generation_number, std::uint64_t> acknowledged; ///< the largest count
        std::vector<start> starts;
    };

    static constexpr std::size_t news_count_max = 20;

    void take(node_reports& from, report::hello const& what)
    {
        from.node = what.node;
        from.address = what.address;
    }

    void take(node_reports& from, report::started const& what)
    {
        histories_[what.child].starts.push_back({from.node, what.generation, what.checks, what.at});
    }

    void take(node_reports&, report::acknowledged const& what)
    {
        auto& largest = histories_[what.child].acknowledged[what.generation];
        largest = std::max(largest, what.checks);
    }

    void take(node_reports& from, report::snapshot const& what)
    {
        from.coming.clear();
        from.missing = what.rows;
        if (what.rows == 0)
            publish(from);
    }

    void take(node_reports& from, report::row const& what)
    {
        from.coming[what.child] = what;
        if (from.missing > 0 && --from.missing == 0)
            publish(from);
    }

    void take(node_reports& from, report::happened const& what)
    {
        news_.push_back(from.node + ' ' + what.text);
        if (news_.size() > news_count_max)
            news_.pop_front();
    }

    void publish(node_reports& from)
    {
        from.rows = std::exchange(from.coming, {});
        look();
    }

    void look()
    {
        assignment now;
        for (auto const& [number, each] : sessions_)
            for (auto const& [child, row] : each.rows)
                now[child][each.node] = row.generation;
        if (now == assigned_)
            return;
        assigned_ = std::move(now);
        changed_at_ = report::monotonic_now();
    }

    std::map<session, node_reports> sessions_;
    std::map<std::string, life> histories_;
    std::deque<std::string> news_;
    assignment assigned_;
    std::int64_t changed_at_ = 0;
};

} // namespace service_monitor
