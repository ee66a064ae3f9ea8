// A process's variables and functions by name, through the files it has mapped.
#pragma once

#include "base/result.h"
#include "loader/predicate/predicate_code.h"
#include "watchpoints/target/expression.h"
#include "watchpoints/target/process_maps.h"
#include "watchpoints/target/target.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace stakeout {

struct ProcessSymbolQuery {
    int pid = 0;
    SymbolExpression symbol;
    bool function = false;               // for an execute breakpoint
    std::optional<std::uint64_t> length; // --len
};

// Looks in the executable first, then in the libraries; "LIB:NAME" in that file only. Errors (CannotArm):
// unknown with near names, ambiguous with all candidates, thread-local, no size known.
// The text of every function of that name, or one of its parts that the compiler has split off (NAME.cold);
// "LIB:NAME" in that file only. Empty: there is none.
std::vector<CodeRange> find_process_functions(int pid, const std::string& module, const std::string& name,
                                              const ProcessMaps& maps);

// Names in these files, of functions and others, that a name may have meant.
std::vector<std::string> near_process_names(int pid, const std::string& module, const std::string& name,
                                            const ProcessMaps& maps);

Result<Target> find_process_symbol(const ProcessSymbolQuery& query, const ProcessMaps& maps);

} // namespace stakeout
