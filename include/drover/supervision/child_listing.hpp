// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <drover/base/identity.hpp>
#include <drover/base/time.hpp>
#include <drover/supervision/child_spec.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace drover {

/// An entry of a list that could not be understood.
struct listing_error {
    /// The child that the entry was meant for, which stays as it is. Empty: nobody can tell; then no child is deleted.
    child_id id;
    std::string reason; ///< one sentence; for a file with the line
};

/// What a source wants to run: all of it.
struct child_listing {
    std::vector<child_spec> specs{};
    std::vector<listing_error> errors{};
};

/// What came of reading a source: its list, or why it could not be read. The two are told apart by type, so that a source that
/// could not be read is never taken for one that lists nothing.
class source_reading {
public:
    [[nodiscard]] static source_reading listed(child_listing listing) { return {true, std::move(listing), {}}; }
    /// `sentence`: why, for people.
    [[nodiscard]] static source_reading failed(std::string sentence) { return {false, {}, std::move(sentence)}; }

    [[nodiscard]] bool has_listing() const { return has_listing_; }
    [[nodiscard]] child_listing& listing() { return listing_; }
    [[nodiscard]] child_listing const& listing() const { return listing_; }
    [[nodiscard]] std::string const& failure() const { return failure_; }

private:
    source_reading(bool has_listing, child_listing listing, std::string failure)
        : has_listing_{has_listing}, listing_{std::move(listing)}, failure_{std::move(failure)}
    {
    }

    bool has_listing_;
    child_listing listing_;
    std::string failure_;
};

/// How closely a supervisor follows a source.
struct child_source_options {
    std::size_t operations_count_max = 64;              ///< starts, updates and deletions under way at once
    duration reread_interval = std::chrono::minutes{1}; ///< between readings while nothing changes; may be `infinity`
    duration read_timeout = std::chrono::seconds{30};   ///< for one reading, or one write; later answers are ignored
    duration retry_min = std::chrono::seconds{1};       ///< first wait after a failure; doubles
    duration retry_max = std::chrono::minutes{1};
};

namespace limits {

inline constexpr std::size_t sources_count_max = 64; ///< of one supervisor; a start asks each whether it owns the id
inline constexpr std::size_t source_name_size_max = 200;

} // namespace limits

/// One sentence that names the field and says what is wrong with it, or an empty one.
[[nodiscard]] inline std::string validate(child_source_options const& options)
{
    if (options.operations_count_max == 0)
        return "operations_count_max must be positive";
    if (options.reread_interval <= duration::zero() || options.read_timeout <= duration::zero())
        return "reread_interval and read_timeout must be positive";
    if (options.retry_min <= duration::zero() || options.retry_max < options.retry_min)
        return "retry_min must be positive and at most retry_max";
    return {};
}

} // namespace drover
