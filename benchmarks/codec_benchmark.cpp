// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.

// What encoding and decoding cost, and how many octets come of it. The yardstick is a copy of the encoded octets into a string of
// their own: what a message costs that is not encoded at all.
#include "measuring.hpp"

#include <drover/core/messages.hpp>
#include <drover/core/records.hpp>
#include <drover/store/causal_context.hpp>
#include <drover/wire/reader.hpp>
#include <drover/wire/writer.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <type_traits>

namespace {

using drover::bytes;
namespace core = drover::core;

[[nodiscard]] drover::child_spec typical_spec()
{
    return {.id = "child-0000000042", .type = "counter", .arguments = bytes(32, 'a')};
}

// Every row is one of these: a value, how it is encoded, and how it is decoded. `decode` says whether it could.

struct spec_record {
    core::spec_record const value{3 << 16, {0x123456789abcdef0, 1'000}, false, false, 42, 7, typical_spec()};
    [[nodiscard]] bytes encode() const { return core::encode(value); }
    [[nodiscard]] static bool decode(bytes const& data)
    {
        auto const result = core::decode_spec_record(data);
        return result && !result->spec.id.empty();
    }
};

struct owner_record {
    core::owner_record const value{{{"node-1", 12}, 8, {8, true}}, core::owner_status::active, {}, {}};
    [[nodiscard]] bytes encode() const { return core::encode(value); }
    [[nodiscard]] static bool decode(bytes const& data)
    {
        auto const result = core::decode_owner_record(data);
        return result && result->claim.generation == 8;
    }
};

struct checkpoint_record {
    core::checkpoint_record const value{8, 1, 0, bytes(256, 's')};
    [[nodiscard]] bytes encode() const { return core::encode(value); }
    [[nodiscard]] static bool decode(bytes const& data)
    {
        auto const result = core::decode_checkpoint_record(data);
        return result && result->data.size() == 256;
    }
};

template <class Message>
struct message_row {
    Message const value;
    [[nodiscard]] bytes encode() const { return core::encode(value); }
    [[nodiscard]] static bool decode(bytes const& data)
    {
        auto right = false;
        auto const understood = core::visit_message(
            data, [&](auto const& message) { right = std::is_same_v<std::remove_cvref_t<decltype(message)>, Message>; });
        return understood && right;
    }
};

struct command_message : message_row<core::command_message> {
    command_message()
        : message_row{{core::command_kind::start, 1'000, "node-2", 0x123456789abcdef0, drover::acknowledge::majority, 0, 0, 0, 0,
            0, false, typical_spec()}}
    {
    }
};

struct reply_message : message_row<core::reply_message> {
    reply_message() : message_row{{1'000, drover::errc::success, 8, 2'000, 2, "node-1", {}}} {}
};

struct call_message : message_row<core::call_message> {
    call_message() : message_row{{1'000, false, "child-0000000042", bytes(64, 'p')}} {}
};

struct regroup_message : message_row<core::regroup_message> {
    regroup_message() : message_row{{12, {{"node-3", 5}}}} {}
};

/// What is told in every acknowledgement, by a member of a cluster of five.
struct acknowledgement {
    acknowledgement()
    {
        for (std::uint64_t member = 1; member <= 5; ++member)
            value.raise(drover::mix64(member), 30'000 + member);
    }
    drover::store::causal_context value;
    [[nodiscard]] bytes encode() const
    {
        drover::wire::writer out;
        value.encode(out);
        return out.take();
    }
    [[nodiscard]] static bool decode(bytes const& data)
    {
        drover::wire::reader in{data};
        auto const result = drover::store::causal_context::decode(in);
        return result && result->items().size() == 5;
    }
};

/// A hundred numbers of 1 to 5 octets: the wire alone.
struct hundred_numbers {
    [[nodiscard]] bytes encode() const
    {
        drover::wire::writer out{512};
        for (std::uint64_t i = 0; i < 100; ++i)
            out.number(std::uint64_t{1} << (i % 35));
        return out.take();
    }
    [[nodiscard]] static bool decode(bytes const& data)
    {
        drover::wire::reader in{data};
        std::uint64_t sum = 0;
        for (int i = 0; i < 100; ++i)
            sum += in.number();
        return in.complete() && sum != 0;
    }
};

void report(benchmark::State& state, measuring::account const& account, bytes const& encoded)
{
    auto const copy = measuring::time_of_one(10'000, [&] {
        benchmark::DoNotOptimize(encoded);
        bytes copied{encoded};
        benchmark::DoNotOptimize(copied.data());
    });
    account.report(state, copy);
    state.counters["octets"] = static_cast<double>(encoded.size());
}

constexpr std::uint64_t batch = 1'000; // operations that are timed together

template <class Row>
void encode(benchmark::State& state)
{
    Row const row;
    measuring::account account;
    for (auto _ : state)
        account.iteration(state, batch, [&] {
            for (std::uint64_t i = 0; i < batch; ++i) {
                auto const result = row.encode();
                benchmark::DoNotOptimize(result.data());
            }
        });
    report(state, account, row.encode());
}

template <class Row>
void decode(benchmark::State& state)
{
    auto const encoded = Row{}.encode();
    if (!Row::decode(encoded))
        return state.SkipWithError("what was encoded is not decoded");
    measuring::account account;
    for (auto _ : state)
        account.iteration(state, batch, [&] {
            for (std::uint64_t i = 0; i < batch; ++i) {
                benchmark::DoNotOptimize(encoded);
                benchmark::DoNotOptimize(Row::decode(encoded));
            }
        });
    report(state, account, encoded);
}

} // namespace

#define DROVER_CODEC_ROW(name)                                                                                                   \
    BENCHMARK_TEMPLATE(encode, name)->UseManualTime();                                                                           \
    BENCHMARK_TEMPLATE(decode, name)->UseManualTime()

DROVER_CODEC_ROW(hundred_numbers);
DROVER_CODEC_ROW(spec_record);
DROVER_CODEC_ROW(owner_record);
DROVER_CODEC_ROW(checkpoint_record);
DROVER_CODEC_ROW(command_message);
DROVER_CODEC_ROW(reply_message);
DROVER_CODEC_ROW(call_message);
DROVER_CODEC_ROW(regroup_message);
DROVER_CODEC_ROW(acknowledgement);
