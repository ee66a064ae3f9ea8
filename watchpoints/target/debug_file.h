// Separate debug information on this machine's disks; never from a network.
#pragma once

#include "watchpoints/target/elf_file.h"

#include <memory>
#include <string>

namespace stakeout {

// The debug file that belongs to `file`, which was opened by the name `path`: by its build id under
// /usr/lib/debug/.build-id, else by its .gnu_debuglink beside it, in .debug/ beside it and under
// /usr/lib/debug. It is taken only with the same build id, or the right CRC where there is none. Null: not
// found.
std::unique_ptr<ElfFile> find_debug_file(const ElfFile& file, const std::string& path);

} // namespace stakeout
