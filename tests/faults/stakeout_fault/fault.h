/* SPDX-License-Identifier: GPL-2.0 */
/* What the two halves of stakeout_fault share. */
#ifndef STAKEOUT_FAULT_H
#define STAKEOUT_FAULT_H

#include <linux/types.h>

/* In twin.c: writes its own fault_twin, which is not the fault_twin of main.c. */
void fault_write_other_twin(u64 value);

#endif
