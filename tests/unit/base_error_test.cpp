// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#include <drover/base/error.hpp>
#include <drover/base/expects.hpp>

#include <catch2/catch_test_macros.hpp>

#include <set>
#include <string>

#include <csignal>
#include <sys/wait.h>
#include <unistd.h>

using drover::describe;
using drover::errc;

TEST_CASE("each error has a sentence of its own, without a full stop", "[base]")
{
    // Every value that fits; those that are no error have one common answer.
    std::set<std::string> sentences;
    std::size_t known = 0;
    for (int value = 0; value < 256; ++value) {
        std::string const sentence = describe(static_cast<errc>(value));
        REQUIRE_FALSE(sentence.empty());
        CHECK(sentence.back() != '.');
        if (sentence != "unknown error") {
            ++known;
            CHECK(sentences.insert(sentence).second);
        }
    }
    CHECK(known >= 33);
    CHECK(std::string{describe(errc::success)} == "success");
    CHECK(std::string{describe(static_cast<errc>(255))} == "unknown error");
}

TEST_CASE("an expectation that does not hold ends the program with its sentence and its place", "[base]")
{
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    auto const child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        std::signal(SIGABRT, SIG_DFL); // Catch2 would report it as a failure of this copy of the test
        dup2(ends[1], STDERR_FILENO);
        drover::expects(true, "this holds");
        drover::expects(false, "the sentence of the caller", "place.cpp", 7);
        _exit(0); // it went on
    }
    close(ends[1]);
    std::string said;
    char buffer[256];
    for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0;)
        said.append(buffer, static_cast<std::size_t>(count));
    close(ends[0]);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    CHECK(WTERMSIG(status) == SIGABRT);
    CHECK(said == "drover: the sentence of the caller (place.cpp:7)\n");
}
