// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/hash.hpp>
#include <drover/base/random.hpp>
#include <drover/base/time.hpp>
#include <drover/child/child_runner.hpp>
#include <drover/child/context.hpp>
#include <drover/child/object.hpp>
#include <drover/supervision/local_options.hpp>

#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace drover {

/// A type of child under a name, for `supervisor_child`. `Make`: a callable as for `add_child_type`.
template <class Make>
struct named_child_type {
    std::string name;
    Make make;

    template <class Executor>
    [[nodiscard]] child_factory factory(Executor const& executor) const
    {
        return make_child_factory(make, executor);
    }
};

/// An object type under its own name.
template <class Object>
struct object_child_type {
    std::string name;

    template <class Executor>
    [[nodiscard]] child_factory factory(Executor const& executor) const
    {
        return make_object_factory<Object>(executor);
    }
};

template <class Object>
[[nodiscard]] object_child_type<Object> child_type()
{
    return {std::string{child_type_name<Object>()}};
}

template <class Make>
[[nodiscard]] named_child_type<Make> child_type(std::string name, Make make)
{
    return {std::move(name), std::move(make)};
}

/// A child that is a supervisor itself. A factory returns one:
///
///     sup.add_child_type("pipeline", [](drover::child_context) {
///         return drover::supervisor_child{options, drover::child_type<reader>(), drover::child_type("writer", make_writer)};
///     });
///
/// The tree runs as one unit, wherever its child runs: under a local supervisor, under another tree, or somewhere in a
/// cluster. Its `options.children` are started by its start, which fails when one of theirs does. That it gave up is a failure
/// of the child; that its significant children are done (`auto_shutdown`) is a normal exit. It stops in order, within the
/// deadlines of its own children, so its spec's `shutdown` had better be `infinity`, as in OTP.
///
/// Its children see the node of the supervisor above, call each other, and count their generations anew in each life of the
/// tree.
template <class... Types>
struct supervisor_child {
    explicit supervisor_child(local_supervisor_options wanted, Types... registered)
        : options{std::move(wanted)}, types{std::move(registered)...}
    {
    }

    local_supervisor_options options;
    std::tuple<Types...> types;
};

namespace detail {

/// The children below one child. It lives on the context of that child: its clock, its strand, and one of its timers.
class child_tree final : public child_runner {
public:
    child_tree(child_context own, local_supervisor_options options, child_factories types)
        : child_runner{own.node()}, context_{std::move(own)}, options_{std::move(options)}
    {
        factories_ = std::move(types);
    }

    /// Starts the children. Throws when one could not start, unless others are still to be stopped: see `start_is_failing`.
    void start()
    {
        auto wrong = validate(options_);
        if (wrong.empty())
            wrong = unknown_type_among(options_.children);
        if (!wrong.empty())
            throw std::invalid_argument{wrong};
        auto const life = random_stream{hash64(context_.id()), context_.generation()};
        begin(std::move(options_), life, false);
        pump(std::numeric_limits<unsigned>::max());
        if (ended_)
            throw std::runtime_error{ended_->reason};
        starting_ = false;
    }

    [[nodiscard]] bool start_is_failing() const { return !started_; }

    stop_result stop()
    {
        step([](machine_type& machine, time_point time) { machine.stop(time); });
        pump(std::numeric_limits<unsigned>::max());
        return ended_ ? stop_result::stopped : stop_result::later;
    }

private:
    void on_started() override { started_ = true; }

    void on_ended(supervision::ended_effect& what) override
    {
        ended_ = std::move(what);
        if (starting_)
            return; // start() throws
        using supervision::end_cause;
        if (ended_->cause == end_cause::gave_up)
            context_.exit("its children failed too often");
        else if (ended_->cause == end_cause::start_failed)
            context_.exit(ended_->reason);
        else
            context_.exit("shutdown");
    }

    void wake_at(time_point at) override
    {
        context_.cancel(timer_);
        if (at != never)
            timer_ = context_.after(at - now(), [this] { on_timer(); });
    }

    // ---- child_host --------------------------------------------------------------------------------------------------

    time_point now() const override { return context_.now(); }
    void log(child_link const&, std::string_view text) override { context_.log(text); }

    void post(unique_function<void()> turn) override
    {
        if (auto* const host = context_.link()->host)
            host->post(std::move(turn));
    }

    child_context context_;
    local_supervisor_options options_;
    std::optional<supervision::ended_effect> ended_;
    std::uint64_t timer_ = 0;
    bool starting_ = true;
    bool started_ = false;
};

/// The tree as an instance: when it is destroyed, so is all below it.
class tree_instance final : public child_instance {
public:
    explicit tree_instance(std::shared_ptr<child_tree> tree) : tree_{std::move(tree)} {}
    ~tree_instance() override { tree_->close(); }

    void start() override { tree_->start(); }
    void deliver(child_message) override {} // unanswered: errc::no_such_message
    std::optional<bytes> save() override { return std::nullopt; }
    stop_result stop() override { return tree_->stop(); }
    void regranted(generation_number) override {}
    [[nodiscard]] bool start_is_failing() const override { return tree_->start_is_failing(); }

private:
    std::shared_ptr<child_tree> tree_;
};

} // namespace detail

template <class... Types>
struct child_kind<supervisor_child<Types...>> {
    template <class Make, class Executor>
    static std::unique_ptr<child_instance> make(child_context context, Make& make, Executor const& executor)
    {
        supervisor_child<Types...> wanted = make(context);
        detail::child_factories factories;
        std::apply([&](auto&... each) { (factories.insert_or_assign(each.name, each.factory(executor)), ...); }, wanted.types);
        return std::make_unique<detail::tree_instance>(
            std::make_shared<detail::child_tree>(std::move(context), std::move(wanted.options), std::move(factories)));
    }
};

} // namespace drover
