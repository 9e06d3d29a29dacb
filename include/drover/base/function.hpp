// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace drover {

template <class Signature, std::size_t InlineSize = 48>
class unique_function;

/// A callable that is moved, not copied, and kept inline when it fits into `InlineSize` octets. (C++23 has
/// `std::move_only_function`; the compilers that we support do not.)
template <class R, class... Args, std::size_t InlineSize>
class unique_function<R(Args...), InlineSize> {
public:
    unique_function() = default;
    unique_function(std::nullptr_t) {}

    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, unique_function> && std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
    unique_function(F&& callable)
    {
        using target = std::decay_t<F>;
        if constexpr (fits<target>) {
            ::new (static_cast<void*>(storage_)) target(std::forward<F>(callable));
            operations_ = &kept_inline<target>::table;
        } else {
            ::new (static_cast<void*>(storage_)) target*(new target(std::forward<F>(callable)));
            operations_ = &kept_on_heap<target>::table;
        }
    }

    unique_function(unique_function&& other) noexcept { take(other); }
    unique_function& operator=(unique_function&& other) noexcept
    {
        if (this != &other) {
            reset();
            take(other);
        }
        return *this;
    }
    ~unique_function() { reset(); }

    /// Pre: not empty.
    R operator()(Args... args)
    {
        expects(operations_ != nullptr, "an empty unique_function was called");
        return operations_->call(storage_, std::forward<Args>(args)...);
    }

    [[nodiscard]] explicit operator bool() const { return operations_ != nullptr; }

private:
    struct operations {
        R (*call)(void*, Args&&...);
        void (*relocate)(void* from, void* to) noexcept;
        void (*destroy)(void*) noexcept;
    };

    template <class F>
    static constexpr bool fits = sizeof(F) <= InlineSize && alignof(F) <= alignof(std::max_align_t)
        && std::is_nothrow_move_constructible_v<F>;

    // Functions, not lambdas: in such an initialiser g++ 12 makes another lambda in every translation unit.
    template <class F>
    struct kept_inline {
        static R call(void* self, Args&&... args) { return (*static_cast<F*>(self))(std::forward<Args>(args)...); }
        static void relocate(void* from, void* to) noexcept
        {
            ::new (to) F(std::move(*static_cast<F*>(from)));
            static_cast<F*>(from)->~F();
        }
        static void destroy(void* self) noexcept { static_cast<F*>(self)->~F(); }

        static constexpr operations table{call, relocate, destroy};
    };

    template <class F>
    struct kept_on_heap {
        static R call(void* self, Args&&... args) { return (**static_cast<F**>(self))(std::forward<Args>(args)...); }
        static void relocate(void* from, void* to) noexcept { ::new (to) F*(*static_cast<F**>(from)); }
        static void destroy(void* self) noexcept { delete *static_cast<F**>(self); }

        static constexpr operations table{call, relocate, destroy};
    };

    void take(unique_function& other) noexcept
    {
        if (other.operations_ == nullptr)
            return;
        other.operations_->relocate(other.storage_, storage_);
        operations_ = std::exchange(other.operations_, nullptr);
    }

    void reset() noexcept
    {
        if (auto const* last = std::exchange(operations_, nullptr))
            last->destroy(storage_);
    }

    operations const* operations_ = nullptr;
    alignas(std::max_align_t) std::byte storage_[InlineSize < sizeof(void*) ? sizeof(void*) : InlineSize];
};

} // namespace drover
