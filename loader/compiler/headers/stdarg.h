/* <stdarg.h> for scripts: some headers include it; BPF has no variable arguments. */
#ifndef STAKEOUT_STDARG_H
#define STAKEOUT_STDARG_H

typedef __builtin_va_list va_list;

#endif
