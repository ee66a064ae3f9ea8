// Memory that Xen may read and write while it carries a call out.
#pragma once

#include "xen-bridge/domain/xen_api.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace stakeout {

class CallBuffer {
  public:
    CallBuffer(xencall_handle* calls, std::size_t bytes)
        : calls_(calls), memory_(xencall_alloc_buffer(calls, bytes)), bytes_(bytes) {}
    ~CallBuffer() { xencall_free_buffer(calls_, memory_); }
    CallBuffer(const CallBuffer&) = delete;
    CallBuffer& operator=(const CallBuffer&) = delete;

    [[nodiscard]] bool good() const { return memory_ != nullptr; }
    [[nodiscard]] void* address() const { return memory_; }
    [[nodiscard]] std::span<std::uint8_t> bytes() const {
        return {static_cast<std::uint8_t*>(memory_), bytes_};
    }

  private:
    xencall_handle* calls_;
    void* memory_;
    std::size_t bytes_;
};

} // namespace stakeout
