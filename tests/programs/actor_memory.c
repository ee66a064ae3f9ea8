/* Accesses by the program's own instructions. Values written are 1, 2, 3 ... in the order of the stores. */
#include "actor.h"

#include <emmintrin.h>

static volatile long twin; /* another file has one too */

#define STORES(NAME, TYPE)                                                                                   \
    static long NAME(const long* a) {                                                                        \
        volatile TYPE* to = (volatile TYPE*)(watched + a[0]);                                                \
        for (long i = 0; i < a[1]; i++) *to = (TYPE)next_value();                                            \
        return a[1];                                                                                         \
    }
STORES(store_1, unsigned char)
STORES(store_2, unsigned short)
STORES(store_4, unsigned int)
STORES(store_8, unsigned long)

/* One 16-byte SSE store each: value in the low half, its complement in the high half. */
static long store_16(const long* a) {
    for (long i = 0; i < a[1]; i++) {
        const long value = next_value();
        const __m128i both = _mm_set_epi64x(~value, value);
        __asm__ volatile("movdqu %1, %0" : "=m"(*(__m128i*)(watched + a[0])) : "x"(both));
    }
    return a[1];
}

static long load_8(const long* a) {
    const volatile unsigned long* from = (const volatile unsigned long*)(watched + a[0]);
    for (long i = 0; i < a[1]; i++) (void)*from;
    return a[1];
}

/* The same value again and again. */
static long store_same(const long* a) {
    volatile unsigned long* to = (volatile unsigned long*)(watched + a[0]);
    for (long i = 0; i < a[1]; i++) *to = 7;
    return a[1];
}

static long count_up(const long* a) {
    for (long i = 0; i < a[0]; i++) __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
    return a[0];
}

__attribute__((noinline, noclone)) void called(void) { __asm__ volatile(""); }

static long call(const long* a) {
    for (long i = 0; i < a[0]; i++) called();
    return a[0];
}

static long touch_twin(const long* a) { return twin += a[0]; }
static long tell_sigtraps(const long* a) { return (void)a, sigtraps; }

const struct command memory_commands[] = {
    {"w1", 2, store_1},
    {"w2", 2, store_2},
    {"w4", 2, store_4},
    {"w8", 2, store_8},
    {"w16", 2, store_16},
    {"r8", 2, load_8},
    {"same", 2, store_same},
    {"count", 1, count_up},
    {"call", 1, call},
    {"twin", 1, touch_twin},
    {"sigtraps", 0, tell_sigtraps},
    {0},
};
