/* library_user TIMES: prints its pid and its library's variable's address, waits for a line, then counts
 * TIMES up in the library and TIMES by itself. Built twice: with a copy relocation (the variable lives in the
 * program) and without (it lives in the library). */
#include "library.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char** argv) {
    const long times = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    printf("pid %d\nlibrary_counter %p\nready\n", getpid(), (void*)&library_counter);
    fflush(stdout);
    char line[64];
    if (fgets(line, sizeof line, stdin) == NULL) return 1;
    library_count(times);
    for (long i = 0; i < times; i++) (*(volatile long*)&library_counter)++;
    printf("did %ld\n", 2 * times);
    fflush(stdout);
    return fgets(line, sizeof line, stdin) == NULL;
}
