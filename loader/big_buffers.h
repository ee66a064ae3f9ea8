// libbpf reads the kernel's BTF (5 MB) into one fresh buffer and copies it to another: 2,700 page faults,
// half of the time it takes to arm. While this object lives, such buffers come from a heap of huge pages; at
// its end the memory goes back to the kernel.
#pragma once

namespace stakeout {

class BigBuffers {
  public:
    BigBuffers();
    BigBuffers(const BigBuffers&) = delete;
    BigBuffers& operator=(const BigBuffers&) = delete;
    ~BigBuffers();
};

} // namespace stakeout
