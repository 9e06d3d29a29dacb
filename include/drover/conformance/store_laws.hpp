// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <string_view>

/// The names of the laws of a StateStore, as docs/concepts/state_store.md has them.
namespace drover::conformance::store_law {

// One replica.
inline constexpr std::string_view own_writes = "own writes are visible at once";
inline constexpr std::string_view versions = "versions grow with every write";
inline constexpr std::string_view smaller_rank = "a smaller rank is refused";
inline constexpr std::string_view removal = "a removal leaves nothing to find, and refuses smaller ranks";
inline constexpr std::string_view tables = "tables are apart";
inline constexpr std::string_view octets = "keys and values are any octets";
inline constexpr std::string_view stamps = "stamps tell writes apart, and grow";
inline constexpr std::string_view not_replicated = "what is not replicated is sent to nobody, and held by one";

// What a replica says to its caller.
inline constexpr std::string_view sends = "messages go to other peers that are up";
inline constexpr std::string_view frames = "frames fit the transport";
inline constexpr std::string_view batches = "writes wait for the flush, and go as one batch";
inline constexpr std::string_view changes = "changes are those of other nodes, all of them";
inline constexpr std::string_view made_up = "nothing is shown that nobody wrote";
inline constexpr std::string_view winner = "the greater rank wins, and who saw wins over who was seen";
inline constexpr std::string_view remembered = "a removal is remembered until every member has seen it";

// Time.
inline constexpr std::string_view early = "a wake-up before the deadline changes nothing";
inline constexpr std::string_view deadline = "a wake-up at the deadline moves it on";
inline constexpr std::string_view quiet = "who is level is quiet";

// Who holds what.
inline constexpr std::string_view held = "held_by never says more than is so";
inline constexpr std::string_view stood = "an acknowledged write was not outranked unnoticed";
inline constexpr std::string_view told = "what changes about acknowledgement is told";
inline constexpr std::string_view has_seen = "has_seen never says more than is so";
inline constexpr std::string_view acknowledges = "acknowledges never says more than is so";
inline constexpr std::string_view covers = "covers never says more than is so";
inline constexpr std::string_view level = "level_with is false while a told context is not covered";
inline constexpr std::string_view synchronised = "synchronised never says more than is so";

// In the end.
inline constexpr std::string_view agree = "replicas agree";
inline constexpr std::string_view all_held = "in the end all is held, known and told";
inline constexpr std::string_view brought_up = "a message brings its sender up";

// Robustness.
inline constexpr std::string_view rubbish = "rubbish changes nothing";
inline constexpr std::string_view survives = "no octets do harm";
inline constexpr std::string_view repeatable = "equal inputs give equal effects";
inline constexpr std::string_view durable = "what was acknowledged survives the loss of every process";

} // namespace drover::conformance::store_law
