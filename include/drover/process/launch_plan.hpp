// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/child/context.hpp>
#include <drover/process/process_child.hpp>

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

namespace drover::detail {

/// All that a new process needs to execute its command, made before the fork: between fork and exec in a program with threads
/// nothing may allocate. (Boost.Process 1.81 does: its child walks initialisers that build strings. So it is not used here.)
///
/// Pointers into itself: neither copied nor moved.
class launch_plan {
public:
    /// Pre: `validate(child)` has nothing to say.
    launch_plan(process_child const& child, child_context const& context)
        : words_{child.arguments}, variables_{variables_of(child, context)}, directory_{child.working_directory}
    {
        words_.insert(words_.begin(), child.command);
        for (auto& variable : variables_)
            environment_.push_back(variable.second.data());
        environment_.push_back(nullptr);
        for (auto& word : words_)
            arguments_.push_back(word.data());
        arguments_.push_back(nullptr);
        paths_ = paths_of(child.command);
    }

    launch_plan(launch_plan const&) = delete;
    launch_plan& operator=(launch_plan const&) = delete;

    // From here on everything may be called in the new process.

    /// Where the command may be, in order.
    [[nodiscard]] std::size_t paths_count() const { return paths_.size(); }
    [[nodiscard]] char const* path(std::size_t index) const { return paths_[index].c_str(); }
    [[nodiscard]] char* const* arguments() const { return arguments_.data(); }
    [[nodiscard]] char* const* environment() const { return environment_.data(); }
    /// Null: stay where the node is.
    [[nodiscard]] char const* directory() const { return directory_.empty() ? nullptr : directory_.c_str(); }

private:
    using variables = std::map<std::string, std::string, std::less<>>; // "NAME=value" by NAME

    static variables variables_of(process_child const& child, child_context const& context)
    {
        variables result;
        if (child.inherit_environment)
            for (auto const* const* at = environ; at != nullptr && *at != nullptr; ++at) {
                std::string_view const variable = *at;
                result.emplace(variable.substr(0, variable.find('=')), variable);
            }
        auto const set = [&](std::string const& name, std::string const& value) { result[name] = name + "=" + value; };
        for (auto const& [name, value] : child.environment)
            set(name, value);
        set("DROVER_NODE", context.node());
        set("DROVER_GENERATION", std::to_string(context.generation()));
        result.erase("DROVER_CHILD_ID"); // a node may be a process child itself
        result.erase("DROVER_ARGUMENTS");
        if (!has_nul(context.id()))
            set("DROVER_CHILD_ID", context.id());
        if (!has_nul(context.arguments()))
            set("DROVER_ARGUMENTS", context.arguments());
        return result;
    }

    /// As execvp searches, but in the PATH that the process is given.
    [[nodiscard]] std::vector<std::string> paths_of(std::string const& command) const
    {
        if (command.find('/') != std::string::npos)
            return {command};
        auto const path = variables_.find("PATH");
        std::string_view rest = "/usr/local/bin:/usr/bin:/bin";
        if (path != variables_.end())
            rest = std::string_view{path->second}.substr(5);
        std::vector<std::string> paths;
        for (;;) {
            auto const end = rest.find(':');
            auto const folder = rest.substr(0, end);
            paths.push_back((folder.empty() ? "." : std::string{folder}) + "/" + command);
            if (end == std::string_view::npos)
                return paths;
            rest.remove_prefix(end + 1);
        }
    }

    std::vector<std::string> words_;
    variables variables_;
    std::string directory_;
    std::vector<std::string> paths_;
    std::vector<char*> arguments_;
    std::vector<char*> environment_;
};

} // namespace drover::detail
