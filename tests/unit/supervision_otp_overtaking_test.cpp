// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Where the machine is not OTP's process that does one thing at a time: under one_for_one, what is about different children goes
// on side by side. It has to come to what OTP comes to.

#include "otp_reference.hpp"

#include <drover/supervision/otp_supervisor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

namespace otp = otp_reference;
using namespace drover::supervision;

constexpr std::uint64_t histories_count = 2'000;
constexpr std::size_t commands_count = 30;

struct asked {
    otp::order what;
    otp::spec about;
};

// What the n-th start of a child comes to, whoever asks.
class fate {
public:
    explicit fate(std::uint64_t seed) : seed_{seed} {}
    otp::outcome next(std::string const& id)
    {
        auto const drawn = drover::random_stream{seed_, drover::hash64(id), ++starts_[id]}.below(6);
        return drawn == 0 ? otp::outcome::error : drawn == 1 ? otp::outcome::ignore : otp::outcome::ok;
    }

private:
    std::uint64_t seed_;
    std::map<std::string, std::uint64_t> starts_;
};

using replies = std::map<std::uint64_t, bool>; // by number: success

struct result {
    replies answers;
    std::vector<std::string> children;
};

result play_machine(std::uint64_t seed, std::vector<asked> const& commands)
{
    drover::random_stream draw{seed, 2};
    drover::time_point const now{std::chrono::hours{1}};
    fate outcomes{seed};
    otp_supervisor machine{{}, drover::random_stream{seed}};
    machine.start(now);
    result came;
    std::vector<std::pair<instance_ref, bool>> open; // true: a stop
    auto const read = [&] {
        for (auto& each : std::exchange(machine.effects(), {})) {
            if (auto const* const start = std::get_if<start_effect>(&each))
                open.emplace_back(start->which, false);
            else if (auto const* const stop = std::get_if<stop_effect>(&each))
                open.emplace_back(stop->which, true);
            else if (auto const* const done = std::get_if<command_done_effect>(&each))
                CHECK(came.answers.emplace(done->number, done->code == drover::errc::success).second);
        }
    };
    read();
    for (std::size_t next = 0; next < commands.size() || !open.empty();) {
        if (next < commands.size() && (open.empty() || draw.below(2) == 0)) {
            drover::child_spec spec{.id = commands[next].about.id, .type = "t"};
            spec.restart = static_cast<drover::restart_rule>(commands[next].about.restart);
            (void)machine.command(static_cast<command_kind>(commands[next].what), std::move(spec), now);
            ++next;
        } else {
            auto const at = static_cast<std::ptrdiff_t>(draw.below(open.size()));
            auto const [which, stops] = open[static_cast<std::size_t>(at)];
            open.erase(open.begin() + at);
            auto const what = stops ? otp::outcome::ok : outcomes.next(machine.child_of(which).spec.id);
            if (stops)
                machine.on_stopped(which, now);
            else if (what == otp::outcome::ok)
                machine.on_started(which, now);
            else if (what == otp::outcome::error)
                machine.on_start_failed(which, "why", now);
            else
                machine.on_start_ignored(which, now);
        }
        read();
    }
    auto const& children = machine.children();
    for (auto slot = children.first(); slot != no_child; slot = children[slot].next)
        came.children.push_back(children[slot].spec.id + (children[slot].state == child_state::running ? "+" : "-"));
    std::sort(came.children.begin(), came.children.end());
    return came;
}

result play_reference(std::uint64_t seed, std::vector<asked> const& commands)
{
    fate outcomes{seed};
    otp::supervisor reference{otp::flags{}, {}};
    reference.start();
    result came;
    std::size_t read = 0;
    auto const answer = [&] {
        while (read < reference.trace.size()) {
            auto const line = reference.trace[read++];
            if (line.rfind("start ", 0) == 0)
                reference.answer_start(outcomes.next(line.substr(6)), 0);
            else if (line.rfind("stop ", 0) == 0)
                reference.answer_stop(0);
            else if (line.rfind("reply ", 0) == 0)
                came.answers.emplace(std::stoul(line.substr(6)), line.ends_with(" 0"));
        }
    };
    answer();
    for (std::size_t i = 0; i < commands.size(); ++i) {
        reference.call(commands[i].what, i + 1, commands[i].about, 0);
        answer();
    }
    for (auto const& each : reference.children())
        came.children.push_back(each.spec.id + (each.pid > 0 ? "+" : "-"));
    std::sort(came.children.begin(), came.children.end());
    return came;
}

} // namespace

TEST_CASE("commands about different children overtake each other, and come to the same", "[supervision]")
{
    for (std::uint64_t seed = 1; seed <= histories_count; ++seed) {
        drover::random_stream draw{seed, 1};
        std::vector<asked> commands;
        for (std::size_t i = 0; i < commands_count; ++i) {
            auto const what = static_cast<otp::order>(draw.below(5));
            auto const restart = static_cast<otp::rule>(draw.below(3));
            commands.push_back({what, {std::string(1, static_cast<char>('a' + draw.below(4))), restart, false}});
        }
        auto const ours = play_machine(seed, commands);
        auto const theirs = play_reference(seed, commands);
        INFO("seed " << seed);
        REQUIRE(ours.answers.size() == commands_count);
        REQUIRE(ours.answers == theirs.answers);
        REQUIRE(ours.children == theirs.children);
    }
}
