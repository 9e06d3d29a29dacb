// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// The machine beside a transcription of OTP's supervisor that shares nothing with it, over random histories: random specs and
// strategies, commands, exits, starts that fail or say ignore, time, and answers that let other things happen first.

#include "otp_reference.hpp"

#include <drover/supervision/otp_supervisor.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace {

namespace otp = otp_reference;
using namespace std::chrono_literals;
using drover::errc;
using drover::supervision::child_state;
using drover::supervision::command_kind;
using drover::supervision::instance_ref;
using drover::supervision::otp_supervisor;

#if defined(__SANITIZE_ADDRESS__)
#define SLOW_BUILD
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOW_BUILD
#endif
#endif

#if defined(DROVER_TEST_SEEDS)
constexpr std::uint64_t histories_count = DROVER_TEST_SEEDS;
#elif defined(SLOW_BUILD)
constexpr std::uint64_t histories_count = 20'000;
#elif defined(__OPTIMIZE__)
constexpr std::uint64_t histories_count = 300'000;
#else
constexpr std::uint64_t histories_count = 100'000;
#endif
constexpr std::uint64_t histories_until_noticed = 5'000;

[[nodiscard]] otp::reply reply_of(errc code)
{
    switch (code) {
    case errc::success: return otp::reply::ok;
    case errc::already_started: return otp::reply::already_started;
    case errc::already_present: return otp::reply::already_present;
    case errc::running: return otp::reply::running;
    case errc::restarting: return otp::reply::restarting;
    case errc::not_found: return otp::reply::not_found;
    case errc::start_failed: return otp::reply::start_failed;
    case errc::max_children: return otp::reply::max_children;
    default: return otp::reply::shutting_down;
    }
}

[[nodiscard]] char const* word_of(drover::supervision::end_cause cause)
{
    using drover::supervision::end_cause;
    switch (cause) {
    case end_cause::stopped: return "stopped";
    case end_cause::start_failed: return "start_failed";
    case end_cause::gave_up: return "gave_up";
    case end_cause::auto_shutdown: return "auto_shutdown";
    }
    return "?";
}

/// One random history, lived through by both.
class history {
public:
    history(std::uint64_t seed, otp::deviation deviates) : draw_{seed, 1}
    {
        otp::flags flags;
        flags.strategy = static_cast<otp::strategy>(draw_.below(3));
        flags.intensity = draw_.below(6);
        flags.period = 1 + static_cast<std::int64_t>(draw_.below(4));
        flags.auto_shutdown = draw_.below(2) == 0 ? otp::auto_shutdown::never : static_cast<otp::auto_shutdown>(draw_.below(3));
        flags.stops_in_parallel = flags.strategy == otp::strategy::one_for_one && draw_.below(3) == 0;
        flags.children_max = 3 + draw_.below(4);
        flags.deviates = deviates;
        period_ = flags.period;
        significant_ = flags.auto_shutdown != otp::auto_shutdown::never;
        in_turn_ = flags.strategy != otp::strategy::one_for_one;
        starts_fail_ = draw_.below(3) * 100'000;
        std::vector<otp::spec> initial;
        drover::local_supervisor_options options;
        for (std::uint64_t i = draw_.below(4); i > 0; --i) {
            initial.push_back(draw_spec(std::string(1, static_cast<char>('a' + i))));
            options.children.push_back(spec_of(initial.back()));
        }
        options.strategy = static_cast<drover::restart_strategy>(flags.strategy);
        options.intensity = {static_cast<std::uint32_t>(flags.intensity), std::chrono::seconds{flags.period}};
        options.auto_shutdown = static_cast<drover::auto_shutdown>(flags.auto_shutdown);
        options.stop_order = flags.stops_in_parallel ? drover::stop_order::parallel : drover::stop_order::reverse;
        options.children_count_max = flags.children_max;
        machine_.emplace(std::move(options), drover::random_stream{seed});
        reference_.emplace(flags, std::move(initial));
    }

    /// What they did not agree on, or nothing.
    [[nodiscard]] std::string play()
    {
        machine_->start(now());
        reference_->start();
        agree();
        settle();
        for (auto events = 4 + draw_.below(40); events > 0 && difference_.empty() && !machine_->ended(); --events) {
            happen();
            settle();
        }
        if (difference_.empty() && !machine_->ended()) {
            machine_->stop(now());
            reference_->stop(seconds_);
            agree();
            settle();
        }
        if (difference_.empty() && !machine_->ended())
            difference_ = "did not end";
        return difference_;
    }

private:
    struct open_effect {
        instance_ref which;
        bool stops;
    };

    [[nodiscard]] drover::time_point now() const { return drover::time_point{std::chrono::seconds{1'000 + seconds_}}; }

    [[nodiscard]] otp::spec draw_spec(std::string id)
    {
        otp::spec made{std::move(id), static_cast<otp::rule>(draw_.below(3)), false};
        made.significant = significant_ && made.restart != otp::rule::permanent && draw_.below(2) == 0;
        return made;
    }

    [[nodiscard]] static drover::child_spec spec_of(otp::spec const& of)
    {
        drover::child_spec made{.id = of.id, .type = "t"};
        made.restart = static_cast<drover::restart_rule>(of.restart);
        made.significant = of.significant;
        return made;
    }

    void happen()
    {
        auto const steps = draw_.below(8);
        seconds_ += steps < 4 ? 0 : steps < 6 ? 1 : steps == 6 ? period_ : period_ + 1;
        machine_->on_time(now());
        if (draw_.below(2) == 0)
            command();
        else
            exit();
    }

    void command()
    {
        auto const kind = draw_.below(8);
        auto const what = kind < 3 ? otp::order::start : static_cast<otp::order>(kind - 3);
        auto const about = draw_spec(std::string(1, static_cast<char>('a' + draw_.below(6))));
        auto const number = machine_->command(static_cast<command_kind>(what), spec_of(about), now());
        reference_->call(what, number, about, seconds_);
        agree();
    }

    void exit()
    {
        std::vector<drover::supervision::child const*> running;
        auto const& children = machine_->children();
        for (auto slot = children.first(); slot != drover::supervision::no_child; slot = children[slot].next)
            if (children[slot].state == child_state::running)
                running.push_back(&children[slot]);
        if (running.empty())
            return;
        auto const& chosen = *running[draw_.below(running.size())];
        auto const normally = draw_.below(3) == 0;
        auto const id = chosen.spec.id;
        using drover::supervision::exit_kind;
        machine_->on_exit(chosen.ref(), normally ? exit_kind::normal : exit_kind::failure, "why", now());
        reference_->exited(id, normally, seconds_);
        agree();
    }

    // Answers what is open; where the order of what else happens is OTP's, something may come first.
    void settle()
    {
        while (!open_.empty() && difference_.empty()) {
            if ((in_turn_ || !(machine_->serving() || starting())) && draw_.below(3) == 0 && events_between_ > 0) {
                --events_between_;
                happen();
                continue;
            }
            auto const at = static_cast<std::ptrdiff_t>(draw_.below(open_.size()));
            auto const next = open_[static_cast<std::size_t>(at)];
            open_.erase(open_.begin() + at);
            answer(next);
        }
        compare_children();
        events_between_ = 6;
    }

    [[nodiscard]] bool starting() const { return !told_started_ && !machine_->ended(); }

    void answer(open_effect const& next)
    {
        if (next.stops) {
            if (draw_.below(4) == 0)
                machine_->on_exit(next.which, drover::supervision::exit_kind::failure, "in its stop", now());
            else
                machine_->on_stopped(next.which, now());
            reference_->answer_stop(seconds_);
        } else if (draw_.chance(starts_fail_)) {
            machine_->on_start_failed(next.which, "why", now());
            reference_->answer_start(otp::outcome::error, seconds_);
        } else if (draw_.below(12) == 0) {
            machine_->on_start_ignored(next.which, now());
            reference_->answer_start(otp::outcome::ignore, seconds_);
        } else {
            machine_->on_started(next.which, now());
            reference_->answer_start(otp::outcome::ok, seconds_);
        }
        agree();
    }

    void agree()
    {
        for (auto& each : std::exchange(machine_->effects(), {}))
            std::visit([&](auto const& content) { note(content); }, each);
        auto const& expected = reference_->trace;
        for (; compared_ < trace_.size() || compared_ < expected.size(); ++compared_) {
            auto const ours = compared_ < trace_.size() ? trace_[compared_] : "nothing";
            auto const theirs = compared_ < expected.size() ? expected[compared_] : "nothing";
            if (ours == theirs)
                continue;
            difference_ = "step " + std::to_string(compared_) + ": " + ours + ", where OTP says " + theirs;
            return;
        }
    }

    void note(drover::supervision::start_effect const& what)
    {
        trace_.push_back("start " + machine_->child_of(what.which).spec.id);
        open_.push_back({what.which, false});
    }
    void note(drover::supervision::stop_effect const& what)
    {
        trace_.push_back("stop " + machine_->child_of(what.which).spec.id);
        open_.push_back({what.which, true});
    }
    void note(drover::supervision::command_done_effect const& what)
    {
        trace_.push_back("reply " + std::to_string(what.number) + " " + std::to_string(static_cast<int>(reply_of(what.code))));
    }
    void note(drover::supervision::started_effect const&)
    {
        told_started_ = true;
        trace_.push_back("started");
    }
    void note(drover::supervision::ended_effect const& what) { trace_.push_back(std::string{"ended "} + word_of(what.cause)); }
    void note(drover::supervision::forget_effect const&) {}
    void note(drover::supervision::note_effect const&) {}

    void compare_children()
    {
        if (!difference_.empty() || !machine_->serving())
            return;
        std::string ours;
        auto const& children = machine_->children();
        for (auto slot = children.first(); slot != drover::supervision::no_child; slot = children[slot].next) {
            auto const& each = children[slot];
            auto const* const mark = each.state == child_state::idle ? "-" : each.state == child_state::restarting ? "?" : "+";
            ours += each.spec.id + std::to_string(static_cast<int>(each.spec.restart)) + mark;
        }
        std::string theirs;
        std::size_t active = 0;
        for (auto const& each : reference_->children()) {
            active += each.pid > 0 ? 1 : 0;
            theirs += each.spec.id + std::to_string(static_cast<int>(each.spec.restart))
                + (each.pid == otp::supervisor::undefined         ? "-"
                        : each.pid == otp::supervisor::restarting ? "?"
                                                                  : "+");
        }
        if (ours != theirs)
            difference_ = "children " + ours + ", where OTP has " + theirs;
        else if (active != machine_->children().active_count())
            difference_ =
                std::to_string(machine_->children().active_count()) + " active, where OTP has " + std::to_string(active);
    }

    drover::random_stream draw_;
    std::optional<otp_supervisor> machine_;
    std::optional<otp::supervisor> reference_;
    std::vector<open_effect> open_;
    std::vector<std::string> trace_;
    std::size_t compared_ = 0;
    std::string difference_;
    std::int64_t seconds_ = 0;
    std::int64_t period_ = 0;
    std::uint64_t starts_fail_ = 0;
    bool significant_ = false;
    bool in_turn_ = false;
    bool told_started_ = false;
    int events_between_ = 6;
};

} // namespace

TEST_CASE("every random history goes as in OTP", "[supervision]")
{
    for (std::uint64_t seed = 1; seed <= histories_count; ++seed) {
        auto const difference = history{seed, otp::deviation::none}.play();
        INFO("seed " << seed << ": " << difference);
        if (!difference.empty())
            FAIL();
    }
}

TEST_CASE("a rule that is not OTP's is noticed within some thousand histories", "[supervision]")
{
    for (int which = 1; which < static_cast<int>(otp::deviation::count); ++which) {
        std::uint64_t seed = 1;
        while (seed <= histories_until_noticed && history{seed, static_cast<otp::deviation>(which)}.play().empty())
            ++seed;
        INFO("deviation " << which);
        CHECK(seed <= histories_until_noticed);
    }
}
