// Recordings in files.
#pragma once

#include "base/result.h"
#include "recording/replay.h"

#include <string>

namespace stakeout {

// Reads PATH, and before it those of PATH.1, PATH.2 ... that are older parts of the same recording, to the
// listener, which gets a summary in any case. Damage of a part ends that part only; it is in the answer.
// Errors (Usage): those of Replay; PATH cannot be read.
Result<Replayed> read_recording(const std::string& path, WatchListener& listener,
                                const Replay::OnFacts& on_facts = {});

// Does a file begin as a recording does, of whatever version? The descriptor is read from its beginning.
[[nodiscard]] bool is_recording(int fd);

} // namespace stakeout
