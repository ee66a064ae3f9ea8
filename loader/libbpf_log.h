// libbpf talks to stderr on its own. We keep its last words instead, and put them into our errors.
#pragma once

#include <string>

namespace stakeout {

// Redirects libbpf's messages; called before the first use of libbpf, any number of times.
void capture_libbpf_messages();

// The warnings since the last call (at most 2 KiB, newest kept), one line, for the cause of an error.
std::string take_libbpf_messages();

} // namespace stakeout
