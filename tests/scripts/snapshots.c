// Memory around the target, and of a structure behind pointers: the writer's name, by way of its task_struct.
#include <stakeout.h>

param(u64, user, 0);   // more memory of the process to take
param(u64, bytes, 64); // of it

on_hit(h) {
    u64 length = bytes;
    if (length > 4096) length = 4096;
    if (length == 0) return keep;
    snapshot_user(h, user, length);
    struct task_struct *leader = BPF_CORE_READ((struct task_struct *)h->task, group_leader);
    snapshot(h, leader->comm, sizeof(leader->comm));
    snapshot(h, 16, 8); // nothing is mapped there
    defer(h, 0);
    return keep;
}

on_followup(f) {
    struct task_struct *task = (struct task_struct *)f->task;
    snapshot(f, task->comm, sizeof(task->comm));
    return keep;
}
