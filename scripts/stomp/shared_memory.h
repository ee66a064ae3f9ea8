// Other mappings of the same memory: what is written through them no debug register sees.
#pragma once

#include <cstdint>
#include <string>

namespace stakeout {

// For an address in a shared file mapping: "/dev/shm/queue, which pid 12 (writer) and 1 other map too"; also
// a second mapping in the same process. Empty: private memory, or nobody else maps it writably.
std::string other_mappings(int pid, std::uint64_t address);

} // namespace stakeout
