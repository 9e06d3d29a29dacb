// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Three nodes live through random histories: commands, exits, starts that fail or say ignore, children that start and stop
// slowly, nodes that crash, are split off, leave and come back. After each step the books of every core must balance. When
// peace returns, each command has been answered, what should run does so once, and all can be taken away without a trace.

#include "core_supervisor_fixture.hpp"

#include <drover/base/random.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace core_test;

namespace {

#if defined(__SANITIZE_ADDRESS__)
#define SLOW_BUILD
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SLOW_BUILD
#endif
#endif

// Of each mode; twice as many where children escalate and stop slowly, whose defects are the rarest.
#if defined(DROVER_TEST_SEEDS)
constexpr std::uint64_t seeds_count = DROVER_TEST_SEEDS < 40 ? DROVER_TEST_SEEDS : 40;
#elif defined(SLOW_BUILD)
constexpr std::uint64_t seeds_count = 10;
#else
constexpr std::uint64_t seeds_count = 40;
#endif

constexpr int steps_count = 150;

/// What may happen besides commands, exits, and starts that fail.
struct stress_mode {
    bool faults = false;      ///< nodes crash, are split off, leave and come back
    bool escalation = false;  ///< some children take the supervisor down with them
    bool slow_stops = false;  ///< now and then no stop is answered for a while
    bool slow_starts = false; ///< nor any start
};

std::string print(stress_mode const& mode)
{
    return std::string{mode.faults ? "with faults" : "without faults"} + (mode.escalation ? ", escalation" : "")
        + (mode.slow_stops ? ", slow stops" : "") + (mode.slow_starts ? ", slow starts" : "");
}

/// Everything is short, so that much of it happens in a few seconds.
supervisor_options hasty_options()
{
    supervisor_options options;
    options.groups = {{"all", drover::restart_strategy::one_for_all}, {"rest", drover::restart_strategy::rest_for_one}};
    options.children = {cluster::spec_of("c0"), cluster::spec_of("c1")};
    options.intensity = {1, seconds{2}};
    options.backoff = {milliseconds{50}, milliseconds{400}, 20, seconds{2}};
    options.park_max = seconds{4};
    options.quarantine_time = seconds{6};
    options.starts_at_once_max = 2;
    options.audit_interval = seconds{1};
    return options;
}

class stress_run {
public:
    stress_run(std::uint64_t seed, stress_mode mode) : mode_{mode}, random_{seed}
    {
        for (auto const& id : ids_)
            if (one_in(2))
                all_.pin(id, any_name());
        all_.pin_group("all", any_name());
        all_.pin_group("rest", any_name());
    }

    /// What did not hold, and when: the first step at which something did not ends the run, as does one that ends the supervisor.
    lines play()
    {
        for (int step = 0; step < steps_count && violations_.empty() && !gave_up(); ++step) {
            now_ = "step " + std::to_string(step);
            INFO(now_);
            take_step();
            check_books();
        }
        if (violations_.empty())
            check_peace();
        if (violations_.empty() && !gave_up())
            check_end();
        return std::move(violations_);
    }

private:
    struct given_command {
        test_node* at;
        std::uint64_t number;
        command_kind kind;
    };

    // ---- chance ------------------------------------------------------------------------------------------------------

    [[nodiscard]] bool one_in(std::uint64_t count) { return random_.below(count) == 0; }
    [[nodiscard]] std::string const& any_name() { return names_[random_.below(names_.size())]; }
    [[nodiscard]] std::string const& any_id() { return ids_[random_.below(ids_.size())]; }

    [[nodiscard]] command_kind any_kind()
    {
        constexpr command_kind kinds[] = {
            command_kind::start, command_kind::terminate, command_kind::restart, command_kind::remove, command_kind::update};
        return kinds[random_.below(std::size(kinds))];
    }

    [[nodiscard]] child_spec any_spec()
    {
        auto spec = cluster::spec_of(any_id());
        spec.group = std::vector<std::string>{"all", "rest", ""}[random_.below(3)];
        spec.priority = static_cast<std::int32_t>(random_.below(3));
        spec.arguments = std::to_string(random_.below(3));
        if (one_in(6))
            spec.restart = drover::restart_rule::temporary;
        else if (one_in(4))
            spec.restart = drover::restart_rule::transient;
        if (one_in(5))
            spec.isolated_type = "counter";
        if (mode_.escalation && one_in(4)) {
            spec.on_exhausted = drover::exhaustion::escalate;
            spec.intensity = drover::restart_intensity{static_cast<std::uint32_t>(random_.below(2)), seconds{2}};
        }
        return spec;
    }

    // ---- what happens ------------------------------------------------------------------------------------------------

    void take_step()
    {
        auto& node = all_[any_name()];
        if (!node.running)
            return come_back(node);
        if (mode_.slow_starts && one_in(8))
            be_slow_to_start_or_catch_up();
        switch (random_.below(14)) {
        case 0:
        case 1:
        case 2: return give_command(node, any_kind());
        case 3: return give_command(node, command_kind::start);
        case 4:
        case 5:
        case 6: return exit_by_itself(node, any_id());
        case 7: return toggle(all_.failing);
        case 8: return toggle(all_.ignoring);
        case 9: return let_time_pass();
        case 10: return be_slow_to_stop_or_catch_up();
        case 11: return crash(node);
        case 12: return split_off_or_heal(node);
        default: return leave(node);
        }
    }

    void give_command(test_node& node, command_kind kind)
    {
        if (!node.stopped)
            commands_.push_back({&node, all_.command(node.id.name, kind, any_spec()), kind});
    }

    void exit_by_itself(test_node& node, std::string const& id)
    {
        auto const* const child = node.core->state().children.find(id);
        if (!node.instances.contains(id) || child == nullptr || !child->local || child->local->state != local_state::running)
            return;
        all_.exit(node.id.name, id, one_in(5) ? exit_kind::normal : exit_kind::failure, "it threw");
    }

    // One child more, or none at all any more.
    void toggle(std::set<std::string>& children)
    {
        if (one_in(2))
            children.insert(any_id());
        else
            children.clear();
    }

    void let_time_pass() { all_.pass(milliseconds{random_.below(one_in(3) ? 5'000 : 300)}); }

    void be_slow_to_start_or_catch_up()
    {
        if (all_.starts_are_answered)
            all_.starts_are_answered = false;
        else
            all_.answer_starts();
    }

    void be_slow_to_stop_or_catch_up()
    {
        if (mode_.slow_stops && all_.stops_are_answered)
            all_.stops_are_answered = false;
        else
            all_.answer_stops();
    }

    [[nodiscard]] bool may_lose_a_node() { return mode_.faults && !split_off_ && all_.running_nodes().size() > 1; }

    void crash(test_node& node)
    {
        if (may_lose_a_node() && one_in(3))
            all_.crash_and_notice(node.id.name);
    }

    void split_off_or_heal(test_node& node)
    {
        if (!mode_.faults || !one_in(3))
            return;
        if (split_off_)
            return heal();
        split_off_ = node.id.name;
        all_.split({*split_off_});
    }

    void heal()
    {
        if (split_off_)
            all_.heal({*std::exchange(split_off_, std::nullopt)});
    }

    void leave(test_node& node)
    {
        if (!may_lose_a_node() || !all_.stops_are_answered || !one_in(4))
            return;
        node.core->stop(all_.now);
        all_.settle();
        all_.pass(seconds{1});
        if (!node.stopped)
            all_.pass(node.core->options().drain_timeout);
        expect(node.stopped, node.id.name + " does not stop");
        all_.crash(node.id.name);
        for (auto const* const each : all_.running_nodes())
            all_.see(each->id.name, node.id.name, drover::member_state::left);
        all_.settle();
    }

    void come_back(test_node& node)
    {
        if (split_off_ || !one_in(3))
            return;
        all_.add(node.id.name, node.id.incarnation + 1);
        all_.settle();
    }

    // ---- what must hold ----------------------------------------------------------------------------------------------

    void expect(bool holds, std::string const& sentence)
    {
        if (!holds)
            violations_.push_back(now_ + ": " + sentence);
    }

    void check_books()
    {
        for (auto* const node : all_.running_nodes()) {
            auto const wrong = node->core->inconsistency();
            expect(wrong.empty(), node->id.name + ": " + wrong);
            check_counts(*node);
            check_loads(*node);
            check_siblings(*node);
        }
        if (!mode_.faults)
            for (auto const& id : ids_)
                check_not_twice(id);
    }

    void check_counts(test_node& node)
    {
        auto const& state = node.core->state();
        std::size_t instances = 0;
        std::size_t starting = 0;
        std::size_t significant = 0;
        for (auto const* const child : state.children.order()) {
            instances += child->local ? 1U : 0U;
            starting += child->local && child->local->state == local_state::starting ? 1U : 0U;
            significant += child->significant && child->wanted_running() ? 1U : 0U;
        }
        expect(state.instances_count == instances, node.id.name + " counts its instances wrongly");
        expect(state.starting_count == starting, node.id.name + " counts its starts wrongly");
        expect(state.significant_count == significant, node.id.name + " counts its significant children wrongly");
    }

    void check_loads(test_node& node)
    {
        auto const& state = node.core->state();
        std::vector<std::uint32_t> loads(state.nodes.size());
        std::vector<std::uint32_t> coming(state.nodes.size());
        for (auto const* const child : state.children.order()) {
            coming[state.own] += child->want_sent ? 1U : 0U;
            if (child->counted)
                ++loads[child->owner];
        }
        for (node_index index = 0; index < state.nodes.size(); ++index) {
            auto const& known = state.nodes[index];
            expect(known.load == loads[index], node.id.name + " counts the load of " + known.id.name + " wrongly");
            expect(known.coming == coming[index], node.id.name + " counts what comes to " + known.id.name + " wrongly");
        }
    }

    void check_siblings(test_node& node)
    {
        auto const& state = node.core->state();
        std::size_t grouped = 0;
        for (auto const* const child : state.children.order()) {
            if (!child->local)
                continue;
            grouped += child->local->group == no_group ? 0U : 1U;
            expect(child->local->run == 0 || state.sibling_runs.contains(child->local->run),
                std::string{*child->id} + " on " + node.id.name + " is part of a sibling restart that is over");
        }
        std::size_t listed = 0;
        for (std::uint32_t group = 0; group < state.group_members.size(); ++group)
            for (auto const* const child : state.group_members[group]) {
                ++listed;
                expect(child->local && child->local->group == group, node.id.name + " lists a member that its group has lost");
            }
        expect(listed == grouped, node.id.name + " does not list each member of a group once");
    }

    void check_not_twice(std::string const& id)
    {
        auto const nodes = all_.running_nodes();
        auto const instances =
            std::count_if(nodes.begin(), nodes.end(), [&](auto const* const node) { return node->instances.contains(id); });
        expect(instances <= 1, id + " runs more than once: " + all_.running(id));
    }

    // Nothing goes wrong any more, and there is time.
    void check_peace()
    {
        now_ = "in peace";
        all_.failing.clear();
        all_.ignoring.clear();
        heal();
        all_.answer_stops();
        all_.answer_starts();
        all_.pass(seconds{40});
        check_books();
        check_commands();
        expect(mode_.escalation || !gave_up(), "a supervisor gave up though nothing escalates");
        if (!gave_up())
            for (auto const& id : ids_)
                check_child(id);
    }

    void check_commands()
    {
        for (auto const& each : commands_)
            expect(!each.at->running || each.at->commands_done.contains(each.number),
                each.at->id.name + " never answers command " + std::to_string(static_cast<int>(each.kind)));
    }

    void check_child(std::string const& id)
    {
        auto const nodes = all_.running_nodes();
        auto const wanted = is_wanted(*nodes.front(), id);
        for (auto const* const node : nodes)
            expect(is_wanted(*node, id) == wanted, "the nodes do not agree whether " + id + " should run");
        auto const where = all_.running(id);
        expect(!wanted || !where.empty(), id + " does not run: " + nodes.front()->core->explain(id));
        expect(wanted || where.empty(), id + " should not run: " + where);
        check_not_twice(id);
    }

    [[nodiscard]] static bool is_wanted(test_node const& node, std::string const& id)
    {
        auto const* const child = node.core->state().children.find(id);
        return child != nullptr && child->wanted_running();
    }

    // All nodes are there again, and every child is taken away.
    void check_end()
    {
        now_ = "at the end";
        for (auto const& name : names_)
            if (auto const& node = all_[name]; !node.running)
                all_.add(name, node.id.incarnation + 1);
        all_.settle();
        all_.pass(seconds{10});
        for (auto const& id : ids_)
            take_away(id);
        all_.pass(seconds{20});
        for (auto* const node : all_.running_nodes())
            check_nothing_left(*node);
    }

    void take_away(std::string const& id)
    {
        for (auto const kind : {command_kind::terminate, command_kind::remove}) {
            auto const number = all_.command("n1", kind, cluster::spec_of(id));
            auto const& done = all_["n1"].commands_done;
            auto const code = done.contains(number) ? done.at(number).code : errc::timed_out;
            expect(code == errc::success || code == errc::not_found, id + " cannot be taken away: " + describe(code));
        }
    }

    void check_nothing_left(test_node& node)
    {
        auto const& state = node.core->state();
        for (auto const* const child : state.children.order())
            expect(false, node.id.name + " keeps " + std::string{*child->id});
        expect(node.instances.empty() && state.instances_count == 0, node.id.name + " keeps instances");
        expect(state.sibling_runs.empty(), node.id.name + " keeps a sibling restart");
        for (node_index index = 0; index < state.nodes.size(); ++index)
            expect(state.nodes[index].coming == 0, node.id.name + " still expects a child");
    }

    [[nodiscard]] bool gave_up()
    {
        auto const nodes = all_.running_nodes();
        return std::any_of(nodes.begin(), nodes.end(), [](auto const* const node) { return node->stopped; });
    }

    std::vector<std::string> const names_{"n1", "n2", "n3"};
    std::vector<std::string> const ids_{"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7"};
    stress_mode mode_;
    drover::random_stream random_;
    cluster all_{names_.size(), hasty_options()};
    std::optional<std::string> split_off_;
    std::vector<given_command> commands_;
    std::string now_;
    lines violations_;
};

void play_all_seeds(stress_mode const& mode)
{
    auto const last = mode.escalation && mode.slow_stops ? 2 * seeds_count : seeds_count;
    for (std::uint64_t seed = 1; seed <= last; ++seed) {
        INFO("seed " << seed << ", " << print(mode));
        auto const violations = stress_run{seed, mode}.play();
        CHECK(violations == lines{});
    }
}

void play_all_modes(bool faults)
{
    for (auto const escalation : {false, true})
        for (auto const slow_stops : {false, true})
            for (auto const slow_starts : {false, true})
                play_all_seeds({faults, escalation, slow_stops, slow_starts});
}

} // namespace

TEST_CASE("the books balance and all ends well, whatever children do", "[core][stress]") { play_all_modes(false); }

TEST_CASE("the books balance and all ends well, whatever nodes do as well", "[core][stress]") { play_all_modes(true); }
