// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/expects.hpp>
#include <drover/child/child_source.hpp>
#include <drover/child/completion.hpp>
#include <drover/child/context.hpp>
#include <drover/child/message.hpp>
#include <drover/child/object.hpp>
#include <drover/core/census.hpp>
#include <drover/core/options.hpp>
#include <drover/error_code.hpp>
#include <drover/membership/static_members.hpp>
#include <drover/node.hpp>
#include <drover/placement/ring.hpp>
#include <drover/policy/capabilities.hpp>
#include <drover/policy/journal.hpp>
#include <drover/policy/membership.hpp>
#include <drover/policy/placement.hpp>
#include <drover/policy/state_store.hpp>
#include <drover/policy/transport.hpp>
#include <drover/source_runner.hpp>
#include <drover/store/crdt_store.hpp>
#include <drover/supervisor_shell.hpp>

#include <boost/asio/async_result.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover {

/// Which children a listing is about.
enum class scope : std::uint8_t {
    local,   ///< that have an instance on this node
    cluster, ///< all, as this node knows them
};

/// Name the work that must run, and it runs, once, somewhere in the cluster: it is restarted when it fails, and runs
/// elsewhere, with its state, when its node dies.
///
/// Start one, of the same `supervisor_options::name` and with the same policies, on every node that may run children. Every
/// operation may be called on any of them.
///
/// Threads: operations may be called from any thread, and take effect on the node's strand; completion handlers run on their
/// associated executor, or on the strand; reads may be called from any thread, and answer from what this node knows.
/// Registration of child types and of watchers belongs before `async_start`. Children run on the strand.
///
/// Without an authority (see `promised`), both sides of a split run every child that they know; after the heal one instance
/// goes on (`supervisor_options::conflict`), and what was acknowledged to a child by a majority is kept.
template <class Transport, class Membership = static_members, class Placement = ring, class StateStore = crdt_store<>>
class distributed_supervisor {
    static_assert(has_runtime<Transport>,
        "drover: the first parameter of distributed_supervisor must have a runtime_type: clock, timers, randomness and strand of "
        "a node (see "
        "docs/concepts/transport.md)");
    static_assert(transport<Transport>,
        "drover: the first parameter of distributed_supervisor must be a Transport (see docs/concepts/transport.md)");
    static_assert(has_membership_capabilities<Membership>,
        "drover: the second parameter of distributed_supervisor must say what it promises: static constexpr "
        "membership_capabilities capabilities "
        "(see docs/concepts/membership.md)");
    static_assert(std::move_constructible<Membership> && std::default_initializable<Membership>,
        "drover: the second parameter of distributed_supervisor must be movable and default constructible (see "
        "docs/concepts/membership.md)");
    static_assert(membership<Membership>,
        "drover: the second parameter of distributed_supervisor must be a Membership (see docs/concepts/membership.md)");
    static_assert(std::move_constructible<Placement> && std::default_initializable<Placement>,
        "drover: the third parameter of distributed_supervisor must be a Placement (see docs/concepts/placement.md): "
        "give it a move constructor and a default constructor");
    static_assert(has_placement_capabilities<Placement>,
        "drover: the third parameter of distributed_supervisor must be a Placement (see docs/concepts/placement.md): "
        "let it say what it promises, static constexpr placement_capabilities capabilities");
    static_assert(has_placement_table<Placement>,
        "drover: the third parameter of distributed_supervisor must be a Placement (see docs/concepts/placement.md): "
        "give it a table_type that is movable, default constructible, and has std::size_t place(std::uint64_t key) const");
    static_assert(placement<Placement>,
        "drover: the third parameter of distributed_supervisor must be a Placement (see docs/concepts/placement.md): "
        "give it table_type build(std::span<candidate const>) const");
    static_assert(std::move_constructible<StateStore> && std::default_initializable<StateStore>,
        "drover: the fourth parameter of distributed_supervisor must be a StateStore (see docs/concepts/state_store.md): "
        "give it a move constructor and a default constructor");
    static_assert(has_store_capabilities<StateStore>,
        "drover: the fourth parameter of distributed_supervisor must be a StateStore (see docs/concepts/state_store.md): "
        "let it say what it promises, static constexpr store_capabilities capabilities");
    static_assert(keeps_records<StateStore>,
        "drover: the fourth parameter of distributed_supervisor must be a StateStore (see docs/concepts/state_store.md): "
        "it keeps records by open, put, remove, find, rank_of and version");
    static_assert(talks_to_peers<StateStore>,
        "drover: the fourth parameter of distributed_supervisor must be a StateStore (see docs/concepts/state_store.md): "
        "it talks to its peers by set_members, on_peer_up, on_peer_connected, on_peer_down, on_message, on_time, flush, deadline "
        "and effects");
    static_assert(says_who_holds<StateStore>,
        "drover: the fourth parameter of distributed_supervisor must be a StateStore (see docs/concepts/state_store.md): "
        "it says who holds what by held_by, has_seen, context, covers, acknowledges, level_with and synchronised");
    static_assert(!(Placement::capabilities.voters && StateStore::capabilities.linearizable),
        "drover: two authorities at once: a Placement with voters needs a StateStore that is not linearizable; drop quorum<> or "
        "choose crdt_store");
    static_assert(authority_of<Placement, StateStore> == drover::authority::none,
        "drover: ownership granted by voters or by a linearizable StateStore is not part of this version: choose ring or "
        "uniform, "
        "and crdt_store");
    static_assert(Placement::capabilities.agreed || Placement::capabilities.by_load,
        "drover: this Placement is neither a function of the view alone (agreed) nor recorded (by_load), so two nodes could both "
        "claim a child");
    static_assert(!Placement::capabilities.by_load || load_placement<Placement>,
        "drover: a Placement that is by_load must be a load_placement (see docs/concepts/placement.md)");
    static_assert(StateStore::capabilities.ordered,
        "drover: this StateStore has no one winner of concurrent writes (ordered), so two nodes could see different owners for "
        "ever");
    static_assert(StateStore::capabilities.replicated || StateStore::capabilities.standalone,
        "drover: this StateStore is not replicated, so its children are lost with their node: wrap it in drover::standalone<> if "
        "that is wanted");
    static_assert(!keeps_a_journal<StateStore> || offloading_runtime<typename Transport::runtime_type>,
        "drover: this StateStore keeps a journal, whose commits block, and the Transport's runtime has no offload(work, done), "
        "which would do them beside the strand (see docs/concepts/journal.md)");

public:
    using transport_type = Transport;
    using membership_type = Membership;
    using placement_type = Placement;
    using store_type = StateStore;
    using node_type = drover::node<Transport, Membership>;
    using runtime_type = typename Transport::runtime_type;
    using executor_type = typename runtime_type::executor_type;

    /// Who grants ownership of a child under these policies.
    static constexpr drover::authority authority = authority_of<Placement, StateStore>;
    /// What is promised about the number of instances of a child.
    static constexpr promise_level promised = promise_of<Placement, StateStore>;

    /// On a node that other supervisors may share. When the node stops or is destroyed, so does the supervisor, at once.
    distributed_supervisor(node_type& node, supervisor_options options, Placement placement = {}, StateStore store = {})
        : shell_{std::make_shared<shell_type>(node.shell_, std::move(options), std::move(placement), std::move(store))}
    {
    }

    /// With a node of its own. `context`: an executor or an execution context for sockets, a `simulation::world` for the
    /// simulation.
    template <class Context>
    distributed_supervisor(Context&& context, node_options node, supervisor_options options = {}, Membership members = {},
        Placement placement = {}, StateStore store = {})
        : own_node_{std::in_place, std::forward<Context>(context), std::move(node), std::move(members)},
          shell_{std::make_shared<shell_type>(own_node_->shell_, std::move(options), std::move(placement), std::move(store))}
    {
    }

    distributed_supervisor(distributed_supervisor&&) noexcept = default;
    distributed_supervisor& operator=(distributed_supervisor&&) = delete;

    /// Ends at once what was not stopped: no goodbye, no handing on; operations complete with `errc::shutting_down`.
    ~distributed_supervisor()
    {
        if (shell_)
            shell_->runtime().dispatch([shell = shell_] { shell->abandon(); });
    }

    // ---- types of children -------------------------------------------------------------------------------------------

    /// Registers an object type (see child/object.hpp for its hooks) under `child_type_name<T>()`. A node is a candidate for a
    /// child only when it has registered the child's type.
    template <class T>
    void add_child_type()
    {
        add_child_type<T>(std::string{child_type_name<T>()});
    }

    template <class T>
    void add_child_type(std::string name)
    {
        shell_->add_type(std::move(name), make_object_factory<T>(get_executor()));
    }

    /// Registers a factory: a callable that takes a `child_context` and returns the child: an object with hooks, an
    /// `awaitable<void>` (`drover/coroutine.hpp`), or a `std::unique_ptr<child_instance>`.
    template <class Factory>
    void add_child_type(std::string name, Factory factory)
    {
        shell_->add_type(std::move(name), make_child_factory(std::move(factory), get_executor()));
    }

    // ---- sources of children -----------------------------------------------------------------------------------------

    /// Runs what a list that is kept elsewhere says: see child/child_source.hpp and docs/child_sources.md. The same list is
    /// registered, under the same name and in the same order, on every node that may read it. Before `async_start`.
    void add_child_source(std::shared_ptr<child_source> source, child_source_options const& options = {})
    {
        detail::source_runner<shell_type>::add(shell_, std::move(source), options);
    }

    // ---- life --------------------------------------------------------------------------------------------------------

    /// Joins: starts the node if it is not, and brings this scope level with the other members. Completes with
    /// void(error_code): success, an error of `node::async_start`, `invalid_options`, `scope_in_use`, `already_running`; with a
    /// store that keeps a journal, which is read first, one of the group `journal_...` (the event `journal_failed` has the
    /// sentence).
    template <class Token>
    auto async_start(Token&& token)
    {
        return initiate<void(error_code)>(
            [](shell_type& shell, auto done) {
                shell.start([done = std::move(done)](errc code) mutable { done(make_error_code(code)); });
            },
            token);
    }

    /// Leaves: hands every child on with its state, and says goodbye; stops its own node too. Completes with
    /// void(error_code), success, at the latest after `drain_timeout`, and when the store's journal, if it keeps one, is closed.
    template <class Token>
    auto async_stop(Token&& token)
    {
        auto const node = own_node_ ? own_node_->shell_ : nullptr;
        return initiate<void(error_code)>(
            [node](shell_type& shell, auto done) {
                shell.stop([node, done = std::move(done)](errc code) mutable {
                    if (node)
                        node->stop();
                    done(make_error_code(code));
                });
            },
            token);
    }

    // ---- commands ----------------------------------------------------------------------------------------------------
    // Each completes once, with void(error_code, child_ref), at the latest after `operation_timeout`. `not_acknowledged`: it
    // was done, and is not known to be held by as many members as `acknowledge` asks; the `child_ref` says by how many it is.
    // `timed_out`: it may have been done. `outcome_unknown`: the supervisor stopped first.

    /// Starts a child, on the node that placement names. Completes when it runs and its spec is held by enough members.
    /// Errors: `already_started`, `already_present` (it is terminated), `start_failed` (nothing is left behind),
    /// `invalid_spec`, `unknown_type`, `no_eligible_node`, `max_children`, `quarantined` (it is listed, and does not run),
    /// `owned_by_source`, `source_failed` (as for updates and deletions: docs/child_sources.md).
    template <class Token>
    auto async_start_child(child_spec spec, Token&& token)
    {
        return command(core::command_kind::start, std::move(spec), token);
    }

    /// Stops a child; its spec stays, and it does not run until `async_restart_child`. A temporary child is forgotten.
    /// Completes when it has stopped. Errors: `not_found`.
    template <class Token>
    auto async_terminate_child(child_id id, Token&& token)
    {
        return command(core::command_kind::terminate, only_id(std::move(id)), token);
    }

    /// Starts a terminated or parked child again. Errors: `not_found`, `running`, `restarting`, `start_failed`.
    template <class Token>
    auto async_restart_child(child_id id, Token&& token)
    {
        return command(core::command_kind::restart, only_id(std::move(id)), token);
    }

    /// Forgets a child that does not run, with its state, for ever. Errors: `not_found`, `running`.
    template <class Token>
    auto async_delete_child(child_id id, Token&& token)
    {
        return command(core::command_kind::remove, only_id(std::move(id)), token);
    }

    /// Replaces the spec of a child; a running instance is stopped, and started again with its state under the new spec.
    /// Errors: `not_found`, `invalid_spec`, `unknown_type`, `start_failed`.
    template <class Token>
    auto async_update_child(child_spec spec, Token&& token)
    {
        return command(core::command_kind::update, std::move(spec), token);
    }

    // ---- reading one's writes ----------------------------------------------------------------------------------------

    /// Waits until this node has seen what the answer to a command, on any node, says that it wrote (`child_ref::written`):
    /// from then on `find`, `child_spec_of` and the other reads here give that, or what came later. Completes with
    /// void(error_code), at the latest after `operation_timeout`, also when this node has never heard of the writer. Errors:
    /// `timed_out`, `not_started`, `shutting_down`, `too_many_operations`.
    ///
    /// When the first node that carried the command out died before it had answered, the token names what the second one wrote.
    template <class Token>
    auto async_wait_for(version_token const& written, Token&& token)
    {
        return initiate<void(error_code)>(
            [](shell_type& shell, auto done, version_token const& awaited) { shell.wait_for(awaited, std::move(done)); }, token,
            version_token{written});
    }

    // ---- messages ----------------------------------------------------------------------------------------------------

    /// Calls a child, wherever it runs, moving or not. Completes with void(error_code, bytes). Errors: `not_found`,
    /// `timed_out`, `owner_lost` (it may have run), `no_such_message`, `child_failed`, `message_too_large`.
    template <class Token>
    auto async_call(child_id id, bytes request, Token&& token)
    {
        return initiate<void(error_code, bytes)>(
            [](shell_type& shell, auto done, child_id to, bytes payload) {
                shell.call_child(std::move(to), std::move(payload), false, std::move(done));
            },
            token, std::move(id), std::move(request));
    }

    /// Sends to a child, wherever it runs. At most once, and nobody hears of a failure.
    void cast(child_id id, bytes message)
    {
        shell_->runtime().dispatch([shell = shell_, id = std::move(id), message = std::move(message)]() mutable {
            shell->call_child(std::move(id), std::move(message), true, [](error_code, bytes) {});
        });
    }

    // ---- reads, from any thread --------------------------------------------------------------------------------------

    /// Where a child runs, or is about to. O(1).
    [[nodiscard]] std::optional<child_ref> find(child_id const& id) const
    {
        return shell_->read([&](auto& core) { return core.find(id); });
    }

    /// This node has seen this write: reads give it, or what came later.
    [[nodiscard]] bool has_seen(version_token const& written) const
    {
        return shell_->read([&](auto& core) { return core.has_seen(written); });
    }

    /// Sorted by id. O(children log children).
    [[nodiscard]] std::vector<child_info> which_children(scope which = scope::cluster) const
    {
        return shell_->read([&](auto& core) { return core.which_children(which == scope::local); });
    }

    /// O(children).
    [[nodiscard]] child_counts count_children() const
    {
        return shell_->read([](auto& core) { return core.count_children(); });
    }

    /// What should run and no node accounts for, as this node sees it. An age beyond some `audit_interval`s, while members that
    /// could run it are alive and a majority is together, is a defect. O(children whose owner is dead or missing).
    [[nodiscard]] unaccounted_children unaccounted() const
    {
        return shell_->read([&](auto& core) { return core.unaccounted(shell_->runtime().now()); });
    }

    /// What does not add up in the books of this node, in a sentence; empty unless Drover has a defect. For tests. O(children).
    [[nodiscard]] std::string inconsistency() const
    {
        return shell_->read([](auto& core) { return core.inconsistency(); });
    }

    [[nodiscard]] std::optional<child_spec> child_spec_of(child_id const& id) const
    {
        return shell_->read([&](auto& core) { return core.spec_of(id); });
    }

    /// Why a child is where it is, for people.
    [[nodiscard]] std::string explain(child_id const& id) const
    {
        return shell_->read([&](auto& core) { return core.explain(id); });
    }

    /// The members of the cluster, this node and the dead included, sorted by name.
    [[nodiscard]] std::vector<member> members() const { return shell_->node().members(); }

    /// Totals of this supervisor on this node.
    [[nodiscard]] drover::counters counters() const
    {
        return shell_->read([](auto& core) { return core.counters(); });
    }

    // ---- hooks -------------------------------------------------------------------------------------------------------

    /// Calls `watcher` on the strand for all that happens here: what moved, why, and what was refused. Costs nothing while
    /// nobody watches. Before `async_start`.
    void events(std::function<void(event const&)> watcher) { shell_->watch(std::move(watcher)); }

    /// Calls `told` once, on the strand, when this supervisor has stopped without having been asked to: it gave up, here or on
    /// another node, because a child that escalates has spent its budget (docs/supervision.md), or its significant children have
    /// ended. With the same reason on every node. Its own node goes on until `async_stop` or the destructor. Before
    /// `async_start`.
    void on_gave_up(std::function<void(std::string const& reason)> told) { shell_->on_gave_up(std::move(told)); }

    /// Where `child_context::log` goes. Before `async_start`.
    void log_to(std::function<void(child_id const&, std::string_view)> sink) { shell_->log_to(std::move(sink)); }

    [[nodiscard]] std::string const& node_name() const { return shell_->node().name(); }
    /// Where the node listens, once started.
    [[nodiscard]] std::string address() const { return shell_->node().address(); }
    [[nodiscard]] executor_type get_executor() const { return shell_->runtime().get_executor(); }

private:
    using shell_type = detail::supervisor_shell<Transport, Membership, Placement, StateStore>;

    static child_spec only_id(child_id id)
    {
        child_spec spec;
        spec.id = std::move(id);
        return spec;
    }

    template <class Signature>
    struct keep;
    template <class... Args>
    struct keep<void(Args...)> {
        template <class Handler>
        static auto handler(Handler&& handler)
        {
            return detail::keep_handler<Args...>(std::forward<Handler>(handler));
        }
    };

    // Runs `operation` on the strand, in a turn of its own: no handler is called from within its initiation.
    template <class Signature, class Operation, class Token, class... Args>
    auto initiate(Operation operation, Token&& token, Args&&... args)
    {
        return boost::asio::async_initiate<Token, Signature>(
            [shell = shell_, operation = std::move(operation)](auto handler, auto&&... values) {
                shell->runtime().post([shell, operation, done = keep<Signature>::handler(std::move(handler)),
                                          ... values = std::forward<decltype(values)>(values)]() mutable {
                    operation(*shell, std::move(done), std::move(values)...);
                });
            },
            token, std::forward<Args>(args)...);
    }

    template <class Token>
    auto command(core::command_kind kind, child_spec&& spec, Token&& token)
    {
        return initiate<void(error_code, child_ref)>(
            [kind](shell_type& shell, auto done, child_spec&& wanted) {
                detail::source_runner<shell_type>::command(shell, kind, std::move(wanted), std::move(done));
            },
            token, std::move(spec));
    }

    std::optional<node_type> own_node_;
    std::shared_ptr<shell_type> shell_;
};

/// A supervisor of which no less than `Asked` is promised about the number of instances of a child; what promises less does
/// not compile.
template <promise_level Asked, class Supervisor>
struct promising_supervisor {
    static_assert(Supervisor::promised >= Asked,
        "drover: these policies promise less than is asked: at_most_one_effective needs a StateStore that is linearizable, "
        "at_most_one_running a Placement with voters");
    using type = Supervisor;
};

template <promise_level Asked, class Supervisor>
using promising = typename promising_supervisor<Asked, Supervisor>::type;

} // namespace drover
