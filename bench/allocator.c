/*
 * Allocates and frees as fast as it can: blocks of mixed sizes that live for 256 further allocations, from
 * two places.
 *
 *   allocator
 *
 * On stdin "ROUNDS" or the end; on stdout "ready PID", then for each line "ROUNDS WALL_NS CPU_NS".
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { LIVES = 256 };

static char* alive[LIVES];

static long long now_ns(clockid_t clock) {
    struct timespec time;

    clock_gettime(clock, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static __attribute__((noinline)) char* make_small(unsigned long round) {
    char* block = malloc(16 + round % 13 * 16);

    block[0] = (char)round;
    return block;
}

static __attribute__((noinline)) char* make_large(unsigned long round) {
    char* block = malloc(512 + round % 7 * 256);

    block[0] = (char)round;
    return block;
}

static __attribute__((noinline)) void one_round(unsigned long round) {
    char** place = &alive[round % LIVES];

    free(*place);
    *place = round % 4 ? make_small(round) : make_large(round);
}

int main(void) {
    unsigned long rounds, round;

    printf("ready %d\n", getpid());
    fflush(stdout);
    while (scanf("%lu", &rounds) == 1) {
        const long long wall = now_ns(CLOCK_MONOTONIC), cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);

        for (round = 0; round < rounds; round++) one_round(round);
        printf("%lu %lld %lld\n", rounds, now_ns(CLOCK_MONOTONIC) - wall,
               now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu);
        fflush(stdout);
    }
    return 0;
}
