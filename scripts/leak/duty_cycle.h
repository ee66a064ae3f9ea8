// When to look at allocations: always where that is cheap, else in windows whose probes cost no more than the
// budget. Pure arithmetic on what was measured; the collector obeys.
#pragma once

#include <chrono>
#include <cstdint>

namespace stakeout {

class DutyCycle {
  public:
    using Duration = std::chrono::nanoseconds;
    // Share of one CPU that watching allocations may take while sampling.
    static constexpr double budget = 0.05;
    static constexpr Duration shortest_window = std::chrono::milliseconds(20);
    static constexpr Duration longest_window = std::chrono::milliseconds(500);
    static constexpr Duration shortest_pause =
        std::chrono::milliseconds(120); // taking probes away takes as long
    static constexpr Duration longest_pause = std::chrono::seconds(2);

    // `per_allocation`: what the probes of one allocation cost beside the program's own work.
    explicit DutyCycle(Duration per_allocation) : per_allocation_(per_allocation) {}

    // Sums so far: allocations seen and work done in windows, and how long these were open. `room`: share of
    // the table of objects that is free; what is nearly full is not filled further.
    void learn(std::uint64_t allocations, std::uint64_t work_ns, Duration exposure, double room);

    [[nodiscard]] bool always() const { return duty_ >= 1; }
    [[nodiscard]] double duty() const { return duty_; }
    // As short as the pause after it allows; neither matters while always().
    [[nodiscard]] Duration window() const;
    [[nodiscard]] Duration pause() const;

    [[nodiscard]] double load() const { return load_; } // CPUs that an open window takes, as last measured

  private:
    Duration per_allocation_;
    double load_ = 0;
    double duty_ = 1;
    std::uint64_t allocations_ = 0, work_ns_ = 0;
    Duration exposure_{0};
};

} // namespace stakeout
