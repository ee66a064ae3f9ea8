// Scripts in plain libbpf style bring perf event programs of any number and name. The hit program has one
// place for them: a generated program calls them in order.
#pragma once

#include <llvm/IR/Module.h>

namespace stakeout {

inline constexpr const char* program_section = "perf_event";
inline constexpr const char* own_program = "stakeout_hit"; // what on_hit defines
inline constexpr const char* foreign_program = "stakeout_foreign";

// On unoptimised IR. Functions of the section become internal ones, and `int stakeout_foreign(void *ctx)` in
// the section calls them and returns 0, whatever they return: for the perf event another value would mean
// something else. Nothing happens to a script with an on_hit, and to functions of other sections.
void gather_foreign_programs(llvm::Module& module);

// The script has something to run at a hit.
bool has_hit_program(const llvm::Module& module);

} // namespace stakeout
