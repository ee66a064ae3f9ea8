// What a recording holds at the most. Readers refuse more, so that a hostile or damaged file cannot take the
// memory; writers begin a new segment, or cut, before that.
#pragma once

#include <cstddef>
#include <cstdint>

namespace stakeout::recording_limits {

inline constexpr std::uint32_t schema = 1; // that is written, and the newest that is read

inline constexpr std::size_t block_bytes = std::size_t{256} << 10U; // of entries; then a block is finished
inline constexpr std::uint64_t block_ns = 1'000'000'000;            // or so long after its first entry
inline constexpr std::size_t most_block_bytes = std::size_t{16} << 20U; // with what the last hit brought
inline constexpr std::size_t most_entry_bytes = std::size_t{1} << 20U;

// Of one segment.
inline constexpr std::size_t most_ids = 65'536; // of each kind
inline constexpr std::size_t most_stacked_frames = std::size_t{1} << 21U;
inline constexpr std::size_t most_text_bytes = std::size_t{32} << 20U;
// One hit brings at most some thousands.
inline constexpr std::size_t spare_ids = 8192;
inline constexpr std::size_t spare_text_bytes = most_text_bytes / 2;

inline constexpr std::size_t longest_text = 8192; // a name that is longer is cut
inline constexpr std::size_t deepest_stack = 512; // frames beyond are cut

// Nanoseconds: 146 years, in which sums cannot overflow.
inline constexpr std::uint64_t latest_ns = std::uint64_t{1} << 62U;

} // namespace stakeout::recording_limits
