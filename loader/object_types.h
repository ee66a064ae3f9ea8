// The type information inside a script's object, looked at before libbpf does: libbpf 1.1 follows every
// number in it, wherever that leads, and an object may come from anywhere.
#pragma once

#include "base/result.h"

#include <span>

namespace stakeout {

// Error (Usage): the object is damaged. Objects without type information are libbpf's to refuse.
Status check_object_types(std::span<const char> object, const std::string& name);

} // namespace stakeout
