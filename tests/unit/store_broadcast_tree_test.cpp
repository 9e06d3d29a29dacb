// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/store/broadcast_tree.hpp>

#include <drover/store/crdt_store.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace {

using drover::node_id;
using drover::record_table;
using drover::time_point;
using drover::store::broadcast_tree;
using std::chrono::milliseconds;

std::vector<std::string> names(std::size_t count)
{
    std::vector<std::string> result;
    for (std::size_t i = 0; i < count; ++i)
        result.push_back("n" + std::to_string(i * 7919 % count));
    return result;
}

std::size_t logarithm(std::size_t count)
{
    std::size_t result = 0;
    while ((std::size_t{1} << result) < count)
        ++result;
    return result;
}

/// Stores that send to one another at once; counts what each sends.
class mesh {
public:
    explicit mesh(std::size_t count)
    {
        for (std::size_t i = 0; i < count; ++i) {
            members_.push_back({"n" + std::to_string(i), 1});
            stores_.push_back(std::make_unique<drover::crdt_store<>>());
            stores_.back()->open(members_.back());
        }
        for (auto const& store : stores_)
            store->set_members(members_);
        for (std::size_t i = 0; i < count; ++i)
            for (std::size_t k = 0; k < count; ++k)
                if (i != k)
                    stores_[i]->on_peer_up(members_[k], now_);
        carry();
        pushes_.assign(count, 0);
    }

    void write(std::size_t index, std::string const& value)
    {
        stores_[index]->put(record_table::spec, "key", {}, value);
        stores_[index]->flush(now_);
        carry();
    }

    void lose(std::size_t index) { lost_ = index; }

    void pass(drover::duration span)
    {
        for (auto const end = now_ + span; now_ < end; now_ += milliseconds{10}) {
            for (auto const& store : stores_)
                store->on_time(now_);
            carry();
        }
    }

    std::size_t that_have(std::string const& value) const
    {
        return static_cast<std::size_t>(std::count_if(stores_.begin(), stores_.end(), [&](auto const& store) {
            auto const found = store->find(record_table::spec, "key");
            return found && found->value == value;
        }));
    }

    std::vector<std::size_t> const& pushes() const { return pushes_; }
    drover::crdt_store<>& at(std::size_t index) { return *stores_[index]; }

private:
    void carry()
    {
        for (auto quiet = false; !quiet;) {
            quiet = true;
            for (std::size_t from = 0; from < stores_.size(); ++from)
                for (auto& message : std::exchange(stores_[from]->effects().sends, {})) {
                    quiet = false;
                    auto const to = static_cast<std::size_t>(std::stoul(message.to.substr(1)));
                    auto const carries_writes = (*message.frame)[0] >= 2 && (*message.frame)[0] <= 4;
                    if (carries_writes && !pushes_.empty())
                        ++pushes_[from];
                    if (to != lost_ && from != lost_)
                        stores_[to]->on_message(members_[from], *message.frame, now_);
                }
        }
    }

    std::vector<node_id> members_;
    std::vector<std::unique_ptr<drover::crdt_store<>>> stores_;
    std::vector<std::size_t> pushes_;
    std::size_t lost_ = ~std::size_t{0};
    time_point now_{};
};

} // namespace

TEST_CASE("every node is reached once from every writer, and nobody sends more than log2 of them", "[store][tree]")
{
    for (std::size_t const count : std::vector<std::size_t>{1, 2, 3, 16, 17, 50, 100, 257, 1'000}) {
        INFO(count << " nodes");
        broadcast_tree tree;
        tree.set(names(count));
        CHECK(tree.direct() == (count <= broadcast_tree::direct_count_max));
        if (!tree.direct())
            CHECK(tree.fan_out() == logarithm(count));
        for (std::size_t writer = 0; writer < count; writer += 1 + count / 5) {
            auto const root = "n" + std::to_string(writer);
            std::map<std::string, std::size_t> reached{{root, 0}};
            std::deque<std::string> next{root};
            std::size_t depth = 0;
            for (; !next.empty(); next.pop_front()) {
                auto const self = next.front();
                std::size_t copies = 0;
                tree.for_each_child(root, self, [&](std::string const& child) {
                    ++copies;
                    REQUIRE(reached.emplace(child, reached[self] + 1).second);
                    depth = std::max(depth, reached[child]);
                    next.push_back(child);
                });
                REQUIRE(copies <= tree.fan_out());
            }
            REQUIRE(reached.size() == count);
            CHECK(depth <= (tree.direct() ? 1 : 4));
        }
    }
}

TEST_CASE("a writer or a node that is not known has nobody to pass on to", "[store][tree]")
{
    broadcast_tree tree;
    tree.set(names(5));
    tree.for_each_child("n9", "n1", [](auto const&) { FAIL(); });
    tree.for_each_child("n1", "n9", [](auto const&) { FAIL(); });
}

TEST_CASE("among a hundred stores nobody sends more than log2 of them copies of a write, and all have it", "[store][tree]")
{
    mesh net{100};
    for (std::size_t writer = 0; writer < 100; writer += 9) {
        auto const before = net.pushes();
        auto const value = "of " + std::to_string(writer);
        net.write(writer, value);
        CHECK(net.that_have(value) == 100);
        std::size_t total = 0;
        for (std::size_t i = 0; i < 100; ++i) {
            CHECK(net.pushes()[i] - before[i] <= 7);
            total += net.pushes()[i] - before[i];
        }
        CHECK(total == 99);
        CHECK(net.at(writer).held_by(100) == net.at(writer).version());
    }
}

TEST_CASE("who sits behind one that passes nothing on gets it all the same, and nobody is flooded", "[store][tree]")
{
    mesh net{100};
    net.lose(1); // the first child of n0 in the tree of n0, as names sort
    net.write(0, "lost");
    auto const at_once = net.that_have("lost");
    CHECK(at_once < 99);
    CHECK(at_once > 40);
    auto const before = net.pushes();
    net.pass(std::chrono::seconds{1});
    CHECK(net.that_have("lost") == 99);
    for (std::size_t i = 0; i < 100; ++i)
        CHECK(net.pushes()[i] - before[i] <= 7 * 10); // so many a retry
}
