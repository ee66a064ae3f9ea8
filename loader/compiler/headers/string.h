/* <string.h> for scripts: what the compiler makes instructions of. */
#ifndef STAKEOUT_STRING_H
#define STAKEOUT_STRING_H

#define memcpy(to, from, bytes) __builtin_memcpy((to), (from), (bytes))
#define memmove(to, from, bytes) __builtin_memmove((to), (from), (bytes))
#define memset(to, byte, bytes) __builtin_memset((to), (byte), (bytes))

#endif
