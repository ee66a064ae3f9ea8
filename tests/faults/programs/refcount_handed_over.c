// submit() takes a reference for each job, and the worker thread gives it back. When the queue is full, submit() forgets
// to give it back itself.
#include "planted.h"

#include <stdatomic.h>

long job_refs = 1;
static volatile int forgets;
static volatile int done;
static atomic_int queued;

void job_get(void) { __atomic_add_fetch(&job_refs, 1, __ATOMIC_SEQ_CST); }
void job_put(void) { __atomic_sub_fetch(&job_refs, 1, __ATOMIC_SEQ_CST); }

void submit(int number) {
    job_get();
    if (number % 6 == 5) { // the queue is full
        if (!forgets) job_put();
        return;
    }
    atomic_fetch_add(&queued, 1);
}

void work_off(void) {
    while (!done || atomic_load(&queued) != 0) {
        if (atomic_load(&queued) != 0) {
            atomic_fetch_sub(&queued, 1);
            job_put();
        }
        rest(100);
    }
}

static void* run(void* which) {
    if (which) {
        work_off();
        return NULL;
    }
    for (int i = 0; i < 240; ++i) {
        submit(i);
        rest(250);
    }
    done = 1;
    return NULL;
}

int main(int count, char** arguments) {
    forgets = planted(count, arguments);
    in_two_threads(run, NULL);
    return 0;
}
