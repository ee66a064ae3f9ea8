// Looks again in the task's own context, where memory may be paged in.
#include <stakeout.h>

param(u64, user, 0);

struct fields {
    u32 tid;
};

on_task(f) {
    fields(f)->tid = current_task()->pid;
    snapshot_user_waiting(f, user, 16);
    return keep;
}

on_hit(h) {
    fields(h)->tid = current_task()->pid;
    defer_to_task(h);
    return keep;
}
