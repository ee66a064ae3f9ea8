/* Accesses by threads: a crew that counts together, and loops that run until they are stopped. */
#define _GNU_SOURCE
#include "actor.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

enum { MOST = 16 };

static void stay_on_cpu(long cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu % sysconf(_SC_NPROCESSORS_ONLN), &set);
    sched_setaffinity(0, sizeof set, &set);
}

/* ---- the crew: hired at any time, works on command ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t begin = PTHREAD_COND_INITIALIZER;
static pthread_t crew[MOST];
static long hired, work;

static void* count_together(void* which) {
    stay_on_cpu((long)which);
    pthread_mutex_lock(&lock);
    while (work == 0) pthread_cond_wait(&begin, &lock);
    pthread_mutex_unlock(&lock);
    for (long i = 0; i < work; i++) __atomic_fetch_add(&counter, 1, __ATOMIC_RELAXED);
    return NULL;
}

static long hire(const long* a) {
    for (long i = 0; i < a[0] && hired < MOST; i++, hired++)
        pthread_create(&crew[hired], NULL, count_together, (void*)hired);
    return hired;
}

/* Everybody hired counts `times` up, on all CPUs at once; then they are gone. */
static long crew_works(const long* a) {
    pthread_mutex_lock(&lock);
    work = a[0];
    pthread_cond_broadcast(&begin);
    pthread_mutex_unlock(&lock);
    const long total = hired * a[0];
    for (long i = 0; i < hired; i++) pthread_join(crew[i], NULL);
    work = hired = 0;
    return total;
}

/* ---- loops ---- */

static pthread_t loops[MOST];
static long loop_counts[MOST], looping, stop_loops;

static void* loop(void* which) {
    const long me = (long)which;
    stay_on_cpu(me);
    volatile unsigned long* to = (volatile unsigned long*)watched;
    long done = 0;
    while (!__atomic_load_n(&stop_loops, __ATOMIC_RELAXED)) {
        *to = (unsigned long)++done;
        __atomic_store_n(&loop_counts[me], done, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* That many threads, one CPU each, store to watched as fast as they can. */
static long start_loops(const long* a) {
    stop_loops = 0;
    for (; looping < a[0] && looping < MOST; looping++)
        pthread_create(&loops[looping], NULL, loop, (void*)looping);
    return looping;
}

static long progress(const long* a) {
    (void)a;
    long total = 0;
    for (long i = 0; i < looping; i++) total += __atomic_load_n(&loop_counts[i], __ATOMIC_RELAXED);
    return total;
}

static long stop(const long* a) {
    __atomic_store_n(&stop_loops, 1, __ATOMIC_RELAXED);
    for (long i = 0; i < looping; i++) pthread_join(loops[i], NULL);
    const long total = progress(a);
    looping = 0;
    return total;
}

const struct command thread_commands[] = {
    {"hire", 1, hire},         {"work", 1, crew_works}, {"loops", 1, start_loops},
    {"progress", 0, progress}, {"stop", 0, stop},       {0},
};
