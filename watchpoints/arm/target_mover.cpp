#include "watchpoints/arm/target_mover.h"

#include "watchpoints/arm/seed.h"

#include <fmt/format.h>

namespace stakeout {

WatchTargetMover::WatchTargetMover(Watch::State& state) : s_(state) {
    parking_.reserve(s_.request.targets.size());
    for (const Target& target : s_.request.targets) parking_.push_back(target.address);
}

// While it is parked it has no hits: plan and last value change unseen.
Result<TargetMover::Moved> WatchTargetMover::move(std::size_t target, std::uint64_t address) {
    Target& moved = s_.request.targets.at(target);
    const std::string tried = fmt::format("move {} to {:#x}", moved.name, address);
    if (moved.is_per_cpu() || address % 8 != moved.address % 8)
        return arm_error(tried, "its slots would not fit there", "watch it by its address");
    if (auto parked = park(target); !parked) return std::move(parked).error();
    moved.address = address;
    Moved outcome;
    outcome.value = read_value(moved, 0, s_.peek.get(), s_.request.process);
    if (outcome.value)
        if (auto seeded =
                s_.program->set_last_value(0, static_cast<std::uint32_t>(target), outcome.value->bytes);
            !seeded)
            return std::move(seeded).error();
    if (auto done = s_.coverage->move(target, address); !done) {
        moved.address = parking_[target];
        return std::move(done).error();
    }
    outcome.armed_ns = monotonic_ns();
    return outcome;
}

Status WatchTargetMover::park(std::size_t target) {
    Target& parked = s_.request.targets.at(target);
    if (parked.address == parking_[target]) return done();
    parked.address = parking_[target];
    return s_.coverage->move(target, parking_[target]);
}

std::optional<Value> WatchTargetMover::value(std::size_t target) const {
    return read_value(s_.request.targets.at(target), 0, s_.peek.get(), s_.request.process);
}

} // namespace stakeout
