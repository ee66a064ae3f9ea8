// MUST SAY: calls itself|recursi
#include <stakeout.h>

static __attribute__((noinline)) u64 depth(u64 n) { return n < 2 ? n : depth(n - 1) + depth(n - 2); }
on_hit(h) {
    return depth(h->new) > 3 ? keep : drop;
}
