// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/hash.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <vector>

namespace drover {

/// A key that a table keeps: a view, which becomes octets of its own where such are wanted.
struct kept_key : bytes_view {
    using bytes_view::bytes_view;
    operator bytes() const { return bytes{data(), size()}; }
};

/// Values by octet string. Keys and values stay where they are until they are erased.
///
/// One array of (hash, node), a node being one block of memory with its key at the end, searched linearly (Knuth, volume 3,
/// section 6.4, algorithm L; erased by shifting back, algorithm R). It grows without looking at a node: a table of a hundred
/// thousand nodes that are in no cache grows in a millisecond or two, where one of chained nodes takes a hundred. find, insert
/// and erase are O(1) expected.
template <class Value>
class bytes_table {
public:
    struct node {
        explicit node(kept_key name) : key{name} {}
        node(node const&) = delete;
        node& operator=(node const&) = delete;

        kept_key const key; ///< of octets behind the node
        Value value{};
    };

    [[nodiscard]] node* find(bytes_view key) { return at(place_of(key, hash64(key))); }
    [[nodiscard]] node const* find(bytes_view key) const { return at(place_of(key, hash64(key))); }

    /// The node of this key, made when there is none. `second`: it was made.
    std::pair<node*, bool> insert(bytes_view key)
    {
        auto const hash = hash64(key);
        auto place = place_of(key, hash);
        if (auto* const present = at(place); present != nullptr)
            return {present, false};
        if ((size_ + 1) * 5 > slots_.size() * 4) {
            grow();
            place = place_of(key, hash);
        }
        slots_[place] = {hash, make(key)};
        ++size_;
        return {at(place), true};
    }

    /// False when there is none. `key` may be that of the node.
    bool erase(bytes_view key)
    {
        auto hole = place_of(key, hash64(key));
        if (at(hole) == nullptr)
            return false;
        auto const gone = std::move(slots_[hole].held);
        for (auto next = after(hole); slots_[next].held != nullptr; next = after(next)) {
            auto const home = slots_[next].hash & mask();
            if (((next - home) & mask()) < ((next - hole) & mask()))
                continue; // it may not lie before its home
            slots_[hole] = std::move(slots_[next]);
            hole = next;
        }
        --size_;
        return true;
    }

    /// In no order: what follows from it must not depend on one. The table is not to be changed meanwhile.
    template <class Visit>
    void for_each(Visit&& visit) const
    {
        for (auto const& each : slots_)
            if (each.held != nullptr)
                visit(std::as_const(*each.held));
    }

    [[nodiscard]] std::size_t size() const { return size_; }

private:
    static constexpr std::size_t size_initial = 16; // a power of two, as all that follow

    struct destroyer {
        void operator()(node* gone) const
        {
            std::destroy_at(gone);
            ::operator delete(gone);
        }
    };
    using owned_node = std::unique_ptr<node, destroyer>;

    struct slot {
        std::uint64_t hash = 0;
        owned_node held{};
    };

    [[nodiscard]] static owned_node make(bytes_view key)
    {
        static_assert(alignof(node) <= alignof(std::max_align_t) && std::is_nothrow_default_constructible_v<Value>);
        auto* const place = ::operator new(sizeof(node) + key.size());
        auto* const octets = static_cast<char*>(place) + sizeof(node);
        key.copy(octets, key.size());
        return owned_node{::new (place) node{kept_key{octets, key.size()}}};
    }

    [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
    [[nodiscard]] std::size_t after(std::size_t place) const { return (place + 1) & mask(); }
    [[nodiscard]] node* at(std::size_t place) const { return slots_.empty() ? nullptr : slots_[place].held.get(); }

    /// Where the node of this key is, or the empty slot that ends the search.
    [[nodiscard]] std::size_t place_of(bytes_view key, std::uint64_t hash) const
    {
        if (slots_.empty())
            return 0;
        auto place = hash & mask();
        while (slots_[place].held != nullptr && (slots_[place].hash != hash || slots_[place].held->key != key))
            place = after(place);
        return place;
    }

    void grow()
    {
        auto old = std::exchange(slots_, std::vector<slot>(slots_.empty() ? size_initial : slots_.size() * 2));
        for (auto& each : old) {
            if (each.held == nullptr)
                continue;
            auto place = each.hash & mask();
            while (slots_[place].held != nullptr)
                place = after(place);
            slots_[place] = std::move(each);
        }
    }

    std::vector<slot> slots_;
    std::size_t size_ = 0;
};

} // namespace drover
