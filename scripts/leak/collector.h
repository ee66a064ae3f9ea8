// The kernel's half, loaded and attached: allocations and frees paired by leak.bpf.c.
//
// Contract: frees are seen from start() to the destructor; allocations only in windows. Everything hangs on
// descriptors of this object. Times are CLOCK_MONOTONIC.
#pragma once

#include "base/result.h"
#include "scripts/leak/leak_layout.h"
#include "scripts/leak/probe_cost.h"
#include "scripts/probes/allocator_sites.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

namespace stakeout {

struct TrackedObject {
    std::uint64_t address = 0; // pages: of the struct page
    leak_object facts{};
};

struct TrackedGroup {
    leak_site site{};
    leak_group sums{};
};

class Collector {
  public:
    struct Config {
        std::optional<int> pid; // absent: the kernel
        std::chrono::nanoseconds older{0};
    };
    // Error (CannotArm): no rights, no allocator found, a probe refused.
    static Result<std::unique_ptr<Collector>> start(const Config& config);
    ~Collector();
    Collector(const Collector&) = delete;
    Collector& operator=(const Collector&) = delete;

    // Attaches the allocation probes where they are not. Takes a millisecond a function.
    [[nodiscard]] Status open_window();
    // Allocations are not tracked from here on; the probes of busy functions are taken away, in the
    // background (the kernel waits for grace periods, some 100 ms each) and finished at the latest with
    // settle() or the next window.
    void close_window();
    void settle();
    [[nodiscard]] bool window_is_open() const;
    [[nodiscard]] std::chrono::nanoseconds exposure() const; // time that windows were open, in all

    [[nodiscard]] std::vector<TrackedGroup> groups() const;
    [[nodiscard]] std::vector<TrackedObject> objects() const; // may miss some that come and go meanwhile
    [[nodiscard]] std::optional<leak_object> object(std::uint64_t address) const;
    [[nodiscard]] std::vector<std::uint64_t> stack(std::int32_t id) const; // innermost first
    [[nodiscard]] leak_counters counters() const;                          // over all CPUs
    [[nodiscard]] const ProbeCost& probe_cost() const; // zero for the kernel's tracepoints

    void follow_maps(); // dlopen() adds code: to be called now and then

  private:
    Collector();
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace stakeout
