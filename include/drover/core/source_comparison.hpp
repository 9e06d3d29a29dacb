// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/bytes_table.hpp>
#include <drover/core/records.hpp>
#include <drover/supervision/child_listing.hpp>
#include <drover/supervision/child_spec.hpp>
#include <drover/wire/writer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace drover::core {

/// What a source's list asks for.
struct source_operation {
    enum class kind : std::uint8_t { start, update, remove } what{};
    child_spec spec; ///< remove: only the id
};

/// A child that is there.
struct present_child {
    child_spec spec;
    bool initial = false; ///< from the list that every node was given
};

/// Compares the list of a source with the children that are there, and says what is to be done: what is not listed is removed,
/// what is missing started, what differs updated. An entry that is wrong is refused, and its child left as it is; while an
/// entry is there whose child nobody can tell, nothing is removed.
///
/// In slices, because either may be large: O(list + children) in all. Children that come and go meanwhile do no harm: what this
/// comparison misses, the next one finds.
///
/// `Children`: what is there, with
///     std::size_t size();                                          // of an order that only erasing its last into a gap changes
///     bytes_view id_at(std::size_t);                               // empty: nobody of interest
///     std::optional<present_child> find(bytes_view id);
///     bool owns(bytes_view id);                                    // the source does
///     std::string wrong_with(child_spec const&);                   // a sentence, or nothing
class source_comparison {
public:
    /// O(list).
    explicit source_comparison(child_listing listing) : listing_{std::move(listing)}
    {
        for (auto const& spec : listing_.specs) {
            removes_ = removes_ && !spec.id.empty();
            ++listed_.insert(spec.id).first->value;
        }
        for (auto const& error : listing_.errors) {
            removes_ = removes_ && !error.id.empty();
            listed_.insert(error.id).first->value += refused;
        }
        refusals_ = std::exchange(listing_.errors, {});
    }

    /// Looks at `slice` children and entries at most, and appends `operations_max` operations at most.
    template <class Children>
    void step(Children&& there, std::size_t slice, std::size_t operations_max, std::vector<source_operation>& operations)
    {
        if (!std::exchange(begun_, true))
            unlisted_left_ = removes_ ? there.size() : 0;
        auto const full = operations.size() + operations_max;
        for (; slice > 0 && operations.size() < full && !done(); --slice) {
            // From the last to the first: what is erased meanwhile is replaced by one that has been looked at.
            unlisted_left_ = std::min(unlisted_left_, there.size());
            if (unlisted_left_ > 0)
                look_at_child(there, there.id_at(--unlisted_left_), operations);
            else if (position_ < listing_.specs.size())
                look_at_entry(there, listing_.specs[position_++], operations);
        }
    }

    [[nodiscard]] bool done() const { return begun_ && unlisted_left_ == 0 && position_ >= listing_.specs.size(); }

    /// What was refused since this was last asked.
    [[nodiscard]] std::vector<listing_error> take_refusals() { return std::exchange(refusals_, {}); }

private:
    static constexpr std::uint32_t refused = 2; // as good as listed twice

    template <class Children>
    void look_at_child(Children&& there, bytes_view id, std::vector<source_operation>& operations)
    {
        if (id.empty() || listed_.find(id) != nullptr || !there.owns(id))
            return;
        auto const present = there.find(id);
        if (!present || present->initial)
            return;
        source_operation operation{source_operation::kind::remove, {}};
        operation.spec.id = child_id{id};
        operations.push_back(std::move(operation));
    }

    template <class Children>
    void look_at_entry(Children&& there, child_spec const& spec, std::vector<source_operation>& operations)
    {
        if (auto sentence = wrong_with(there, spec); !sentence.empty())
            return refusals_.push_back({spec.id, std::move(sentence)});
        auto const present = there.find(spec.id);
        if (!present)
            operations.push_back({source_operation::kind::start, spec});
        else if (present->initial)
            refusals_.push_back({spec.id, "a child of this id is in the initial list"});
        else if (!same(present->spec, spec))
            operations.push_back({source_operation::kind::update, spec});
    }

    template <class Children>
    [[nodiscard]] std::string wrong_with(Children&& there, child_spec const& spec) const
    {
        if (auto sentence = there.wrong_with(spec); !sentence.empty())
            return sentence;
        if (!there.owns(spec.id))
            return "the source does not own this id";
        if (listed_.find(spec.id)->value > 1)
            return "the id is listed more than once";
        if (spec.restart == restart_rule::temporary)
            return "restart is temporary: such a child is forgotten when it ends, and would be started again because it is "
                   "listed";
        return {};
    }

    // As they are kept: times in whole milliseconds.
    [[nodiscard]] static bool same(child_spec const& left, child_spec const& right)
    {
        auto const kept = [](child_spec const& spec) {
            wire::writer out;
            encode(out, spec);
            return out.take();
        };
        return left == right || kept(left) == kept(right);
    }

    child_listing listing_;
    bytes_table<std::uint32_t> listed_; ///< by id: how often
    std::vector<listing_error> refusals_;
    std::size_t unlisted_left_ = 0; ///< so many of the children that are there have not been looked for in the list
    std::size_t position_ = 0;      ///< in the list
    bool removes_ = true;
    bool begun_ = false;
};

} // namespace drover::core
