// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// A node as a process of its own, to be killed by a test:
//
//     process_node NAME FOLDER KEEPER_DEADLINE_MS [SEED]
//
// Children of type "script" run their arguments in a shell, in FOLDER. Those whose id begins with "poison" kill their node
// instead, and leave its name, until they are isolated as a script. Says where it listens, then reads lines from its standard
// input: "ID SCRIPT" starts a child, which is answered with "started ID" or a reason. Ends at the end of its input.
#include "process_stage.hpp"

#include <fstream>
#include <iostream>
#include <string>
#include <unistd.h>
#include <utility>

namespace {

struct poison {
    void on_start()
    {
        std::ofstream{files + "/killed-" + context.node()} << "yes" << std::endl;
        ::kill(::getpid(), SIGKILL);
    }

    drover::child_context context;
    std::string files;
};

} // namespace

int main(int count, char** words)
{
    using namespace process_stage;
    if (count < 4)
        return 2;
    std::string const files = words[2];
    std::chrono::milliseconds const deadline{std::stoi(words[3])};
    boost::asio::io_context io{1};
    drover::node_options options{.name = words[1]};
    if (count > 4)
        options.seeds = {words[4]};
    supervisor node{io, std::move(options), drover::supervisor_options{}};
    node.add_child_type("script", [=](drover::child_context const& context) {
        auto child = shell(context.arguments());
        child.working_directory = files;
        child.kill_grace = std::chrono::milliseconds{200};
        child.keeper_deadline = deadline;
        return child;
    });
    node.add_child_type("poison", [=](drover::child_context context) { return poison{std::move(context), files}; });
    std::thread runner;
    auto started = node.async_start(boost::asio::use_future);
    runner = std::thread{[&] { io.run(); }};
    started.get();
    std::cout << node.address() << std::endl;
    std::string id;
    std::string script;
    while (std::cin >> id && std::getline(std::cin, script)) {
        drover::child_spec spec{.id = id, .type = "script", .arguments = script};
        if (id.starts_with("poison")) {
            spec.type = "poison";
            spec.isolated_type = "script";
        }
        auto answer = node.async_start_child(
            std::move(spec), boost::asio::use_future([](drover::error_code code, auto const&) { return code; }));
        auto const code = answer.get();
        std::cout << (code ? code.message() : "started " + id) << std::endl;
    }
    io.stop();
    runner.join();
}
