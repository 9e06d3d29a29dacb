// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/child/context.hpp>
#include <drover/child/message.hpp>

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace drover {

/// Whether a child has stopped when its stop hook returns. One that stops `later` says so by `child_context::exit`; past its
/// shutdown deadline it is destroyed.
enum class stop_result : std::uint8_t { stopped, later };

/// What a start hook may say. OTP's `ignore`: the child is not wanted now; its spec is kept, unless it is temporary, and
/// `async_restart_child` tries again.
enum class start_result : std::uint8_t { started, ignored };

/// A running instance, whatever kind of child it is. A hook that throws has failed; `what()` is the reason.
class child_instance {
public:
    virtual ~child_instance() = default;
    virtual void start() = 0;
    virtual void deliver(child_message message) = 0;
    virtual std::optional<bytes> save() = 0;
    virtual stop_result stop() = 0;
    virtual void regranted(generation_number) = 0;
    /// Asked after `start`: it has failed, and says so by `child_context::exit` once it has cleaned up behind itself.
    [[nodiscard]] virtual bool start_is_failing() const { return false; }
};

/// Makes instances of one type of child.
using child_factory = std::function<std::unique_ptr<child_instance>(child_context)>;

namespace detail {

/// The types of children that are registered, by name.
using child_factories = std::map<std::string, child_factory, std::less<>>;

[[nodiscard]] inline std::vector<std::string> names_of(child_factories const& registered)
{
    std::vector<std::string> names;
    for (auto const& [name, factory] : registered)
        names.push_back(name);
    return names;
}

/// Drives an object by the hooks that it has, all of them optional:
///
///     Object(child_context) or Object()
///     void restore(bytes_view state [, std::uint32_t schema_version])   before on_start, when there is state
///     void or start_result on_start()                                   throws: the start failed
///     void on_message(child_message&)                                   or
///     bytes or void on_message(bytes_view)                              a call is answered with what it returns
///     bytes save() const                                                after on_stop, when the child moves
///     void or stop_result on_stop()
///     void on_generation(generation_number)                             the instance goes on under a new token
///
/// Each may take a `child_context` first, where that is handier than keeping one. `Holder` is the object itself, or a pointer to
/// it.
template <class Object, class Holder = Object>
class object_instance final : public child_instance {
public:
    template <class Make>
    object_instance(child_context context, Make&& make) : context_{std::move(context)}, holder_(make(context_))
    {
    }

    void start() override
    {
        if (auto const& state = context_.state())
            restore(*state);
        if constexpr (requires { object().on_start(context_); })
            run_start([this] { return object().on_start(context_); });
        else if constexpr (requires { object().on_start(); })
            run_start([this] { return object().on_start(); });
    }

    void deliver(child_message message) override
    {
        if constexpr (requires { object().on_message(context_, message); })
            object().on_message(context_, message);
        else if constexpr (requires { object().on_message(message); })
            object().on_message(message);
        else if constexpr (requires { object().on_message(context_, bytes_view{}); })
            answer(message, [&](bytes_view payload) { return object().on_message(context_, payload); });
        else if constexpr (requires { object().on_message(bytes_view{}); })
            answer(message, [&](bytes_view payload) { return object().on_message(payload); });
    }

    std::optional<bytes> save() override
    {
        if constexpr (requires {
                          {
                              object().save()
                              } -> std::convertible_to<bytes>;
                      })
            return bytes{object().save()};
        else
            return std::nullopt;
    }

    stop_result stop() override
    {
        if constexpr (requires {
                          {
                              object().on_stop(context_)
                              } -> std::same_as<stop_result>;
                      })
            return object().on_stop(context_);
        else if constexpr (requires {
                               {
                                   object().on_stop()
                                   } -> std::same_as<stop_result>;
                           })
            return object().on_stop();
        else if constexpr (requires { object().on_stop(context_); })
            object().on_stop(context_);
        else if constexpr (requires { object().on_stop(); })
            object().on_stop();
        return stop_result::stopped;
    }

    void regranted(generation_number generation) override
    {
        if constexpr (requires { object().on_generation(context_, generation); })
            object().on_generation(context_, generation);
        else if constexpr (requires { object().on_generation(generation); })
            object().on_generation(generation);
    }

private:
    Object& object()
    {
        if constexpr (std::is_same_v<Object, Holder>)
            return holder_;
        else
            return *holder_;
    }

    template <class Hook>
    void run_start(Hook&& hook)
    {
        if constexpr (std::is_same_v<std::invoke_result_t<Hook&>, start_result>)
            context_.link()->ignored = hook() == start_result::ignored;
        else
            static_cast<void>(hook());
    }

    void restore(bytes_view state)
    {
        if constexpr (requires { object().restore(state, std::uint32_t{}); })
            object().restore(state, context_.state_version());
        else if constexpr (requires { object().restore(state); })
            object().restore(state);
    }

    template <class Hook>
    static void answer(child_message& message, Hook&& hook)
    {
        if constexpr (std::is_void_v<std::invoke_result_t<Hook&, bytes_view>>) {
            hook(message.payload());
            message.reply({});
        } else {
            message.reply(bytes{hook(message.payload())});
        }
    }

    child_context context_;
    Holder holder_;
};

template <class Object>
inline constexpr std::uint32_t schema_version_of = [] {
    if constexpr (requires { Object::schema_version; })
        return static_cast<std::uint32_t>(Object::schema_version);
    else
        return std::uint32_t{0};
}();

} // namespace detail

/// How what a factory returns becomes an instance. The primary template is for objects; other kinds of child specialise it.
template <class Result>
struct child_kind {
    static_assert(
        !requires { typename std::coroutine_traits<Result>::promise_type; },
        "drover: a child that is a coroutine returns an awaitable<void>, and needs #include <drover/coroutine.hpp>");

    template <class Make, class Executor>
    static std::unique_ptr<child_instance> make(child_context context, Make& make, Executor const&)
    {
        context.link()->schema_version = detail::schema_version_of<Result>;
        return std::make_unique<detail::object_instance<Result>>(std::move(context), make);
    }
};

/// An object on the heap.
template <class Object>
struct child_kind<std::unique_ptr<Object>> {
    template <class Make, class Executor>
    static std::unique_ptr<child_instance> make(child_context context, Make& make, Executor const&)
    {
        context.link()->schema_version = detail::schema_version_of<Object>;
        return std::make_unique<detail::object_instance<Object, std::unique_ptr<Object>>>(std::move(context), make);
    }
};

template <>
struct child_kind<std::unique_ptr<child_instance>> {
    template <class Make, class Executor>
    static std::unique_ptr<child_instance> make(child_context context, Make& make, Executor const&)
    {
        return make(std::move(context));
    }
};

/// A factory from a callable that takes a `child_context` and returns the child: an object with hooks, a coroutine
/// (`drover/coroutine.hpp`), or an instance. `executor` is the supervisor's strand.
template <class Make, class Executor>
[[nodiscard]] child_factory make_child_factory(Make make, Executor executor)
{
    static_assert(std::is_invocable_v<Make&, child_context>, "drover: a child factory is called with a drover::child_context");
    using result = std::invoke_result_t<Make&, child_context>;
    static_assert(std::is_object_v<result>,
        "drover: a child factory returns a child by value: an object with hooks, an awaitable<void>, or a "
        "unique_ptr<child_instance>");
    return [make = std::move(make), executor = std::move(executor)](
               child_context context) mutable { return child_kind<result>::make(std::move(context), make, executor); };
}

/// The factory of an object type.
template <class Object, class Executor>
[[nodiscard]] child_factory make_object_factory(Executor executor)
{
    static_assert(std::is_constructible_v<Object, child_context> || std::is_default_constructible_v<Object>,
        "drover: a child type is constructible from a drover::child_context, or without arguments");
    return make_child_factory(
        [](child_context context) -> Object {
            if constexpr (std::is_constructible_v<Object, child_context>)
                return Object(std::move(context));
            else
                return Object();
        },
        std::move(executor));
}

/// The name under which `add_child_type<Object>()` registers: `Object::type_name` where there is one, otherwise the name of
/// the class without its namespaces.
template <class Object>
[[nodiscard]] constexpr std::string_view child_type_name()
{
    if constexpr (requires { std::string_view{Object::type_name}; }) {
        return Object::type_name;
    } else {
        constexpr std::string_view text = __PRETTY_FUNCTION__; // "... [with Object = ns::name; ...]" or "... [Object = ns::name]"
        constexpr auto begin = text.find("Object = ") + 9;
        constexpr auto end = text.find_first_of(";]", begin);
        constexpr auto name = text.substr(begin, end - begin);
        constexpr auto colon = name.rfind("::");
        return colon == std::string_view::npos ? name : name.substr(colon + 2);
    }
}

} // namespace drover
