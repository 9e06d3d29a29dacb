// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
//
// Plays the story of story.hpp:  digest_tool COUNT [FIRST]     one line a seed: its digest, and whether it held
//                                digest_tool --seed N [--nodes N]   that seed, told in words

#include "story.hpp"

#include <charconv>
#include <iostream>
#include <string>
#include <string_view>

namespace {

bool parse(std::string_view text, std::uint64_t& value)
{
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
}

int usage()
{
    std::cerr << "usage: digest_tool COUNT [FIRST] | digest_tool --seed N [--nodes N]\n";
    return 2;
}

std::size_t nodes_of(std::uint64_t seed) { return seed % 2 == 0 ? 3 : 5; }

int tell(std::uint64_t seed, std::size_t nodes)
{
    auto const drawn = story::parameters::draw(seed, nodes);
    std::cout << drawn.text() << "\n";
    story::run run{drawn};
    run.narrate(std::cout);
    auto const held = run.play();
    std::cout << run.world().digest().to_string() << "\n";
    for (auto const& violation : run.book().violations)
        std::cout << "VIOLATED: " << violation << "\n";
    return held ? 0 : 1;
}

int list(std::uint64_t count, std::uint64_t first)
{
    auto failed = 0;
    for (auto seed = first; seed < first + count; ++seed) {
        story::run run{story::parameters::draw(seed, nodes_of(seed))};
        auto const held = run.play();
        failed += held ? 0 : 1;
        std::cout << seed << " " << run.world().digest().to_string() << " " << run.world().events_count()
                  << (held ? "" : " VIOLATED: ") << (held ? "" : run.book().violations.front()) << "\n";
    }
    return failed == 0 ? 0 : 1;
}

} // namespace

int main(int count, char** values)
{
    std::vector<std::string_view> const arguments(values + 1, values + count);
    std::uint64_t first = 1;
    std::uint64_t second = 1;
    if (arguments.size() >= 2 && arguments[0] == "--seed") {
        if (!parse(arguments[1], first))
            return usage();
        second = nodes_of(first);
        if (arguments.size() != 2
            && !(arguments.size() == 4 && arguments[2] == "--nodes" && parse(arguments[3], second) && second > 0))
            return usage();
        return tell(first, second);
    }
    if (arguments.empty() || arguments.size() > 2 || !parse(arguments[0], first)
        || (arguments.size() == 2 && !parse(arguments[1], second)))
        return usage();
    return list(first, second);
}
