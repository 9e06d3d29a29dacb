// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A node with its store on disk, as a process of its own, to be killed by a test:
//
//     sqlite_node NAME FOLDER MEMBERS [SEED]
//
// Waits for so many members before it takes up what runs. Says where it listens, then reads lines from its standard input, and
// answers each with one: "start ID" starts a child; "count ID" makes it count one on, and save that; "terminate ID" and "delete
// ID" do so; "find ID" gives "NODE GENERATION", or "none"; "children" gives "SPECS ACTIVE". Ends at the end of its input.
#include <drover/net.hpp>
#include <drover/sqlite.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace {

using supervisor =
    drover::distributed_supervisor<drover::tcp_transport, drover::static_members, drover::ring, drover::sqlite_store>;

struct ledger {
    explicit ledger(drover::child_context own) : context{std::move(own)} {}

    void restore(drover::bytes_view state, std::uint32_t) { count = std::stoi(std::string{state}); }
    void on_message(drover::child_message& message)
    {
        ++count;
        context.checkpoint(std::to_string(count), [reply = std::move(message), now = count](drover::error_code code) mutable {
            reply.reply(code ? code.message() : std::to_string(now));
        });
    }

    drover::child_context context;
    int count = 0;
};

/// What becomes of one line.
std::string carry_out(supervisor& node, std::string const& what, std::string const& id)
{
    auto const result = std::make_shared<std::promise<std::string>>();
    auto const done = [result](drover::error_code code, drover::child_ref const&) {
        result->set_value(code ? code.message() : "done");
    };
    if (what == "start")
        node.async_start_child({.id = id, .type = "ledger"}, done);
    else if (what == "terminate")
        node.async_terminate_child(id, done);
    else if (what == "delete")
        node.async_delete_child(id, done);
    else if (what == "count")
        node.async_call(
            id, {}, [result](drover::error_code code, drover::bytes reply) { result->set_value(code ? code.message() : reply); });
    else if (auto const found = node.find(id); what == "find")
        result->set_value(found ? found->node + " " + std::to_string(found->generation) : "none");
    else
        result->set_value(std::to_string(node.count_children().specs) + " " + std::to_string(node.count_children().active));
    return result->get_future().get();
}

} // namespace

int main(int count, char** words)
{
    if (count < 4)
        return 2;
    boost::asio::io_context io{1};
    drover::node_options options{.name = words[1]};
    if (count > 4)
        options.seeds = {words[4]};
    drover::supervisor_options scope;
    scope.form_members = static_cast<std::size_t>(std::stoi(words[3]));
    supervisor node{io, std::move(options), std::move(scope), drover::static_members{}, drover::ring{},
        drover::sqlite_store{drover::sqlite_journal{drover::sqlite_options{words[2]}}}};
    node.add_child_type<ledger>("ledger");
    node.events([](drover::event const& what) {
        if (what.kind == drover::event_kind::journal_failed)
            std::cout << what.reason << std::endl;
    });
    // The first of several is asked for its address before the others are there.
    auto started = node.async_start(boost::asio::use_future);
    std::thread runner{[&] { io.run(); }};
    for (;;) {
        if (!node.address().empty() || started.wait_for(std::chrono::seconds{0}) == std::future_status::ready)
            break;
        std::this_thread::yield();
    }
    std::cout << node.address() << std::endl;
    int status = 0;
    try {
        started.get();
    } catch (std::exception const& failure) {
        std::cout << failure.what() << std::endl;
        status = 1;
    }
    std::string what;
    std::string id;
    while (status == 0 && std::cin >> what && (what == "children" || std::cin >> id))
        std::cout << carry_out(node, what, id) << std::endl;
    io.stop();
    runner.join();
    return status;
}
