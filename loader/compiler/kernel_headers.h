// vmlinux.h made for one script: of the running kernel's types (BTF) those that the script names and those it
// reaches through the members it names, and the basic ones that every program may use.
#pragma once

#include "base/result.h"
#include "loader/compiler/compiler.h"

#include <string>

namespace stakeout {

// Empty for a script that does not include vmlinux.h, directly or through stakeout.h or a file in its folder.
// Enumerators come with the enum that the script names, or alone when the script uses a name of capitals:
// kernel words such as `stop` are not taken from a script. Error (CannotArm): the script names a kernel type,
// and the kernel has no BTF.
Result<std::string> vmlinux_header(const ScriptSource& source, const CompileOptions& options,
                                   const std::string& btf_path = "/sys/kernel/btf/vmlinux");

} // namespace stakeout
