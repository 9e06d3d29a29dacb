// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// A file of children, followed by a simulated cluster: the time is virtual, the file is one.

#include <drover/json.hpp>
#include <drover/simulation.hpp>

#include <catch2/catch_test_macros.hpp>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using drover::event_kind;
using supervisor = drover::distributed_supervisor<drover::in_memory_transport>;
namespace files = std::filesystem;
using ids = std::set<std::string>;

struct nothing {};

class cluster {
public:
    explicit cluster(drover::child_file_options options = {}) : options_{std::move(options)}
    {
        files::create_directories(folder);
        files::remove_all(path());
    }
    ~cluster()
    {
        for (auto& [name, node] : nodes)
            world.crash(name);
        nodes.clear();
        files::remove_all(folder);
    }

    [[nodiscard]] std::string path() const { return (folder / "children.json").string(); }

    void write(std::string const& text) const { std::ofstream{path()} << text; }
    void replace(std::string const& text) const
    {
        std::ofstream{path() + ".new"} << text;
        files::rename(path() + ".new", path());
    }
    static std::string list_of(ids const& all)
    {
        std::string text = "{\"version\": 1, \"children\": [";
        for (auto const& id : all)
            text += (text.back() == '[' ? "\n" : ",\n") + ("{\"id\": \"" + id + "\", \"type\": \"nothing\"}");
        return text + "\n]}\n";
    }

    void add_three()
    {
        for (std::string const name : {"n1", "n2", "n3"}) {
            drover::node_options node{.name = name, .listen = name};
            if (name != "n1")
                node.seeds = {"n1"};
            auto made = std::make_unique<supervisor>(world, node, drover::supervisor_options{});
            for (auto const* const type : {"nothing", "service"})
                made->add_child_type<nothing>(type);
            made->add_child_source(std::make_shared<drover::child_file>("file", path(), options_));
            made->events([this, name](drover::event const& what) {
                if (what.kind == event_kind::source_followed)
                    driver = name;
                if (what.kind == event_kind::source_failed || what.kind == event_kind::source_entry_refused)
                    told.push_back(what.reason);
            });
            made->async_start([](drover::error_code) {});
            nodes[name] = std::move(made);
        }
        world.run_for(3s);
    }

    [[nodiscard]] ids running() const
    {
        ids result;
        for (auto const& [name, node] : nodes)
            for (auto const& info : node->which_children(drover::scope::local))
                result.insert(info.id);
        return result;
    }
    [[nodiscard]] std::size_t count(std::string const& part) const
    {
        return static_cast<std::size_t>(
            std::count_if(told.begin(), told.end(), [&](auto const& each) { return each.find(part) != std::string::npos; }));
    }

    files::path const folder = files::temp_directory_path() / ("drover_child_file_" + std::to_string(::getpid()));
    drover::simulation::world world{1};
    std::map<std::string, std::unique_ptr<supervisor>> nodes;
    std::vector<std::string> told;
    std::string driver;

private:
    drover::child_file_options options_;
};

} // namespace

TEST_CASE("a file is followed: replaced, changed in place, broken, gone and back", "[simulation][source][json]")
{
    cluster all;
    all.add_three();
    CHECK(all.running().empty());
    CHECK(all.count("could not read '" + all.path() + "': No such file or directory") > 0);

    all.write(cluster::list_of({"a", "b"}));
    all.world.run_for(2s);
    CHECK(all.running() == ids{"a", "b"});

    all.replace(cluster::list_of({"a", "c"}));
    all.world.run_for(2s);
    CHECK(all.running() == ids{"a", "c"});

    all.write(cluster::list_of({"a", "c", "d"}));
    all.world.run_for(2s);
    CHECK(all.running() == ids{"a", "c", "d"});

    // Half written, empty, gone, and something that is no file: nothing changes.
    auto const before = cluster::list_of({"x"});
    for (auto const& [text, reason] :
        std::vector<std::pair<std::string, std::string>>{{before.substr(0, before.size() / 2), "it ends before it is complete"},
            {"", "it ends before it is complete"}, {"[]", "line 1: a list of children is an object"}}) {
        all.told.clear();
        all.write(text);
        all.world.run_for(2min);
        CHECK(all.count(reason) > 0);
        CHECK(all.running() == ids{"a", "c", "d"});
    }
    files::remove(all.path());
    all.world.run_for(2min);
    CHECK(all.count("No such file or directory") > 0);
    CHECK(all.running() == ids{"a", "c", "d"});
    files::create_directory(all.path());
    all.world.run_for(2min);
    CHECK(all.count("it is not a regular file") > 0);
    CHECK(all.running() == ids{"a", "c", "d"});
    files::remove(all.path());

    all.told.clear();
    all.write("{\"version\": 1, \"children\": [{\"id\": \"e\", \"type\": \"nothing\"},\n{\"id\": \"a\", \"typ\": 1}]}");
    all.world.run_for(2s); // however long the wait after the failures has become
    CHECK(all.running() == ids{"a", "e"});
    CHECK(all.told == std::vector<std::string>{"line 2: \"typ\" is not a field of a child"});

    all.replace(cluster::list_of({}));
    all.world.run_for(2s);
    CHECK(all.running().empty());
}

TEST_CASE("a file that is too large is not read", "[simulation][source][json]")
{
    cluster all{{.size_max = 200}};
    all.add_three();
    all.write(cluster::list_of({"a"}));
    all.world.run_for(2s);
    CHECK(all.running() == ids{"a"});
    all.write(cluster::list_of({"b"}) + std::string(200, ' '));
    all.world.run_for(2s);
    CHECK(all.running() == ids{"a"});
    CHECK(all.count("it has more than 200 octets") > 0);
}

TEST_CASE("when the node that reads the file dies, another one does; users keep what the file does not own",
    "[simulation][source][json]")
{
    cluster all{{.prefix = "web/"}};
    all.write(cluster::list_of({"web/a", "other"}));
    all.add_three();
    CHECK(all.running() == ids{"web/a"});
    CHECK(all.count("the source does not own this id") > 0);
    all.nodes["n1"]->async_start_child(
        {.id = "mine", .type = "nothing"}, [](drover::error_code code, drover::child_ref) { CHECK_FALSE(code); });
    all.world.run_for(1s);
    auto const first = all.driver;
    all.world.crash(first);
    all.nodes.erase(first);
    all.replace(cluster::list_of({"web/b"}));
    all.world.run_for(5s);
    CHECK(all.driver != first);
    CHECK(all.running() == ids{"mine", "web/b"});
}

TEST_CASE("the example of the documentation is a list without a mistake", "[simulation][source][json]")
{
    std::ifstream file{"../examples/child_file/children.json"};
    std::string const text{std::istreambuf_iterator<char>{file}, {}};
    REQUIRE_FALSE(text.empty());
    std::ifstream page{"../docs/child_sources.md"};
    std::string const documentation{std::istreambuf_iterator<char>{page}, {}};
    CHECK(documentation.find(text) != std::string::npos);

    cluster all;
    all.write(text);
    all.add_three();
    CHECK(all.running() == ids{"web/cleaner", "web/front", "web/images"});
    CHECK(all.told.empty());
}
