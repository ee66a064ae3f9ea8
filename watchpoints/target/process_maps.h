// /proc/PID/maps as data.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace stakeout {

struct Mapping {
    std::uint64_t start = 0;
    std::uint64_t end = 0; // exclusive
    std::uint64_t offset = 0;
    bool readable = false, writable = false, executable = false;
    bool shared = false; // writes are seen by others who map it (MAP_SHARED)
    std::uint64_t inode = 0;
    std::string device; // "fd:01"
    std::string path;   // "[heap]", "" (anonymous), "/usr/lib/libc.so.6"; " (deleted)" is cut off
    bool deleted = false;
};

// The mapped file as we can open it, in another mount namespace too; a deleted one by its mapping, which
// takes privileges.
[[nodiscard]] std::string path_for_us(int pid, const Mapping& mapping);

class ProcessMaps {
  public:
    static Result<ProcessMaps>
    read(int pid); // Error (LostTarget): no such process; (CannotArm): not permitted
    static ProcessMaps parse(std::string_view text);

    [[nodiscard]] const Mapping* containing(std::uint64_t address) const;
    [[nodiscard]] const std::vector<Mapping>& all() const { return mappings_; } // sorted by start

  private:
    std::vector<Mapping> mappings_;
};

} // namespace stakeout
