// MUST SAY: sleep|bpf_copy_from_user
#include <stakeout.h>

on_hit(h) {
    defer(h, 10);
    return keep;
}
on_followup(f) {
    u64 value = 0;
    bpf_copy_from_user(&value, sizeof(value), (void *)f->address); // HERE
    return value ? keep : drop;
}
