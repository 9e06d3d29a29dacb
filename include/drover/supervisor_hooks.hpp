// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>
#include <drover/core/events.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::detail {

/// Whom a supervisor tells what happens.
struct supervisor_hooks {
    std::vector<std::function<void(event const&)>> watchers;
    std::vector<std::function<void(std::string const&)>> gave_up_handlers; ///< each is told once
    std::function<void(child_id const&, std::string_view)> log_sink;

    void tell(event const& what) const
    {
        for (auto const& watcher : watchers)
            watcher(what);
    }

    void tell_gave_up(std::string const& reason)
    {
        for (auto const& told : std::exchange(gave_up_handlers, {}))
            told(reason);
    }

    void log(child_id const& id, std::string_view text) const
    {
        if (log_sink)
            log_sink(id, text);
    }
};

} // namespace drover::detail
