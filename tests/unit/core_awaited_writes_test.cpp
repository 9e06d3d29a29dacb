// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// What the answer to a command says that it wrote, who holds that, and how a read on another node waits for it.
#include "core_supervisor_fixture.hpp"

#include <drover/base/random.hpp>

namespace {

using namespace core_test;
using drover::acknowledge;
using drover::parse_version_token;
using drover::version_token;

supervisor_options with_level(acknowledge level)
{
    supervisor_options options;
    options.acknowledge = level;
    return options;
}

std::uint64_t wait_for(cluster& all, std::string_view at, version_token const& token)
{
    auto const number = all[at].core->wait_for(token, all.now);
    all.settle();
    return number;
}

/// The answer to a wait on this node, if it came.
std::optional<errc> answer(cluster& all, std::string_view at, std::uint64_t number)
{
    auto const& done = all[at].waits_done;
    return done.contains(number) ? std::optional{done.at(number)} : std::nullopt;
}

/// No frame of a store reaches this node.
auto hears_nothing_written(std::string name)
{
    return [name = std::move(name)](test_node const&, std::string const& to, any_message const& message) {
        return to == name && std::holds_alternative<store_message>(message);
    };
}

} // namespace

TEST_CASE("a version token has one text, and only that is read", "[core][tokens]")
{
    version_token const tokens[] = {{}, {1, 2}, {0xc0ffee, 42}, {~std::uint64_t{0}, ~std::uint64_t{0}}, {0x123456789abcdef0, 1}};
    for (auto const& token : tokens)
        CHECK(parse_version_token(to_string(token)) == token);
    CHECK(to_string(version_token{0xc0ffee, 42}) == "0000000000c0ffee-42");
    CHECK(to_string(tokens[3]) == "ffffffffffffffff-18446744073709551615");
    for (auto const* const text : {"", "-", "0", "0000000000c0ffee", "0000000000c0ffee-", "0000000000c0ffee42", "c0ffee-42",
             "0000000000c0ffee-042", "0000000000c0ffee-+1", "0000000000c0ffee--1", "0000000000c0ffee- 1", "0000000000c0ffee-1 ",
             "0000000000c0ffee-4g", "0000000000C0FFEE-42", "0000000000c0ffeg-42", " 000000000c0ffee-42", "00000000000c0ffee-42",
             "0000000000c0ffee-18446744073709551616", "0000000000c0ffee-99999999999999999999",
             "0000000000c0ffee-184467440737095516150", "0x00000000c0ffee-42"}) {
        INFO(text);
        CHECK_FALSE(parse_version_token(text));
    }
    CHECK_FALSE(parse_version_token(std::string_view{"0000000000c0ffee-4\0", 19}));
    drover::random_stream random{1, 1};
    for (int i = 0; i < 100'000; ++i) {
        auto text = to_string(version_token{random.below(3), random.below(30)});
        text[random.below(text.size())] = static_cast<char>(random.below(256));
        if (auto const token = parse_version_token(text))
            CHECK(to_string(*token) == text);
    }
}

TEST_CASE("each answer names what was written, wherever it was carried out", "[core][tokens]")
{
    cluster all{3};
    all.pin("c", "n2");
    version_token last;
    for (auto const kind : {command_kind::start, command_kind::update, command_kind::terminate, command_kind::restart,
             command_kind::terminate, command_kind::remove}) {
        auto spec = cluster::spec_of("c");
        spec.arguments = kind == command_kind::update ? "anew" : "";
        auto const done = all.done("n1", kind, spec);
        CHECK(done.code == errc::success);
        CHECK(done.ref.written.origin == drover::origin_of(all["n2"].id));
        CHECK(done.ref.written.version > last.version);
        CHECK(done.ref.holders_count >= 2);
        CHECK(done.ref.members_count == 3);
        last = done.ref.written;
        for (auto const* const name : {"n1", "n2", "n3"})
            CHECK(all[name].core->has_seen(last));
    }
    CHECK(all.done("n1", command_kind::remove, cluster::spec_of("c")).ref.written == version_token{});
}

TEST_CASE("who waits for a token reads what was written, not what was there before", "[core][tokens]")
{
    cluster all{3};
    all.pin("c", "n2");
    REQUIRE(all.start("n1", "c").code == errc::success);
    all.is_lost = hears_nothing_written("n3");
    auto spec = cluster::spec_of("c");
    spec.arguments = "anew";
    auto const updated = all.done("n1", command_kind::update, spec);
    REQUIRE(updated.code == errc::success);
    auto const first = wait_for(all, "n3", updated.ref.written);
    CHECK_FALSE(answer(all, "n3", first));
    CHECK_FALSE(all["n3"].core->has_seen(updated.ref.written));
    CHECK(all["n3"].core->spec_of("c")->arguments.empty());
    all.is_lost = nullptr;
    all.pass(milliseconds{500});
    CHECK(answer(all, "n3", first) == errc::success);
    CHECK(all["n3"].core->spec_of("c")->arguments == "anew");
    CHECK(all["n3"].core->find("c") == updated.ref); // also the claim of the instance that replaced the one before
    CHECK(updated.ref.generation == 2);

    all.is_lost = hears_nothing_written("n3");
    auto const terminated = all.done("n1", command_kind::terminate, spec);
    auto const second = wait_for(all, "n3", terminated.ref.written);
    CHECK(all["n3"].core->find("c"));
    all.is_lost = nullptr;
    all.pass(milliseconds{500});
    CHECK(answer(all, "n3", second) == errc::success);
    CHECK_FALSE(all["n3"].core->find("c"));
}

TEST_CASE("who waits for the end of a temporary child finds no spec", "[core][tokens]")
{
    cluster all{3};
    all.pin("c", "n2");
    auto spec = cluster::spec_of("c");
    spec.restart = drover::restart_rule::temporary;
    REQUIRE(all.done("n1", command_kind::start, spec).code == errc::success);
    auto const done = all.done("n1", command_kind::terminate, spec);
    REQUIRE(done.code == errc::success);
    CHECK(done.ref.written.version == all["n2"].core->store().version());
    CHECK(all["n3"].core->has_seen(done.ref.written));
    CHECK_FALSE(all["n3"].core->spec_of("c"));
}

TEST_CASE("a wait ends at its time, and when the supervisor does", "[core][tokens]")
{
    cluster all{3};
    all.pin("c", "n2");
    auto const done = all.start("n1", "c");
    CHECK(answer(all, "n1", wait_for(all, "n1", {})) == errc::success);
    CHECK(answer(all, "n3", wait_for(all, "n3", done.ref.written)) == errc::success);
    auto const unheard_of = wait_for(all, "n3", {12345, 1});
    all.pass(seconds{4});
    auto const never_made = wait_for(all, "n3", {done.ref.written.origin, 1'000'000});
    all.pass(seconds{6} - milliseconds{1});
    CHECK_FALSE(answer(all, "n3", unheard_of));
    all.pass(milliseconds{1});
    CHECK(answer(all, "n3", unheard_of) == errc::timed_out);
    CHECK_FALSE(answer(all, "n3", never_made));
    all["n3"].core->stop(all.now);
    all.settle();
    all.pass(seconds{1});
    CHECK(answer(all, "n3", never_made) == errc::shutting_down);
    CHECK(all["n3"].core->state().awaited.empty());
    CHECK(all["n3"].core->state().awaited_by_token.empty());
}

TEST_CASE("no more reads wait than commands may", "[core][tokens]")
{
    supervisor_options options;
    options.operations_count_max = 3;
    cluster all{2, options};
    for (std::uint64_t i = 0; i < 3; ++i)
        CHECK_FALSE(answer(all, "n1", wait_for(all, "n1", {i, 5})));
    CHECK(answer(all, "n1", wait_for(all, "n1", {9, 5})) == errc::too_many_operations);
    CHECK(answer(all, "n1", wait_for(all, "n1", {9, 0})) == errc::success);
}

TEST_CASE("of many that wait, those of one writer are answered as far as it is seen", "[core][tokens]")
{
    cluster all{2};
    for (auto const* const id : {"a", "b", "c"})
        all.pin(id, "n2");
    auto const origin = drover::origin_of(all["n2"].id);
    auto const before = all["n2"].core->store().version();
    std::vector<std::uint64_t> waits;
    for (std::uint64_t i = 6; i > 0; --i)
        waits.push_back(wait_for(all, "n1", {origin, before + i}));
    auto const other = wait_for(all, "n1", {origin + 1, 1});
    REQUIRE(all.start("n1", "a").code == errc::success);
    REQUIRE(all.start("n1", "b").code == errc::success);
    auto const seen = all["n2"].core->store().version();
    REQUIRE(seen < before + 6);
    for (std::uint64_t i = 6; i > 0; --i)
        CHECK(answer(all, "n1", waits[6 - i]).has_value() == (before + i <= seen));
    CHECK_FALSE(answer(all, "n1", other));
}

TEST_CASE("a life that was outlived is known by its token", "[core][tokens]")
{
    cluster all{3};
    all.pin("c", "n2");
    auto const done = all.start("n1", "c");
    all.crash_and_notice("n2");
    all.add("n2", 2);
    all.settle();
    all.add("n4"); // has never seen the first life
    all.settle();
    all.pass(seconds{2});
    CHECK(answer(all, "n4", wait_for(all, "n4", done.ref.written)) == errc::success);
    CHECK(all["n4"].core->find("c"));
}

TEST_CASE("not acknowledged says where the child runs, and who is known to hold it", "[core][commands]")
{
    // n3 has fallen silent, and nobody has noticed.
    for (auto const* const placed : {"n1", "n2"}) {
        INFO(placed);
        cluster all{3, with_level(acknowledge::all)};
        all.pin("c", placed);
        all.crash("n3");
        auto const number = all.command("n1", command_kind::start, cluster::spec_of("c"));
        all.pass(seconds{10});
        auto const& done = all["n1"].commands_done.at(number);
        CHECK(done.code == errc::not_acknowledged);
        CHECK(done.ref == drover::child_ref{"c", placed, 1});
        CHECK(done.ref.holders_count == 2);
        CHECK(done.ref.members_count == 3);
        CHECK(all["n1"].core->has_seen(done.ref.written));
        CHECK(done.reason == "held by 2 of 3 members as far as is known, and 3 were asked for");
    }
}

TEST_CASE("a start that nobody else has heard of is held by one", "[core][commands]")
{
    cluster all{5};
    all.pin("c", "n1");
    all.is_lost = [](test_node const&, std::string const&, any_message const&) { return true; };
    auto const number = all.command("n1", command_kind::start, cluster::spec_of("c"));
    SECTION("at its time") { all.pass(seconds{10}); }
    SECTION("when the supervisor stops")
    {
        all["n1"].core->stop(all.now);
        all.settle();
    }
    auto const& done = all["n1"].commands_done.at(number);
    CHECK(done.code == errc::not_acknowledged);
    CHECK(done.ref == drover::child_ref{"c", "n1", 1});
    CHECK(done.ref.holders_count == 1);
    CHECK(done.ref.members_count == 5);
}

TEST_CASE("a number of members is asked for also when there are not as many", "[core][commands]")
{
    cluster all{3, with_level(acknowledge{4})};
    auto const number = all.command("n1", command_kind::start, cluster::spec_of("c"));
    CHECK_FALSE(all["n1"].commands_done.contains(number));
    SECTION("and waits for another one")
    {
        all.add("n4");
        all.settle();
        all.pass(seconds{1});
        CHECK(all["n1"].commands_done.at(number).code == errc::success);
        CHECK(all["n1"].commands_done.at(number).ref.holders_count == 4);
    }
    SECTION("which does not come")
    {
        all.pass(seconds{10});
        CHECK(all["n1"].commands_done.at(number).code == errc::not_acknowledged);
        CHECK(all["n1"].commands_done.at(number).ref.holders_count >= 2);
    }
}
