// SPDX-License-Identifier: GPL-2.0
/*
 * A second variable named fault_twin, so that the name alone is ambiguous in /proc/kallsyms, as many static names of
 * a real kernel are.
 */
#include <linux/compiler.h>

#include "fault.h"

static u64 fault_twin;

noinline void fault_write_other_twin(u64 value)
{
	WRITE_ONCE(fault_twin, value);
}
