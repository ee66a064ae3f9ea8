// SPDX-License-Identifier: GPL-2.0
#include "culprits.h"

const struct fault_case stomp_cases[] = {
	{}
};
