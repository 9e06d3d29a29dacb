// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// What clang-tidy looks at: all of the library, instantiated. It sees nothing in the body of a template that nobody
// instantiates, so each class template is named here with all its members; what is a template within one is used by use.hpp and
// below. lint.py holds that every header is reached from here.

#include <drover/conformance.hpp>
#include <drover/coroutine.hpp>
#include <drover/json.hpp>
#include <drover/net.hpp>
#include <drover/net/local_supervisor.hpp>
#include <drover/process.hpp>
#include <drover/simulation.hpp>
#include <drover/simulation/disk_journal.hpp>
#include <drover/simulation/local_supervisor.hpp>
#include <drover/sqlite.hpp>
#include <drover/store/memory_store.hpp>

#include "../headers/use.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <future>

namespace {

using namespace drover;
using state = core::core_state<ring, crdt_store<>>;
using ordering = core::commands<state>;

} // namespace

template class drover::unique_function<int(int)>;
template class drover::bytes_table<int>;
template class drover::crdt_store<>;
template struct drover::core::core_state<ring, crdt_store<>>;
template class drover::core::acknowledgements<state>;
template class drover::core::audit<state>;
template class drover::core::calls<state>;
template class drover::core::child_sources<state>;
template class drover::core::commands<state>;
template class drover::core::reconciler<state, ordering>;
template class drover::core::record_changes<state>;
template class drover::core::regroup<state>;
template class drover::core::routing<state>;
template class drover::core::timer_queue<int>;
template class drover::core::supervisor_core<ring, crdt_store<>>;
template class drover::simulation::event_queue<int>;
template class drover::detail::node_shell<tcp_transport, static_members>;
template class drover::detail::supervisor_shell<tcp_transport, static_members, ring, crdt_store<>>;
template class drover::detail::source_runner<drover::detail::supervisor_shell<tcp_transport, static_members, ring, crdt_store<>>>;
template class drover::node<tcp_transport, static_members>;
template class drover::node<in_memory_transport, static_members>;
template class drover::distributed_supervisor<tcp_transport>;
template class drover::distributed_supervisor<in_memory_transport>;
template struct drover::standalone<memory_store>;
template class drover::distributed_supervisor<in_memory_transport, static_members, ring, standalone<memory_store>>;
template class drover::core::awaited_writes<state>;
template class drover::core::books<state>;
template class drover::detail::local_supervisor_shell<net::runtime>;
template class drover::local_supervisor<net::runtime>;
template class drover::local_supervisor<simulation::runtime>;

namespace {

// One child of each kind, so that every way of making an instance is made.
struct with_all_hooks {
    explicit with_all_hooks(child_context) {}
    static void restore(bytes_view) {}
    static void on_start() {}
    static void on_stop() {}
    [[nodiscard]] static bytes save() { return {}; }
    static std::string on_message(child_context const&, bytes_view) { return {}; }
};

struct with_none {};

// Every member template of the supervisor and of the node, with each kind of completion token.
template <class Transport, class World>
void use_all(World& world)
{
    node<Transport, static_members> shared{world, node_options{}};
    shared.async_start([](error_code) {});
    distributed_supervisor<Transport> supervisor{shared, supervisor_options{}};
    supervisor.template add_child_type<with_all_hooks>();
    supervisor.template add_child_type<with_none>("none");
    supervisor.add_child_type("made", [](child_context own) { return std::make_unique<with_all_hooks>(std::move(own)); });
    supervisor.add_child_type("instance", [](child_context) { return std::unique_ptr<child_instance>{}; });
    supervisor.add_child_type("coroutine", odr::idle);
    supervisor.add_child_type("process", odr::nothing_to_do);
    supervisor.add_child_source(std::make_shared<child_file>("file", "children.json"));
    supervisor.async_start([](error_code) {});
    child_spec const spec{.id = "id", .type = "none"};
    supervisor.async_start_child(spec, [](error_code, child_ref) {});
    auto const started = supervisor.async_start_child(spec, boost::asio::use_future);
    supervisor.async_terminate_child("id", [](error_code, child_ref) {});
    supervisor.async_restart_child("id", [](error_code, child_ref) {});
    supervisor.async_delete_child("id", [](error_code, child_ref) {});
    supervisor.async_update_child(spec, [](error_code, child_ref) {});
    supervisor.async_wait_for(version_token{}, [](error_code) {});
    supervisor.async_call("id", "request", [](error_code, bytes) {});
    supervisor.cast("id", "message");
    supervisor.async_stop([](error_code) {});
    shared.async_stop([](error_code) {});
}

// The same of a supervisor in one process.
template <class Supervisor, class World>
void use_locally(World& world)
{
    Supervisor supervisor{world};
    supervisor.template add_child_type<with_all_hooks>();
    supervisor.add_child_type("tree", [](child_context) {
        return supervisor_child{local_supervisor_options{}, child_type<with_none>(), child_type("coroutine", odr::idle)};
    });
    supervisor.async_start([](error_code) {});
    child_spec const spec{.id = "id", .type = "tree"};
    supervisor.async_start_child(spec, [](error_code, child_ref) {});
    supervisor.async_terminate_child("id", [](error_code, child_ref) {});
    supervisor.async_restart_child("id", [](error_code, child_ref) {});
    supervisor.async_delete_child("id", [](error_code, child_ref) {});
    supervisor.async_update_child(spec, [](error_code, child_ref) {});
    supervisor.async_call("id", "request", [](error_code, bytes) {});
    supervisor.cast("id", "message");
    supervisor.async_wait([](error_code, std::string) {});
    supervisor.async_stop([](error_code) {});
}

template <class Transport>
boost::asio::awaitable<void> use_in_a_coroutine(distributed_supervisor<Transport>& supervisor)
{
    child_spec const spec{.id = "id", .type = "none"};
    co_await supervisor.async_start_child(spec, boost::asio::use_awaitable);
    co_await supervisor.async_call("id", "request", boost::asio::use_awaitable);
}

} // namespace

int main()
{
    boost::asio::io_context sockets;
    simulation::world world{1};
    use_all<tcp_transport>(sockets);
    use_all<in_memory_transport>(world);
    use_locally<net::local_supervisor>(sockets);
    use_locally<simulation::local_supervisor>(world);
    (void)&use_in_a_coroutine<tcp_transport>;
    (void)&use_in_a_coroutine<in_memory_transport>;
    return odr::works_in_simulation() && odr::works_on_sockets() ? 0 : 1;
}
