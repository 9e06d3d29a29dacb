// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
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

namespace detail {

/// The keys of a `bytes_table`, and where they are, whatever the values: compiled once, for tables of all types.
class bytes_index {
public:
    struct node {
        explicit node(kept_key name) : key{name} {}
        node(node const&) = delete;
        node& operator=(node const&) = delete;

        kept_key const key; ///< of octets behind the node
    };

    struct slot {
        std::uint64_t hash = 0;
        node* held = nullptr;
    };

    bytes_index() = default;
    bytes_index(bytes_index&& other) noexcept { swap(other); }
    bytes_index& operator=(bytes_index&&) = delete;
    ~bytes_index() = default;

    void swap(bytes_index& other) noexcept
    {
        slots_.swap(other.slots_);
        std::swap(size_, other.size_);
    }

    /// Null when there is none.
    [[nodiscard]] node* find(bytes_view key, std::uint64_t hash) const
    {
        return slots_.empty() ? nullptr : slots_[place_of(key, hash)].held;
    }

    /// Makes room for one more.
    void reserve_one()
    {
        if ((size_ + 1) * 5 > slots_.size() * 4)
            grow();
    }

    /// Pre: there is room, and no node of this key.
    void put(node& added, std::uint64_t hash) noexcept
    {
        slots_[place_of(added.key, hash)] = {hash, &added};
        ++size_;
    }

    /// The node of this key, which is no longer here; null when there is none.
    [[nodiscard]] node* take(bytes_view key)
    {
        auto const hash = hash64(key);
        auto* const gone = find(key, hash);
        if (gone == nullptr)
            return nullptr;
        auto hole = place_of(key, hash);
        for (auto next = after(hole); slots_[next].held != nullptr; next = after(next)) {
            auto const home = slots_[next].hash & mask();
            if (((next - home) & mask()) < ((next - hole) & mask()))
                continue; // it may not lie before its home
            slots_[hole] = slots_[next];
            hole = next;
        }
        slots_[hole] = {};
        --size_;
        return gone;
    }

    [[nodiscard]] std::vector<slot> const& slots() const { return slots_; }
    [[nodiscard]] std::size_t size() const { return size_; }

private:
    static constexpr std::size_t size_initial = 16; // a power of two, as all that follow

    [[nodiscard]] std::size_t mask() const { return slots_.size() - 1; }
    [[nodiscard]] std::size_t after(std::size_t place) const { return (place + 1) & mask(); }

    /// Where the node of this key is, or the empty slot that ends the search. Pre: there are slots.
    [[nodiscard]] std::size_t place_of(bytes_view key, std::uint64_t hash) const
    {
        auto place = hash & mask();
        while (slots_[place].held != nullptr && (slots_[place].hash != hash || slots_[place].held->key != key))
            place = after(place);
        return place;
    }

    void grow()
    {
        auto const old = std::exchange(slots_, std::vector<slot>(slots_.empty() ? size_initial : slots_.size() * 2));
        for (auto const& each : old) {
            if (each.held == nullptr)
                continue;
            auto place = each.hash & mask();
            while (slots_[place].held != nullptr)
                place = after(place);
            slots_[place] = each;
        }
    }

    std::vector<slot> slots_;
    std::size_t size_ = 0;
};

} // namespace detail

/// Values by octet string. Keys and values stay where they are until they are erased.
///
/// One array of (hash, node), a node being one block of memory with its key at the end, searched linearly (Knuth, volume 3,
/// section 6.4, algorithm L; erased by shifting back, algorithm R). It grows without looking at a node: a table of a hundred
/// thousand nodes that are in no cache grows in a millisecond or two, where one of chained nodes takes a hundred. find, insert
/// and erase are O(1) expected.
template <class Value>
class bytes_table {
public:
    struct node : detail::bytes_index::node {
        using detail::bytes_index::node::node;

        Value value{};
    };

    bytes_table() = default;
    bytes_table(bytes_table&&) noexcept = default;
    bytes_table& operator=(bytes_table&& other) noexcept
    {
        auto old = std::move(*this);
        index_.swap(other.index_);
        return *this;
    }

    ~bytes_table()
    {
        for (auto const& each : index_.slots())
            if (each.held != nullptr)
                destroy(static_cast<node*>(each.held));
    }

    [[nodiscard]] node* find(bytes_view key) { return static_cast<node*>(index_.find(key, hash64(key))); }
    [[nodiscard]] node const* find(bytes_view key) const { return static_cast<node const*>(index_.find(key, hash64(key))); }

    /// The node of this key, made when there is none. `second`: it was made.
    std::pair<node*, bool> insert(bytes_view key)
    {
        auto const hash = hash64(key);
        if (auto* const present = index_.find(key, hash); present != nullptr)
            return {static_cast<node*>(present), false};
        index_.reserve_one();
        auto* const made = make(key);
        index_.put(*made, hash);
        return {made, true};
    }

    /// False when there is none. `key` may be that of the node.
    bool erase(bytes_view key)
    {
        auto* const gone = static_cast<node*>(index_.take(key));
        if (gone != nullptr)
            destroy(gone);
        return gone != nullptr;
    }

    /// In no order: what follows from it must not depend on one. The table is not to be changed meanwhile.
    template <class Visit>
    void for_each(Visit&& visit) const
    {
        for (auto const& each : index_.slots())
            if (each.held != nullptr)
                visit(static_cast<node const&>(*each.held));
    }

    [[nodiscard]] std::size_t size() const { return index_.size(); }

private:
    [[nodiscard]] static node* make(bytes_view key)
    {
        static_assert(alignof(node) <= alignof(std::max_align_t) && std::is_nothrow_default_constructible_v<Value>);
        auto* const place = ::operator new(sizeof(node) + key.size());
        auto* const octets = static_cast<char*>(place) + sizeof(node);
        key.copy(octets, key.size());
        return ::new (place) node{kept_key{octets, key.size()}};
    }

    static void destroy(node* gone)
    {
        std::destroy_at(gone);
        ::operator delete(gone);
    }

    detail::bytes_index index_;
};

} // namespace drover
