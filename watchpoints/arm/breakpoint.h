// One debug-register slot on one CPU: a perf breakpoint event with the hit program on it.
//
// The event is opened disabled, the program attached, then enabled: otherwise the first hits would bypass the
// program. The slot is free again when this object goes, or when this process dies of whatever cause.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "watchpoints/arm/slot_plan.h"

#include <cstdint>

namespace stakeout {

struct BreakpointSpec {
    int cpu = -1; // -1: wherever the task `pid` runs
    int pid = -1; // -1: every task on the CPU; 0: this task
    std::uint64_t address = 0;
    std::uint32_t length = 8;
    AccessKind kind = AccessKind::Write;
    bool exclude_kernel = false;
};

class Breakpoint {
  public:
    // Takes the slot, not yet hitting. The error says which CPU and why; its errno_value is the kernel's.
    static Result<Breakpoint> open(const BreakpointSpec& spec, int program_fd);

    // Starts hitting. `limit` is the event's limit (PERF_EVENT_IOC_REFRESH), 0 for none; see bpf/hit.bpf.c,
    // "Stopping".
    [[nodiscard]] Status enable(int limit) const;
    [[nodiscard]] Status grant_more(int hits) const; // adds to the limit of a live event
    // An enabled event to another address of the same kind and length; no hit of the old one when it returns.
    [[nodiscard]] Status move(const BreakpointSpec& spec) const;
    void disable() const;
    // Accesses that the kernel counted, with or without running the program.
    [[nodiscard]] std::uint64_t count() const;
    [[nodiscard]] int fd() const { return fd_.get(); }
    void close() { fd_.reset(); }          // frees the slot
    void forget() { (void)fd_.release(); } // somebody else (the guardian) has closed it already

  private:
    explicit Breakpoint(OwnedFd fd) : fd_(std::move(fd)) {}
    OwnedFd fd_;
};

} // namespace stakeout
