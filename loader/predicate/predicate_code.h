// The BPF program that decides in the kernel, inside the debug exception, which hits are wanted: --changed,
// --only-from and --not-from, --comm-match, --when. Made instruction by instruction: no compiler is started.
//
// It runs as a stage of the hit program: takes the hit from a per-CPU map, and tail-calls one of two stages.
// A hit that one of the tests does not want has asked.verdict = drop and asked.reason = that test's SO_DROP_*
// when dropped_stage begins. Tests are made in the order changed, from, comm, when: the cheapest first, and
// the first to refuse is the one that is counted. What cannot be judged is never dropped.
#pragma once

#include "base/result.h"
#include "loader/predicate/when_expression.h"

#include <linux/bpf.h>

#include <cstdint>
#include <string>
#include <vector>

namespace stakeout {

struct CodeRange {
    std::uint64_t start = 0;
    std::uint64_t end = 0; // exclusive
};

struct CommPattern {
    std::string text;
    bool is_prefix = false;
};

struct PredicateRequest {
    std::vector<PredicateTarget> targets; // in the order of struct hit's `target`
    const WhenExpression* when = nullptr; // bound to the same targets
    bool changed = false;                 // drop hits that left the target's bytes as they were
    std::vector<CodeRange> only_from;     // hit.ip must be in one of these, unless there are none
    std::vector<CodeRange> not_from;      // and in none of these
    std::vector<CommPattern> comm;        // one of these must match, unless there are none
    int hit_map_fd = -1;                  // per-CPU array, key 0: struct hit
    int stages_fd = -1;                   // program array
    int passed_stage = 0, dropped_stage = 0;
};

// How the program ends. Verdict is for tests, which run it as another type of program: it returns a
// PredicateVerdict.
enum class PredicateEnd { TailCall, Verdict };
enum PredicateVerdict : std::uint32_t { PredicateDrops = 0, PredicateKeeps = 1, PredicateCannotJudge = 2 };

// Error (Usage): what was asked for is contradictory or too long for one program.
Result<std::vector<bpf_insn>> predicate_code(const PredicateRequest& request,
                                             PredicateEnd end = PredicateEnd::TailCall);

} // namespace stakeout
