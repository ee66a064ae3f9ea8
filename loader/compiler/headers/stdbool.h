/* <stdbool.h> for scripts: there is no C library on the other side. */
#ifndef STAKEOUT_STDBOOL_H
#define STAKEOUT_STDBOOL_H

/* The kernel's types have `bool` as a typedef: the macro would turn it into `typedef _Bool _Bool`. */
#ifndef __VMLINUX_H__
#define bool _Bool
#endif
#ifndef true
#define true 1
#define false 0
#endif
#define __bool_true_false_are_defined 1

#endif
