// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include "simulated_environment.hpp"
#include "transport_mutants.hpp"

#include <drover/conformance/transport.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace conformance = drover::conformance;
using law = conformance::transport_laws;
using conformance::runtime_laws;
using laws = std::vector<std::string>;
using mutants::fault;

std::set<std::string> all_broken;

/// The laws that transports with this fault break, in the order of the suite.
laws broken_by(fault what)
{
    mutants::faulty_environment environment{what};
    auto const found = conformance::check_transport(environment, {.rounds = 2});
    auto const broken = found.broken_laws();
    CHECK(found.passed() == broken.empty());
    all_broken.insert(broken.begin(), broken.end());
    return broken;
}

} // namespace

TEST_CASE("in_memory_transport keeps the laws of a Transport")
{
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
        simulated_environment environment{seed};
        auto const found = conformance::check_transport(environment, {.seed = seed});
        INFO((std::ostringstream{} << found).str());
        CHECK(found.passed());
    }
}

TEST_CASE("each broken transport breaks the law that it is made to break, and every law is broken by one")
{
    CHECK(broken_by(fault::none) == laws{});

    CHECK(broken_by(fault::posts_at_once) == laws{runtime_laws::post});
    CHECK(broken_by(fault::posts_last_first) == laws{runtime_laws::post, runtime_laws::copies});
    CHECK(broken_by(fault::dispatches_later) == laws{law::on_strand, runtime_laws::dispatch, runtime_laws::copies});
    CHECK(broken_by(fault::copies_apart) == laws{runtime_laws::copies});
    CHECK(broken_by(fault::time_goes_back) == laws{runtime_laws::now});
    CHECK(broken_by(fault::timers_early) == laws{runtime_laws::timer});
    CHECK(broken_by(fault::timers_at_once) == laws{runtime_laws::timer, runtime_laws::cancelled});
    CHECK(broken_by(fault::timers_twice) == laws{runtime_laws::timer, runtime_laws::cancelled});
    CHECK(broken_by(fault::timers_never_end) == laws{runtime_laws::cancelled});
    CHECK(broken_by(fault::cancels_nothing) == laws{runtime_laws::cancelled});
    CHECK(broken_by(fault::one_stream) == laws{runtime_laws::random});
    CHECK(broken_by(fault::fresh_streams) == laws{runtime_laws::random});
    CHECK(broken_by(fault::one_incarnation) == laws{runtime_laws::incarnation});

    CHECK(broken_by(fault::first_start_fails) == laws{law::starts});
    CHECK(broken_by(fault::takes_what_is_taken) == laws{law::taken});
    CHECK(broken_by(fault::listens_anywhere) == laws{law::malformed});
    CHECK(broken_by(fault::dials_anything) == laws{law::malformed});

    CHECK(broken_by(fault::strange_addresses) == laws{law::both_up});
    CHECK(broken_by(fault::up_twice) == laws{law::both_up, law::broken, law::stops});
    CHECK(broken_by(fault::swaps_frames) == laws{law::whole});
    CHECK(broken_by(fault::cuts_long_frames) == laws{law::whole, law::largest});
    CHECK(broken_by(fault::doubles_frames) == laws{law::whole});
    CHECK(broken_by(fault::loses_empty_frames) == laws{law::whole});
    CHECK(broken_by(fault::takes_any_size) == laws{law::largest});
    CHECK(broken_by(fault::takes_for_anybody) == laws{law::largest, law::unknown, law::queue, law::flush});
    CHECK(broken_by(fault::takes_without_end) == laws{law::queue});
    CHECK(broken_by(fault::takes_too_little) == laws{law::queue});
    CHECK(broken_by(fault::doubles_when_dialled_twice) == laws{law::one_connection});

    CHECK(broken_by(fault::ignores_undial) == laws{law::refused, law::undialled});
    CHECK(broken_by(fault::dials_once) == laws{law::refused, law::later, law::silent, law::lost});
    CHECK(broken_by(fault::calls_silence_unreachable) == laws{law::silent});
    CHECK(broken_by(fault::joins_any_cluster) == laws{law::cluster});
    CHECK(broken_by(fault::gives_no_code) == laws{law::cluster});
    CHECK(broken_by(fault::ignores_itself) == laws{law::itself});
    CHECK(broken_by(fault::forgives_names) == laws{law::same_name, law::outlived});

    CHECK(broken_by(fault::hides_the_replaced) == laws{law::between, law::replaced});
    CHECK(broken_by(fault::blames_the_caller) == laws{law::outlived});
    CHECK(broken_by(fault::waits_after_a_loss) == laws{law::lost, law::undialled});
    CHECK(broken_by(fault::gives_up_the_lost) == laws{law::lost, law::broken, law::killed});
    CHECK(broken_by(fault::doubts_refusals) == laws{law::lost, law::killed});
    CHECK(broken_by(fault::undial_hangs_up) == laws{law::between, law::undialled});

    CHECK(broken_by(fault::tells_within_dial) == laws{law::outside});
    CHECK(broken_by(fault::tells_off_the_strand) == laws{law::on_strand});
    CHECK(broken_by(fault::tells_after_stop) == laws{law::after_stop});
    CHECK(broken_by(fault::stops_later) == laws{law::after_stop});
    CHECK(broken_by(fault::cannot_be_stopped_by_what_it_tells) == laws{law::after_stop, law::stops});
    CHECK(broken_by(fault::drops_at_stop) == laws{law::largest, law::queue, law::flush});
    CHECK(broken_by(fault::no_batch_end) == laws{law::batches});
    CHECK(broken_by(fault::no_sentence) == laws{law::sentences});
    CHECK(broken_by(fault::down_twice) == laws{law::between, law::replaced, law::lost, law::broken, law::killed, law::flush});

    simulated_environment environment{1};
    auto const right = conformance::check_transport(environment, {.rounds = 1});
    for (auto const& each : right.laws()) {
        INFO(each.name);
        CHECK(all_broken.contains(each.name));
    }
}
