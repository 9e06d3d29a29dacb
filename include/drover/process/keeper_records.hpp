// Copyright the Drover authors. Distributed under the Boost Software License, Version 1.0.
#pragma once

#include <cstdint>

namespace drover::detail {

/// What a node tells the keeper of a process. Within one machine and one program: no version, no byte order.
enum class keeper_order : std::uint32_t {
    beat,      ///< the node lives
    terminate, ///< end it with SIGTERM, for as long as it takes
    kill,      ///< end it with SIGKILL
};

struct order_record {
    keeper_order order{};
    std::uint32_t unused = 0;
    std::int64_t sent_ns = 0; ///< by the keeper's clock: a beat counts from when it was sent, however late it is read
};

enum class keeper_said : std::uint32_t {
    started, ///< `value`: the process's number
    failed,  ///< `value`: an errno; `step` failed, and nothing runs
    ended,   ///< `value`: as waitpid gives it; `cause`; nothing is left of it
};

/// What has to be done, in this order, until a command runs.
enum class launch_step : std::uint32_t { fork, enter_directory, execute };

/// Who began to end a process.
enum class end_cause : std::uint32_t { itself, order, silence, node_gone };

/// What the keeper tells its node.
struct report_record {
    keeper_said said{};
    launch_step step{};
    end_cause cause{};
    std::int32_t value = 0;
};

} // namespace drover::detail
