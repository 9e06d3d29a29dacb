// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/link/link_effects.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace drover::link {

/// The connection with one peer.
struct tie {
    peer who;
    connection_id connection = 0;
    bool incoming = false;     ///< the peer dialled
    std::uint64_t attempt = 0; ///< which dial it is, counted by the side that dialled
    time_point since{};
};

/// Of the two directions between two nodes, the preferred one is that which the smaller name dials.
[[nodiscard]] inline bool preferred(std::string_view self, std::string_view other, bool incoming)
{
    return (other < self) == incoming;
}

/// Orders the connections between two lives of nodes, in the same way on both: the preferred direction counts more, then the
/// later dial. So both keep the same one, in whichever order they get to know them.
[[nodiscard]] inline bool counts_more(std::string_view self, bool incoming, std::uint64_t attempt, tie const& current)
{
    if (incoming != current.incoming)
        return preferred(self, current.who.id.name, incoming);
    return attempt > current.attempt;
}

/// The peers with which there is a connection: one a name. `Tie`: a `tie`, or what derives from one.
template <class Tie>
class peer_book {
public:
    /// Null when no peer of this name is connected.
    [[nodiscard]] Tie const* find(std::string_view name) const
    {
        auto const at = ties_.find(name);
        return at == ties_.end() ? nullptr : &at->second;
    }

    /// A peer whose own address is this is connected.
    [[nodiscard]] bool connected_at(std::string_view address) const { return names_at_.find(address) != names_at_.end(); }

    /// From now on this is the connection with its peer. Gives the one that it replaces.
    std::optional<Tie> insert(Tie value)
    {
        auto const name = value.who.id.name;
        auto old = erase(name);
        names_at_.insert_or_assign(value.who.address, name);
        ties_.emplace(name, std::move(value));
        return old;
    }

    /// Gives what it was.
    std::optional<Tie> erase(std::string_view name)
    {
        auto const at = ties_.find(name);
        if (at == ties_.end())
            return std::nullopt;
        auto old = std::move(at->second);
        ties_.erase(at);
        if (auto const held = names_at_.find(old.who.address); held != names_at_.end() && held->second == old.who.id.name)
            names_at_.erase(held);
        return old;
    }

    [[nodiscard]] std::size_t size() const { return ties_.size(); }

private:
    std::map<std::string, Tie, std::less<>> ties_;             // by the peer's name
    std::map<std::string, std::string, std::less<>> names_at_; // by address: the name of the peer that is up there
};

} // namespace drover::link
