// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// A file of children, read beside the strand of a real node.

#include <drover/json.hpp>
#include <drover/net.hpp>

#include <boost/asio/io_context.hpp>
#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace files = std::filesystem;
using supervisor = drover::distributed_supervisor<drover::tcp_transport>;

struct nothing {};

void replace(files::path const& path, std::string_view text)
{
    auto const beside = path.string() + ".new";
    std::ofstream{beside} << text;
    files::rename(beside, path);
}

bool run_until(boost::asio::io_context& context, std::function<bool()> const& done)
{
    auto const end = std::chrono::steady_clock::now() + 30s;
    while (!done() && std::chrono::steady_clock::now() < end)
        context.run_one_for(100ms);
    return done();
}

} // namespace

TEST_CASE("a real node follows a real file, and stops while it is being read", "[cluster][source][json]")
{
    auto const path = files::temp_directory_path() / ("drover_children_" + std::to_string(::getpid()) + ".json");
    replace(path, R"({"version": 1, "children": [{"id": "a", "type": "nothing"}, {"id": "b", "type": "nothing"}]})");
    {
        boost::asio::io_context context;
        supervisor node{
            context, drover::node_options{.name = "n1", .listen = "127.0.0.1:0"}, drover::supervisor_options{.name = "listed"}};
        node.add_child_type<nothing>("nothing");
        node.add_child_source(
            std::make_shared<drover::child_file>("file", path.string(), drover::child_file_options{.poll_interval = 5ms}));
        std::vector<std::string> failures;
        node.events([&](drover::event const& what) {
            if (what.kind == drover::event_kind::source_failed)
                failures.push_back(what.reason);
        });
        node.async_start([](drover::error_code code) { REQUIRE_FALSE(code); });
        auto const runs = [&](std::set<std::string> const& ids) {
            std::set<std::string> running;
            for (auto const& info : node.which_children())
                if (info.status == drover::child_status::running_here)
                    running.insert(info.id);
            return running == ids;
        };
        CHECK(run_until(context, [&] { return runs({"a", "b"}); }));
        replace(path, R"({"version": 1, "children": [{"id": "b", "type": "nothing"}, {"id": "c", "type": "nothing"}]})");
        CHECK(run_until(context, [&] { return runs({"b", "c"}); }));
        CHECK(failures.empty());
        files::remove(path);
        CHECK(run_until(context, [&] { return !failures.empty(); }));
        CHECK(failures.front().find("could not read") == 0);
        CHECK(runs({"b", "c"}));
        replace(path, R"({"version": 1, "children": []})");
        auto stopped = false;
        node.async_stop([&](drover::error_code) { stopped = true; });
        CHECK(run_until(context, [&] { return stopped; }));
    }
    files::remove(path);
}
