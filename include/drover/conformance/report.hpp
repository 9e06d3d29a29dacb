// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace drover::conformance {

/// One time that a model did not keep a law.
struct breach {
    std::string law;
    std::string sentence; ///< what was seen, with the seed or the values that show it
};

/// What a conformance suite found out about a model of a policy. No test framework is needed: let a test of any framework,
/// or a plain `main`, check `passed()`, and print the report when it is false.
///
/// For suites: `law` names what is looked at from here on, `check` looks. A law that was named and never checked was not
/// shown, and a report with one has not passed. Of each law the first breaches are kept, and all are counted.
///
/// Not to be shared between threads.
class [[nodiscard]] report {
public:
    static constexpr std::size_t breaches_per_law_max = 3;

    /// A law that was named: how often it was looked at, and how often it did not hold.
    struct law_entry {
        std::string name;
        std::string skipped_because; ///< empty: it was not skipped
        std::uint64_t checks_count = 0;
        std::uint64_t breaches_count = 0;
    };

    /// `subject`: what is checked, for people: "Placement".
    explicit report(std::string subject) : subject_{std::move(subject)} {}

    // ---- for whoever runs a suite --------------------------------------------------------------------------------------

    /// Every law that applies was looked at, and held.
    [[nodiscard]] bool passed() const
    {
        for (auto const& each : laws_)
            if (each.breaches_count > 0 || (each.checks_count == 0 && each.skipped_because.empty()))
                return false;
        return !laws_.empty();
    }

    /// In the order in which they were first named, those that were skipped included.
    [[nodiscard]] std::vector<law_entry> const& laws() const { return laws_; }

    /// The first ones of each law, in the order in which they were seen.
    [[nodiscard]] std::vector<breach> const& breaches() const { return breaches_; }

    /// The names of the laws that did not hold, in the order of `laws`.
    [[nodiscard]] std::vector<std::string> broken_laws() const
    {
        std::vector<std::string> result;
        for (auto const& each : laws_)
            if (each.breaches_count > 0)
                result.push_back(each.name);
        return result;
    }

    /// This law was looked at, and held.
    [[nodiscard]] bool holds(std::string_view name) const
    {
        for (auto const& each : laws_)
            if (each.name == name)
                return each.checks_count > 0 && each.breaches_count == 0;
        return false;
    }

    /// For people: one line when all is well, and one line a breach when it is not.
    friend std::ostream& operator<<(std::ostream& out, report const& what)
    {
        std::size_t held = 0;
        for (auto const& each : what.laws_)
            held += what.holds(each.name) ? 1U : 0U;
        out << what.subject_ << ": " << held << (held == 1 ? " law holds" : " laws hold");
        for (auto const& each : what.laws_)
            if (!each.skipped_because.empty())
                out << "\n  skipped: " << each.name << " (" << each.skipped_because << ')';
        for (auto const& each : what.breaches_)
            out << "\n  BROKEN: " << each.law << ": " << each.sentence;
        for (auto const& each : what.laws_)
            if (each.breaches_count > breaches_per_law_max)
                out << "\n  BROKEN: " << each.name << ": " << each.breaches_count << " times in all";
            else if (each.checks_count == 0 && each.skipped_because.empty())
                out << "\n  NOT SHOWN: " << each.name;
        return out;
    }

    // ---- for suites --------------------------------------------------------------------------------------------------

    /// Names the law that `check` is about from here on; a law that was named before goes on.
    void law(std::string_view name)
    {
        for (current_ = 0; current_ < laws_.size(); ++current_)
            if (laws_[current_].name == name)
                return;
        laws_.push_back({std::string{name}, {}, 0, 0});
    }

    /// Names a law, and runs `body`, which checks it. What `body` throws is a breach: nothing throws across a policy seam.
    template <class Body>
    void law(std::string_view name, Body&& body)
    {
        law(name);
        try {
            std::forward<Body>(body)();
        } catch (std::exception const& thrown) {
            law(name);
            check(false, "the model threw: ", thrown.what());
        } catch (...) {
            law(name);
            check(false, "the model threw");
        }
    }

    /// A law that this model does not promise; `why` names the capability that it lacks.
    void skip(std::string_view name, std::string_view why)
    {
        law(name);
        laws_[current_].skipped_because = why;
    }

    /// Notes that the present law was looked at; if it does not hold, a breach, whose sentence is what the parts print one
    /// after the other. Returns `holds`. Pre: a law was named.
    template <class... Parts>
    bool check(bool holds, Parts const&... sentence)
    {
        auto& present = laws_.at(current_);
        ++present.checks_count;
        if (!holds && ++present.breaches_count <= breaches_per_law_max) {
            std::ostringstream text;
            ((text << sentence), ...);
            breaches_.push_back({present.name, text.str()});
        }
        return holds;
    }

private:
    std::string subject_;
    std::vector<law_entry> laws_;
    std::vector<breach> breaches_;
    std::size_t current_ = 0;
};

} // namespace drover::conformance
