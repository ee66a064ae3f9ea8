// The guardian: a small child that takes back what the bridge has set in a domain when the bridge no longer
// can.
//
// It holds the read end of a pipe whose write end only the bridge has, and the lease's file. When the pipe
// closes (the bridge ended, was killed, ran out of memory) it heals what the undo list names, removes the
// file and ends. It also acts when the bridge is past its deadline, or stands still for two seconds, stopped
// or stuck, while a guest's vCPU may be waiting for it (an event ring is up, the domain is paused). It is in
// a session of its own, so that a Ctrl-C or a kill of the bridge's process group does not reach it, ignores
// the signals that end programs politely, is locked in memory and the last that the kernel would kill for it.
#pragma once

#include "base/owned_fd.h"
#include "base/result.h"
#include "xen-bridge/care/lease.h"

#include <sys/types.h>

namespace stakeout {

class BridgeGuardian {
  public:
    // To be called before the bridge has threads or a ring. The list's `guardian_pid` is set.
    static Result<std::unique_ptr<BridgeGuardian>> start(Lease& lease);
    // Tells it that all is taken back, waits for its end.
    ~BridgeGuardian();
    BridgeGuardian(const BridgeGuardian&) = delete;
    BridgeGuardian& operator=(const BridgeGuardian&) = delete;

    static constexpr int patience_ms = 2000; // of a bridge that stands still

  private:
    BridgeGuardian(OwnedFd pipe, pid_t child) : pipe_(std::move(pipe)), child_(child) {}
    OwnedFd pipe_;
    pid_t child_;
};

} // namespace stakeout
