// MUST SAY: const|kernel memory is written|may only look
#include <stakeout.h>

on_hit(h) {
    struct task_struct *task = current_task();
    task->pid = 1; // HERE
    return keep;
}
