/* SPDX-License-Identifier: GPL-2.0 */
/* Planted bugs, one table of them for each recipe. tests/faults/NAME.fault tells what a diagnosis must find. */
#ifndef STAKEOUT_CULPRITS_H
#define STAKEOUT_CULPRITS_H

#include <linux/types.h>

struct fault_case {
	const char *name; /* "stomp_stray_pointer": the recipe's name comes first */
	/* Makes what is to be watched and returns its address, which /proc/stakeout_culprits then shows as "&NAME 0x...".
	 * Called before the diagnosis is started, once for each run; may be NULL. */
	void *(*prepare)(void);
	/* The traffic, with the bug or without it. Returns soon: what blocks or lasts runs in kernel threads. */
	int (*run)(bool innocent);
	/* Ends what run() has begun, as far as that is possible; may be NULL. */
	void (*undo)(void);
};

/* Each ends with a case without a name. */
extern const struct fault_case stomp_cases[];
extern const struct fault_case deadlock_cases[];
extern const struct fault_case refcount_cases[];
extern const struct fault_case leak_cases[];

#endif
