// One order for the hits of all CPUs: a bounded try-lock of our own, since the verifier refuses bpf_spin_lock
// in tracing programs. docs/decisions/0003-order-lock.md has the reasons.
#pragma once

#include "bpf/hit_state.h"

// Long enough for a holder that pays for a host's page fault under the ring buffer; a virtual CPU that is
// descheduled for longer is not waited for. bpf_loop: the verifier looks at one turn, not at all of them.
#define LOCK_TRIES 8192

static long try_order_lock(__u64 turn, int* taken) {
    if (order.lock == 0 && __sync_val_compare_and_swap(&order.lock, 0, 1) == 0) *taken = 1;
    return *taken != 0; // 1 ends the loop; the verifier wants to see that it is nothing else
}

static __always_inline int take_order_lock(void) {
    int taken = 0;
    // Nearly always free at once; a callback's return is slow where the kernel guards it (SRSO).
    if (order.lock == 0 && __sync_val_compare_and_swap(&order.lock, 0, 1) == 0) return 1;
    bpf_loop(LOCK_TRIES, try_order_lock, &taken, 0);
    return taken;
}
static __always_inline void release_order_lock(void) { __sync_lock_test_and_set(&order.lock, 0); }
