/* What every program here that may hang does first: it ends with its parent, and after a minute in any case. */
#pragma once

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

static inline void end_in_any_case(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == 1) _exit(1);
    alarm(60);
}

/* PROGRAM fault | innocent. Anything else is a mistake of the caller's. */
static inline int is_fault(int argc, char** argv) {
    if (argc == 2 && strcmp(argv[1], "fault") == 0) return 1;
    if (argc == 2 && strcmp(argv[1], "innocent") == 0) return 0;
    fprintf(stderr, "usage: %s fault|innocent\n", argc > 0 ? argv[0] : "program");
    _exit(2);
}

static inline void sleep_ms(long ms) {
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&time, NULL);
}
