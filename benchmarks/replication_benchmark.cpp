// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// The replicated map over real sockets on loopback, two nodes on a thread each: time by the clock on the wall. Keys of 16 octets,
// values of 64. The yardstick is Asio alone, in the same run: as many octets through one connection, or one message there and
// back.
#include "numbered_keys.hpp"

#include <drover/net/runtime.hpp>
#include <drover/net/tcp_transport.hpp>
#include <drover/store/crdt_store.hpp>

#include <benchmark/benchmark.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using drover::bytes;
using drover::record_table;
using numbered_keys::key_of;
using wall = std::chrono::steady_clock;
using boost::asio::ip::tcp;

constexpr std::size_t value_size = 64;

double seconds_since(wall::time_point begin) { return std::chrono::duration<double>(wall::now() - begin).count(); }

/// A store, its transport and its thread: what a node is, without a supervisor.
class endpoint final : public drover::transport_events {
public:
    endpoint(std::string const& name, std::string const& other)
        : id_{name, 1}, runtime_{context_, name}, timer_{runtime_}, transport_{runtime_, options_of(name)}
    {
        store_.open(id_);
        store_.set_members(std::vector<drover::node_id>{id_, {other, 1}});
        if (transport_.start(*this) != drover::errc::success)
            std::abort();
        thread_ = std::thread{[this] { context_.run(); }};
    }
    endpoint(endpoint const&) = delete;

    ~endpoint()
    {
        on_thread([this] {
            timer_.cancel();
            transport_.stop();
        });
        work_.reset();
        thread_.join();
    }

    /// Runs `turn` on the endpoint's thread, and waits for it.
    void on_thread(std::function<void()> turn)
    {
        std::promise<void> done;
        runtime_.post([&] {
            turn();
            done.set_value();
        });
        done.get_future().wait();
    }

    void fill(std::uint64_t entries)
    {
        on_thread([&] {
            for (std::uint64_t i = 0; i < entries; ++i)
                store_.put(record_table::spec, key_of(i), {1, 0}, bytes(value_size, 'v'));
            finish();
        });
    }

    void dial(std::string const& address)
    {
        runtime_.post([this, address] { transport_.dial(address); });
    }

    /// A write, which the other side is watched for.
    void write(std::uint64_t index, bytes value)
    {
        runtime_.post([this, index, value = std::move(value)]() mutable {
            store_.put(record_table::spec, key_of(index), {1, 0}, std::move(value));
            finish();
        });
    }

    /// Notes when `seen` is true for the first time.
    std::future<wall::time_point> when(std::function<bool(drover::crdt_store<> const&)> seen)
    {
        auto watch = std::make_shared<std::promise<wall::time_point>>();
        auto result = watch->get_future();
        on_thread([&] {
            watched_ = std::move(seen);
            noted_ = std::move(watch);
            look();
        });
        return result;
    }

    std::string address() const { return transport_.address(); }

private:
    static drover::transport_options options_of(std::string const& name)
    {
        drover::transport_options options;
        options.cluster_name = "benchmark";
        options.self = {name, 1};
        options.listen = "127.0.0.1:0";
        return options;
    }

    void on_peer_up(drover::peer const& who) override
    {
        store_.on_peer_up(who.id, runtime_.now());
        finish();
    }
    void on_peer_down(drover::node_id const& who) override { store_.on_peer_down(who, runtime_.now()); }
    void on_dial_failed(std::string_view, drover::dial_failure, drover::errc, std::string_view) override {}
    void on_frame(drover::node_id const& from, drover::bytes_view frame) override
    {
        store_.on_message(from, frame, runtime_.now());
    }
    void on_batch_end() override { finish(); }

    void finish()
    {
        store_.flush(runtime_.now());
        auto& effects = store_.effects();
        effects.changes.clear();
        for (auto& message : std::exchange(effects.sends, {}))
            (void)transport_.send(message.to, bytes{*message.frame}); // what is lost is sent again
        look();
        auto const deadline = store_.deadline();
        if (deadline == drover::never)
            return;
        timer_.expires_at(deadline, [this] {
            store_.on_time(runtime_.now());
            finish();
        });
    }

    void look()
    {
        if (noted_ != nullptr && watched_(store_))
            std::exchange(noted_, nullptr)->set_value(wall::now());
    }

    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
    drover::node_id id_;
    drover::net::runtime runtime_;
    drover::net::runtime::timer_type timer_;
    drover::tcp_transport transport_;
    drover::crdt_store<> store_;
    std::function<bool(drover::crdt_store<> const&)> watched_;
    std::shared_ptr<std::promise<wall::time_point>> noted_;
    std::thread thread_;
};

/// Two connected sockets.
struct connection {
    connection()
    {
        tcp::acceptor acceptor{context, tcp::endpoint{boost::asio::ip::address_v4::loopback(), 0}};
        first.connect(acceptor.local_endpoint());
        acceptor.accept(second);
        first.set_option(tcp::no_delay{true});
        second.set_option(tcp::no_delay{true});
    }

    boost::asio::io_context context;
    tcp::socket first{context};
    tcp::socket second{context};
};

double seconds_to_send(std::size_t octets)
{
    connection pair;
    std::string const sent(octets, 'x');
    std::string received(octets, ' ');
    auto const begin = wall::now();
    std::thread sender{[&] { boost::asio::write(pair.first, boost::asio::buffer(sent)); }};
    boost::asio::read(pair.second, boost::asio::buffer(received));
    auto const result = seconds_since(begin);
    sender.join();
    return result;
}

double seconds_there_and_back()
{
    constexpr int rounds = 2'000;
    connection pair;
    char there[128]{};
    char back[128]{};
    std::thread echo{[&] {
        char data[128];
        for (int i = 0; i < rounds; ++i) {
            boost::asio::read(pair.second, boost::asio::buffer(data));
            boost::asio::write(pair.second, boost::asio::buffer(data));
        }
    }};
    auto const begin = wall::now();
    for (int i = 0; i < rounds; ++i) {
        boost::asio::write(pair.first, boost::asio::buffer(there));
        boost::asio::read(pair.first, boost::asio::buffer(back));
    }
    auto const result = seconds_since(begin) / rounds;
    echo.join();
    return result;
}

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

void report(benchmark::State& state, std::vector<double> const& times, double yardstick)
{
    state.counters["median_us"] = median(times) * 1e6;
    state.counters["worst_us"] = *std::max_element(times.begin(), times.end()) * 1e6;
    state.counters["yardstick_us"] = yardstick * 1e6;
    state.counters["ratio"] = median(times) / yardstick;
}

/// A member that has nothing dials one that has so many entries: until it has all of them, the connection included.
void fresh_member(benchmark::State& state)
{
    auto const entries = static_cast<std::uint64_t>(state.range(0));
    std::vector<double> times;
    for (auto _ : state) {
        endpoint old{"node-1", "node-2"};
        old.fill(entries);
        endpoint fresh{"node-2", "node-1"};
        auto level = fresh.when([entries](auto const& store) {
            return store.size() == entries && store.synchronised({"node-1", 1});
        });
        auto const begin = wall::now();
        fresh.dial(old.address());
        auto const seconds = std::chrono::duration<double>(level.get() - begin).count();
        state.SetIterationTime(seconds);
        times.push_back(seconds);
    }
    report(state, times, seconds_to_send(entries * (numbered_keys::size + value_size)));
}

/// One write after the other, among so many entries: from the put until the other replica shows it.
void write_seen_by_peer(benchmark::State& state)
{
    auto const entries = static_cast<std::uint64_t>(state.range(0));
    endpoint first{"node-1", "node-2"};
    first.fill(entries);
    endpoint second{"node-2", "node-1"};
    auto level = second.when([entries](auto const& store) {
        return store.size() == entries && store.synchronised({"node-1", 1});
    });
    second.dial(first.address());
    level.wait();
    std::vector<double> times;
    std::uint64_t number = 0;
    for (auto _ : state) {
        auto const value = "value " + std::to_string(++number);
        auto const index = number * 7'919 % entries;
        auto seen = second.when([&](auto const& store) {
            auto const found = store.find(record_table::spec, key_of(index));
            return found && found->value == value;
        });
        auto const begin = wall::now();
        first.write(index, value);
        auto const seconds = std::chrono::duration<double>(seen.get() - begin).count();
        state.SetIterationTime(seconds);
        times.push_back(seconds);
    }
    report(state, times, seconds_there_and_back());
}

} // namespace

BENCHMARK(fresh_member)->ArgName("entries")->Arg(30'000)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(fresh_member)->ArgName("entries")->Arg(1'000'000)->Iterations(2)->UseManualTime()->Unit(benchmark::kMillisecond);
BENCHMARK(write_seen_by_peer)->ArgName("entries")->Arg(30'000)->UseManualTime()->Unit(benchmark::kMicrosecond);
BENCHMARK(write_seen_by_peer)->ArgName("entries")->Arg(1'000'000)->UseManualTime()->Unit(benchmark::kMicrosecond);
