// Hands a predicate's program to the kernel.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "loader/predicate/predicate_code.h"

#include <linux/bpf.h>

#include <vector>

namespace stakeout {

// A program of type perf_event, to be put into the stages' program array. Errors: Usage as predicate_code();
// CannotArm without the rights; Internal with the verifier's last words.
Result<OwnedFd> load_predicate(const PredicateRequest& request);

// The same for code that is there, as another type of program: for tests.
Result<OwnedFd> load_predicate_code(const std::vector<bpf_insn>& code, bpf_prog_type type);

} // namespace stakeout
