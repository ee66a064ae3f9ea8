#include "watchpoints/arm/own_memory.h"

#include <fmt/format.h>

namespace stakeout {

Status check_not_own_memory(std::span<const Target> targets, const HitProgram& program) {
    auto own = program.own_memory();
    if (!own) return std::move(own).error();
    for (const Target& target : targets)
        for (const HitProgram::OwnRange& range : *own)
            if (!target.is_per_cpu() && target.address < range.start + range.bytes &&
                range.start < target.address + target.size)
                return arm_error(
                    fmt::format("watch {} at {:#x}", target.name, target.address),
                    "that memory belongs to stakeout's own hit program, which every hit writes to",
                    "watch another address");
    return done();
}

} // namespace stakeout
