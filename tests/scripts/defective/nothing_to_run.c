// MUST SAY: on_hit
#include <stakeout.h>

static u64 count;
SEC("kprobe/do_exit")
int at_exit(void *ctx) {
    count++;
    return 0;
}
