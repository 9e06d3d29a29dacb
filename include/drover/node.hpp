// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/bytes.hpp>
#include <drover/base/expects.hpp>
#include <drover/base/hash.hpp>
#include <drover/base/identity.hpp>
#include <drover/child/completion.hpp>
#include <drover/core/messages.hpp>
#include <drover/error_code.hpp>
#include <drover/node_options.hpp>
#include <drover/policy/membership.hpp>
#include <drover/policy/transport.hpp>
#include <drover/policy/view.hpp>

#include <boost/asio/async_result.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover {

/// What a node tells of its links and of its cluster, for logs.
struct node_event {
    enum class kind : std::uint8_t { peer_up, peer_down, dial_failed, member_changed, frame_rejected } what{};
    std::string subject; ///< a node's name, or an address
    std::string reason;  ///< for people
};

namespace detail {

/// What a node tells the supervisors that share it. On the strand.
class node_scope {
public:
    virtual void on_view(view const& members) = 0;
    virtual void on_peer_connected(node_id const& who) = 0;
    virtual void on_frame(node_id const& from, bytes_view frame) = 0;
    virtual void on_batch_end() = 0;
    /// The node is no member any more, and nothing more comes from it.
    virtual void on_node_stopped(errc why) = 0;

protected:
    ~node_scope() = default;
};

/// Which part of a node a frame is for: the first octet.
enum class channel : std::uint8_t { membership = 0, scope = 1 };

/// The shell around one transport and one membership: carries inputs in and effects out, and decides nothing.
template <class Transport, class Membership>
class node_shell final : public transport_events, public std::enable_shared_from_this<node_shell<Transport, Membership>> {
public:
    using runtime_type = typename Transport::runtime_type;
    using started_handler = unique_function<void(errc)>;

    node_shell(runtime_type runtime, node_options options, Membership membership)
        : runtime_{std::move(runtime)}, options_{std::move(options)}, self_{options_.name, runtime_.new_incarnation()},
          membership_{std::move(membership)}, transport_{runtime_, transport_options_of(options_, self_)}, timer_{runtime_}
    {
    }

    [[nodiscard]] runtime_type& runtime() { return runtime_; }
    [[nodiscard]] node_id const& self() const { return self_; }
    [[nodiscard]] std::string const& name() const { return self_.name; }

    /// Starts once; whoever asks is told when the view has formed, or why it did not.
    void start(started_handler done)
    {
        if (state_ == state::formed)
            return done(errc::success);
        if (state_ == state::stopped)
            return done(errc::shutting_down);
        waiting_.push_back(std::move(done));
        if (std::exchange(state_, state::starting) != state::created)
            return;
        if (!validate(options_).empty())
            return end(errc::invalid_options);
        if (auto const code = transport_.start(*this); code != errc::success)
            return end(code);
        {
            std::lock_guard const lock{mutex_};
            address_ = transport_.address();
        }
        membership_identity identity{{self_, address_}, options_.seeds, runtime_.random(hash64("membership")).next()};
        membership_.start(identity, runtime_.now(), effects_);
        settle();
    }

    void stop()
    {
        if (state_ == state::stopped)
            return;
        if (state_ != state::created) {
            membership_.leave(runtime_.now(), effects_);
            carry_out();
        }
        end(errc::shutting_down);
    }

    /// Without a goodbye.
    void abandon()
    {
        if (state_ != state::stopped)
            end(errc::shutting_down);
    }

    [[nodiscard]] bool formed() const { return state_ == state::formed; }

    errc add_scope(std::string const& name, node_scope& scope)
    {
        return scopes_.try_emplace(hash64(name), &scope).second ? errc::success : errc::scope_in_use;
    }

    void remove_scope(std::string const& name) { scopes_.erase(hash64(name)); }

    [[nodiscard]] view const& current_view() const { return membership_.current_view(); }

    /// From any thread.
    [[nodiscard]] std::vector<member> members() const
    {
        std::lock_guard const lock{mutex_};
        return members_;
    }

    [[nodiscard]] std::string address() const
    {
        std::lock_guard const lock{mutex_};
        return address_;
    }

    void watch(std::function<void(node_event const&)> watcher) { watchers_.push_back(std::move(watcher)); }

    void send(std::string const& to, std::uint64_t scope, bytes_view message, bool for_store)
    {
        wire::writer out;
        out.u8(static_cast<std::uint8_t>(channel::scope)).fixed64(scope);
        if (for_store)
            out.u8(static_cast<std::uint8_t>(core::message_kind::store));
        out.raw(message);
        (void)transport_.send(to, out.take()); // what does not go out is said again
    }

private:
    enum class state : std::uint8_t { created, starting, formed, stopped };

    static transport_options transport_options_of(node_options const& options, node_id const& self)
    {
        transport_options result;
        result.cluster_name = options.cluster_name;
        result.self = self;
        result.listen = options.listen;
        result.advertise = options.advertise;
        result.send_queue_size_max = options.send_queue_size_max;
        result.dial_timeout = options.dial_timeout;
        result.backoff_min = options.backoff_min;
        result.backoff_max = options.backoff_max;
        return result;
    }

    // ---- from the transport ------------------------------------------------------------------------------------------

    void on_peer_up(peer const& who) override
    {
        tell(node_event::kind::peer_up, who.id.name, who.address);
        membership_.on_peer_up(who, runtime_.now(), effects_);
        settle();
        for_each_scope([&](node_scope& scope) { scope.on_peer_connected(who.id); });
    }

    void on_peer_down(node_id const& who) override
    {
        tell(node_event::kind::peer_down, who.name, {});
        membership_.on_peer_down(who, runtime_.now(), effects_);
        settle();
    }

    void on_dial_failed(std::string_view address, dial_failure why, errc code, std::string_view sentence) override
    {
        tell(node_event::kind::dial_failed, address, sentence);
        membership_.on_dial_failed(address, why, code, runtime_.now(), effects_);
        settle();
    }

    void on_frame(node_id const& from, bytes_view frame) override
    {
        if (frame.empty())
            return;
        auto const kind = static_cast<channel>(frame.front());
        frame.remove_prefix(1);
        if (kind == channel::membership) {
            membership_.on_message(from, frame, runtime_.now(), effects_);
            settle();
        } else if (kind == channel::scope) {
            on_scope_frame(from, frame);
        } else {
            tell(node_event::kind::frame_rejected, from.name, "for a part of the node that this version does not have");
        }
    }

    void on_batch_end() override
    {
        for_each_scope([&](node_scope& scope) { scope.on_batch_end(); });
    }

    // A scope may leave while it is called.
    template <class Visit>
    void for_each_scope(Visit&& visit)
    {
        for (auto at = scopes_.begin(); at != scopes_.end();) {
            auto const key = at->first;
            visit(*at->second);
            at = scopes_.upper_bound(key);
        }
    }

    void on_scope_frame(node_id const& from, bytes_view frame)
    {
        wire::reader in{frame};
        auto const scope = in.fixed64();
        auto const message = in.remainder();
        if (!in.ok() || message.empty())
            return tell(node_event::kind::frame_rejected, from.name, "truncated");
        auto const found = scopes_.find(scope);
        if (found != scopes_.end())
            return found->second->on_frame(from, message);
        if (static_cast<core::message_kind>(message.front()) != core::message_kind::no_scope)
            send(from.name, scope, core::encode(core::no_scope_message{}), false);
    }

    // ---- effects of the membership -----------------------------------------------------------------------------------

    void settle()
    {
        carry_out();
        if (state_ == state::starting) {
            if (membership_.failure() != errc::success)
                return end(membership_.failure());
            if (membership_.formed()) {
                state_ = state::formed;
                publish_view();
                answer_waiting(errc::success);
            }
        }
        if (state_ == state::formed && membership_.failure() != errc::success)
            return end(membership_.failure());
        arm();
    }

    void carry_out()
    {
        auto const now_effects = std::exchange(effects_, {});
        for (auto const& address : now_effects.dials)
            transport_.dial(address);
        for (auto const& address : now_effects.undials)
            transport_.undial(address);
        for (auto const& message : now_effects.sends) {
            bytes frame(1, static_cast<char>(channel::membership));
            frame += message.frame;
            (void)transport_.send(message.to, std::move(frame)); // what does not go out is said again
        }
        if (now_effects.view_changed)
            publish_view();
    }

    void publish_view()
    {
        auto const& current = membership_.current_view();
        {
            std::lock_guard const lock{mutex_};
            members_ = current.members;
        }
        tell(node_event::kind::member_changed, self_.name, {});
        if (state_ != state::formed)
            return;
        for_each_scope([&](node_scope& scope) { scope.on_view(current); });
    }

    void arm()
    {
        if (state_ == state::stopped)
            return;
        auto const deadline = membership_.deadline();
        if (deadline == armed_for_)
            return;
        armed_for_ = deadline;
        if (deadline == never)
            return timer_.cancel();
        timer_.expires_at(deadline, [weak = this->weak_from_this()] {
            if (auto const self = weak.lock())
                self->on_timer();
        });
    }

    void on_timer()
    {
        armed_for_ = never;
        if (state_ == state::stopped)
            return;
        membership_.on_time(runtime_.now(), effects_);
        settle();
    }

    // No longer a member: nothing that needs one goes on.
    void end(errc code)
    {
        state_ = state::stopped;
        timer_.cancel();
        transport_.stop();
        answer_waiting(code);
        for_each_scope([&](node_scope& scope) { scope.on_node_stopped(code); });
    }

    void answer_waiting(errc code)
    {
        for (auto& done : std::exchange(waiting_, {}))
            done(code);
    }

    void tell(node_event::kind what, std::string_view subject, std::string_view reason)
    {
        if (watchers_.empty())
            return;
        node_event const event{what, std::string{subject}, std::string{reason}};
        for (auto const& watcher : watchers_)
            watcher(event);
    }

    runtime_type runtime_;
    node_options options_;
    node_id self_;
    Membership membership_;
    Transport transport_;
    typename runtime_type::timer_type timer_;
    membership_effects effects_;
    state state_ = state::created;
    time_point armed_for_ = never;
    std::vector<started_handler> waiting_;
    std::map<std::uint64_t, node_scope*> scopes_; // by hash of the name
    std::vector<std::function<void(node_event const&)>> watchers_;

    mutable typename runtime_type::mutex_type mutex_; // guards what is read from other threads
    std::vector<member> members_;
    std::string address_;
};

} // namespace detail

template <class Transport, class Membership, class Placement, class StateStore>
class distributed_supervisor;

/// One member of the cluster: one listening port, one membership. Any number of supervisors share it, told apart by name.
///
/// Distinct nodes are safe to use from distinct threads. `members` and `address` may be called from any thread; `async_start`
/// and `async_stop` too: they take effect on the node's strand. Destroying a node that was not stopped drops its connections:
/// others see it die.
template <class Transport, class Membership>
class node {
    static_assert(has_runtime<Transport>,
        "drover: the first parameter of node must have a runtime_type: clock, timers, randomness and strand of a node (see "
        "docs/concepts/transport.md)");
    static_assert(
        transport<Transport>, "drover: the first parameter of node must be a Transport (see docs/concepts/transport.md)");
    static_assert(has_membership_capabilities<Membership>,
        "drover: the second parameter of node must say what it promises: static constexpr membership_capabilities capabilities "
        "(see docs/concepts/membership.md)");
    static_assert(std::move_constructible<Membership> && std::default_initializable<Membership>,
        "drover: the second parameter of node must be movable and default constructible (see docs/concepts/membership.md)");
    static_assert(
        membership<Membership>, "drover: the second parameter of node must be a Membership (see docs/concepts/membership.md)");

public:
    using transport_type = Transport;
    using membership_type = Membership;
    using runtime_type = typename Transport::runtime_type;
    using executor_type = typename runtime_type::executor_type;

    /// `context`: an executor or an execution context for sockets, a `simulation::world` for the simulation. It must outlive the
    /// node.
    template <class Context>
    node(Context&& context, node_options options, Membership membership = {})
        : shell_{make_shell(runtime_type{std::forward<Context>(context), options.name}, options, std::move(membership))}
    {
    }

    node(node&&) noexcept = default;
    node& operator=(node&&) = delete;

    ~node()
    {
        if (shell_)
            shell_->runtime().dispatch([shell = shell_] { shell->abandon(); });
    }

    /// Listens and joins. Completes with void(error_code) when the view has formed, or could not: `address_in_use`,
    /// `invalid_address`, `seeds_unreachable`, `cluster_mismatch`, `version_mismatch`, `name_in_use`, `invalid_options`.
    template <class Token>
    auto async_start(Token&& token)
    {
        return boost::asio::async_initiate<Token, void(error_code)>(
            [shell = shell_](auto handler) {
                auto done = detail::keep_handler<error_code>(std::move(handler));
                shell->runtime().post([shell, done = std::move(done)]() mutable {
                    shell->start([done = std::move(done)](errc code) mutable { done(make_error_code(code)); });
                });
            },
            token);
    }

    /// Says goodbye to the others and closes. Stop the supervisors first: they hand their children on. Completes with
    /// void(error_code), success.
    template <class Token>
    auto async_stop(Token&& token)
    {
        return boost::asio::async_initiate<Token, void(error_code)>(
            [shell = shell_](auto handler) {
                auto done = detail::keep_handler<error_code>(std::move(handler));
                shell->runtime().post([shell, done = std::move(done)]() mutable {
                    shell->stop();
                    done(error_code{});
                });
            },
            token);
    }

    [[nodiscard]] std::string const& name() const { return shell_->name(); }
    /// Name and incarnation: this life of the node.
    [[nodiscard]] node_id const& id() const { return shell_->self(); }
    /// Where it listens, once started.
    [[nodiscard]] std::string address() const { return shell_->address(); }
    /// All members that this node knows of, itself and the dead included, sorted by name.
    [[nodiscard]] std::vector<member> members() const { return shell_->members(); }
    [[nodiscard]] executor_type get_executor() const { return shell_->runtime().get_executor(); }

    /// Calls `watcher` on the strand for everything worth a line in a log. Before `async_start`.
    void events(std::function<void(node_event const&)> watcher) { shell_->watch(std::move(watcher)); }

private:
    template <class T, class M, class P, class S>
    friend class distributed_supervisor;

    using shell_type = detail::node_shell<Transport, Membership>;

    static std::shared_ptr<shell_type> make_shell(runtime_type runtime, node_options const& options, Membership membership)
    {
        return std::make_shared<shell_type>(std::move(runtime), options, std::move(membership));
    }

    std::shared_ptr<shell_type> shell_;
};

} // namespace drover
