// Fields of a target, for --when: `new.counter`, `old.a.b[2]`, `new->signal->nr_threads`.
#pragma once

#include "loader/predicate/when_expression.h"
#include "watchpoints/target/kernel_types.h"
#include "watchpoints/target/target.h"

#include <vector>

namespace stakeout {

// The targets as predicates see them.
std::vector<PredicateTarget> predicate_targets(const std::vector<Target>& targets);

// Looks a path up in the type of its target. `types` may be null: then no target has fields. Both must
// outlive it.
FieldLookup target_fields(const std::vector<Target>& targets, const KernelTypes* types);

} // namespace stakeout
