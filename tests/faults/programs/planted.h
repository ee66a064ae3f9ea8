// What the programs with planted bugs share: which twin they are, tasks that work beside the bug, and a sure end.
#ifndef PLANTED_H
#define PLANTED_H

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

// PROGRAM fault | innocent. The program ends with its parent, and after a minute at the latest.
static inline int planted(int count, char** arguments) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(60);
    if (count == 2 && strcmp(arguments[1], "fault") == 0) return 1;
    if (count == 2 && strcmp(arguments[1], "innocent") == 0) return 0;
    fprintf(stderr, "usage: %s fault|innocent\n", arguments[0]);
    exit(2);
}

static inline void rest(long microseconds) { usleep((useconds_t)microseconds); }

// Runs `work` in two threads, which the scheduler spreads over the CPUs.
static inline void in_two_threads(void* (*work)(void*), void (*meanwhile)(void)) {
    pthread_t threads[2];
    for (int i = 0; i < 2; ++i)
        if (pthread_create(&threads[i], NULL, work, (void*)(long)i) != 0) exit(3);
    if (meanwhile) meanwhile();
    for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
}

#endif
