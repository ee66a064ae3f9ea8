// Takes back what an UndoList says was set in a domain. Idempotent: what is gone already, or is not ours any
// more (a debug register that the guest has overwritten), is left alone. For the bridge's own end, the
// guardian, and `stakeout-xen release`.
#pragma once

#include "xen-bridge/care/lease.h"
#include "xen-bridge/domain/hypervisor.h"

#include <string>
#include <vector>

namespace stakeout {

struct Healed {
    std::vector<std::string> taken_back; // "debug register 0 of vCPU 1"
    std::vector<std::string> failed;     // what could not be, and why
    bool gone = false;                   // the domain is not there any more: nothing is left in it
};

// The list is empty afterwards, but for what failed.
Healed heal(const Hypervisor& xen, UndoList& list);

// Answers every event a domain's vCPUs may still wait for, and takes the ring away.
void take_ring_back(const Hypervisor& xen, const Domain& domain, Healed& healed);

} // namespace stakeout
