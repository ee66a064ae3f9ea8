// Which CPUs are online, and the news when that changes.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace stakeout {

// "0-3,8" -> {0,1,2,3,8}. Malformed parts are skipped.
std::vector<std::uint32_t> parse_cpu_list(std::string_view list);
Result<std::vector<std::uint32_t>> online_cpus(); // /sys/devices/system/cpu/online

// The kernel's uevents: readable when a CPU has come or gone (or something else has: read online_cpus()
// then). Without a socket (some containers) fd() is -1 and the caller has to look from time to time.
class CpuNews {
  public:
    CpuNews();
    [[nodiscard]] int fd() const { return socket_.get(); }
    // Takes all pending messages; true if one of them was about a CPU.
    [[nodiscard]] bool drain() const;

  private:
    OwnedFd socket_;
};

} // namespace stakeout
