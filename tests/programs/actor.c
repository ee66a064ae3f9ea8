/* actor [COMMAND...]: touches memory as it is told.
 *
 * Prints its pid and the addresses of its variables, then "ready". Then it reads commands from standard
 * input, one a line ("w8 16 100": a hundred 8-byte stores at watched + 16), and answers each with "did
 * NUMBER", the accesses it made. With commands as arguments it executes these instead and ends: for `stakeout
 * watch ... -- actor ...`.
 *
 * A SIGTRAP does not kill it: under some hypervisors a few debug exceptions reach the process as signals
 * instead of reaching perf, and the `sigtraps` command tells how many, so that a test can account for every
 * access.
 */
#include "actor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Alignas(4096) unsigned char watched[ACTOR_BYTES];
long counter;
long early;
long sigtraps;
_Thread_local long thread_own;

long next_value(void) {
    static long value;
    return ++value;
}

static void count_sigtrap(int number) {
    (void)number;
    __atomic_fetch_add(&sigtraps, 1, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void construct(void) {
    signal(SIGTRAP, count_sigtrap);
    *(volatile long*)&early = 1;
}

static const struct command* find(const char* name) {
    const struct command* tables[] = {memory_commands, call_commands, thread_commands};
    for (unsigned i = 0; i < 3; i++)
        for (const struct command* c = tables[i]; c->name; c++)
            if (strcmp(c->name, name) == 0) return c;
    return NULL;
}

static void execute(char* line) {
    char* rest = NULL;
    const char* name = strtok_r(line, " \n", &rest);
    const struct command* command = name ? find(name) : NULL;
    long numbers[4] = {0};
    int given = 0;
    for (const char* word; (word = strtok_r(NULL, " \n", &rest)) && given < 4;)
        numbers[given++] = strtol(word, NULL, 0);
    if (command == NULL || command->arguments != given) {
        printf("unknown %s\n", name ? name : "");
        exit(2);
    }
    printf("did %ld\n", command->execute(numbers));
}

int main(int argc, char** argv) {
    *(volatile long*)&early = 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("pid %d\nwatched %p\ncounter %p\nthread_own %p\nready\n", getpid(), (void*)watched,
           (void*)&counter, (void*)&thread_own);
    for (int i = 1; i < argc; i++) execute(argv[i]);
    if (argc > 1) return 0;
    char line[256];
    while (fgets(line, sizeof line, stdin)) execute(line);
    return 0;
}
