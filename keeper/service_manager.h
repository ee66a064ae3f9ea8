// systemd's readiness protocol (sd_notify(3)): a datagram to the socket that $NOTIFY_SOCKET names. It is a
// few lines, and stable; libsystemd would be the only library of the keeper that cannot be linked statically.
#pragma once

#include <string>

namespace stakeout {

// "READY=1", "STATUS=...". Nothing happens where no service manager listens.
void tell_service_manager(const std::string& state);

} // namespace stakeout
