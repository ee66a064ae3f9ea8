// MUST SAY: sleep|bpf_copy_from_user
#include <stakeout.h>

on_hit(h) {
    u64 value = 0;
    bpf_copy_from_user(&value, sizeof(value), (void *)h->address); // HERE
    return value ? keep : drop;
}
