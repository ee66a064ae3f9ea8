// What a watch covered, as evidence: every recipe that watches says it in the same words.
#pragma once

#include "scripts/diagnosis/diagnosis.h"
#include "watchpoints/arm/watch.h"

namespace stakeout {

// kind "coverage": CPUs, seconds, hits = records + lost + dropped, unseen, braked.
Evidence coverage_evidence(const Armed& armed, const Summary& summary);

// What that watch cannot have seen: lost and unseen hits, braked intervals, CPUs without it; and what no
// debug register sees (another mapping of the same memory, devices), in one sentence each.
std::vector<std::string> coverage_gaps(const Armed& armed, const Summary& summary);

// True if nothing is missing that the watch could have seen: all CPUs, nothing lost, unseen or braked. Only
// then "nobody else wrote" is true.
bool covered_everything(const Armed& armed, const Summary& summary);

} // namespace stakeout
