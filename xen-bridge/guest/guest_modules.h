// The symbols of the guest's kernel modules, from its list of them: what /proc/kallsyms shows behind the
// kernel's own.
#pragma once

#include "base/result.h"
#include "watchpoints/target/kernel_symbols.h"
#include "watchpoints/target/kernel_types.h"
#include "xen-bridge/guest/guest_memory.h"

#include <cstddef>
#include <string>

namespace stakeout {

struct GuestModules {
    std::string text; // "ffffffffc0203000 t name\t[module]\n" ...: for KernelSymbols::add_text()
    std::size_t modules = 0, symbols = 0;
};

// Modules that are loaded (not those that come or go just now). Needs the kernel's types (struct module,
// struct mod_kallsyms) and CONFIG_KALLSYMS. What does not look like a module ends the list, what does not
// look like a symbol is left out; 1,024 modules and 32 MiB of tables at most. Error (CannotArm): types or
// list are not there.
Result<GuestModules> modules_of(GuestMemory& memory, const KernelTypes& types, const KernelSymbols& symbols);

} // namespace stakeout
