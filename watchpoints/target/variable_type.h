// The C or C++ type of a process's variable, by its name, from DWARF.
#pragma once

#include <string>

namespace stakeout {

// Its type as written: a typedef's own name ("pthread_mutex_t"), a class with its scopes ("std::mutex"),
// "struct name". `name` as SymbolExpression has it, without offset or path. Empty: not known (no debug
// information, no such variable, an offset into it).
std::string variable_type(int pid, const std::string& name);

} // namespace stakeout
