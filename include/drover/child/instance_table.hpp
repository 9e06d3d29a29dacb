// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes_table.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/identity.hpp>
#include <drover/child/context.hpp>
#include <drover/child/object.hpp>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

namespace drover::detail {

/// The instances that run on this node, at most one of each child. `Child`: a `child_instance`.
template <class Child>
class basic_instance_table {
public:
    struct instance {
        std::shared_ptr<child_link> link;
        std::unique_ptr<Child> child;
        bool stopping = false;
        bool start_failing = false; ///< its start has failed, and it cleans up behind itself
        bool save = false;          ///< its state is wanted when it has stopped
    };

    /// Pre: there is no instance of this child.
    instance& add(std::shared_ptr<child_link> link)
    {
        auto const [at, made] = instances_.insert(link->id);
        expects(made, "one instance of a child at a time on one node");
        at->value.link = std::move(link);
        return at->value;
    }

    [[nodiscard]] instance* find(child_id const& id)
    {
        auto* const found = instances_.find(id);
        return found == nullptr ? nullptr : &found->value;
    }

    [[nodiscard]] instance* find(child_id const& id, generation_number generation)
    {
        auto* const found = find(id);
        return found != nullptr && found->link->generation == generation ? found : nullptr;
    }

    /// Closes its gate first: whatever it does from now on, its destructor included, has no effect.
    void destroy(child_id const& id)
    {
        auto* const found = find(id);
        if (found == nullptr)
            return;
        found->link->host = nullptr;
        auto const gone = std::move(*found);
        instances_.erase(gone.link->id);
    }

    /// In the order of the ids, so that equal runs end alike.
    void destroy_all()
    {
        std::vector<child_id> ids;
        ids.reserve(instances_.size());
        instances_.for_each([&](auto const& each) { ids.push_back(each.key); });
        std::sort(ids.begin(), ids.end());
        for (auto const& id : ids)
            destroy(id);
    }

private:
    bytes_table<instance> instances_;
};

using instance_table = basic_instance_table<child_instance>;

} // namespace drover::detail
