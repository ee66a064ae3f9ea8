// Parts that all our JSON documents share (docs/json.md): addresses as hex strings, frames, memory.
#pragma once

#include "base/json_writer.h"
#include "watchpoints/hit/hit.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

std::string hex(std::uint64_t number); // "0x2a"
void write_frames(JsonWriter& into, std::string_view key, const std::vector<Frame>& stack);
Json frames_of(const std::vector<Frame>& stack);
Json snapshot_of(const Snapshot& snapshot);

} // namespace stakeout
