// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include "ledger.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>
#include <string>
#include <vector>

namespace service_monitor {

/// One line a child: where it runs, where it ran `before`, and how far it is.
class table {
public:
    table(ledger const& reports, std::vector<std::string> const& services, ledger::assignment const& before)
        : reports_{reports}, services_{services}, before_{before}
    {
        for (auto const& service : services)
            width_ = std::min(std::max(width_, service.size()), width_max);
    }

    [[nodiscard]] std::vector<std::string> lines(std::size_t children_max) const
    {
        std::vector<std::string> result{line("child", "node", "generation", "state", "checks", "failed", "latency")};
        for (auto const& service : services_) {
            if (result.size() > children_max) {
                result.push_back("... and " + std::to_string(services_.size() - children_max) + " more");
                break;
            }
            auto const instances = reports_.instances_of(service);
            if (instances.empty())
                result.push_back(line(service, "-", "-", "moving", "-", "-", "-"));
            for (auto const& each : instances)
                result.push_back(line_of(service, each));
        }
        return result;
    }

private:
    static constexpr std::size_t width_max = 40;

    [[nodiscard]] std::string line_of(std::string const& service, ledger::instance const& shown) const
    {
        auto const& row = shown.row;
        return line(service, shown.node + origin_of(service, shown.node), std::to_string(row.generation), row.state,
            std::to_string(row.checks), std::to_string(row.failed), latency_of(row));
    }

    [[nodiscard]] std::string origin_of(std::string const& service, std::string const& node) const
    {
        auto const found = before_.find(service);
        if (found == before_.end() || found->second.size() != 1 || found->second.contains(node))
            return {};
        return " <- " + found->second.begin()->first;
    }

    static std::string latency_of(report::row const& row)
    {
        if (row.latency < 0)
            return row.checks == 0 ? "-" : "no answer";
        std::ostringstream out;
        out << std::fixed << std::setprecision(2) << static_cast<double>(row.latency) / 1e6 << " ms";
        return out.str();
    }

    [[nodiscard]] std::string line(std::string const& child, std::string const& node, std::string const& generation,
        std::string const& state, std::string const& checks, std::string const& failed, std::string const& latency) const
    {
        std::ostringstream out;
        out << std::left << std::setw(static_cast<int>(width_)) << child.substr(0, width_) << "  " << std::setw(10) << node
            << std::right << std::setw(10) << generation << "  " << std::left << std::setw(9) << state << std::right
            << std::setw(7) << checks << std::setw(8) << failed << std::setw(12) << latency;
        return out.str();
    }

    ledger const& reports_;
    std::vector<std::string> const& services_;
    ledger::assignment const& before_;
    std::size_t width_ = 15;
};

} // namespace service_monitor
