// A diagnosis in words, as JSON (docs/diagnoses.md), as a graph for dot(1), as folded stacks.
#pragma once

#include "scripts/diagnosis/diagnosis.h"

#include <string>

namespace stakeout {

std::string diagnosis_text(const Diagnosis& diagnosis, bool colour);
std::string diagnosis_json(const Diagnosis& diagnosis); // one line
std::string diagnosis_dot(const Diagnosis& diagnosis);  // an empty graph where the recipe has none
std::string diagnosis_folded(const Diagnosis& diagnosis);

} // namespace stakeout
